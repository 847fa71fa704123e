"""The grain all venue tables share: one row per UTC day (or hour of it) and symbol.

A reused ticker is a new instrument, but a table has one row per symbol and day. On the day of the
change flows (funding paid, positions liquidated) count both listings; levels (open interest,
prices, ratios) show the listing that ends the day, because the two are not in the same units.
Nothing is compared across a change of listing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from transforms.daily.table import Inputs
from transforms.in_order import in_order
from transforms.schemas.daily import VenueDay

IDENTITY = ("base_asset", "quote_asset", "margin_type", "contract_kind")
SYMBOL_DAY = ("symbol", "date")


def rows_between(
    inputs: Inputs, first: date, last: date, time_column: str, columns: Sequence[str]
) -> pl.DataFrame:
    """Rows of the UTC days first … last with `date`, `symbol`, `listing` and the identity,
    in order of day, symbol and time: as they lie in the lake."""
    day = pl.col(time_column).dt.date()
    rows = (
        inputs.rows.filter(day.is_between(first, last))
        .select("symbol", "listing", *IDENTITY, time_column, *columns, date=day)
        .collect()
    )
    order = ("date", "symbol", time_column, "side", "event_ordinal")
    return in_order(rows, [name for name in order if name in rows.columns])


def of_last_listing(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the listing that ends each symbol-day."""
    if rows["listing"].n_unique() <= 1:
        return rows
    return rows.filter(pl.col("listing") == pl.col("listing").max().over(SYMBOL_DAY))


def known_of(rows: pl.DataFrame, column: str) -> pl.Expr:
    """A column's known values, in a group of `rows`; to look for NULLs group by group is dear."""
    return pl.col(column).drop_nulls() if rows[column].null_count() else pl.col(column)


def last_identity() -> list[pl.Expr]:
    """Identity of a symbol-day: that of its last row."""
    return [pl.col(column).last() for column in IDENTITY]


def ordered_sum(column: str) -> pl.Expr:
    """Σ of a list column, always added up in the order of the list: float sums of a parallel
    group-by differ between thread counts in their last digits."""
    return pl.col(column).list.sum()


def ordered_mean(column: str) -> pl.Expr:
    """Mean of a list column in the order of the list; NULL for an empty one."""
    count = pl.col(column).list.len()
    return pl.when(count > 0).then(pl.col(column).list.sum() / count)


def previous_day(frame: pl.DataFrame, columns: Sequence[str], on: Sequence[str]) -> pl.DataFrame:
    """`frame` with `previous_*` of `columns`: what the row of the day before with equal `on` has;
    NULL where there is none."""
    before = frame.select(
        *on,
        (pl.col("date") + timedelta(days=1)).alias("date"),
        *(pl.col(column).alias(f"previous_{column}") for column in columns),
    )
    return frame.join(before, on=[*on, "date"], how="left", maintain_order="left")


def published(
    frame: pl.DataFrame, schema: type[VenueDay], venue: str, first: date, last: date
) -> pl.DataFrame:
    """The table's rows of first … last, in the columns of its schema and the order of its key.

    Raises dataframely's ValidationError on a row that breaks the schema.
    """
    return schema.validate(
        frame.filter(pl.col("date").is_between(first, last))
        .with_columns(venue=pl.lit(venue))
        .select(list(schema.columns()))
        .sort(schema.primary_key())
    )
