"""Polars, one file at a time: unzip, read, keep; then one lazy query over all of them."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import polars as pl

METRICS = "data/futures/um/daily/metrics"
FUNDING = "data/futures/um/monthly/fundingRate"


def open_interest_daily(archive: Path, first: date, last: date) -> pl.DataFrame:
    """Of first … last (UTC, inclusive), from the daily metrics files below `archive`."""
    schema = {
        "create_time": pl.String,
        "symbol": pl.String,
        "sum_open_interest": pl.Float64,
        "sum_open_interest_value": pl.Float64,
    }
    frames = [
        pl.read_csv(_unzipped(path), columns=list(schema), schema_overrides=schema)
        for path in sorted(archive.glob(f"{METRICS}/*/*.zip"))
    ]
    return daily_open_interest(pl.concat(frames).lazy(), first, last)


def daily_open_interest(rows: pl.LazyFrame, first: date, last: date) -> pl.DataFrame:
    """From create_time, symbol, sum_open_interest, sum_open_interest_value."""
    coins = 10.0 ** (
        pl.col("symbol").str.extract(r"^1(0{3,6})\D").str.len_chars().fill_null(0).cast(pl.Float64)
    )
    coin, usd = pl.col("sum_open_interest"), pl.col("sum_open_interest_value")
    return (
        rows.with_columns(
            pl.col("create_time").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.truncate("5m").alias("at")
        )
        .with_columns(pl.col("at").dt.date().alias("date"))
        .filter(coin > 0, pl.col("date").is_between(first, last))
        .unique(["symbol", "at"])
        .group_by("date", "symbol")
        .agg(
            pl.len().alias("sample_count"),
            coin.sort_by("at").last().alias("open_interest_coin_close"),
            coin.mean().alias("open_interest_coin_mean"),
            usd.sort_by("at").last().alias("open_interest_usd_close"),
        )
        .with_columns(pl.col("open_interest_coin_close", "open_interest_coin_mean") * coins)
        .collect()
    )


def funding_daily(archive: Path, first: date, last: date) -> pl.DataFrame:
    """Of first … last (UTC, inclusive), from the monthly fundingRate files below `archive`."""
    schema = {"calc_time": pl.Int64, "last_funding_rate": pl.Float64}
    frames = [
        pl.read_csv(_unzipped(path), columns=list(schema), schema_overrides=schema).with_columns(
            pl.lit(path.parent.name).alias("symbol")
        )
        for path in sorted(archive.glob(f"{FUNDING}/*/*.zip"))
    ]
    return daily_funding(pl.concat(frames).lazy(), first, last)


def daily_funding(rows: pl.LazyFrame, first: date, last: date) -> pl.DataFrame:
    """From calc_time, symbol, last_funding_rate."""
    return (
        rows.with_columns(pl.from_epoch("calc_time", "ms").dt.round("1m").alias("at"))
        .with_columns(pl.col("at").dt.date().alias("date"))
        .filter(pl.col("date").is_between(first, last))
        .unique(["symbol", "at"])
        .group_by("date", "symbol")
        .agg(
            pl.len().alias("settlement_count"),
            pl.col("last_funding_rate").sum().alias("funding_rate_sum"),
        )
        .collect()
    )


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as container:
        return container.read(container.namelist()[0])
