"""Polars over unzipped files: one lazy scan of all of them, as one would with DuckDB."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.alternatives.polars_script import (
    FUNDING,
    METRICS,
    daily_funding,
    daily_open_interest,
)


def open_interest_daily(unzipped: Path, first: date, last: date) -> pl.DataFrame:
    """Of first … last (UTC, inclusive), from the metrics files unzipped below `unzipped`."""
    rows = pl.scan_csv(
        unzipped / METRICS / "*/*.csv",
        schema={
            "create_time": pl.String,
            "symbol": pl.String,
            "sum_open_interest": pl.Float64,
            "sum_open_interest_value": pl.Float64,
        },
        extra_columns="ignore",
    )
    return daily_open_interest(rows, first, last)


def funding_daily(unzipped: Path, first: date, last: date) -> pl.DataFrame:
    """Of first … last (UTC, inclusive), from the fundingRate files unzipped below `unzipped`."""
    rows = pl.scan_csv(
        unzipped / FUNDING / "*/*.csv",
        schema={"calc_time": pl.Int64, "last_funding_rate": pl.Float64},
        extra_columns="ignore",
        include_file_paths="path",
    ).with_columns(pl.col("path").str.split("/").list.get(-2).alias("symbol"))
    return daily_funding(rows, first, last)
