"""The nightly flow: one UTC day, plus whatever arrived late for days published before."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
from prefect import flow

from flows import reporting
from flows import settings as configuration
from flows.mill import Milled, mill
from flows.run import Days, Run
from flows.storage.partitions import Layer

DAY = timedelta(days=1)


@flow(name="nightly", flow_run_name="nightly-{day}", persist_result=False, validate_parameters=True)
def nightly(day: date | None = None, config: Path | None = None) -> Milled:
    """Mill one UTC day (default: yesterday) and the late arrivals of the days before it.

    config: a `perpmill.toml`; default: the one in the working directory.
    """
    reporting.ensure()
    run = Run.begin(configuration.load(config), "nightly")
    wanted = run.started_at.date() - DAY if day is None else day
    return mill(run, Days(wanted, wanted), [*_milled_before(run, wanted), wanted])


def _milled_before(run: Run, day: date) -> list[date]:
    """Days of the late window that were milled already: only those can have late arrivals."""
    first = day - run.settings.late_days * DAY
    milled = Layer(run.store, run.ledger, "daily").current()
    return (
        milled.filter(pl.col("date").is_between(first, day - DAY))["date"].unique().sort().to_list()
    )
