"""What holds for every daily table: order, cuts, threads and neighbours change nothing."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.daily import scenario
from transforms.daily.catalogue import DAILY
from transforms.daily.liquidations_daily import LIQUIDATIONS_DAILY
from transforms.daily.liquidations_hourly import LIQUIDATIONS_HOURLY
from transforms.daily.table import DailyTable
from transforms.schemas.daily import DAILY_TABLES, SOURCE_DATASET
from transforms.schemas.normalised import TIME_COLUMN

FIRST, LAST = scenario.FIRST, scenario.LAST
LENGTH = (LAST - FIRST).days + 1
SEEDS = st.integers(0, 3)
every_table = pytest.mark.parametrize("table", DAILY, ids=lambda table: table.name)


@cache
def rows_of(dataset: str, seed: int) -> pl.DataFrame:
    return scenario.normalised(dataset, seed)


@cache
def whole(table: DailyTable, seed: int) -> pl.DataFrame:
    frame = rows_of(table.dataset, seed)
    return table.compute(scenario.given(table, frame, seed), FIRST, LAST)


def on_days(table: DailyTable, frame: pl.DataFrame, first, last) -> pl.DataFrame:
    return frame.filter(pl.col(TIME_COLUMN[table.dataset]).dt.date().is_between(first, last))


def test_the_catalogue_is_that_of_the_schemas():
    assert {table.name: table.schema for table in DAILY} == DAILY_TABLES
    assert {table.name: table.dataset for table in DAILY} == SOURCE_DATASET


@every_table
def test_the_scenario_has_something_to_say(table):
    frame = whole(table, 0)
    assert frame.height > 60
    for name, kind in frame.schema.items():
        values = frame[name].drop_nulls()
        assert values.len() or name.startswith("top_trader"), name
        if kind.is_float() and values.len():
            assert values.is_finite().all(), name


@every_table
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, cuts=st.sets(st.integers(1, LENGTH - 1), max_size=4))
def test_a_range_can_be_cut_into_windows_anywhere(table, seed, cuts):
    """Each window sees exactly the days it asks for, and the pieces make the whole."""
    frame = rows_of(table.dataset, seed)
    bounds = [0, *sorted(cuts), LENGTH]
    pieces = []
    for start, end in pairwise(bounds):
        first, last = FIRST + timedelta(days=start), FIRST + timedelta(days=end - 1)
        seen = on_days(
            table,
            frame,
            first - timedelta(days=table.lookback_days),
            last + timedelta(days=table.lookahead_days),
        )
        pieces.append(table.compute(scenario.given(table, seen, seed), first, last))
    key = table.schema.primary_key()
    assert pl.concat(pieces).sort(key).equals(whole(table, seed))


@every_table
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, shuffle=st.integers(0, 2**31))
def test_row_order_does_not_matter(table, seed, shuffle):
    frame = rows_of(table.dataset, seed).sample(fraction=1.0, shuffle=True, seed=shuffle)
    inputs = scenario.given(table, frame, seed)
    inputs = replace(
        inputs,
        accounting=inputs.accounting.reverse(),
        instruments=inputs.instruments.reverse(),
        regimes=inputs.regimes.reverse(),
    )
    assert table.compute(inputs, FIRST, LAST).equals(whole(table, seed))


@every_table
@settings(max_examples=6, deadline=None)
@given(
    seed=SEEDS, offset=st.integers(0, LENGTH - 1), without=st.sampled_from(["BTCUSDT", "ETHUSDT"])
)
def test_a_changed_day_changes_only_the_days_within_reach(table, seed, offset, without):
    changed = FIRST + timedelta(days=offset)
    day = pl.col(TIME_COLUMN[table.dataset]).dt.date()
    everything = rows_of(table.dataset, seed)
    frame = everything.filter((day != changed) | (pl.col("symbol") != without))
    daily = table.compute(scenario.given(table, frame, seed), FIRST, LAST)
    affected = pl.col("date").is_between(
        changed - timedelta(days=table.lookahead_days), changed + timedelta(days=table.reach_days)
    )
    assert daily.filter(~affected).equals(whole(table, seed).filter(~affected))
    assert daily.equals(whole(table, seed)) == frame.equals(everything)


@every_table
def test_another_symbol_changes_nothing(table):
    """It is there on every day, so it says nothing new of when the venue was heard."""
    frame = rows_of(table.dataset, 1)
    twin = frame.filter(pl.col("symbol") == "BTCUSDT").with_columns(symbol=pl.lit("AAAUSDT"))
    stamp = TIME_COLUMN[table.dataset]
    anchor = frame.unique(stamp, keep="first", maintain_order=True).with_columns(
        symbol=pl.lit("AAAUSDT"), listing=pl.lit(1, pl.Int64), raw_key=pl.lit("raw/AAAUSDT")
    )
    before = table.compute(scenario.given(table, frame, 1), FIRST, LAST)
    for other in (twin.with_columns(raw_key=pl.lit("raw/AAAUSDT")), anchor):
        after = table.compute(scenario.given(table, pl.concat([frame, other]), 1), FIRST, LAST)
        assert after["symbol"].unique().len() == before["symbol"].unique().len() + 1
        assert after.filter(pl.col("symbol") != "AAAUSDT").equals(before)


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_the_hours_of_a_day_add_up_to_it(seed):
    hourly = whole(LIQUIDATIONS_HOURLY, seed)
    daily = whole(LIQUIDATIONS_DAILY, seed)
    sums = ["long_usd", "short_usd", "total_usd", "long_count", "short_count"]
    added = hourly.group_by("date", "symbol").agg(sums)
    busy = daily.filter(pl.col("long_count") + pl.col("short_count") > 0)
    assert added.height == busy.height > 60
    assert busy["total_usd"].null_count() > 0
    for row in added.join(busy, on=["date", "symbol"], suffix="_of_day").iter_rows(named=True):
        for name in sums:
            hours, of_day = row[name], row[f"{name}_of_day"]
            # A side whose amount is not known in one hour is not known of the day.
            assert (None in hours) == (of_day is None)
            if of_day is not None:
                assert math.fsum(hours) == pytest.approx(of_day, rel=1e-12)


def test_thread_count_does_not_matter(tmp_path: Path):
    root = Path(__file__).parents[2]
    written = []
    for threads in ("1", "4"):
        out = tmp_path / f"{threads}.csv"
        environment = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONPATH": str(root)}
        subprocess.run(
            [sys.executable, "-m", "tests.daily.scenario", str(out), "2"],
            check=True,
            cwd=root,
            env=environment,
            timeout=120,
        )
        written.append(out.read_bytes())
    assert len(written[0]) > 10_000
    assert written[0] == written[1]
