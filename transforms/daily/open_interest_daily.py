"""Open interest over a day's snapshots.

A row that tells neither coin nor USD is not a snapshot. Open, high, low, close and mean of one
unit are over the snapshots that have it: the close in USD is the last one with a price beside it.
Changes are NULL beside a missing day, and beside one with no more than a trace of its snapshots.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.daily.coverage import TRACE
from transforms.daily.grain import (
    SYMBOL_DAY,
    known_of,
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
_NOON = 12
_UNITS = ("open_interest_coin", "open_interest_usd")


def _over_the_day(samples: pl.DataFrame, unit: str) -> list[pl.Expr]:
    known = known_of(samples, unit)
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
    samples = of_last_listing(samples)
    days = (
        samples.group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(
            *last_identity(),
            pl.col("listing").last(),
            *(expression for unit in _UNITS for expression in _over_the_day(samples, unit)),
            sample_count=pl.len().cast(pl.Int64),
            last_hour=pl.col("sampled_at").last().dt.hour(),
            # Coarser series of one instrument lie on the grid of the finest; polls lie on none.
            expected_sample_count=pl.when(pl.col("sample_interval_minutes").null_count() == 0).then(
                _MINUTES_PER_DAY // pl.col("sample_interval_minutes").min()
            ),
        )
        .with_columns(ordered_mean(f"{unit}_samples").alias(f"{unit}_mean") for unit in _UNITS)
    )
    # A day of which only its neighbour's file speaks (the sample of 00:00) has no close.
    share = pl.col("sample_count") / pl.col("expected_sample_count")
    closed = ((share >= TRACE) | (pl.col("last_hour") >= _NOON)).fill_null(value=True)
    days = days.with_columns(
        pl.when(closed).then(f"{unit}_close").alias(f"{unit}_at_end") for unit in _UNITS
    )
    ends = [f"{unit}_at_end" for unit in _UNITS]
    compared = previous_day(days, ends, on=("symbol", "listing"))
    coin_before = pl.col("previous_open_interest_coin_at_end")
    daily = compared.with_columns(
        open_interest_change_coin=pl.col("open_interest_coin_at_end") - coin_before,
        open_interest_change_usd=pl.col("open_interest_usd_at_end")
        - pl.col("previous_open_interest_usd_at_end"),
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
