"""A lake that is given a past: what a night reads of it is there, under addresses of its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks import past
from benchmarks.archive import simulated
from benchmarks.mill import opened, transform_clocked
from flows import reporting
from flows.run import Days, Run
from flows.stages.ingest.sources import ingest
from flows.storage.partitions import Layer
from flows.storage.raw_shelf import current

TIMES = 2


def partitions(run: Run, layer: str) -> pl.DataFrame:
    return Layer(run.store, run.ledger, layer).current()


def test_the_days_of_a_lake_lie_in_its_past_as_often_as_asked(tmp_path: Path) -> None:
    archive = simulated(tmp_path, symbols=2, days=2)
    place = {"archive": str(archive.root), "lake": str(tmp_path / "lake")}
    run, days = opened(**place), Days(archive.first, archive.last)
    ingest(run, days, reporting.current())
    transform_clocked(run, days.each())
    files = current(run.ledger, "binance").height
    before = {
        name: partitions(run, name).filter(pl.col("date").is_between(days.first, days.last))
        for name in ("normalised", "accounting", "daily", "market")
    }
    all_before = {name: partitions(run, name).height for name in before}
    past.added(**place, first=str(days.first), last=str(days.last), times=TIMES).do()

    run = opened(**place)
    assert files > 0
    assert current(run.ledger, "binance").height == files * (1 + TIMES)
    for name, rows in before.items():
        assert rows.height > 0
        assert partitions(run, name).height == all_before[name] + TIMES * rows.height
    daily = partitions(run, "daily")
    interest = daily.filter(pl.col("name") == "open_interest_daily")
    # Two days, twice as far back as the two days are long, and the gap.
    then = archive.last - TIMES * timedelta(days=2) - past.GAP
    shifted = run.store.get(interest.filter(pl.col("date") == then)["key"].item())
    original = run.store.get(interest.filter(pl.col("date") == archive.last)["key"].item())
    there, here = pl.read_parquet(shifted), pl.read_parquet(original)
    assert here.height == 2
    assert there["date"].unique().to_list() == [then]
    assert there.drop("date").equals(here.drop("date"))
