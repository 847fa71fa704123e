"""A small build written by hand: two nights, two venues, two assets; and reports of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flows.report.content import gather
from flows.report.drawing import Drawn, drawn
from flows.report.model import Report
from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DAY,
    ETHER,
    Record,
    Tables,
    at,
    empty_build,
    filled_build,
    funding,
    hour,
    interest,
    liquidated,
    market,
    total,
)

FULL_DAY = 14
"""Known days that a rank needs."""


def night(run_id: str, day: object, verdict: str = "passed") -> Record:
    return {
        "run_id": run_id,
        "first_date": day,
        "last_date": day,
        "verdict": verdict,
        "command": "nightly",
        "finished_at": at("2021-01-18T02:00"),
    }


def covered(
    venue: str, dataset: str, status: str = "ok", present: int = 1, **more: object
) -> Record:
    return {
        "date": DAY,
        "venue": venue,
        "dataset": dataset,
        "status": status,
        "instruments_expected": 1,
        "instruments_present": present,
        "rows": present,
    } | more


def tables() -> Tables:
    """17 January: 100 M USD liquidated, 90 of them longs; the night before 50 M, 20 of them longs.

    Binance's funding of BTC was 1 bp on 14 days and is 4 bp; Bybit's is known of 2 days.
    """
    return {
        "runs": [night("night-16", BEFORE), night("run", DAY)],
        "expectation_results": [
            {"run_id": "run", "table_name": "funding_daily", "expectation": name}
            | {"severity": "warning", "success": held, "detail": None if held else "2021-01-17 x"}
            for name, held in (("types", True), ("none_missing", False), ("caps", True))
        ],
        "coverage_daily": [
            covered(venue, dataset)
            for venue in ("binance", "bybit")
            for dataset in ("funding_rates", "liquidations", "open_interest", "positioning")
        ],
        "market_total_daily": [
            total(
                open_interest_usd=9e9,
                open_interest_change_pct=0.05,
                open_interest_coverage=1.0,
                funding_rate_8h_oi_weighted=0.0004,
                funding_rate_annualised_oi_weighted=0.438,
                liquidations_long_usd=90e6,
                liquidations_short_usd=10e6,
                liquidations_total_usd=100e6,
                liquidations_max_24h_usd=120e6,
                liquidations_max_24h_end=at("2021-01-17T09:30"),
                liquidations_to_open_interest=0.0125,
                liquidations_completeness="complete",
                long_short_account_ratio=1.2,
            ),
            total(
                BEFORE,
                open_interest_usd=8e9,
                open_interest_coverage=1.0,
                funding_rate_8h_oi_weighted=0.0001,
                funding_rate_annualised_oi_weighted=0.1095,
                liquidations_long_usd=20e6,
                liquidations_short_usd=30e6,
                liquidations_total_usd=50e6,
                liquidations_max_24h_usd=60e6,
                liquidations_to_open_interest=0.005,
                liquidations_completeness="complete",
                long_short_account_ratio=1.0,
            ),
        ],
        "market_daily": [
            market(
                open_interest_usd=6e9,
                open_interest_coin=160_000.0,
                open_interest_coverage=1.0,
                open_interest_change_pct=0.06,
                open_interest_change_usd=4e8,
                price_close=36_000.0,
                price_return=-0.04,
                price_venue="binance",
                price_symbol="BTCUSDT",
                funding_rate_8h_oi_weighted=0.0004,
                funding_rate_annualised_oi_weighted=0.438,
                liquidations_long_usd=80e6,
                liquidations_short_usd=8e6,
                liquidations_total_usd=88e6,
                liquidations_completeness="complete",
                leverage_ratio=0.066,
            ),
            market(
                day=BEFORE,
                open_interest_usd=5.6e9,
                open_interest_coverage=1.0,
                price_close=37_500.0,
                funding_rate_8h_oi_weighted=0.0001,
                leverage_ratio=0.06,
            ),
            market(
                "ETH",
                open_interest_usd=3e9,
                open_interest_change_pct=-0.02,
                price_return=-0.05,
                price_close=1_200.0,
                liquidations_long_usd=10e6,
                liquidations_short_usd=2e6,
                liquidations_total_usd=12e6,
                liquidations_completeness="complete",
            ),
        ],
        "signals_daily": [
            {
                "date": DAY,
                "base_asset": "BTC",
                "crowded_side": "long",
                "funding_typical_8h": 0.0001,
                "funding_percentile_90d": 29 / 30,
                "funding_history_days": 15,
                "overheated_score": 72.5,
                "score_funding": 0.9,
                "squeeze_risk": "high",
                "deleveraged": False,
            },
            {
                "date": BEFORE,
                "base_asset": "BTC",
                "crowded_side": "none",
                "squeeze_risk": "none",
            },
            {"date": DAY, "base_asset": "ETH"},
        ],
        "funding_daily": [
            funding(BINANCE, 0.0004),
            *(funding(BINANCE, 0.0001, DAY - timedelta(days=n)) for n in range(1, FULL_DAY + 1)),
            funding(BYBIT, -0.0002, settlement_count=2),
            funding(BYBIT, 0.0001, BEFORE),
        ],
        "open_interest_daily": [interest(BINANCE, 4e9), interest(BYBIT, 2e9), interest(ETHER, 3e9)],
        "liquidations_daily": [
            liquidated(BINANCE, 70e6, 5e6, largest_usd=3e6),
            liquidated(ETHER, 10e6, 2e6),
            liquidated(BYBIT, 10e6, 3e6),
            *(liquidated(who, 10e6, 10e6, day=BEFORE) for who in (BINANCE, BYBIT)),
        ],
        "liquidations_hourly": [
            hour(BINANCE, "2021-01-17T09:00", 70e6, 5e6),
            hour(BYBIT, "2021-01-17T09:00", 10e6, 3e6),
            hour(ETHER, "2021-01-17T23:00", 10e6, 2e6),
        ],
        "restatements": [
            {
                "run_id": run_id,
                "item": item,
                "table_name": "funding_daily",
                "date": BEFORE,
                "venue": "bybit",
                "symbol": symbol,
                "kind": "changed",
                "column_name": "funding_rate_sum",
                "old_value": old,
                "new_value": new,
                "difference": float(new) - float(old),
                "cause": "raw/bybit/x.json",
            }
            for run_id, item, symbol, old, new in (
                ("night-16", 1, "OLDUSDT", "1.0", "2.0"),
                ("run", 1, "BTCUSDT", "0.0002", "0.0003"),
                ("run", 2, "ETHUSDT", "0.0004", "0.0003"),
            )
        ],
    }


Make = Callable[[Tables], Path]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build without a row. Not to be written to."""
    return empty_build(tmp_path_factory.mktemp("empty") / "build.duckdb")


@pytest.fixture
def make(empty: Path, tmp_path: Path) -> Make:
    """A build with these rows."""
    return lambda rows: filled_build(empty, tmp_path / "build.duckdb", rows)


@pytest.fixture(scope="session")
def build(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be written to."""
    return filled_build(empty, tmp_path_factory.mktemp("filled") / "build.duckdb", tables())


@pytest.fixture(scope="session")
def report(build: Path) -> Report:
    return gather(build)


@pytest.fixture(scope="session")
def drawings(report: Report) -> list[Drawn]:
    return drawn(report)
