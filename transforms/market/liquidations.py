"""Liquidations across venues, and the largest 24 hours of all of them together."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.daily.fixed_point import FIXED_POINT
from transforms.daily.rolling_windows import rolling_maximum
from transforms.market.grain import ASSET_DAY, INSTRUMENT_DAY, between, sum_of_known
from transforms.market.open_interest import before
from transforms.market.table import EVENTS_LOOKBACK_DAYS, MarketInputs
from transforms.schemas.column import Completeness

_BEST_FIRST = [level.value for level in Completeness]
_PARTIAL = _BEST_FIRST.index(Completeness.PARTIAL.value)


def liquidations(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """The liquidation columns per asset-day of first … last that a feed covered."""
    rows = between(inputs.liquidations, first, last)
    long, short = pl.col("liquidations_long_usd"), pl.col("liquidations_short_usd")
    sums = sum_of_known(
        rows, {"liquidations_long_usd": "long_usd", "liquidations_short_usd": "short_usd"}
    ).with_columns(
        liquidations_total_usd=pl.when(long.is_not_null() | short.is_not_null()).then(
            long.fill_null(0.0) + short.fill_null(0.0)
        )
    )
    daily = sums.join(_completeness(rows), on=ASSET_DAY)
    for part in (_largest_24_hours(inputs, first, last), _to_interest(inputs, rows, first, last)):
        daily = daily.join(part, on=ASSET_DAY, how="left")
    return daily.with_columns(pl.col("liquidations_max_24h_usd").fill_null(0.0))


def _completeness(rows: pl.DataFrame) -> pl.DataFrame:
    """The weakest among an asset's instruments; an amount not known makes the sum a lower bound."""
    rank = pl.col("completeness").replace_strict(
        {level: i for i, level in enumerate(_BEST_FIRST)}, return_dtype=pl.Int64
    )
    unpriced = pl.col("long_usd").is_null() | pl.col("short_usd").is_null()
    weakest = pl.max_horizontal(rank, pl.when(unpriced).then(_PARTIAL).otherwise(0)).max()
    return rows.group_by(ASSET_DAY).agg(
        liquidations_venues=pl.col("venue").n_unique().cast(pl.Int64),
        liquidations_completeness=weakest.replace_strict(
            dict(enumerate(_BEST_FIRST)), return_dtype=pl.String
        ),
    )


def _largest_24_hours(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """The rolling maximum over the events of all venues whose amount is known."""
    day = pl.col("liquidated_at").dt.date()
    events = (
        inputs.events.select("base_asset", "liquidated_at", "amount_usd", date=day)
        .filter(
            pl.col("date").is_between(first - timedelta(days=EVENTS_LOOKBACK_DAYS), last),
            pl.col("amount_usd").is_not_null(),
        )
        .with_columns(pl.col("amount_usd").cast(FIXED_POINT))
        .collect()
    )
    return rolling_maximum(
        events,
        "liquidations_max_24h",
        timedelta(hours=24),
        series=("base_asset",),
        per=("base_asset",),
    )


def _to_interest(inputs: MarketInputs, rows: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Σ liquidated ÷ Σ the previous day's closing open interest, over instruments with both."""
    both = rows.join(
        before(inputs, first, last), on=INSTRUMENT_DAY, how="inner", maintain_order="left"
    ).filter(pl.col("total_usd").is_not_null(), pl.col("usd_before").is_not_null())
    sums = sum_of_known(both, {"liquidated": "total_usd", "before": "usd_before"})
    return sums.filter(pl.col("before") > 0).select(
        *ASSET_DAY, liquidations_to_open_interest=pl.col("liquidated") / pl.col("before")
    )
