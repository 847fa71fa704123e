"""Liquidations: sides, completeness, rolling windows over all venues, and against positions."""

from __future__ import annotations

from tests.market.given import (
    TRACE,
    Given,
    Golden,
    Record,
    event,
    funding,
    liquidated,
    moment,
    open_interest,
)

ETH: Record = {"symbol": "ETHUSDT", "base_asset": "ETH"}
INVERSE: Record = {"symbol": "BTCUSD_PERP", "margin_type": "inverse"}
DATED: Record = {"symbol": "BTCUSDT_260626", "contract_kind": "dated"}

_SIDES = Given(
    liquidations=[
        liquidated(0, "alpha", 100.0, 50.0),
        # One side has an event without a price.
        liquidated(0, "beta", None, 20.0),
        liquidated(0, "gamma", None, None),
        liquidated(0, "alpha", 1.0, 2.0, **ETH),
        liquidated(-1, "alpha", 999.0, 999.0),
    ]
)


def _complete(*words: str, unpriced: int | None = None) -> Given:
    """Feeds of such completeness; the one at `unpriced` has a long without a price."""
    return Given(
        liquidations=[
            liquidated(0, f"venue{n}", None if n == unpriced else 1.0, 1.0, completeness=word)
            for n, word in enumerate(words)
        ]
    )


_COMPLETENESS = [
    (_complete("complete", "complete"), "complete"),
    (_complete("complete", "throttled"), "throttled"),
    (_complete("partial", "throttled"), "partial"),
    (_complete("unknown", "partial", "complete"), "unknown"),
    (_complete("complete", "complete", unpriced=1), "partial"),
    (_complete("throttled", "complete", unpriced=0), "partial"),
    (_complete("complete", "unknown", unpriced=0), "unknown"),
    (_complete("unknown", unpriced=0), "unknown"),
]

_FEED = [liquidated(n, "alpha", 0.0, 0.0) for n in (-1, 0)]

# Windows of today, (t − 24 h, t]:
#   10:00  100 + 50 + 30          = 180, of which yesterday's 100 and 50
#   20:00        50 + 30 + 70     = 150: the 100 of yesterday 20:00 are just out
#   22:59        50 + 30 + 70 + 5 = 155
_ACROSS_VENUES = Given(
    liquidations=[*_FEED, liquidated(0, "beta", 0.0, 0.0), liquidated(0, "gamma", 0.0, 0.0, **ETH)],
    events=[
        event(-1, "09:00", "alpha", 1_000.0),
        event(-1, "20:00", "alpha", 100.0),
        event(-1, "23:00", "beta", 50.0),
        event(0, "10:00", "alpha", 30.0, side="short"),
        event(0, "10:00", "alpha", None, event_ordinal=2),
        event(0, "20:00", "beta", 70.0, "BTCUSD_PERP", margin_type="inverse"),
        event(0, "22:59", "alpha", 5.0, "BTCUSDT_260626", contract_kind="dated"),
        # Of another asset, later.
        event(0, "23:00", "gamma", 60.0, **ETH),
        event(1, "00:00", "alpha", 5_000.0),
    ],
)

# 06:00: 0.5 + 0.1 = 0.6, of which yesterday's 0.5 are out at 08:00.
# 09:00: 0.1 + 0.2 + 0.3, which in doubles is 0.6000000000000001: the same all the same.
_TIE = Given(
    liquidations=[liquidated(0, "alpha", 1.0, 0.0)],
    events=[
        event(-1, "07:00", "alpha", 0.5),
        event(0, "06:00", "alpha", 0.1),
        event(0, "08:00", "beta", 0.2),
        event(0, "09:00", "beta", 0.3),
    ],
)

_EDGES = Given(
    liquidations=[liquidated(0, "alpha", 1.0, 0.0)],
    events=[
        # At midnight it is today's, at the next midnight tomorrow's.
        event(0, "00:00", "alpha", 1.0),
        # Two venues at one instant make one window: 1 + 2 + 4.
        event(0, "00:00:00.001", "alpha", 2.0),
        event(0, "00:00:00.001", "beta", 4.0),
        event(1, "00:00", "alpha", 64.0),
    ],
)

_OF_POSITIONS = Given(
    liquidations=[
        liquidated(0, "alpha", 100.0, 50.0),
        liquidated(0, "alpha", 20.0, 0.0, **INVERSE),
        liquidated(0, "beta", None, 7.0),
        liquidated(0, "gamma", 10.0, 0.0, **DATED),
        liquidated(0, "gamma", 9.0, 9.0),
        liquidated(0, "alpha", 40.0, 0.0, **ETH),
    ],
    open_interest=[
        open_interest(-1, "alpha", usd=3_000.0),
        # Today's is not asked.
        open_interest(0, "alpha", usd=8_888.0),
        # A trace has no close.
        open_interest(-1, "alpha", usd=1_000.0, **INVERSE, **TRACE),
        # Of its liquidations the total is not known.
        open_interest(-1, "beta", usd=500.0),
        open_interest(-1, "gamma", usd=2_000.0, **DATED),
        # Positions of no known value, and two days old ones.
        open_interest(-1, "gamma", coin=5.0),
        open_interest(-2, "gamma", usd=4_000.0),
        # No feed.
        open_interest(-1, "delta", usd=700.0),
        open_interest(-1, "alpha", usd=1_000.0, **ETH),
    ],
)

_NO_FEED = Given(
    funding=[funding(0, "alpha", 0.0001)],
    liquidations=[liquidated(-1, "alpha", 5.0, 5.0)],
    open_interest=[open_interest(-1, "alpha", usd=100.0)],
    # An event of a day whose feed was not heard: nothing is said of the day.
    events=[event(-1, "12:00", "alpha", 10.0), event(0, "01:00", "alpha", 3.0)],
)

_NOTHING = {
    "liquidations_venues": 0,
    "liquidations_long_usd": None,
    "liquidations_short_usd": None,
    "liquidations_total_usd": None,
    "liquidations_max_24h_usd": None,
    "liquidations_max_24h_end": None,
    "liquidations_completeness": None,
    "liquidations_to_open_interest": None,
}

CASES = [
    Golden(
        "sides",
        "market_daily",
        _SIDES,
        {
            (0, "BTC"): {
                "liquidations_venues": 3,
                "liquidations_long_usd": 100.0,
                # 50 + 20
                "liquidations_short_usd": 70.0,
                "liquidations_total_usd": 170.0,
                # No event is among the rows.
                "liquidations_max_24h_usd": 0.0,
                "liquidations_max_24h_end": None,
                "liquidations_completeness": "partial",
            },
            (0, "ETH"): {"liquidations_total_usd": 3.0, "liquidations_completeness": "complete"},
        },
    ),
    Golden(
        "sides",
        "market_total_daily",
        _SIDES,
        {
            0: {
                "liquidations_venues": 3,
                "liquidations_long_usd": 101.0,
                "liquidations_short_usd": 72.0,
                "liquidations_total_usd": 173.0,
                "liquidations_completeness": "partial",
            }
        },
    ),
    Golden(
        "one side known",
        "market_daily",
        Given(liquidations=[liquidated(0, "alpha", None, 20.0)]),
        {
            (0, "BTC"): {
                "liquidations_long_usd": None,
                "liquidations_short_usd": 20.0,
                "liquidations_total_usd": 20.0,
            }
        },
    ),
    Golden(
        "no side known",
        "market_daily",
        Given(
            liquidations=[liquidated(0, "alpha", None, None)],
            events=[event(-1, "12:00", "alpha", 10.0), event(0, "01:00", "alpha", None)],
        ),
        {
            (0, "BTC"): {
                "liquidations_venues": 1,
                "liquidations_long_usd": None,
                "liquidations_short_usd": None,
                "liquidations_total_usd": None,
                # No priced event is today's, so no window ends today.
                "liquidations_max_24h_usd": 0.0,
                "liquidations_max_24h_end": None,
                "liquidations_completeness": "partial",
            }
        },
    ),
    Golden(
        "nobody was liquidated",
        "market_daily",
        Given(
            liquidations=[liquidated(0, "alpha", 0.0, 0.0)],
            open_interest=[open_interest(-1, "alpha", usd=100.0)],
        ),
        {
            (0, "BTC"): {
                "liquidations_total_usd": 0.0,
                "liquidations_max_24h_usd": 0.0,
                "liquidations_max_24h_end": None,
                "liquidations_completeness": "complete",
                "liquidations_to_open_interest": 0.0,
            }
        },
    ),
    Golden("no feed", "market_daily", _NO_FEED, {(0, "BTC"): _NOTHING}),
    Golden("no feed", "market_total_daily", _NO_FEED, {0: _NOTHING}),
    *(
        Golden(
            f"completeness {n}",
            table,
            given,
            {key: {"liquidations_completeness": word}},
        )
        for n, (given, word) in enumerate(_COMPLETENESS)
        for table, key in (("market_daily", (0, "BTC")), ("market_total_daily", 0))
    ),
    Golden(
        "24 hours across venues and midnight",
        "market_daily",
        _ACROSS_VENUES,
        {
            (0, "BTC"): {
                "liquidations_max_24h_usd": 180.0,
                "liquidations_max_24h_end": moment(0, "10:00"),
            },
            (0, "ETH"): {
                "liquidations_max_24h_usd": 60.0,
                "liquidations_max_24h_end": moment(0, "23:00"),
            },
        },
    ),
    Golden(
        "24 hours across venues and midnight",
        "market_total_daily",
        _ACROSS_VENUES,
        {
            # At 23:00 yesterday's 50 of 23:00 are just out: 30 + 70 + 5 + 60 = 165 < 180.
            0: {
                "liquidations_max_24h_usd": 180.0,
                "liquidations_max_24h_end": moment(0, "10:00"),
            }
        },
    ),
    Golden(
        "24 hours across assets",
        "market_total_daily",
        Given(
            liquidations=[
                liquidated(0, "alpha", 1.0, 1.0),
                liquidated(0, "alpha", 1.0, 1.0, **ETH),
            ],
            events=[
                event(0, "01:00", "alpha", 10.0),
                event(0, "02:00", "alpha", 20.0, **ETH),
                event(-1, "02:00:00.001", "beta", 5.0),
            ],
        ),
        # 5 + 10 + 20
        {
            0: {
                "liquidations_max_24h_usd": 35.0,
                "liquidations_max_24h_end": moment(0, "02:00"),
            }
        },
    ),
    Golden(
        "24 hours of equal windows: the first",
        "market_daily",
        _TIE,
        {
            (0, "BTC"): {
                "liquidations_max_24h_usd": 0.6,
                "liquidations_max_24h_end": moment(0, "06:00"),
            }
        },
    ),
    Golden(
        "24 hours of equal windows: the first",
        "market_total_daily",
        _TIE,
        {
            0: {
                "liquidations_max_24h_usd": 0.6,
                "liquidations_max_24h_end": moment(0, "06:00"),
            }
        },
    ),
    Golden(
        "edges of the day",
        "market_daily",
        _EDGES,
        {
            (0, "BTC"): {
                "liquidations_max_24h_usd": 7.0,
                "liquidations_max_24h_end": moment(0, "00:00:00.001"),
            }
        },
    ),
    Golden(
        "of yesterday's positions",
        "market_daily",
        _OF_POSITIONS,
        {
            # (150 + 10) ÷ (3,000 + 2,000)
            (0, "BTC"): {"liquidations_to_open_interest": 0.032},
            (0, "ETH"): {"liquidations_to_open_interest": 0.04},
        },
    ),
    Golden(
        "of yesterday's positions",
        "market_total_daily",
        _OF_POSITIONS,
        # (150 + 10 + 40) ÷ (3,000 + 2,000 + 1,000)
        {0: {"liquidations_to_open_interest": 1 / 30}},
    ),
    Golden(
        "of no positions",
        "market_daily",
        Given(
            liquidations=[liquidated(0, "alpha", 1.0, 0.0)],
            open_interest=[open_interest(-1, "alpha", usd=0.0)],
        ),
        {(0, "BTC"): {"liquidations_to_open_interest": None}},
    ),
]
