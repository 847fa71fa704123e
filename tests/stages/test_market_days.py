"""The market is recomputed where its inputs or the windows over them changed, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows import reporting
from flows.exclusions import taken_out
from flows.run import Run
from flows.stages.market import market_days
from flows.storage.partitions import Layer
from tests.stages.given import run_of
from transforms.schemas.daily import FundingDaily, OpenInterestDaily
from transforms.venue import discover

DAY = timedelta(days=1)
FIRST = date(2025, 1, 1)
LAST = FIRST + 44 * DAY
LATE = FIRST + 4 * DAY
VENUE = discover()["binance"]
BTC = {
    "venue": "binance",
    "symbol": "BTCUSDT",
    "base_asset": "BTC",
    "quote_asset": "USDT",
    "margin_type": "linear",
    "contract_kind": "perpetual",
}


def given(run: Run, day: date, rate: float) -> None:
    """The daily tables of a day: one perpetual with a rate and open interest."""
    funding = dict.fromkeys(FundingDaily.columns()) | BTC | {"date": day, "settlement_count": 3}
    funding |= {f"funding_rate_{what}": rate for what in ("sum", "8h", "first", "last", "min")}
    funding |= {"funding_rate_max": rate}
    interest = dict.fromkeys(OpenInterestDaily.columns()) | BTC | {"date": day, "sample_count": 1}
    interest |= {"open_interest_usd_mean": 1e6, "open_interest_usd_close": 1e6}
    layer = Layer(run.store, run.ledger, "daily")
    tables: list[tuple[str, Any, dict[str, object]]] = [
        ("funding_daily", FundingDaily, funding),
        ("open_interest_daily", OpenInterestDaily, interest),
    ]
    layer.record(
        layer.write(name, "binance", day, pl.DataFrame([row], schema=s.create_empty().schema), "x")
        for name, s, row in tables
    )


def lake(folder: Path, number: int = 1) -> Run:
    run = run_of(folder, VENUE, number, archive="https://archive.example")
    return replace(run, settings=run.settings.model_copy(update={"batch_days": 31}))


def computed(run: Run) -> dict[str, list[date]]:
    """Which days this run wrote, by table."""
    there = run.ledger.latest("market", by=("name", "date"))
    assert there is not None
    mine = there.filter(pl.col("recorded_by").str.starts_with(f"{run.run_id}-"))
    return {str(name): sorted(g["date"]) for (name,), g in mine.group_by("name")}


def days(first: date, last: date) -> list[date]:
    return pl.date_range(first, last, "1d", eager=True).to_list()


def milled(folder: Path) -> None:
    run = lake(folder)
    for day in days(FIRST, LAST):
        given(run, day, 0.0001)
    market_days(run, days(FIRST, LAST), taken_out(run), reporting.current())
    whole = days(FIRST, LAST)
    assert computed(run) == {
        "market_daily": whole,
        "market_total_daily": whole,
        "signals_daily": whole,
    }


def test_nothing_new_computes_nothing(tmp_path: Path) -> None:
    milled(tmp_path)
    again = lake(tmp_path, 2)
    market_days(again, [LAST], taken_out(again), reporting.current())
    assert computed(again) == {}


def test_a_late_day_changes_the_windows_that_hold_it(tmp_path: Path) -> None:
    milled(tmp_path)
    later = lake(tmp_path, 2)
    given(later, LATE, 0.0002)
    market_days(later, [LATE], taken_out(later), reporting.current())
    # A 30-day sum that ends 30 days later does not hold the day, but a venue's absence then would
    # look for it: 30 days back. Signals look back 364 days, here to the end.
    totals = days(LATE, LATE + 30 * DAY)
    assert computed(later) == {
        "market_daily": totals,
        "market_total_daily": totals,
        "signals_daily": days(LATE, LAST),
    }
    layer = Layer(later.store, later.ledger, "market")
    rows = pl.read_parquet(later.store.get(layer.key("market_daily", "", LATE + 29 * DAY)))
    # 29 days at 0.0001 per 8 h and one at 0.0002: 3 × (29 × 0.0001 + 0.0002) = 0.0093.
    assert abs(rows["funding_cumulative_30d"][0] - 0.0093) < 1e-15


def test_bit_by_bit_is_the_same_as_all_at_once(tmp_path: Path) -> None:
    milled(tmp_path / "whole")
    for number, size in enumerate((1, 7, 30, 1, 6), start=1):
        portion = lake(tmp_path / "portions", number)
        held = Layer(portion.store, portion.ledger, "market").current()["date"]
        start = FIRST if held.is_empty() else held.to_list()[-1] + DAY
        asked = days(start, start + (size - 1) * DAY)
        for day in asked:
            given(portion, day, 0.0001)
        market_days(portion, asked, taken_out(portion), reporting.current())
        assert computed(portion)["market_daily"] == asked
    found = [
        Layer(run.store, run.ledger, "market").current().select("name", "date", "sha256")
        for run in (lake(tmp_path / "whole", 99), lake(tmp_path / "portions", 99))
    ]
    assert found[0].height == 3 * len(days(FIRST, LAST))
    assert found[0].equals(found[1])
