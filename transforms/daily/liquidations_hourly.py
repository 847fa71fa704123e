"""Positions liquidated in an hour.

Rows are only of hours with events. Whether an hour without a row was quiet or unheard is a
question of the day: `liquidations_daily` has a row where a feed covered it, and says how
completely. The hours of a day add up to its row there; a side is NULL there if it is in an hour.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.daily.grain import last_identity, published
from transforms.daily.liquidation_totals import events_between, totals
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.daily import LiquidationsHourly

_SYMBOL_HOUR = ("symbol", "date", "hour")


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`LiquidationsHourly` of first … last."""
    events = events_between(inputs, first, last).with_columns(
        hour=pl.col("liquidated_at").dt.truncate("1h")
    )
    identity = events.group_by(_SYMBOL_HOUR, maintain_order=True).agg(last_identity())
    hourly = identity.join(totals(events, _SYMBOL_HOUR), on=_SYMBOL_HOUR, how="left")
    return published(hourly, LiquidationsHourly, inputs.venue, first, last)


LIQUIDATIONS_HOURLY = DailyTable(
    name="liquidations_hourly",
    dataset="liquidations",
    schema=LiquidationsHourly,
    lookback_days=0,
    lookahead_days=0,
    reach_days=0,
    compute=compute,
)
