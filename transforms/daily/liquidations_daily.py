"""Positions liquidated on a day.

Rolling windows look into the day before; if no feed covered that, they hold what was seen, and
`completeness` stays about the day itself.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.daily.fixed_point import nearest_double
from transforms.daily.grain import SYMBOL_DAY, published
from transforms.daily.liquidation_feed import covered, on_days, with_completeness
from transforms.daily.liquidation_totals import COUNTS, SUMS, events_between, totals
from transforms.daily.rolling_windows import rolling_maximum
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.daily import LiquidationsDaily

_LISTING = ("symbol", "listing")
_WINDOWS = {"max_24h": timedelta(hours=24), "max_1h": timedelta(hours=1)}


def _largest(events: pl.DataFrame) -> pl.DataFrame:
    """The largest event with a USD amount per symbol-day; of equal ones the earliest."""
    return (
        events.filter(pl.col("amount_usd").is_not_null())
        .sort(
            *SYMBOL_DAY,
            "amount_usd",
            "liquidated_at",
            "side",
            descending=[False, False, True, False, False],
        )
        .group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(
            largest_usd=nearest_double(pl.col("amount_usd").first()),
            largest_side=pl.col("side").first(),
            largest_at=pl.col("liquidated_at").first(),
        )
    )


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`LiquidationsDaily` of first … last."""
    with_day_before = events_between(inputs, first - timedelta(days=1), last)
    events = with_day_before.filter(pl.col("date") >= first)
    accounting = on_days(inputs.accounting, first, last)
    daily = covered(events, accounting, inputs.instruments)
    daily = with_completeness(daily, events, accounting, inputs.regimes)
    maxima = [
        rolling_maximum(with_day_before, name, length, series=_LISTING, per=("symbol",))
        for name, length in _WINDOWS.items()
    ]
    for part in (totals(events, SYMBOL_DAY), _largest(events), *maxima):
        daily = daily.join(part, on=SYMBOL_DAY, how="left")
    # Only symbol-days without any event: a NULL of one with events is an amount not known.
    quiet = pl.col("long_count").is_null()
    maxima_usd = [f"{name}_usd" for name in _WINDOWS]
    daily = daily.with_columns(
        pl.when(quiet).then(0).otherwise(pl.col(column)).alias(column)
        for column in (*SUMS, *COUNTS, *maxima_usd)
    )
    return published(daily, LiquidationsDaily, inputs.venue, first, last)


LIQUIDATIONS_DAILY = DailyTable(
    name="liquidations_daily",
    dataset="liquidations",
    schema=LiquidationsDaily,
    lookback_days=1,
    lookahead_days=0,
    reach_days=1,
    compute=compute,
)
