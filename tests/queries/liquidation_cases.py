"""What the questions about liquidations answer on small builds; the arithmetic beside the rows."""

from __future__ import annotations

from datetime import date

from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DAY,
    ETHER,
    Case,
    Record,
    at,
    hour,
    instrument,
    liquidated,
    market,
    seen,
    total,
)

OKX = instrument("okx", "BTC-USDT-SWAP")


def lost(long: float, short: float, known: str = "complete", venues: int = 1) -> Record:
    return {
        "liquidations_long_usd": long,
        "liquidations_short_usd": short,
        "liquidations_total_usd": long + short,
        "liquidations_completeness": known,
        "liquidations_venues": venues,
    }


CASES = {
    "liquidations_worst_days": Case(
        tables={
            "market_total_daily": [
                total(
                    **lost(400.0, 100.0, "throttled", 2),
                    liquidations_max_24h_usd=600.0,
                    liquidations_max_24h_end=at("2021-01-17 10:00"),
                ),
                total(BEFORE, **lost(0.0, 0.0), liquidations_max_24h_usd=0.0),
                total(date(2021, 1, 15), **lost(100.0, 700.0)),
                total(date(2021, 1, 14)),
            ],
            "market_daily": [market(**lost(9999.0, 0.0))],
        },
        rows=[
            # 700 of 800 were shorts; 400 of 500 longs; of nothing no share is known
            (1, date(2021, 1, 15), 800.0, 0.125, None, None, "complete", 1),
            (2, DAY, 500.0, 0.8, 600.0, seen("2021-01-17 10:00"), "throttled", 2),
            (3, BEFORE, 0.0, None, 0.0, None, "complete", 1),
        ],
    ),
    "liquidations_by_venue": Case(
        tables={
            "liquidations_daily": [
                liquidated(BINANCE, 300.0, 100.0, "throttled", largest_usd=90.0),
                liquidated(ETHER, 100.0, 0.0, largest_usd=50.0),
                # a short without a price
                liquidated(BYBIT, 40.0, None),
                liquidated(instrument("bybit", "ETHUSDT", "ETH"), 10.0, 0.0),
                liquidated(OKX, 0.0, 0.0),
                liquidated(OKX, 5.0, 5.0, day=BEFORE),
            ]
        },
        given=("day=2021-01-17",),
        rows=[
            ("binance", 400.0, 100.0, 500.0, 0.8, 2, 2, 90.0, 2, "throttled"),
            ("bybit", 50.0, 0.0, 50.0, 1.0, 2, 2, None, 2, "partial"),
            ("okx", 0.0, 0.0, 0.0, None, 1, 1, None, 1, "complete"),
        ],
    ),
    "liquidations_long_share": Case(
        tables={
            "market_daily": [
                market(**lost(90.0, 30.0, "unknown", 3), price_return=-0.05),
                market(day=BEFORE, price_return=0.01),
                market("ETH", **lost(1.0, 1.0)),
            ]
        },
        given=("start=2021-01-16",),
        rows=[
            (BEFORE, None, None, None, None, 0.01, None, 0),
            (DAY, 90.0, 30.0, 120.0, 0.75, -0.05, "unknown", 3),
        ],
    ),
    "liquidations_worst_hours": Case(
        tables={
            "liquidations_hourly": [
                hour(BINANCE, "2021-01-17 10:00", 300.0, 100.0),
                hour(BYBIT, "2021-01-17 10:00", 200.0, 0.0),
                hour(BINANCE, "2021-01-17 11:00", 50.0, None),
                hour(ETHER, "2021-01-17 12:00", None, None),
                hour(BINANCE, "2021-01-15 12:00", 1e9, 0.0),
            ],
            "liquidations_daily": [
                liquidated(BINANCE, 350.0, None),
                liquidated(BYBIT, 200.0, 0.0, "throttled"),
            ],
        },
        given=("start=2021-01-16", "stop=2021-01-17"),
        rows=[
            # 300 + 200 of 600 are longs
            (seen("2021-01-17 10:00"), 600.0, 500.0, 100.0, 500 / 600, 2, 2, "throttled"),
            (seen("2021-01-17 11:00"), 50.0, 50.0, None, 1.0, 1, 1, "partial"),
        ],
    ),
    "liquidations_cascades": Case(
        tables={
            "liquidations_hourly": [
                hour(BINANCE, "2021-01-17 10:00", 6.0, 2.0),
                hour(BYBIT, "2021-01-17 10:00", 2.0, 0.0),
                hour(BINANCE, "2021-01-17 11:00", 4.0, 0.0),
                hour(BINANCE, "2021-01-16 11:00", 4000.0, 0.0),
                hour(ETHER, "2021-01-17 10:00", 1e6, 0.0),
            ],
            "market_daily": [
                market(day=BEFORE, open_interest_usd=1000.0, open_interest_coverage=0.9),
                market(**lost(12.0, 2.0, "partial")),
            ],
        },
        given=("start=2021-01-16", "stop=2021-01-17"),
        rows=[
            # 10 of 1,000 is 0.01, 8 of the 10 are longs; 4 of 1,000 is less than 0.005
            (seen("2021-01-17 10:00"), "BTC", 10.0, 0.8, 1000.0, 0.01, "partial", 0.9),
        ],
    ),
    "liquidations_rolling_24h": Case(
        tables={
            "market_total_daily": [
                total(
                    **lost(400.0, 100.0, "throttled"),
                    liquidations_max_24h_usd=600.0,
                    liquidations_max_24h_end=at("2021-01-17 10:00:30"),
                ),
                total(BEFORE, **lost(0.0, 0.0), liquidations_max_24h_usd=0.0),
            ],
            "market_daily": [market(**lost(1.0, 1.0))],
        },
        given=("start=2021-01-16",),
        rows=[
            (BEFORE, 0.0, None, 0.0, "complete"),
            (DAY, 600.0, seen("2021-01-17 10:00:30"), 500.0, "throttled"),
        ],
    ),
    "liquidations_to_open_interest": Case(
        tables={
            "market_daily": [
                market(**lost(30.0, 10.0, "throttled"), liquidations_to_open_interest=0.02),
                market("ETH", **lost(0.0, 0.0)),
                # no feed at all
                market("XRP"),
            ],
            "signals_daily": [market(liquidations_percentile_90d=0.95, deleveraged=True)],
        },
        rows=[
            ("BTC", 0.02, 40.0, 0.75, 0.95, True, "throttled"),
            ("ETH", None, 0.0, None, None, None, "complete"),
        ],
    ),
    "liquidations_largest": Case(
        tables={
            "liquidations_daily": [
                liquidated(
                    BINANCE,
                    9.0,
                    9.0,
                    largest_usd=7.0,
                    largest_side="long",
                    largest_at=at("2021-01-17 10:00"),
                ),
                liquidated(
                    BYBIT,
                    9.0,
                    9.0,
                    "throttled",
                    largest_usd=8.0,
                    largest_side="short",
                    largest_at=at("2021-01-17 11:00"),
                ),
                liquidated(ETHER, 0.0, 0.0),
            ]
        },
        given=("start=2021-01-17", "stop=2021-01-17"),
        rows=[
            (seen("2021-01-17 11:00"), "bybit", "BTCUSDT", "BTC", "short", 8.0, "throttled"),
            (seen("2021-01-17 10:00"), "binance", "BTCUSDT", "BTC", "long", 7.0, "complete"),
        ],
    ),
    "liquidations_between_times": Case(
        tables={
            "liquidations_hourly": [
                hour(BINANCE, "2021-01-17 05:00", 10.0, 5.0),
                hour(BINANCE, "2021-01-17 08:00", 20.0, 0.0),
                # the end is not in it
                hour(BINANCE, "2021-01-17 09:00", 1e6, 0.0),
            ],
            "liquidations_daily": [liquidated(BINANCE, 30.0, 5.0), liquidated(OKX, 0.0, 0.0)],
        },
        given=("since=2021-01-17T05:59", "until=2021-01-17T10:59+01:00"),
        rows=[
            (
                *("BTC", "binance", seen("2021-01-17 05:00"), seen("2021-01-17 09:00")),
                *(30.0, 5.0, 35.0, 4, 2, "complete", 1, 1),
            ),
            (
                *("BTC", "okx", seen("2021-01-17 05:00"), seen("2021-01-17 09:00")),
                *(0.0, 0.0, 0.0, 0, 0, "complete", 1, 1),
            ),
        ],
    ),
    "liquidations_completeness": Case(
        tables={
            "liquidations_daily": [
                liquidated(BINANCE, 30.0, 10.0, "throttled"),
                liquidated(ETHER, 5.0, 5.0, "throttled"),
                liquidated(BYBIT, 1.0, None, "partial"),
            ],
            "liquidation_regimes": [
                {
                    "venue": "binance",
                    "valid_from": date(2020, 1, 1),
                    "valid_to": DAY,
                    "completeness": "complete",
                },
                {
                    "venue": "binance",
                    "valid_from": DAY,
                    "completeness": "throttled",
                    "source": "docs",
                },
            ],
        },
        given=("day=2021-01-17",),
        rows=[
            # 40 + 10; the regime that ended on this day is not its own
            ("binance", "throttled", 2, 50.0, 0, "throttled", DAY, "docs"),
            ("bybit", "partial", 1, None, 1, None, None, None),
        ],
    ),
}
