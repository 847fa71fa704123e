"""Transform: normalise and aggregate the days of a run, with the days their windows look at, and
put the venues together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from flows.exclusions import settle, taken_out
from flows.orchestration import quiet_prefect
from flows.reporting import Reporter
from flows.run import Days, Run
from flows.settings import ConfigError
from flows.stages.aggregate import aggregate_days
from flows.stages.market import market_days
from flows.stages.normalise import normalise_days
from transforms.daily.catalogue import DAILY

LOOKBACK = timedelta(days=max(table.lookback_days for table in DAILY))
LOOKAHEAD = timedelta(days=max(table.lookahead_days for table in DAILY))


def transform(run: Run, days: Sequence[date], reporter: Reporter) -> None:
    """Bring the tables of `days` (UTC) up to date with the raw files in the lake."""
    if run.settings.executor == "dask":
        quiet_prefect()
        try:
            from flows.on_dask import transform_on_dask  # noqa: PLC0415 - an extra, and a second
        except ModuleNotFoundError as error:
            raise ConfigError(
                "executor: \"dask\" needs more packages: pip install 'perpmill[dask]'"
            ) from error
        transform_on_dask(run, days)
        return
    brought_up_to_date(run, days, reporter)


def brought_up_to_date(run: Run, days: Sequence[date], reporter: Reporter) -> None:
    """The same by the executor of `run`."""
    try:
        normalise_days(run, Days(min(days) - LOOKBACK, max(days) + LOOKAHEAD).each(), reporter)
        make_tables(run, days, reporter)
    finally:
        run.executor.close()


def make_tables(run: Run, days: Sequence[date], reporter: Reporter) -> None:
    """Bring the tables of `days` up to date with the normalised rows, and with what the gate took
    out."""
    taken = taken_out(run)
    aggregate_days(run, days, taken, reporter)
    market_days(run, days, taken, reporter)
    settle(run, taken.moved)
