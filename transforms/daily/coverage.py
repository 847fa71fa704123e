"""What was due and what was there, per day and dataset of a venue.

Due are the instruments that had data on any of the 7 days before and are still listed. For
liquidations, where nothing to report is a report too, an instrument is there if it has events, if
a file of its own covered the day, or if it was due and an all-market recording spoke that day. A
day that rests on exports cut by the hour is partial where one of the 24 is not there.

Elsewhere a trace is not data: a file whose labels are period ends holds the first sample of the
next day, which must not make up for that day's own file (1 sample of 288).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import polars as pl

from transforms.daily.liquidation_feed import cut_by_the_hour
from transforms.schemas.daily import SOURCE_DATASET
from transforms.schemas.evidence import CoverageDaily, CoverageStatus
from transforms.schemas.normalised import TIME_COLUMN

COVERAGE_LOOKBACK_DAYS = 7
TRACE = 0.01
"""Fewer rows than this share of an instrument's fullest day of the 7 before are no data. Low, since
intervals change: from 288 samples a day to 6 is coarser, not missing."""

_EVENTS = "liquidations"
_HOURS = 24
_KEY = ("dataset", "date")
_PRESENCE = {
    "dataset": pl.String(),
    "symbol": pl.String(),
    "date": pl.Date(),
    "rows": pl.Int64(),
}


def presence(rows: pl.LazyFrame, dataset: str) -> pl.DataFrame:
    """How many normalised rows an instrument has on a day: `dataset`, `symbol`, `date`, `rows`."""
    return (
        rows.group_by("symbol", date=pl.col(TIME_COLUMN[dataset]).dt.date())
        .agg(rows=pl.len().cast(pl.Int64))
        .select(pl.lit(dataset).alias("dataset"), "symbol", "date", "rows")
        .sort("symbol", "date")
        .collect()
    )


def _quiet_but_covered(accounting: pl.DataFrame) -> pl.DataFrame:
    """Symbol-days on which a file of the symbol's own reported no liquidation."""
    return (
        accounting.filter(pl.col("dataset") == _EVENTS, pl.col("symbol").is_not_null())
        .select("dataset", "symbol", "date", rows=pl.lit(0, dtype=pl.Int64))
        .unique()
    )


def _heard_by_recording(accounting: pl.DataFrame) -> pl.DataFrame:
    return (
        accounting.filter(
            pl.col("dataset") == _EVENTS, pl.col("symbol").is_null(), pl.col("rows_read") > 0
        )
        .select(*_KEY, recorded=pl.lit(value=True))
        .unique()
    )


def _hours_missing(accounting: pl.DataFrame) -> pl.DataFrame:
    """`dataset`, `date` of days whose only files are exports cut by the hour, and not all 24."""
    of_events = accounting.filter(pl.col("dataset") == _EVENTS)
    whole = of_events.filter(pl.col("hour").is_null()).select(_KEY).unique()
    return (
        cut_by_the_hour(of_events)
        .join(whole, on=_KEY, how="anti")
        .group_by(_KEY)
        .agg(hours=pl.col("hour").n_unique())
        .filter(pl.col("hours") < _HOURS)
        .select(*_KEY, hours_missing=pl.lit(value=True))
    )


def _due(there: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """`dataset`, `date`, `symbol` and whether the instrument is still listed (`listed`), for every
    day up to 7 after one with data."""
    ends = instruments.group_by("symbol").agg(
        # A later listing of the ticker without an end outlives the earlier ones.
        valid_to=pl.when(pl.col("valid_to").null_count() == 0).then(pl.col("valid_to").max())
    )
    midnight = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    offsets = pl.DataFrame({"days": range(1, COVERAGE_LOOKBACK_DAYS + 1)})
    return (
        there.select("dataset", "symbol", "date")
        .join(offsets, how="cross")
        .select("dataset", "symbol", date=pl.col("date") + pl.duration(days=pl.col("days")))
        .unique()
        .join(ends, on="symbol", how="left")
        .select(*_KEY, "symbol", listed=(pl.col("valid_to") > midnight).fill_null(value=True))
    )


def _more_than_a_trace(there: pl.DataFrame) -> pl.DataFrame:
    """Of `dataset`, `symbol`, `date` and `rows` those days that have data of their own."""
    offsets = pl.DataFrame({"days": range(1, COVERAGE_LOOKBACK_DAYS + 1)})
    by = ["dataset", "symbol", "date"]
    fullest = (
        there.join(offsets, how="cross")
        .with_columns(date=pl.col("date") + pl.duration(days=pl.col("days")))
        .group_by(by)
        .agg(fullest=pl.col("rows").max())
    )
    enough = pl.col("rows") >= TRACE * pl.col("fullest")
    return (
        there.join(fullest, on=by, how="left")
        .filter((pl.col("dataset") == _EVENTS) | enough.fill_null(value=True))
        .drop("fullest")
    )


def _taken_out(out: pl.DataFrame | None) -> pl.DataFrame:
    if out is None:
        schema = {"dataset": pl.String, "date": pl.Date, "excluded_because": pl.String}
        return pl.DataFrame(schema=schema)
    return out.select(*_KEY, excluded_because="reason")


def coverage_daily(
    presence: pl.DataFrame,
    first: date,
    last: date,
    *,
    venue: str,
    datasets: Collection[str],
    owed: Collection[str] = frozenset(SOURCE_DATASET.values()),
    instruments: pl.DataFrame,
    accounting: pl.DataFrame,
    out: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`CoverageDaily` of a venue for first … last, a row per day and dataset in `owed`.

    `rows` are those of the instruments that are there.

    presence: the outcome of `presence` for the venue's datasets, from `COVERAGE_LOOKBACK_DAYS`
        before `first` on.
    datasets: what the venue has feeds for; the others are `unsupported`.
    owed: the datasets behind the daily tables of an exchange, or those of an aggregator.
    instruments: `schemas.evidence.Instruments` of the venue.
    accounting: `schemas.normalised.Accounting` with `date`, over the days of `presence`.
    out: `dataset`, `date` and `reason` of days the gate took out, of which nothing is in the
        other inputs.
    """
    begin = first - timedelta(days=COVERAGE_LOOKBACK_DAYS)
    in_window = pl.col("date").is_between(begin, last)
    files = accounting.filter(in_window)
    there = (
        pl.concat([presence.select(list(_PRESENCE)), _quiet_but_covered(files)])
        .filter(in_window)
        .group_by("dataset", "symbol", "date")
        .agg(pl.col("rows").sum())
    )
    due = _due(there, instruments)
    expected = due.group_by(_KEY).agg(instruments_expected=pl.col("listed").sum().cast(pl.Int64))
    recorded = _heard_by_recording(files)
    spoken_for = (
        due.filter("listed")
        .join(recorded, on=_KEY, how="semi")
        .select("dataset", "symbol", "date", rows=pl.lit(0, dtype=pl.Int64))
    )
    present = (
        pl.concat([_more_than_a_trace(there), spoken_for])
        .group_by(_KEY)
        .agg(
            instruments_present=pl.col("symbol").n_unique().cast(pl.Int64),
            rows=pl.col("rows").sum(),
        )
    )
    days = pl.DataFrame({"date": pl.date_range(first, last, "1d", eager=True)})
    wanted = pl.DataFrame({"dataset": sorted(set(owed))}, schema={"dataset": pl.String})
    here, due_count = pl.col("instruments_present"), pl.col("instruments_expected")
    status = (
        pl.when(~pl.col("supported") & (here == 0))
        .then(pl.lit(CoverageStatus.UNSUPPORTED.value))
        .when((here == 0) & pl.col("recorded").is_null())
        .then(pl.lit(CoverageStatus.MISSING.value))
        .when(pl.col("hours_missing").is_not_null())
        .then(pl.lit(CoverageStatus.PARTIAL.value))
        .when(here >= due_count.fill_null(0))
        .then(pl.lit(CoverageStatus.OK.value))
        .otherwise(pl.lit(CoverageStatus.PARTIAL.value))
    )
    return CoverageDaily.validate(
        days.join(wanted, how="cross")
        .join(expected, on=_KEY, how="left")
        .join(present, on=_KEY, how="left")
        .join(recorded, on=_KEY, how="left")
        .join(_hours_missing(files), on=_KEY, how="left")
        .with_columns(
            pl.col("instruments_present", "rows").fill_null(0),
            venue=pl.lit(venue),
            supported=pl.col("dataset").is_in(sorted(datasets)),
        )
        .join(_taken_out(out), on=_KEY, how="left")
        .with_columns(status=status)
        .select(list(CoverageDaily.columns()))
        .sort("date", "dataset")
    )
