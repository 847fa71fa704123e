"""How much of the open interest the venues present stand for."""

from __future__ import annotations

from typing import Any

from tests.market.given import (
    TRACE,
    Given,
    Golden,
    Record,
    funding,
    listing,
    moment,
    open_interest,
)

ETH: Record = {"symbol": "ETHUSDT", "base_asset": "ETH"}


def _held(venue: str, usd: float, *days: int, **facts: Any) -> list[Record]:
    return [open_interest(n, venue, usd=usd, **facts) for n in days]


def _btc(
    name: str, rows: list[Record], expected: float | None, *instruments: Record, **more: Any
) -> list[Golden]:
    """Of BTC alone, so everything together is the same."""
    given = Given(open_interest=rows, instruments=list(instruments), **more)
    values = {"open_interest_coverage": expected}
    return [
        Golden(name, "market_daily", given, {(0, "BTC"): values}),
        Golden(name, "market_total_daily", given, {0: values}),
    ]


# Today's own numbers do not matter, only who is there.
_ALPHA = [*_held("alpha", 300.0, -1), *_held("alpha", 7_777.0, 0)]
_BETA_GONE = [*_ALPHA, *_held("beta", 60.0, -1), *_held("beta", 40.0, -1, symbol="BTCUSDC")]

# alpha is there throughout, beta but for the last two days, gamma until five days ago. The last
# day with all three is day −5; delta, new today, was not there then.
_SEARCH = [
    *_held("alpha", 500.0, -9, -8, -7, -6),
    *_held("alpha", 200.0, -5),
    *_held("alpha", 900.0, -4, -3, -2, -1, 0),
    *_held("beta", 50.0, -9, -8, -7, -6),
    *_held("beta", 100.0, -5),
    *_held("beta", 900.0, -4, -3, 0),
    *_held("gamma", 100.0, -9, -8, -7, -6, -5),
    *_held("delta", 900.0, 0),
]

_BOTH_LISTED_BY_BETA = [
    *_BETA_GONE,
    *_held("alpha", 100.0, -1, 0, **ETH),
    *_held("beta", 500.0, -1, **ETH),
]
_BETAS_BTC = [
    listing("beta", valid_to=moment(-1, "08:00")),
    listing("beta", "BTCUSDC", valid_to=moment(0)),
]

CASES = [
    *_btc("the first day of all", _held("alpha", 1.0, 0), 1.0),
    *_btc("nobody new, nobody gone", _ALPHA, 1.0),
    *_btc("one gone", _BETA_GONE, 0.75),  # 300 ÷ (300 + 60 + 40)
    # (200 + 100) ÷ (200 + 100 + 100)
    *_btc("the last day with all", _SEARCH, 0.75),
    # Never on one day: alpha's last is 300 of day −1, gamma's 100 of day −20.
    *_btc(
        "no day with all",
        [
            *_held("alpha", 800.0, -2),
            *_ALPHA,
            *_held("gamma", 900.0, -21),
            *_held("gamma", 100.0, -20),
        ],
        0.75,
    ),
    *_btc("the thirtieth day before", [*_ALPHA, *_held("beta", 900.0, -30)], 0.25),
    *_btc("the day before the thirtieth", [*_ALPHA, *_held("beta", 900.0, -31)], 1.0),
    *_btc(
        "a trace of today is not being there", [*_BETA_GONE, *_held("beta", 5.0, 0, **TRACE)], 0.75
    ),
    *_btc("a trace is not having been there", [*_ALPHA, *_held("beta", 5.0, -1, **TRACE)], 1.0),
    *_btc(
        "an unknown value is not being there",
        [*_BETA_GONE, open_interest(0, "beta", coin=1.0)],
        0.75,
    ),
    *_btc(
        "an unknown value is not having been there",
        [*_ALPHA, open_interest(-1, "beta", coin=1.0)],
        1.0,
    ),
    *_btc("all gone", _held("alpha", 300.0, -1), 0.0, funding=[funding(0, "alpha", 0.0001)]),
    *_btc("never anybody", [], None, funding=[funding(0, "alpha", 0.0001)]),
    *_btc("all delisted", _BETA_GONE, 1.0, *_BETAS_BTC),
    *_btc(
        "delisted on the day",
        _BETA_GONE,
        1.0,
        _BETAS_BTC[0],
        listing("beta", "BTCUSDC", valid_to=moment(0, "23:59:59")),
    ),
    *_btc(
        "delisted when the day was over",
        _BETA_GONE,
        0.75,
        _BETAS_BTC[0],
        listing("beta", "BTCUSDC", valid_to=moment(1)),
    ),
    *_btc("one of two delisted", _BETA_GONE, 0.75, _BETAS_BTC[0], listing("beta", "BTCUSDC")),
    *_btc(
        "delisted and listed again",
        _BETA_GONE,
        0.75,
        *_BETAS_BTC,
        listing("beta", "BTCUSDC", listing=2, valid_from=moment(-1)),
    ),
    *_btc("listings of another venue", _BETA_GONE, 0.75, listing("gamma", valid_to=moment(-1))),
    *_btc(
        "delisted, and there is nobody else",
        _held("beta", 300.0, -1),
        None,
        listing("beta", valid_to=moment(0)),
        funding=[funding(0, "alpha", 0.0001)],
    ),
    # gamma is delisted and beta gone: gamma's is not among the 400 of alpha and beta.
    *_btc(
        "one delisted, another gone",
        [*_BETA_GONE, *_held("gamma", 5_000.0, -1)],
        0.75,
        listing("gamma", valid_to=moment(0)),
        listing("beta"),
    ),
    # The day that counts is the last one of alpha and beta; gamma's absence then does not matter.
    *_btc(
        "the last day of those who are kept",
        [*_BETA_GONE, *_held("alpha", 900.0, -9), *_held("gamma", 5_000.0, -9)],
        0.75,
        listing("gamma", valid_to=moment(-2)),
    ),
    *_btc("delisted on paper, yet there", [*_ALPHA, *_held("beta", 5.0, -1, 0)], 1.0, *_BETAS_BTC),
    Golden(
        "listings of another asset",
        "market_daily",
        Given(
            open_interest=_BOTH_LISTED_BY_BETA,
            instruments=[*_BETAS_BTC, listing("beta", "ETHUSDT", base_asset="ETH")],
        ),
        {
            # All of beta's BTC contracts are delisted, its ETH contract is not:
            # 100 ÷ (100 + 500).
            (0, "BTC"): {"open_interest_coverage": 1.0},
            (0, "ETH"): {"open_interest_coverage": 1 / 6},
        },
    ),
    Golden(
        "listings of another asset",
        "market_total_daily",
        Given(
            open_interest=_BOTH_LISTED_BY_BETA,
            instruments=[*_BETAS_BTC, listing("beta", "ETHUSDT", base_asset="ETH")],
        ),
        # (300 + 100) ÷ (300 + 100 + 60 + 40 + 500)
        {0: {"open_interest_coverage": 0.4}},
    ),
    Golden(
        "there with another asset",
        "market_total_daily",
        Given(
            open_interest=[*_BETA_GONE, *_held("beta", 500.0, 0, **ETH)],
        ),
        # beta is there, if not with BTC.
        {0: {"open_interest_coverage": 1.0}},
    ),
    Golden(
        "day by day",
        "market_daily",
        Given(open_interest=[*_BETA_GONE, *_held("alpha", 1.0, -2)]),
        {
            # On day −1 beta has just arrived.
            (-2, "BTC"): {"open_interest_coverage": 1.0},
            (-1, "BTC"): {"open_interest_coverage": 1.0},
            (0, "BTC"): {"open_interest_coverage": 0.75},
        },
        first=-2,
    ),
]
