"""The backfill flow: a range of UTC days, in batches, resumable."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
from prefect import flow

from flows import reporting
from flows import settings as configuration
from flows.mill import Milled, mill
from flows.run import Days, Run
from flows.storage.partitions import Layer


@flow(name="backfill", flow_run_name="backfill-{start}-{end}", persist_result=False)
def backfill(
    start: date,
    end: date,
    venue: str | None = None,
    only_missing: bool = False,
    config: Path | None = None,
) -> Milled:
    """Mill `start` to `end` (UTC, inclusive), of all venues or one, and publish once at the end.

    What a killed backfill brought home and computed is kept: run it again and it goes on.
    only_missing: leave days alone that were milled before, even if their files changed since.
    """
    reporting.ensure()
    asked = Days(start, end)
    settings = configuration.load(config)
    if venue is not None:
        settings = settings.only(venue)
    run = Run.begin(settings, "backfill")
    days = _missing(run, asked) if only_missing else asked.each()
    if not days:
        return Milled(run.run_id, asked, 0, None, None)
    return mill(run, asked, days)


def _missing(run: Run, days: Days) -> list[date]:
    """Days of the range that no run has milled for every configured venue."""
    milled = Layer(run.store, run.ledger, "daily").current()
    venues = len(run.venues)
    done = set(
        milled.filter((pl.col("name") == "coverage_daily") & pl.col("venue").is_in(run.venues))
        .group_by("date")
        .len()
        .filter(pl.col("len") == venues)["date"]
    )
    return [day for day in days.each() if day not in done]
