"""Lakes whose normalised rows are written by hand, milled by the real stages from there on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from flows import reporting
from flows.exclusions import taken_out
from flows.run import Days, Run
from flows.settings import Settings
from flows.stages.aggregate import aggregate_days
from flows.stages.build import build_candidate
from flows.stages.market import market_days
from flows.storage.builds import Builds
from flows.storage.partitions import Layer
from tests.daily.given import rows
from transforms.schemas.normalised import TIME_COLUMN

CLOCK = datetime(2026, 5, 1, tzinfo=UTC)

Records = Sequence[Mapping[str, Any]]


def begin(lake: Path, venues: Sequence[str]) -> Run:
    settings = Settings(
        lake=f"file:{lake}",
        sources=[{"venue": venue, "dumps": f"file:{lake.parent}/none"} for venue in venues],
        cache=lake.parent / "cache",
    )
    return Run.begin(settings, "test", clock=lambda: CLOCK)


def put(run: Run, dataset: str, records: Records) -> None:
    """Write records as normalised partitions."""
    layer = Layer(run.store, run.ledger, "normalised")
    stamp = pl.col(TIME_COLUMN[dataset])
    frame = rows(dataset, records).with_columns(day=stamp.dt.date())
    layer.record(
        layer.write(dataset, str(venue), day, group.drop("day"), f"{dataset} {venue} {day}")
        for (venue, day), group in frame.group_by("venue", "day", maintain_order=True)
        if isinstance(day, date)
    )


def build(run: Run, days: Days) -> Path:
    """What the stages make of the lake's normalised rows; only `days` are aggregated."""
    reporter = reporting.current()
    taken = taken_out(run)
    aggregate_days(run, days.each(), taken, reporter)
    market_days(run, days.each(), taken, reporter)
    candidate = build_candidate(run, days, reporter)
    assert candidate is not None
    return Builds(run.store, run.settings.cache).fetch(candidate.run_id, "candidate.duckdb")
