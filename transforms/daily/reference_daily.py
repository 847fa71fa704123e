"""What aggregators say of a day, from their buckets.

Liquidations add up over the day. Open interest and price are the day's last close, as ours are.
A funding rate is the mean of the buckets' closes: aggregators show the running rate, which is the
settled one at the moment of settlement only, so that no bucket is the day's rate.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.daily.finished_buckets import counted, finished_buckets, last_of, published
from transforms.daily.grain import ordered_mean, ordered_sum
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.column import ReferenceMetric
from transforms.schemas.references import ReferenceDaily

_SERIES = ("symbol", "metric")
_ABOUT = ("quote_asset", "margin_type", "contract_kind", "interval_hours", "unit")
_FLOWS = (
    ReferenceMetric.LIQUIDATIONS_LONG_USD.value,
    ReferenceMetric.LIQUIDATIONS_SHORT_USD.value,
)


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`ReferenceDaily` of first … last."""
    buckets = finished_buckets(inputs, first, last, "bucket_at", _SERIES, (*_ABOUT, "value"))
    days = (
        buckets.group_by(*_SERIES, "date", maintain_order=True)
        .agg(*last_of("base_asset", "reference_venue", *_ABOUT), *counted(), pl.col("value"))
        .with_columns(
            value=pl.when(pl.col("metric").is_in(_FLOWS))
            .then(ordered_sum("value"))
            .when(pl.col("metric") == ReferenceMetric.FUNDING_RATE.value)
            .then(ordered_mean("value"))
            .otherwise(pl.col("value").list.last())
        )
    )
    return published(days, ReferenceDaily, inputs.venue)


REFERENCE_DAILY = DailyTable(
    name="reference_daily",
    dataset="references",
    schema=ReferenceDaily,
    lookback_days=0,
    lookahead_days=0,
    reach_days=0,
    compute=compute,
)
