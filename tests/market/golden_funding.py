"""Funding: weights, plain statistics, and sums over days."""

from __future__ import annotations

from tests.market.given import TRACE, Given, Golden, Record, funding, open_interest, price

INVERSE: Record = {"symbol": "BTCUSD_PERP", "quote_asset": "USD", "margin_type": "inverse"}
DATED: Record = {"symbol": "BTCUSD_260626", "contract_kind": "dated"}
ETH: Record = {"symbol": "ETHUSDT", "base_asset": "ETH"}

_WEIGHTS = Given(
    funding=[
        funding(0, "alpha", 0.0001),
        funding(0, "alpha", 0.0003, **INVERSE),
        # No open interest in dollars: out of the one weight, in the other.
        funding(0, "beta", -0.0002),
        # The largest of all, at an unknown rate.
        funding(0, "gamma", None),
        # Its open interest is a trace of the day before.
        funding(0, "delta", 0.0005),
        # No contract that pays funding; were there a row, it would not count.
        funding(0, "alpha", 0.9, **DATED),
    ],
    open_interest=[
        # The close is far from the mean, which is what weighs.
        open_interest(0, "alpha", usd=7.0, mean=300.0),
        open_interest(0, "alpha", usd=9_000.0, mean=100.0, **INVERSE),
        open_interest(0, "beta", coin=5.0),
        open_interest(0, "gamma", mean=9_999.0),
        open_interest(0, "delta", mean=9_999.0, **TRACE),
        open_interest(0, "alpha", mean=9_999.0, **DATED),
    ],
    prices=[
        price(0, "alpha", volume=1_000.0),
        price(0, "alpha", volume=None, **INVERSE),
        price(0, "beta", volume=250.0),
        price(0, "gamma", volume=9_999.0),
        price(0, "delta", volume=0.0),
        price(0, "alpha", volume=9_999.0, **DATED),
    ],
)

_WEIGHTED = {
    "funding_venues": 3,  # alpha, beta, delta
    # (300 × 0.0001 + 100 × 0.0003) ÷ 400 = 0.06 ÷ 400
    "funding_rate_8h_oi_weighted": 0.00015,
    # (1,000 × 0.0001 − 250 × 0.0002) ÷ 1,250 = 0.05 ÷ 1,250
    "funding_rate_8h_volume_weighted": 0.00004,
    # (1 + 3 − 2 + 5) ÷ 4 = 1.75 bp
    "funding_rate_8h_mean": 0.000175,
    # −2, 1, 3, 5: the middle two are 1 and 3.
    "funding_rate_8h_median": 0.0002,
    "funding_rate_8h_min": -0.0002,
    "funding_rate_8h_max": 0.0005,
    # 0.00015 × 1,095
    "funding_rate_annualised_oi_weighted": 0.16425,
}

# Day −k is at (7 − k) bp in the last week, at 1 bp before; the weights change by the day.
_RATE = {-k: 0.0001 * max(1, 7 - k) for k in range(31)}


def _month(*, without: int | None = None, unweighted: int | None = None) -> Given:
    """31 days of alpha, and of beta, whose high rate has nothing to weigh."""
    days = [n for n in _RATE if n != without]
    return Given(
        funding=[funding(n, "alpha", _RATE[n]) for n in days]
        + [funding(n, "beta", 0.01) for n in days],
        open_interest=[open_interest(n, "alpha", mean=100.0 - n) for n in days if n != unweighted]
        # Zero dollars of open interest do not weigh anything.
        + [open_interest(n, "beta", mean=0.0) for n in days],
    )


# The week pays 3 × (1 + 2 + … + 7) bp = 84 bp; the 23 days before 3 × 23 bp = 69 bp.
_WEEK, _MONTH = 0.0084, 0.0153
# 1.0003²³ × 1.0003 × 1.0006 × 1.0009 × 1.0012 × 1.0015 × 1.0018 × 1.0021 − 1, to 18 places.
_COMPOUNDED = 0.015410203523931874

_TWO_ASSETS = Given(
    funding=[funding(n, "alpha", 0.0001) for n in range(-29, 1)]
    + [funding(n, "alpha", 0.0004, **ETH) for n in range(-2, 1)],
    open_interest=[open_interest(n, "alpha", mean=200.0) for n in range(-29, 1)]
    + [open_interest(n, "alpha", mean=100.0, **ETH) for n in range(-2, 1)],
)

CASES = [
    Golden("weights", "market_daily", _WEIGHTS, {(0, "BTC"): _WEIGHTED}),
    Golden("weights", "market_total_daily", _WEIGHTS, {0: _WEIGHTED}),
    Golden(
        "three rates",
        "market_daily",
        Given(funding=[funding(0, v, r) for v, r in (("a", 0.03), ("b", -0.01), ("c", 0.01))]),
        {
            (0, "BTC"): {
                "funding_rate_8h_mean": 0.01,
                "funding_rate_8h_median": 0.01,
                # Nothing to weigh by.
                "funding_rate_8h_oi_weighted": None,
                "funding_rate_8h_volume_weighted": None,
                "funding_rate_annualised_oi_weighted": None,
                "funding_cumulative_7d": None,
                "funding_cumulative_30d": None,
                "funding_compounded_30d": None,
            }
        },
    ),
    Golden(
        "no rate",
        "market_daily",
        Given(
            funding=[funding(0, "alpha", None)], open_interest=[open_interest(0, "alpha", mean=1.0)]
        ),
        {
            (0, "BTC"): {
                "instruments": 1,
                "funding_venues": 0,
                "funding_rate_8h_oi_weighted": None,
                "funding_rate_8h_mean": None,
                "funding_rate_8h_median": None,
                "funding_rate_8h_min": None,
                "funding_rate_8h_max": None,
            }
        },
    ),
    Golden(
        "a rate of zero is known",
        "market_daily",
        Given(
            funding=[funding(0, "alpha", 0.0)], open_interest=[open_interest(0, "alpha", mean=1.0)]
        ),
        {
            (0, "BTC"): {
                "funding_venues": 1,
                "funding_rate_8h_oi_weighted": 0.0,
                "funding_rate_8h_median": 0.0,
                "funding_rate_annualised_oi_weighted": 0.0,
            }
        },
    ),
    Golden(
        "a month",
        "market_daily",
        _month(),
        {
            (0, "BTC"): {
                "funding_rate_8h_oi_weighted": 0.0007,
                "funding_cumulative_7d": _WEEK,
                "funding_cumulative_30d": _MONTH,
                "funding_compounded_30d": _COMPOUNDED,
            },
            # The day before: −6 … −1 bp plus one of 1 bp: 3 × (1 + 1 + 2 + … + 6) = 66 bp, and
            # 23 days before, of which the first is day −30: 69 bp.
            (-1, "BTC"): {"funding_cumulative_7d": 0.0066, "funding_cumulative_30d": 0.0135},
            # Its first day would be day −31.
            (-2, "BTC"): {"funding_cumulative_7d": 0.0051, "funding_cumulative_30d": None},
        },
        first=-2,
    ),
    Golden(
        "the day before the month is missing",
        "market_daily",
        _month(without=-30),
        {(0, "BTC"): {"funding_cumulative_30d": _MONTH, "funding_compounded_30d": _COMPOUNDED}},
    ),
    Golden(
        "the month's first day is missing",
        "market_daily",
        _month(without=-29),
        {
            (0, "BTC"): {
                "funding_cumulative_7d": _WEEK,
                "funding_cumulative_30d": None,
                "funding_compounded_30d": None,
            }
        },
    ),
    Golden(
        "the week's first day has no weight",
        "market_daily",
        _month(unweighted=-6),
        {
            (0, "BTC"): {
                "funding_rate_8h_oi_weighted": 0.0007,
                "funding_cumulative_7d": None,
                "funding_cumulative_30d": None,
            }
        },
    ),
    Golden(
        "today has no weight",
        "market_total_daily",
        _month(unweighted=0),
        {
            0: {
                "funding_rate_8h_max": 0.01,
                "funding_rate_8h_oi_weighted": None,
                "funding_cumulative_7d": None,
                "funding_cumulative_30d": None,
                "funding_compounded_30d": None,
            }
        },
    ),
    Golden(
        "a month of everything",
        "market_total_daily",
        _TWO_ASSETS,
        {
            0: {
                # (200 × 0.0001 + 100 × 0.0004) ÷ 300: 2 bp on the three days with ETH.
                "funding_rate_8h_oi_weighted": 0.0002,
                "funding_rate_8h_mean": 0.00025,
                # 3 × (4 × 1 + 3 × 2) bp, 3 × (27 × 1 + 3 × 2) bp
                "funding_cumulative_7d": 0.0030,
                "funding_cumulative_30d": 0.0099,
                # 1.0003²⁷ × 1.0006³ − 1
                "funding_compounded_30d": 0.009947395121721710,
            }
        },
    ),
    Golden(
        "a month of everything",
        "market_daily",
        _TWO_ASSETS,
        {
            (0, "BTC"): {"funding_cumulative_7d": 0.0021, "funding_cumulative_30d": 0.0090},
            # Only three days of it.
            (0, "ETH"): {"funding_rate_8h_oi_weighted": 0.0004, "funding_cumulative_7d": None},
        },
    ),
]
