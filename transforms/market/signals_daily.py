"""Signals of an asset: what is usual for it, and how far from that today is.

Every signal of a day is a function of the market rows of the 365 days that end with it.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.market.history import (
    TYPICAL_DAYS,
    known_values,
    median,
    rank,
    with_ratio,
)
from transforms.market.score import (
    crowded_side,
    deleveraged,
    overheated_score,
    parts,
    squeeze_risk,
)
from transforms.schemas.market import SignalsDaily

READS = (
    "date",
    "base_asset",
    "funding_rate_8h_oi_weighted",
    "open_interest_coin",
    "open_interest_change_pct",
    "liquidations_total_usd",
    "liquidations_completeness",
    "liquidations_to_open_interest",
    "long_short_account_ratio",
    "leverage_ratio",
)
"""Columns of `MarketDaily` that signals are made from."""


def compute(market: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """`SignalsDaily` of first … last, sorted by date and asset.

    market: at least `READS` of `MarketDaily` from first − 364 on; earlier rows change nothing.
    """
    chained = with_ratio(
        market.filter(pl.col("date").is_between(first - timedelta(days=TYPICAL_DAYS), last))
    )
    days = pl.date_range(first, last, "1d", eager=True)
    return SignalsDaily.validate(
        pl.concat(pl.collect_all([_signals(chained.lazy(), day) for day in days]))
        .select(list(SignalsDaily.columns()))
        .sort("date", "base_asset")
    )


def _signals(market: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """One day at a time: the windows of a day are small, those of all days together are not."""
    rate = "funding_rate_8h_oi_weighted"
    return (
        known_values(market, day)
        .with_columns(
            funding_history_days=pl.col("funding").list.len().cast(pl.Int64),
            open_interest_history_days=pl.col("interest").list.len().cast(pl.Int64),
            liquidations_history_days=pl.when(pl.col("liquidations_total_usd").is_not_null())
            .then(pl.col("liquidated").list.len().cast(pl.Int64))
            .otherwise(0),
            funding_typical_8h=pl.when(pl.col(rate).is_not_null()).then(median("typical")),
            funding_percentile_90d=rank("funding", rate),
            open_interest_percentile_90d=rank("interest", "open_interest_ratio"),
            liquidations_percentile_90d=rank("liquidated", "liquidations_total_usd"),
        )
        .with_columns(crowded_side=crowded_side(), deleveraged=deleveraged())
        .with_columns(parts())
        .with_columns(overheated_score=overheated_score())
        .with_columns(squeeze_risk=squeeze_risk())
    )
