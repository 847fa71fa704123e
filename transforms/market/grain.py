"""The grain of the market: one row per UTC day and asset, summed up in a fixed order.

Float sums of a parallel group-by differ between thread counts in their last digits, so values are
collected in order of venue and symbol first (`transforms.daily.grain.ordered_sum`).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.daily.coverage import TRACE

ASSET_DAY = ("date", "base_asset")
INSTRUMENT = ("venue", "symbol")
INSTRUMENT_DAY = ("date", "venue", "symbol")


def between(rows: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Rows of the UTC days first … last, in order of asset-day and instrument."""
    return rows.filter(pl.col("date").is_between(first, last)).sort(*ASSET_DAY, *INSTRUMENT)


def without_traces(open_interest: pl.DataFrame) -> pl.DataFrame:
    """`OpenInterestDaily` without the days of which only a neighbour's file speaks: the sample of
    00:00 that ends the file of the day before is no level of this day."""
    share = pl.col("sample_count") / pl.col("expected_sample_count")
    return open_interest.filter((share >= TRACE).fill_null(value=True))


def sum_of_known(rows: pl.DataFrame, columns: dict[str, str | pl.Expr]) -> pl.DataFrame:
    """Per asset-day, for each output name the Σ of what is known of its input; NULL if nothing is.

    rows: in order, see `between`.
    """
    lists = rows.group_by(*ASSET_DAY, maintain_order=True).agg(
        (pl.col(given) if isinstance(given, str) else given).drop_nulls().alias(name)
        for name, given in columns.items()
    )
    return lists.with_columns(
        pl.when(pl.col(name).list.len() > 0).then(pl.col(name).list.sum()).alias(name)
        for name in columns
    )


def weighted_mean(rows: pl.DataFrame, name: str, value: str, weight: str) -> pl.DataFrame:
    """`name` per asset-day: Σ(weight · value) ÷ Σ weight over rows with both and a weight above
    zero. Asset-days without such a row are not there."""
    usable = rows.filter(pl.col(value).is_not_null(), pl.col(weight) > 0)
    sums = sum_of_known(
        usable, {"_weighted": pl.col(value) * pl.col(weight), "_weights": pl.col(weight)}
    )
    return sums.select(*ASSET_DAY, (pl.col("_weighted") / pl.col("_weights")).alias(name))
