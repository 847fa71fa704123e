"""What the questions about funding answer on small builds; the arithmetic beside the rows."""

from __future__ import annotations

from datetime import date

from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DATED,
    DAY,
    ETHER,
    Case,
    funding,
    instrument,
    interest,
    market,
)

HOURLY = instrument("hyperliquid", "BTC")
DAY_15 = date(2021, 1, 15)

CASES = {
    "funding_extremes": Case(
        tables={
            "funding_daily": [
                funding(BINANCE, 0.0004),
                funding(BYBIT, -0.0002, settlement_count=2),
                funding(ETHER, 0.0001),
                # hours not known: no rate for 8 h, so in no list
                funding(HOURLY, None),
                funding(BINANCE, 0.9, BEFORE),
            ],
            "open_interest_daily": [
                interest(BINANCE, 500.0),
                # one snapshot of 288 is the neighbour file's: not the day's open interest
                interest(BYBIT, 70.0, sample_count=1),
            ],
        },
        given=("day=2021-01-17", "n=2"),
        columns=(
            "extreme",
            "rank",
            "venue",
            "symbol",
            "funding_rate_8h",
            "funding_rate_annualised",
            "settlement_count",
            "open_interest_usd_close",
        ),
        rows=[
            # × 1095: 0.438 and 0.1095; −0.219
            ("highest", 1, "binance", "BTCUSDT", 0.0004, 0.438, 3, 500.0),
            ("highest", 2, "binance", "ETHUSDT", 0.0001, 0.1095, 3, None),
            ("lowest", 1, "bybit", "BTCUSDT", -0.0002, -0.219, 2, None),
            ("lowest", 2, "binance", "ETHUSDT", 0.0001, 0.1095, 3, None),
        ],
    ),
    "funding_flips": Case(
        tables={
            "funding_daily": [
                funding(BINANCE, 0.0003, BEFORE),
                funding(BINANCE, -0.0001),
                funding(BYBIT, -0.0005, BEFORE),
                funding(BYBIT, 0.0002),
                # 0 has no sign, and a day is missing before the last one
                funding(ETHER, 0.0, BEFORE),
                funding(ETHER, 0.0001),
                funding(HOURLY, 0.0001, DAY_15),
                funding(HOURLY, -0.0001),
            ]
        },
        given=("start=2021-01-16", "stop=2021-01-17"),
        rows=[
            # 0.0002 − −0.0005 = 0.0007; −0.0001 − 0.0003 = −0.0004
            (DAY, "bybit", "BTCUSDT", "BTC", "longs pay", -0.0005, 0.0002, 0.0007),
            (DAY, "binance", "BTCUSDT", "BTC", "shorts pay", 0.0003, -0.0001, -0.0004),
        ],
    ),
    "funding_carry_by_venue": Case(
        tables={
            "funding_daily": [
                funding(BINANCE, 0.0001, BEFORE),
                funding(BINANCE, 0.0003),
                funding(BYBIT, 0.0002, expected_settlement_count=4),
                funding(ETHER, 0.01),
                funding(BINANCE, 0.5, DAY_15),
            ]
        },
        given=("start=2021-01-16", "stop=2021-01-17"),
        rows=[
            # binance: 0.0003 + 0.0009 = 0.0012 in 2 days, × 365 ÷ 2 = 0.219; its poorer day 0.0003
            # bybit: 0.0006 in the one day known, × 365 = 0.219: alike, so by name
            ("binance", "BTCUSDT", "linear", 0.0012, 0.219, 0.0003, 6, 0, 2, 2),
            ("bybit", "BTCUSDT", "linear", 0.0006, 0.219, 0.0006, 3, 1, 1, 2),
        ],
    ),
    "funding_spread_between_venues": Case(
        tables={
            "funding_daily": [
                funding(BINANCE, 0.0006),
                funding(instrument("binance", "BTCUSD_PERP"), -0.0009),
                funding(BYBIT, 0.0001),
                funding(HOURLY, -0.0001),
                # only one venue: no pair
                funding(ETHER, 0.002),
            ],
            "open_interest_daily": [
                interest(BINANCE, 500.0),
                interest(instrument("binance", "BTCUSD_PERP"), 80.0),
                interest(BYBIT, 300.0),
            ],
        },
        rows=[
            # 0.0006 − −0.0001 = 0.0007 and 0.0001 − −0.0009 = 0.0010: the latter, for binance's two
            # contracts are not at two venues; × 1095 = 1.095; min(300, 80)
            (
                *("BTC", "bybit", "BTCUSDT", 0.0001, "binance", "BTCUSD_PERP", -0.0009),
                *(0.001, 1.095, 80.0),
            ),
        ],
        given=("day=2021-01-17",),
    ),
    "funding_missing_settlements": Case(
        tables={
            "funding_daily": [
                funding(BINANCE, 0.0001, settlement_count=2, hours_covered=16.0),
                funding(BYBIT, 0.0001),
                funding(HOURLY, 0.0001, settlement_count=24, expected_settlement_count=None),
            ]
        },
        given=("start=2021-01-17", "stop=2021-01-17", "unknown=yes"),
        rows=[
            (DAY, "binance", "BTCUSDT", "BTC", 2, 3, 1, 8.0, 16.0),
            (DAY, "hyperliquid", "BTC", "BTC", 24, None, None, 8.0, 24.0),
        ],
    ),
    "funding_cumulative": Case(
        tables={
            "market_daily": [
                market(
                    "ETH",
                    funding_rate_8h_oi_weighted=0.0002,
                    funding_rate_annualised_oi_weighted=0.219,
                    funding_venues=1,
                ),
                market(
                    funding_rate_8h_oi_weighted=0.0001,
                    funding_rate_annualised_oi_weighted=0.1095,
                    funding_cumulative_7d=0.0021,
                    funding_cumulative_30d=0.009,
                    funding_compounded_30d=0.00904,
                    funding_venues=2,
                    open_interest_coverage=0.8,
                ),
            ]
        },
        rows=[
            # 3 × 0.0001; a month that is not known stands last, though ETH pays more a day
            ("BTC", 0.0001, 0.0003, 0.0021, 0.009, 0.00904, 0.1095, 2, 0.8),
            ("ETH", 0.0002, 0.0006, None, None, None, 0.219, 1, None),
        ],
    ),
    "funding_against_typical": Case(
        tables={
            "market_daily": [
                market("ETH", funding_rate_8h_oi_weighted=0.0002),
                market(
                    funding_rate_8h_oi_weighted=0.0005,
                    funding_rate_8h_min=0.0001,
                    funding_rate_8h_max=0.0009,
                ),
            ],
            "signals_daily": [
                market(
                    funding_typical_8h=0.0001,
                    funding_percentile_90d=0.95,
                    crowded_side="long",
                    funding_history_days=40,
                )
            ],
        },
        rows=[
            ("BTC", 0.0005, 0.0001, 0.0004, 0.95, "long", 0.0001, 0.0009, 40),
            ("ETH", 0.0002, None, None, None, None, None, None, None),
        ],
    ),
    "funding_by_venue": Case(
        tables={
            "funding_daily": [
                funding(BINANCE, 0.0004),
                funding(instrument("binance", "BTCUSD_PERP"), 0.0001),
                funding(BYBIT, 0.0002),
                funding(instrument("bybit", "BTCUSD"), 0.0006),
                funding(DATED, 0.9),
                funding(ETHER, 0.9),
            ],
            "open_interest_daily": [
                interest(BINANCE, 300.0),
                interest(instrument("binance", "BTCUSD_PERP"), 100.0),
                # a trace is no weight
                interest(BYBIT, 900.0, sample_count=1),
            ],
            "market_daily": [market(funding_rate_8h_oi_weighted=0.00033)],
            "signals_daily": [market(funding_typical_8h=0.0001)],
        },
        given=("start=2021-01-17", "stop=2021-01-17"),
        rows=[
            (DAY, "all", 0.00033, "open interest", 0.0001, 0.00023),
            # (300 × 0.0004 + 100 × 0.0001) ÷ 400 = 0.000325
            (DAY, "binance", 0.000325, "open interest", 0.0001, 0.000225),
            # (0.0002 + 0.0006) ÷ 2
            (DAY, "bybit", 0.0004, "none", 0.0001, 0.0003),
        ],
    ),
}
