"""A day's buckets of an aggregator's series: finished ones, of the length that covers most.

A provider's series comes in several bucket lengths, each with its own open and close. As with
prices, the length whose buckets cover the most minutes of the day counts, and of those equal the
finest; a snapshot counts where there is no bucket. Buckets longer than a day are no days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dataframely as dy
import polars as pl

from transforms.daily.table import Inputs

_DAY_MINUTES = 24 * 60


def finished_buckets(
    inputs: Inputs,
    first: date,
    last: date,
    time_column: str,
    series: Sequence[str],
    columns: Sequence[str],
) -> pl.DataFrame:
    """Rows of the UTC days first … last with `date`, in order of `series` and time, one bucket
    length per series and day."""
    day = pl.col(time_column).dt.date()
    rows = (
        inputs.rows.filter(
            day.is_between(first, last),
            ~pl.col("still_forming"),
            pl.col("bucket_minutes") <= _DAY_MINUTES,
        )
        .select(
            *series, "base_asset", "reference_venue", "bucket_minutes", time_column, *columns,
            date=day,
        )
        .collect()
        .sort(*series, time_column)
    )  # fmt: skip
    by = [*series, "date"]
    best = (
        rows.group_by(*by, "bucket_minutes")
        .agg(covered=pl.len() * pl.col("bucket_minutes").first())
        .sort(*by, "covered", "bucket_minutes", descending=[False] * len(by) + [True, False])
        .group_by(by, maintain_order=True)
        .agg(pl.col("bucket_minutes").first())
    )
    return rows.join(best, on=[*by, "bucket_minutes"], how="semi", maintain_order="left")


def last_of(*columns: str) -> list[pl.Expr]:
    return [pl.col(column).last() for column in columns]


def counted() -> list[pl.Expr]:
    """How many buckets a day has, and of what length."""
    minutes = pl.col("bucket_minutes").first()
    return [
        pl.when(minutes > 0).then(minutes).alias("bucket_minutes"),
        pl.len().cast(pl.Int64).alias("bucket_count"),
        pl.when(minutes > 0).then(_DAY_MINUTES // minutes).alias("expected_bucket_count"),
    ]


def published(days: pl.DataFrame, schema: type[dy.Schema], provider: str) -> pl.DataFrame:
    """The table's rows in the columns and order of its schema.

    Raises dataframely's ValidationError on a row that breaks the schema.
    """
    keys = [name for name, column in schema.columns().items() if column.primary_key]
    return schema.validate(
        days.rename({"symbol": "series"})
        .with_columns(
            provider=pl.lit(provider),
            is_partial=pl.col("bucket_count") < pl.col("expected_bucket_count"),
        )
        .select(list(schema.columns()))
        .sort(keys)
    )
