"""The price of an asset: that of one reference instrument, and which one.

A mean over venues would be a price nobody traded at. The reference is the perpetual with the
largest open interest of those priced in dollars; without a perpetual, a dated contract.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.amounts import AT_PAR
from transforms.market.grain import ASSET_DAY, INSTRUMENT, INSTRUMENT_DAY, between
from transforms.market.table import MarketInputs
from transforms.schemas.column import ContractKind

_PRICES = ("price_open", "price_high", "price_low", "price_close", "price_return")


def reference_price(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """The price columns per asset-day that has a price in dollars."""
    interest = between(inputs.open_interest, first, last).select(
        *INSTRUMENT_DAY, "open_interest_usd_mean"
    )
    return (
        between(inputs.prices, first, last)
        .filter(pl.col("quote_asset").is_in(AT_PAR))
        .join(interest, on=INSTRUMENT_DAY, how="left")
        .sort(
            *ASSET_DAY,
            pl.col("contract_kind") == ContractKind.PERPETUAL.value,
            "open_interest_usd_mean",
            "volume_usd",
            *INSTRUMENT,
            descending=[False, False, True, True, True, False, False],
            nulls_last=True,
        )
        .group_by(*ASSET_DAY, maintain_order=True)
        .agg(
            *(pl.col(price).first() for price in _PRICES),
            price_venue=pl.col("venue").first(),
            price_symbol=pl.col("symbol").first(),
        )
    )
