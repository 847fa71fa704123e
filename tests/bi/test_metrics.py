"""What the metrics come to, on rows written by hand: and NULL where nothing is known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bi.superset.dataset import Dataset
from bi.superset.datasets import (
    COVERAGE,
    DATASETS,
    FUNDING,
    LIQUIDATIONS,
    LIQUIDATIONS_HOURLY,
    OPEN_INTEREST,
    SIGNALS,
    VERDICTS,
)
from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    DAY,
    ETHER,
    Tables,
    ask,
    at,
    filled_build,
    funding,
    hour,
    interest,
    liquidated,
)


@pytest.fixture
def told(empty: Path, tmp_path: Path) -> Any:
    """Metrics of a dataset over a build with these rows."""

    def tell(tables: Tables, dataset: Dataset, *names: str, where: str = "true") -> tuple[Any, ...]:
        build = filled_build(empty, tmp_path / f"{len(list(tmp_path.iterdir()))}.duckdb", tables)
        of = {metric.name: metric.expression for metric in dataset.metrics}
        rows = f"({dataset.sql})" if dataset.sql else dataset.name
        wanted = ", ".join(of[name] for name in names)
        return ask(build, f"SELECT {wanted} FROM {rows} WHERE {where}")[1][0]  # noqa: S608 - ours

    return tell


def test_of_nothing_every_metric_is_null_or_counts_none(empty: Path) -> None:
    counted = 0
    for dataset in DATASETS:
        rows = f"({dataset.sql})" if dataset.sql else dataset.name
        for metric in dataset.metrics:
            question = f"SELECT {metric.expression} FROM {rows}"  # noqa: S608 - ours
            ((value,),) = ask(empty, question)[1]
            counts = metric.expression.startswith("COUNT")
            assert value == 0 if counts else value is None, f"{dataset.name}.{metric.name}"
            counted += 1
    assert counted > 30


def test_liquidations(told: Any) -> None:
    tables = {
        "liquidations_daily": [
            liquidated(BINANCE, 70.0, 10.0),
            liquidated(BYBIT, 20.0, 0.0, known="throttled"),
            liquidated(ETHER, None, None, known="partial"),
        ]
    }
    # Longs 70 + 20 of 70 + 10 + 20 = 100; the row without a price is in no sum.
    names = ("total_usd", "long_share", "completeness", "unpriced_rows", "orders")
    assert told(tables, LIQUIDATIONS, *names) == (100.0, 0.9, "partial", 1, 6)
    # Where all that is known has no price, nothing is known; where nothing happened it is 0.
    assert told(tables, LIQUIDATIONS, "total_usd", where="base_asset = 'ETH'") == (None,)
    calm = {"liquidations_daily": [liquidated(BINANCE, 0.0, 0.0)]}
    assert told(calm, LIQUIDATIONS, "total_usd", "long_share") == (0.0, None)


def test_liquidations_with_a_price_on_one_side(told: Any) -> None:
    """They add up as market_daily's do: the total is that of the sides, and no share above 1."""
    rows = [liquidated(BINANCE, 10.0, None), liquidated(BYBIT, 5.0, 5.0)]
    names = ("long_usd", "short_usd", "total_usd", "long_share")
    # Longs 10 + 5, shorts 5: 20, of which longs are 15 / 20. The build's own sum of totals is 10.
    known = (15.0, 5.0, 20.0, 0.75)
    assert told({"liquidations_daily": rows}, LIQUIDATIONS, *names, "unpriced_rows") == (*known, 1)
    hours = [
        hour(BINANCE, "2021-01-17T05:00", 10.0, None, total_usd=None),
        hour(BYBIT, "2021-01-17T05:00", 5.0, 5.0, total_usd=10.0),
    ]
    assert told({"liquidations_hourly": hours}, LIQUIDATIONS_HOURLY, *names) == known
    # Where nothing is known of a side, what its share is is not known either.
    for long, short in ((10.0, None), (None, 10.0)):
        one = {"liquidations_daily": [liquidated(BINANCE, long, short)]}
        assert told(one, LIQUIDATIONS, "total_usd", "long_share") == (10.0, None)


def test_open_interest_changes_like_for_like(told: Any) -> None:
    tables = {
        "open_interest_daily": [
            # 1000 the day before, at which price 5 % more coin came: 1100 is that and the price.
            interest(
                BINANCE, 1100.0, open_interest_change_usd=100.0, open_interest_change_pct=0.05
            ),
            # 3000 the day before, 1 % less coin.
            interest(ETHER, 3300.0, open_interest_change_usd=300.0, open_interest_change_pct=-0.01),
            # New today: in the total, in no change.
            interest(BYBIT, 500.0),
        ]
    }
    # (1000 × 0.05 − 3000 × 0.01) / 4000 = 20 / 4000
    found = told(tables, OPEN_INTEREST, "open_interest_usd", "open_interest_change")
    assert found == pytest.approx((4900.0, 0.005))
    assert told(
        tables, OPEN_INTEREST, "open_interest_usd", "open_interest_change", where="venue = 'bybit'"
    ) == (500.0, None)


def test_funding_is_weighted_by_the_open_interest_that_may_weigh(told: Any) -> None:
    tables = {
        "funding_daily": [
            funding(BINANCE, 0.0001),
            funding(BYBIT, 0.0004, settlement_count=2),
            funding(ETHER, 0.01),
        ],
        "open_interest_daily": [
            interest(BINANCE, 300.0),
            interest(BYBIT, 100.0),
            # 2 snapshots of 288 are less than a hundredth: no weight.
            interest(ETHER, 1e9, sample_count=2),
        ],
    }
    # (300 × 1 + 100 × 4) / 400 bp = 1.75 bp; × 1095 / 1e4 a year; of Bybit 3 − 2 are missing.
    names = ("funding_bp", "funding_annualised", "missing_settlements")
    assert told(tables, FUNDING, *names) == pytest.approx((1.75, 0.191625, 1))
    only = "base_asset = 'ETH'"
    # Nothing weighs: no weighted rate, and at the venue the plain mean of one, 100 bp.
    found = told(tables, FUNDING, "funding_bp", "funding_or_mean_bp", where=only)
    assert found == (None, pytest.approx(100.0))
    unknown = {"funding_daily": [funding(BINANCE, None)]}
    assert told(unknown, FUNDING, "funding_or_mean_bp") == (None,)


def test_a_signal_that_is_not_known_today_is_not_yesterdays(told: Any) -> None:
    tables = {
        "signals_daily": [
            {"date": BEFORE, "base_asset": "BTC", "overheated_score": 80.0, "squeeze_risk": "high"},
            {"date": DAY, "base_asset": "BTC", "overheated_score": None, "squeeze_risk": None},
        ]
    }
    names = ("last_day", "last_overheated_score", "last_squeeze_risk")
    assert told(tables, SIGNALS, *names) == (DAY, None, None)
    assert told(tables, SIGNALS, *names, where=f"date < DATE '{DAY}'") == (BEFORE, 80.0, "high")


def test_what_was_there(told: Any) -> None:
    def day(number: int, status: str) -> dict[str, Any]:
        return {
            "date": DAY - timedelta(days=number),
            "venue": "binance",
            "dataset": "liquidations",
            "status": status,
        }

    for status, there in (("ok", 1.0), ("partial", 0.5), ("missing", 0.0), ("unsupported", None)):
        assert told({"coverage_daily": [day(0, status)]}, COVERAGE, "there") == (there,)
    # The worst of a group, which what is not supported does not enter.
    several = {
        "coverage_daily": [day(n, s) for n, s in enumerate(("ok", "partial", "unsupported"))]
    }
    assert told(several, COVERAGE, "there") == (0.5,)


def test_a_run_stands_with_what_did_not_hold(empty: Path, tmp_path: Path) -> None:
    tables = {
        "runs": [{"run_id": run, "finished_at": at("2021-01-18T02:00")} for run in ("a", "b")],
        "expectation_results": [
            {"run_id": "a", "table_name": "t", "expectation": str(n), "success": n > 0}
            for n in range(3)
        ],
    }
    build = filled_build(empty, tmp_path / "runs.duckdb", tables)
    text = f"SELECT run_id, expectations, did_not_hold FROM ({VERDICTS.sql}) ORDER BY 1"  # noqa: S608 - ours
    # Of a's three one did not hold; b has none at all, so none failed.
    assert ask(build, text)[1] == [("a", 3, 1), ("b", 0, 0)]
