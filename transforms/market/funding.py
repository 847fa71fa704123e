"""Funding across venues: weighted by open interest and volume, unweighted, and over days."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.market.grain import ASSET_DAY, INSTRUMENT_DAY, between, weighted_mean
from transforms.market.table import LOOKBACK_DAYS, MarketInputs
from transforms.schemas.column import ContractKind

_EIGHT_HOURS_PER_DAY = 3
_EIGHT_HOURS_PER_YEAR = 3 * 365
_RATE = "funding_rate_8h"
_OI_WEIGHTED = "funding_rate_8h_oi_weighted"


def funding(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """The funding columns per asset-day of first … last that has a perpetual with a rate."""
    rates = _rates(inputs, first - timedelta(days=LOOKBACK_DAYS), last)
    by_interest = weighted_mean(rates, _OI_WEIGHTED, _RATE, "open_interest_usd_mean")
    by_volume = weighted_mean(rates, "funding_rate_8h_volume_weighted", _RATE, "volume_usd")
    rate = pl.col(_RATE)
    unweighted = (
        rates.group_by(*ASSET_DAY, maintain_order=True)
        .agg(
            rate.alias("rates"),
            funding_venues=pl.col("venue").n_unique().cast(pl.Int64),
            funding_rate_8h_median=rate.median(),
            funding_rate_8h_min=rate.min(),
            funding_rate_8h_max=rate.max(),
        )
        .with_columns(funding_rate_8h_mean=pl.col("rates").list.sum() / pl.col("rates").list.len())
        .drop("rates")
    )
    return (
        unweighted.join(by_interest, on=ASSET_DAY, how="left")
        .join(by_volume, on=ASSET_DAY, how="left")
        .join(_over_days(by_interest), on=ASSET_DAY, how="left")
        .with_columns(
            funding_rate_annualised_oi_weighted=pl.col(_OI_WEIGHTED) * _EIGHT_HOURS_PER_YEAR
        )
        .filter(pl.col("date").is_between(first, last))
    )


def _rates(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Perpetuals with a rate per 8 h, each with its weights where known."""
    interest = between(inputs.open_interest, first, last)
    volume = between(inputs.prices, first, last)
    return (
        between(inputs.funding, first, last)
        .filter(
            pl.col("contract_kind") == ContractKind.PERPETUAL.value, pl.col(_RATE).is_not_null()
        )
        .select(*ASSET_DAY, "venue", "symbol", _RATE)
        .join(
            interest.select(*INSTRUMENT_DAY, "open_interest_usd_mean"),
            on=INSTRUMENT_DAY,
            how="left",
            maintain_order="left",
        )
        .join(
            volume.select(*INSTRUMENT_DAY, "volume_usd"),
            on=INSTRUMENT_DAY,
            how="left",
            maintain_order="left",
        )
    )


def _over_days(by_interest: pl.DataFrame) -> pl.DataFrame:
    """What a long paid over 7 and 30 days; NULL unless the rate of every day is known.

    Each window is added up by itself: a running sum would carry the rounding of the days before.
    """
    daily = by_interest.sort("base_asset", "date").with_columns(
        paid=pl.col(_OI_WEIGHTED) * _EIGHT_HOURS_PER_DAY
    )
    found = daily.select(*ASSET_DAY)
    for length in (7, 30):
        windows = daily.rolling("date", period=f"{length}d", group_by="base_asset").agg("paid")
        whole = pl.col("paid").list.len() == length
        found = found.join(
            windows.select(
                *ASSET_DAY,
                pl.when(whole)
                .then(pl.col("paid").list.sum())
                .alias(f"funding_cumulative_{length}d"),
                pl.when(whole)
                .then(pl.col("paid").list.eval((1 + pl.element()).product()).list.first() - 1)
                .alias(f"funding_compounded_{length}d"),
            ),
            on=ASSET_DAY,
            how="left",
        )
    return found.drop("funding_compounded_7d")
