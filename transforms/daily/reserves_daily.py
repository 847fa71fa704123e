"""Coins that exchanges hold at the end of a day, from an aggregator's buckets."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.daily.finished_buckets import counted, finished_buckets, last_of, published
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.references import ReservesDaily


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`ReservesDaily` of first … last."""
    buckets = finished_buckets(inputs, first, last, "sampled_at", ("symbol",), ("reserve_coin",))
    days = buckets.group_by("symbol", "date", maintain_order=True).agg(
        *last_of("base_asset", "reference_venue", "reserve_coin"), *counted()
    )
    return published(days, ReservesDaily, inputs.venue)


RESERVES_DAILY = DailyTable(
    name="reserves_daily",
    dataset="reserves",
    schema=ReservesDaily,
    lookback_days=0,
    lookahead_days=0,
    reach_days=0,
    compute=compute,
)
