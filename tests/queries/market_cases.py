"""What the questions about the market, and about what stands behind the numbers, answer."""

from __future__ import annotations

from datetime import date

from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DATED,
    DAY,
    Case,
    Record,
    at,
    interest,
    market,
    seen,
    total,
)


def raw(dataset: str, key: str, **more: object) -> Record:
    return {"venue": "binance", "dataset": dataset, "key": key, "bytes": 10} | more


def finding(run: str, name: str, severity: str, *, success: bool = False) -> Record:
    return {
        "run_id": run,
        "table_name": "funding_daily",
        "expectation": name,
        "severity": severity,
        "success": success,
        "venue": "binance",
        "date": DAY,
        "observed": "3",
        "threshold": "0",
    }


def reference(series: str, value: float) -> Record:
    return {
        "date": DAY,
        "provider": "coinglass",
        "series": series,
        "base_asset": "BTC",
        "metric": "open_interest_usd",
        "unit": "USD",
        "value": value,
        "is_partial": False,
    }


CASES = {
    "squeeze_table": Case(
        tables={
            "signals_daily": [
                market("ETH"),
                market(
                    squeeze_risk="high",
                    overheated_score=66.0,
                    crowded_side="long",
                    deleveraged=False,
                    score_funding=0.8,
                    score_open_interest=0.6,
                    funding_typical_8h=0.0001,
                ),
            ],
            "market_daily": [
                market("ETH"),
                market(
                    funding_rate_8h_oi_weighted=0.0005,
                    open_interest_usd=9e9,
                    liquidations_completeness="throttled",
                    open_interest_coverage=1.0,
                ),
            ],
        },
        rows=[
            (
                *("BTC", "high", 66.0, "long", False, 0.8, 0.6, None, None, None),
                *(0.0005, 0.0001, 9e9, "throttled", 1.0),
            ),
            ("ETH", *(None,) * 14),
        ],
    ),
    "deleveraging_days": Case(
        tables={
            "signals_daily": [
                market(deleveraged=True),
                market("ETH", deleveraged=False),
                market("XRP"),
                market(day=BEFORE, deleveraged=False),
            ],
            "market_daily": [
                market(
                    open_interest_change_pct=-0.3,
                    open_interest_change_usd=-300.0,
                    liquidations_long_usd=80.0,
                    liquidations_total_usd=100.0,
                    price_return=-0.1,
                    liquidations_completeness="complete",
                    open_interest_coverage=1.0,
                ),
                market("ETH"),
                market("XRP"),
                market(day=BEFORE),
            ],
        },
        rows=[(DAY, "BTC", -0.3, -300.0, 100.0, 0.8, -0.1, "complete", 1.0)],
    ),
    "changed_since_yesterday": Case(
        tables={
            "market_daily": [
                market(
                    price_return=-0.02,
                    open_interest_change_pct=0.05,
                    open_interest_usd=900.0,
                    funding_rate_8h_oi_weighted=0.0002,
                    liquidations_total_usd=50.0,
                    liquidations_completeness="complete",
                    long_short_account_ratio=1.2,
                    open_interest_coverage=1.0,
                ),
                market(
                    day=BEFORE,
                    funding_rate_8h_oi_weighted=0.0006,
                    liquidations_total_usd=20.0,
                    liquidations_completeness="complete",
                    long_short_account_ratio=1.0,
                ),
                market(
                    "ETH",
                    open_interest_usd=100.0,
                    liquidations_total_usd=5.0,
                    liquidations_completeness="complete",
                ),
                market(
                    "ETH",
                    BEFORE,
                    liquidations_total_usd=4.0,
                    liquidations_completeness="throttled",
                ),
                # nothing of the day before
                market("XRP"),
            ],
            "signals_daily": [
                market(crowded_side="none", squeeze_risk="none"),
                market(day=BEFORE, crowded_side="long", squeeze_risk="high"),
            ],
        },
        rows=[
            # 50 − 20; 1.2 ÷ 1 − 1
            (
                *("BTC", -0.02, 0.05, 900.0, 0.0006, 0.0002, 20.0, 50.0, 30.0, 0.2),
                *("long", "none", "high", "none", "complete", 1.0),
            ),
            # a throttled day does not compare with a complete one
            (
                *("ETH", None, None, 100.0, None, None, 4.0, 5.0, None, None),
                *(None, None, None, None, "complete", None),
            ),
            ("XRP", *(None,) * 15),
        ],
    ),
    "market_overview": Case(
        tables={
            "market_total_daily": [
                total(
                    open_interest_usd=1000.0,
                    open_interest_change_pct=0.1,
                    funding_rate_8h_oi_weighted=0.0001,
                    funding_rate_annualised_oi_weighted=0.1095,
                    liquidations_long_usd=30.0,
                    liquidations_total_usd=40.0,
                    liquidations_max_24h_usd=55.0,
                    liquidations_completeness="unknown",
                    open_interest_coverage=0.95,
                    assets=3,
                    venues=2,
                    instruments=7,
                ),
                total(BEFORE, assets=1, venues=1, instruments=1),
            ],
            "market_daily": [market()],
        },
        given=("start=2021-01-16",),
        rows=[
            (BEFORE, *(None,) * 9, 1, 1, 1),
            (DAY, 1000.0, 0.1, 0.0001, 0.1095, 40.0, 0.75, 55.0, "unknown", 0.95, 3, 2, 7),
        ],
    ),
    "instruments_new_and_gone": Case(
        tables={
            "instruments": [
                BINANCE | {"listing": 2, "valid_from": at("2021-01-17 23:59")},
                BYBIT | {"listing": 1, "valid_to": at("2021-01-16 08:00")},
                DATED | {"listing": 1, "valid_to": at("2021-01-17 08:00")},
                # the day after the last, and never
                BYBIT | {"listing": 2, "valid_from": at("2021-01-18 00:00")},
                BYBIT | {"listing": 3},
            ]
        },
        given=("start=2021-01-16", "stop=2021-01-17"),
        columns=("event_at", "what", "venue", "symbol", "listing"),
        rows=[
            (seen("2021-01-16 08:00"), "delisted", "bybit", "BTCUSDT", 1),
            (seen("2021-01-17 08:00"), "delivered", "binance", "BTCUSDT_210326", 1),
            (seen("2021-01-17 23:59"), "listed", "binance", "BTCUSDT", 2),
        ],
    ),
    "coverage_gaps": Case(
        tables={
            "coverage_daily": [
                {
                    "venue": venue,
                    "dataset": "funding_rates",
                    "status": status,
                    "instruments_expected": 3,
                    "instruments_present": present,
                    "rows": 3 * present,
                }
                for venue, status, present in (
                    ("binance", "partial", 2),
                    ("bybit", "missing", 0),
                    ("okx", "ok", 3),
                    ("bitfinex", "unsupported", 0),
                )
            ]
        },
        given=("start=2021-01-17", "stop=2021-01-17"),
        rows=[
            (DAY, "bybit", "funding_rates", "missing", 3, 0, 0),
            (DAY, "binance", "funding_rates", "partial", 3, 2, 6),
        ],
    ),
    "gate_findings": Case(
        tables={
            "runs": [{"run_id": "a"}, {"run_id": "b"}],
            "expectation_results": [
                finding("a", "old", "warning"),
                finding("b", "close", "warning"),
                finding("b", "broken", "critical"),
                finding("b", "held", "critical", success=True),
            ],
        },
        rows=[
            ("b", "critical", "funding_daily", "broken", DAY, "binance", "3", "0", None),
            ("b", "warning", "funding_daily", "close", DAY, "binance", "3", "0", None),
        ],
    ),
    "raw_files_behind": Case(
        tables={
            "raw_files": [
                raw("funding_rates", "raw/b/BTCUSDT-2021-01", rows_read=93, rows_kept=92),
                raw("funding_rates", "raw/a/ETHUSDT-2021-01"),
                raw("open_interest", "raw/b/BTCUSDT-2021-01"),
                raw("funding_rates", "raw/b/BTCUSDT-2021-02") | {"venue": "bybit"},
                raw("funding_rates", "raw/c/BTCUSDT-2021-01"),
            ]
        },
        given=("venue=binance", "dataset=funding_rates", "like=%BTCUSDT%", "n=1"),
        columns=("key", "file_bytes", "read_row_count", "kept_row_count", "matching_file_count"),
        rows=[("raw/b/BTCUSDT-2021-01", 10, 93, 92, 2)],
    ),
    "source_disagreements": Case(
        tables={
            "source_conflicts": [
                {
                    "dataset": "funding_rates",
                    "venue": "binance",
                    "symbol": "BTCUSDT",
                    "at": at("2021-01-17 08:00"),
                    "column_name": "funding_rate",
                    "kept_value": "0.0001",
                    "other_value": "0.0002",
                    "kept_raw_key": "a",
                    "other_raw_key": "b",
                },
                {"date": date(2020, 1, 1)},
            ]
        },
        given=("start=2021-01-17", "stop=2021-01-17"),
        rows=[
            (
                *(DAY, "funding_rates", "binance", "BTCUSDT", seen("2021-01-17 08:00")),
                *("funding_rate", "0.0001", "0.0002", "a", "b"),
            )
        ],
    ),
    "aggregator_reconciliation": Case(
        tables={
            "open_interest_daily": [interest(BINANCE, 500.0), interest(BYBIT, 300.0)],
            "reference_daily": [
                reference("close", 1000.0),
                reference("far", 3200.0),
                reference("unheard", 5.0) | {"base_asset": "DOGE"},
            ],
        },
        given=("day=2021-01-17",),
        rows=[
            # 500 + 300 against 3,200 and 1,000
            (
                *("BTC", "open_interest_usd", "coinglass", "far", None, "USD"),
                *(800.0, 3200.0, -2400.0, 0.25, "binance, bybit", None, False),
            ),
            (
                *("BTC", "open_interest_usd", "coinglass", "close", None, "USD"),
                *(800.0, 1000.0, -200.0, 0.8, "binance, bybit", None, False),
            ),
            (
                *("DOGE", "open_interest_usd", "coinglass", "unheard", None, "USD"),
                *(None, 5.0, None, None, None, None, False),
            ),
        ],
    ),
    "published_runs": Case(
        tables={
            "runs": [
                {"run_id": "a", "verdict": "passed", "build_sha256": "f"},
                {"run_id": "b", "verdict": "warned"},
            ],
            "expectation_results": [
                finding("b", "x", "warning"),
                finding("b", "y", "warning"),
                finding("b", "z", "warning", success=True),
            ],
        },
        columns=("run_id", "verdict", "failed_expectation_count", "build_sha256"),
        rows=[("b", "warned", 2, None), ("a", "passed", 0, "f")],
    ),
}
