"""The largest total over a rolling window, from events.

Windows are (t − length, t] at event times t and belong to the day of t. They look back over
whatever events are given, so those of the day before the first day have to be among them. Of equal
maxima the earliest counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from transforms.daily.fixed_point import nearest_double

_EVERYTHING = "everything"


def rolling_maximum(
    events: pl.DataFrame,
    name: str,
    length: timedelta,
    *,
    series: Sequence[str],
    per: Sequence[str],
) -> pl.DataFrame:
    """`{name}_usd` (USD, Float64) and `{name}_end` (the event at which that window ends) per `per`
    and `date` that has events; both NULL where an event inside a window that ends on the day has
    no amount.

    events: the columns of `series`, `date`, `liquidated_at`, and `amount_usd` in fixed point.
    series: columns within which a window adds up; none: all events are one series.
    per: key of the result besides `date`, some or all of `series`; where it is fewer, the largest
        window of any of the series counts.
    """
    within = list(series) or [_EVERYTHING]
    if not series:
        events = events.with_columns(pl.lit(value=True).alias(_EVERYTHING))
    key = [*per, "date"]
    running = (
        events.sort(*within, "liquidated_at")
        .group_by(*within, "date", "liquidated_at", maintain_order=True)
        .agg(
            at_once=pl.col("amount_usd").sum(),
            unpriced=pl.col("amount_usd").null_count().cast(pl.Int64),
        )
        .select(
            *within,
            "date",
            "liquidated_at",
            until=pl.col("at_once").cum_sum().over(within),
            unpriced=pl.col("unpriced").cum_sum().over(within),
        )
    )
    left_behind = running.select(
        *within,
        gone_at="liquidated_at",
        gone="until",
        gone_unpriced="unpriced",
    ).sort("gone_at")
    windows = (
        running.with_columns(opens=pl.col("liquidated_at") - length)
        .sort("opens")
        .join_asof(
            left_behind,
            left_on="opens",
            right_on="gone_at",
            by=within,
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(
            total=pl.col("until") - pl.col("gone").fill_null(0),
            unpriced=pl.col("unpriced") - pl.col("gone_unpriced").fill_null(0),
        )
    )
    order = [*key, "unpriced", "total", "liquidated_at", *(c for c in within if c not in key)]
    known = pl.col("unpriced").first() == 0
    return (
        windows.sort(order, descending=[column in {"unpriced", "total"} for column in order])
        .group_by(key, maintain_order=True)
        .agg(
            pl.when(known).then(nearest_double(pl.col("total").first())).alias(f"{name}_usd"),
            pl.when(known).then(pl.col("liquidated_at").first()).alias(f"{name}_end"),
        )
    )
