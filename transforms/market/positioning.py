"""Who holds and who trades: ratios across venues, and open interest against reserves."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.market.grain import ASSET_DAY, INSTRUMENT_DAY, between, weighted_mean
from transforms.market.table import MarketInputs


def ratios(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Account ratios by open interest and taker ratios by volume, per asset-day that has one."""
    rows = between(inputs.positioning, first, last)
    for weights, weight in (
        (inputs.open_interest, "open_interest_usd_mean"),
        (inputs.prices, "volume_usd"),
    ):
        rows = rows.join(
            between(weights, first, last).select(*INSTRUMENT_DAY, weight),
            on=INSTRUMENT_DAY,
            how="left",
            maintain_order="left",
        )
    accounts = weighted_mean(
        rows, "long_short_account_ratio", "long_short_account_ratio_mean", "open_interest_usd_mean"
    )
    takers = weighted_mean(rows, "taker_buy_sell_ratio", "taker_buy_sell_ratio_mean", "volume_usd")
    return accounts.join(takers, on=ASSET_DAY, how="full", coalesce=True)


def reserves(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Coins held by all exchanges (`reserve_coin`) per asset-day, by the first provider that says
    so: two of them count different exchanges, a mean of them none."""
    return (
        inputs.reserves.filter(
            pl.col("date").is_between(first, last),
            pl.col("reference_venue").is_null(),
        )
        .sort(*ASSET_DAY, "provider", "series")
        .group_by(*ASSET_DAY, maintain_order=True)
        .agg(pl.col("reserve_coin").first())
    )
