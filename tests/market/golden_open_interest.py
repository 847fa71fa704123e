"""Open interest: sums, margins, changes, and the coins exchanges hold."""

from __future__ import annotations

from tests.market.given import TRACE, Given, Golden, Record, funding, open_interest, reserve

INVERSE: Record = {"symbol": "BTCUSD_PERP", "margin_type": "inverse"}
QUANTO: Record = {"symbol": "BTCQUANTO", "margin_type": "quanto"}
DATED: Record = {"symbol": "BTCUSDT_260626", "contract_kind": "dated"}
ETH: Record = {"symbol": "ETHUSDT", "base_asset": "ETH"}
XRP: Record = {"symbol": "XRPUSDT", "base_asset": "XRP"}

_SEVERAL = Given(
    open_interest=[
        open_interest(-1, "alpha", usd=2_400.0, coin=27.0),
        open_interest(0, "alpha", usd=3_000.0, coin=30.0, change_usd=600.0, change_coin=3.0),
        open_interest(-1, "alpha", usd=1_080.0, coin=12.0, **INVERSE),
        open_interest(
            0, "alpha", usd=1_000.0, coin=10.0, change_usd=-80.0, change_coin=-2.0, **INVERSE
        ),
        # Quanto, new today, and without a price: coins only.
        open_interest(0, "beta", coin=5.0, **QUANTO),
        # Dated, in dollars only.
        open_interest(-1, "beta", usd=450.0, **DATED),
        open_interest(0, "beta", usd=500.0, change_usd=50.0, **DATED),
        # Of today there is a trace, of yesterday all.
        open_interest(-1, "gamma", usd=9_000.0, coin=90.0),
        open_interest(
            0, "gamma", usd=9_999.0, coin=99.0, change_usd=999.0, change_coin=9.0, **TRACE
        ),
        # Here all of today and nothing of yesterday: its arrival is no change.
        open_interest(0, "delta", usd=70.0, coin=0.5),
    ],
    reserves=[reserve(0, 91.0)],
)

_UNKNOWN = Given(
    funding=[funding(0, "alpha", 0.0001)],
    open_interest=[
        open_interest(-1, "alpha", usd=100.0, coin=1.0),
        # A gap of its coins: no change in coin is known, one in dollars is.
        open_interest(0, "alpha", usd=110.0, change_usd=10.0),
    ],
    reserves=[reserve(0, 10.0)],
)

_FROM_ZERO = Given(
    open_interest=[
        open_interest(-1, "alpha", usd=0.0, coin=0.0),
        open_interest(0, "alpha", usd=500.0, coin=5.0, change_usd=500.0, change_coin=5.0),
    ],
    reserves=[reserve(0, 0.0)],
)

_ONE_FROM_ZERO = Given(
    open_interest=[
        *_FROM_ZERO.open_interest,
        open_interest(-1, "beta", usd=1_000.0, coin=10.0),
        open_interest(0, "beta", usd=1_100.0, coin=11.0, change_usd=100.0, change_coin=1.0),
    ]
)

# Two samples of an afternoon are a trace, though open_interest_daily takes the last for a close.
_AFTER_A_TRACE = Given(
    open_interest=[
        open_interest(-1, "alpha", usd=1_000.0, coin=10.0),
        open_interest(0, "alpha", usd=1_100.0, coin=11.0, change_usd=100.0, change_coin=1.0),
        open_interest(-1, "beta", usd=4_000.0, coin=40.0, samples=(2, 288)),
        open_interest(0, "beta", usd=9_000.0, coin=90.0, change_usd=5_000.0, change_coin=50.0),
    ]
)

# Prices doubled and coins fell; a second asset weighs by yesterday's dollars, not by coins.
_TWO_ASSETS = Given(
    open_interest=[
        open_interest(-1, "alpha", usd=2_400.0, coin=24.0),
        open_interest(0, "alpha", usd=5_400.0, coin=27.0, change_usd=3_000.0, change_coin=3.0),
        open_interest(-1, "alpha", usd=1_000.0, coin=500.0, **ETH),
        open_interest(
            0, "alpha", usd=1_800.0, coin=450.0, change_usd=800.0, change_coin=-50.0, **ETH
        ),
        # Yesterday's dollars are not known.
        open_interest(-1, "alpha", coin=100.0, **XRP),
        open_interest(0, "alpha", usd=10.0, coin=50.0, change_coin=-50.0, **XRP),
        # Yesterday it was empty.
        open_interest(-1, "beta", usd=0.0, coin=0.0, **XRP),
        open_interest(0, "beta", usd=20.0, coin=100.0, change_usd=20.0, change_coin=100.0, **XRP),
        # No change is known, so yesterday's dollars do not count either.
        open_interest(-1, "beta", usd=7_777.0, coin=77.0),
        open_interest(0, "beta", usd=100.0),
    ]
)

CASES = [
    Golden(
        "several",
        "market_daily",
        _SEVERAL,
        {
            (0, "BTC"): {
                # 3,000 + 1,000 + 500 + 70; the quanto has no price, gamma a trace
                "open_interest_usd": 4_570.0,
                # 30 + 10 + 5 + 0.5
                "open_interest_coin": 45.5,
                # 3,000 + 500 + 70
                "open_interest_usd_linear": 3_570.0,
                "open_interest_usd_inverse": 1_000.0,
                "open_interest_usd_quanto": None,
                # 600 − 80 + 50
                "open_interest_change_usd": 570.0,
                # 3 − 2
                "open_interest_change_coin": 1.0,
                # 1 ÷ (27 + 12)
                "open_interest_change_pct": 1 / 39,
                # 45.5 ÷ 91
                "leverage_ratio": 0.5,
                "open_interest_venues": 3,  # alpha, beta, delta
            }
        },
    ),
    Golden(
        "several",
        "market_total_daily",
        _SEVERAL,
        {
            0: {
                "open_interest_usd": 4_570.0,
                "open_interest_usd_linear": 3_570.0,
                "open_interest_usd_inverse": 1_000.0,
                "open_interest_usd_quanto": None,
                "open_interest_change_usd": 570.0,
                # (2,400 × 3 ÷ 27 − 1,080 × 2 ÷ 12) ÷ (2,400 + 1,080) = (800 ÷ 3 − 180) ÷ 3,480
                "open_interest_change_pct": 13 / 522,
            }
        },
    ),
    Golden(
        "quanto",
        "market_daily",
        Given(open_interest=[open_interest(0, "alpha", usd=80.0, coin=2.0, **QUANTO)]),
        {
            (0, "BTC"): {
                "open_interest_usd": 80.0,
                "open_interest_usd_quanto": 80.0,
                "open_interest_usd_linear": None,
                "open_interest_usd_inverse": None,
                "leverage_ratio": None,
            }
        },
    ),
    Golden(
        "quanto",
        "market_total_daily",
        Given(
            open_interest=[
                open_interest(0, "alpha", usd=80.0, **QUANTO),
                open_interest(0, "beta", usd=5.0, **(QUANTO | ETH)),
                open_interest(0, "beta", coin=5.0, **INVERSE),
            ]
        ),
        {
            0: {
                "open_interest_usd": 85.0,
                "open_interest_usd_quanto": 85.0,
                "open_interest_usd_linear": None,
                "open_interest_usd_inverse": None,
            }
        },
    ),
    Golden(
        "coins not known",
        "market_daily",
        _UNKNOWN,
        {
            (0, "BTC"): {
                "open_interest_usd": 110.0,
                "open_interest_coin": None,
                "open_interest_change_usd": 10.0,
                "open_interest_change_coin": None,
                "open_interest_change_pct": None,
                "leverage_ratio": None,
            }
        },
    ),
    Golden(
        "coins not known",
        "market_total_daily",
        _UNKNOWN,
        {0: {"open_interest_change_usd": 10.0, "open_interest_change_pct": None}},
    ),
    Golden(
        "nothing known",
        "market_daily",
        Given(open_interest=[open_interest(0, "alpha")]),
        {
            (0, "BTC"): {
                "open_interest_venues": 0,
                "open_interest_usd": None,
                "open_interest_coin": None,
                "open_interest_usd_linear": None,
                "open_interest_change_usd": None,
                "open_interest_change_coin": None,
                "open_interest_change_pct": None,
            }
        },
    ),
    Golden(
        "from zero",
        "market_daily",
        _FROM_ZERO,
        {
            (0, "BTC"): {
                "open_interest_change_coin": 5.0,
                "open_interest_change_usd": 500.0,
                "open_interest_change_pct": None,
                # No coins at exchanges: no ratio.
                "leverage_ratio": None,
            }
        },
    ),
    Golden("from zero", "market_total_daily", _FROM_ZERO, {0: {"open_interest_change_pct": None}}),
    Golden(
        "one of them from zero",
        "market_daily",
        _ONE_FROM_ZERO,
        # (5 + 1) ÷ (0 + 10)
        {(0, "BTC"): {"open_interest_change_coin": 6.0, "open_interest_change_pct": 0.6}},
    ),
    Golden(
        "one of them from zero",
        "market_total_daily",
        _ONE_FROM_ZERO,
        # 1,000 × 1 ÷ 10 ÷ 1,000: what came from nothing has no price of yesterday.
        {0: {"open_interest_change_pct": 0.1}},
    ),
    Golden(
        "a trace is no previous close",
        "market_daily",
        _AFTER_A_TRACE,
        {
            (0, "BTC"): {
                "open_interest_coin": 101.0,
                # beta was not there yesterday, so its arrival is no change.
                "open_interest_change_coin": 1.0,
                "open_interest_change_usd": 100.0,
                "open_interest_change_pct": 0.1,
            }
        },
    ),
    Golden(
        "a trace is no previous close",
        "market_total_daily",
        _AFTER_A_TRACE,
        {0: {"open_interest_change_usd": 100.0, "open_interest_change_pct": 0.1}},
    ),
    Golden(
        "a fall of coins while dollars rise",
        "market_total_daily",
        _TWO_ASSETS,
        {
            0: {
                # 5,400 + 1,800 + 10 + 20 + 100
                "open_interest_usd": 7_330.0,
                # 3,000 + 800 + 20
                "open_interest_change_usd": 3_820.0,
                # (2,400 × 3 ÷ 24 − 1,000 × 50 ÷ 500) ÷ (2,400 + 1,000) = (300 − 100) ÷ 3,400
                "open_interest_change_pct": 1 / 17,
            }
        },
    ),
    Golden(
        "a fall of coins while dollars rise",
        "market_daily",
        _TWO_ASSETS,
        {
            # Of beta's 77 coins no change is known.
            (0, "BTC"): {"open_interest_change_usd": 3_000.0, "open_interest_change_pct": 0.125},
            (0, "ETH"): {"open_interest_change_usd": 800.0, "open_interest_change_pct": -0.1},
            # −50 + 100 coins, of which there were 100 + 0; dollars of one only.
            (0, "XRP"): {"open_interest_change_usd": 20.0, "open_interest_change_pct": 0.5},
        },
    ),
    Golden(
        "reserves of all exchanges, the first series of the first provider",
        "market_daily",
        Given(
            open_interest=[
                open_interest(0, "alpha", coin=30.0),
                open_interest(0, "alpha", coin=8.0, **ETH),
                open_interest(0, "alpha", coin=9.0, **XRP),
            ],
            reserves=[
                reserve(0, 7.0, "aaa", "btc-of-one", venue="alpha"),
                reserve(0, 8.0, "bbb", "btc-2"),
                reserve(0, 60.0, "bbb", "btc-1"),
                reserve(0, 9.0, "ccc", "btc-0"),
                reserve(-1, 5.0, "aaa", "btc"),
                reserve(0, 16.0, "bbb", "eth", base_asset="ETH"),
                reserve(0, 3.0, "bbb", "xrp", venue="alpha", base_asset="XRP"),
            ],
        ),
        {
            (0, "BTC"): {"leverage_ratio": 0.5},  # 30 ÷ 60
            (0, "ETH"): {"leverage_ratio": 0.5},  # 8 ÷ 16
            # Those of one exchange are not those of all.
            (0, "XRP"): {"leverage_ratio": None},
        },
    ),
    Golden(
        "the first series holds nothing",
        "market_daily",
        Given(
            open_interest=[open_interest(0, "alpha", coin=30.0)],
            reserves=[reserve(0, 0.0, "aaa"), reserve(0, 60.0, "bbb")],
        ),
        {(0, "BTC"): {"leverage_ratio": None}},
    ),
]
