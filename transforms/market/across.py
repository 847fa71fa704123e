"""All parts of the market put together, per UTC day and asset."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from transforms.market.coverage import coverage
from transforms.market.funding import funding
from transforms.market.grain import ASSET_DAY, between, without_traces
from transforms.market.liquidations import liquidations
from transforms.market.open_interest import changes, levels
from transforms.market.positioning import ratios, reserves
from transforms.market.prices import reference_price
from transforms.market.table import MarketInputs
from transforms.schemas.column import ContractKind

_COUNTS = (
    "instruments",
    "funding_venues",
    "open_interest_venues",
    "liquidations_venues",
)


def across_venues(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Every asset-day of first … last on which a venue table has a row, with all parts."""
    inputs = replace(inputs, open_interest=without_traces(inputs.open_interest))
    market = _who_is_there(inputs, first, last)
    for part in (funding, levels, changes, liquidations, reference_price, ratios, reserves):
        market = market.join(part(inputs, first, last), on=ASSET_DAY, how="left")
    return market.join(coverage(inputs, first, last), on=ASSET_DAY, how="left").with_columns(
        pl.col(_COUNTS).fill_null(0)
    )


def _who_is_there(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    seen = pl.concat(
        between(t, first, last).select(*ASSET_DAY, "venue") for t in inputs.venue_tables
    )
    perpetuals = pl.concat(
        between(t, first, last)
        .filter(pl.col("contract_kind") == ContractKind.PERPETUAL.value)
        .select(*ASSET_DAY, "venue", "symbol")
        for t in (inputs.funding, inputs.open_interest)
    )
    return (
        seen.group_by(ASSET_DAY)
        .agg(venues=pl.col("venue").n_unique().cast(pl.Int64))
        .join(
            perpetuals.unique().group_by(ASSET_DAY).agg(instruments=pl.len().cast(pl.Int64)),
            on=ASSET_DAY,
            how="left",
        )
    )
