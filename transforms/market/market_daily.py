"""All venues together, per UTC day and asset."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.market.across import across_venues
from transforms.market.table import MarketInputs
from transforms.schemas.market import MarketDaily


def compute(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """`MarketDaily` of first … last, sorted by date and asset.

    The change in coin is over instruments that have it on both days, so that neither a venue's
    arrival nor its absence is a change.
    """
    change, before = pl.col("open_interest_change_coin"), pl.col("coin_before")
    return MarketDaily.validate(
        across_venues(inputs, first, last)
        .with_columns(
            open_interest_change_pct=pl.when(before > 0).then(change / before),
            leverage_ratio=pl.when(pl.col("reserve_coin") > 0).then(
                pl.col("open_interest_coin") / pl.col("reserve_coin")
            ),
        )
        .select(list(MarketDaily.columns()))
        .sort("date", "base_asset")
    )
