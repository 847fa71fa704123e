"""Open interest over a day's snapshots.

A row that tells neither coin nor USD is not a snapshot. Open, high, low, close and mean of one
unit are over the snapshots that have it: the close in USD is the last one with a price beside it.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.daily.grain import (
    SYMBOL_DAY,
    last_identity,
    of_last_listing,
    ordered_mean,
    previous_day,
    published,
    rows_between,
)
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.daily import OpenInterestDaily

_MINUTES_PER_DAY = 24 * 60
_UNITS = ("open_interest_coin", "open_interest_usd")


def _over_the_day(unit: str) -> list[pl.Expr]:
    known = pl.col(unit).drop_nulls()
    return [
        known.first().alias(f"{unit}_open"),
        known.max().alias(f"{unit}_high"),
        known.min().alias(f"{unit}_low"),
        known.last().alias(f"{unit}_close"),
        known.alias(f"{unit}_samples"),
    ]


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`OpenInterestDaily` of first … last."""
    samples = rows_between(
        inputs,
        first - timedelta(days=1),
        last,
        "sampled_at",
        ("sample_interval_minutes", *_UNITS),
    ).filter(pl.any_horizontal(pl.col(unit).is_not_null() for unit in _UNITS))
    days = (
        of_last_listing(samples)
        .group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(
            *last_identity(),
            pl.col("listing").last(),
            *(expression for unit in _UNITS for expression in _over_the_day(unit)),
            sample_count=pl.len().cast(pl.Int64),
            # Coarser series of the same instrument lie on the grid of the finest.
            expected_sample_count=_MINUTES_PER_DAY // pl.col("sample_interval_minutes").min(),
        )
        .with_columns(ordered_mean(f"{unit}_samples").alias(f"{unit}_mean") for unit in _UNITS)
    )
    closes = [f"{unit}_close" for unit in _UNITS]
    compared = previous_day(days, closes, on=("symbol", "listing"))
    coin_before = pl.col("previous_open_interest_coin_close")
    daily = compared.with_columns(
        open_interest_change_coin=pl.col("open_interest_coin_close") - coin_before,
        open_interest_change_usd=pl.col("open_interest_usd_close")
        - pl.col("previous_open_interest_usd_close"),
    ).with_columns(
        open_interest_change_pct=pl.when(coin_before > 0).then(
            pl.col("open_interest_change_coin") / coin_before
        )
    )
    return published(daily, OpenInterestDaily, inputs.venue, first, last)


OPEN_INTEREST_DAILY = DailyTable(
    name="open_interest_daily",
    dataset="open_interest",
    schema=OpenInterestDaily,
    lookback_days=1,
    lookahead_days=0,
    reach_days=1,
    compute=compute,
)
