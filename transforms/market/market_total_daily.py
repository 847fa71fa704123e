"""All venues and assets together, per UTC day.

Coins of different assets do not add up, so the change of open interest is taken at the prices of
the day before, and there is no price.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from transforms.market.across import across_venues
from transforms.market.grain import without_traces
from transforms.market.table import MarketInputs
from transforms.schemas.market import MarketTotalDaily

_EVERYTHING = pl.lit("").alias("base_asset")


def compute(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """`MarketTotalDaily` of first … last, sorted by date."""
    change, before = pl.col("usd_at_old_prices"), pl.col("usd_before")
    return MarketTotalDaily.validate(
        across_venues(_as_one_asset(inputs), first, last)
        .join(_assets(inputs), on="date", how="left")
        .with_columns(open_interest_change_pct=pl.when(before > 0).then(change / before))
        .select(list(MarketTotalDaily.columns()))
        .sort("date")
    )


def _as_one_asset(inputs: MarketInputs) -> MarketInputs:
    """The inputs as if all instruments were of one asset."""
    return replace(
        inputs,
        funding=inputs.funding.with_columns(_EVERYTHING),
        open_interest=inputs.open_interest.with_columns(_EVERYTHING),
        liquidations=inputs.liquidations.with_columns(_EVERYTHING),
        positioning=inputs.positioning.with_columns(_EVERYTHING),
        prices=inputs.prices.with_columns(_EVERYTHING),
        # Coins of one asset: no ratio to all of them.
        reserves=inputs.reserves.clear(),
        instruments=inputs.instruments.with_columns(_EVERYTHING),
        events=inputs.events.with_columns(_EVERYTHING),
    )


def _assets(inputs: MarketInputs) -> pl.DataFrame:
    counted = replace(inputs, open_interest=without_traces(inputs.open_interest))
    return (
        pl.concat(table.select("date", "base_asset") for table in counted.venue_tables)
        .group_by("date")
        .agg(assets=pl.col("base_asset").n_unique().cast(pl.Int64))
    )
