"""Liquidation events and what they add up to per side, over a day or an hour alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from transforms.daily.fixed_point import FIXED_POINT, nearest_double
from transforms.daily.grain import rows_between
from transforms.daily.table import Inputs
from transforms.schemas.column import Side

SUMS = ("long_usd", "short_usd", "total_usd", "long_coin", "short_coin")
COUNTS = ("long_count", "short_count", "priced_at_limit_count")

_COLUMNS = (
    "side",
    "event_ordinal",
    "price_kind",
    "amount_coin",
    "amount_usd",
    "source",
    "raw_key",
)


def events_between(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """Events of first … last in order of symbol and time, with `date` and amounts in fixed
    point."""
    return rows_between(inputs, first, last, "liquidated_at", _COLUMNS).with_columns(
        pl.col("amount_coin", "amount_usd").cast(FIXED_POINT)
    )


def totals(events: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """`SUMS` (Float64) and `COUNTS` per `key` that has events.

    A side without events is a known 0; one with an event whose amount is not known is NULL, and
    so is the total.
    """
    side = pl.col("side")
    return (
        events.group_by(key, maintain_order=True)
        .agg(
            long_usd=_sum_of("amount_usd", Side.LONG),
            short_usd=_sum_of("amount_usd", Side.SHORT),
            long_coin=_sum_of("amount_coin", Side.LONG),
            short_coin=_sum_of("amount_coin", Side.SHORT),
            long_count=(side == Side.LONG.value).sum().cast(pl.Int64),
            short_count=(side == Side.SHORT.value).sum().cast(pl.Int64),
            priced_at_limit_count=(pl.col("price_kind") == "limit").sum().cast(pl.Int64),
        )
        .with_columns(total_usd=pl.col("long_usd") + pl.col("short_usd"))
        .with_columns(nearest_double(pl.col(column)) for column in SUMS)
    )


def _sum_of(amount: str, side: Side) -> pl.Expr:
    """Σ of one side; 0 if it has no events, NULL if one of them has no amount."""
    chosen = pl.col(amount).filter(pl.col("side") == side.value)
    return pl.when(chosen.null_count() == 0).then(chosen.sum())
