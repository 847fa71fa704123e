"""Long/short and taker ratios over a day's samples.

Mean and close of a ratio are over the samples that report it; a row that reports none is not a
sample.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.daily.grain import (
    SYMBOL_DAY,
    known_of,
    last_identity,
    of_last_listing,
    ordered_mean,
    published,
    rows_between,
)
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.daily import PositioningDaily

_RATIOS = (
    "long_short_account_ratio",
    "top_trader_account_ratio",
    "top_trader_position_ratio",
    "taker_buy_sell_ratio",
)


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`PositioningDaily` of first … last."""
    samples = rows_between(inputs, first, last, "sampled_at", _RATIOS).filter(
        pl.any_horizontal(pl.col(ratio).is_not_null() for ratio in _RATIOS)
    )
    samples = of_last_listing(samples)
    daily = (
        samples.group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(
            *last_identity(),
            *(known_of(samples, ratio).last().alias(f"{ratio}_close") for ratio in _RATIOS),
            *(known_of(samples, ratio).alias(f"{ratio}_samples") for ratio in _RATIOS),
            sample_count=pl.len().cast(pl.Int64),
        )
        .with_columns(ordered_mean(f"{ratio}_samples").alias(f"{ratio}_mean") for ratio in _RATIOS)
    )
    return published(daily, PositioningDaily, inputs.venue, first, last)


POSITIONING_DAILY = DailyTable(
    name="positioning_daily",
    dataset="positioning",
    schema=PositioningDaily,
    lookback_days=0,
    lookahead_days=0,
    reach_days=0,
    compute=compute,
)
