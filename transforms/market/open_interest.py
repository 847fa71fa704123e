"""Open interest across venues: levels, and changes that no venue's arrival can make."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.market.grain import ASSET_DAY, INSTRUMENT, INSTRUMENT_DAY, between, sum_of_known
from transforms.market.table import MarketInputs
from transforms.schemas.column import Margin

_USD, _COIN = "open_interest_usd_close", "open_interest_coin_close"


def levels(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Sums of the closes per asset-day, and how many venues are behind them."""
    rows = between(inputs.open_interest, first, last).filter(
        pl.col(_USD).is_not_null() | pl.col(_COIN).is_not_null()
    )
    sums = sum_of_known(
        rows,
        {
            "open_interest_usd": _USD,
            "open_interest_coin": _COIN,
            **{
                f"open_interest_usd_{margin}": pl.col(_USD).filter(
                    pl.col("margin_type") == margin.value
                )
                for margin in Margin
            },
        },
    )
    venues = rows.group_by(*ASSET_DAY).agg(
        open_interest_venues=pl.col("venue").n_unique().cast(pl.Int64)
    )
    return sums.join(venues, on=ASSET_DAY)


def before(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Each instrument's closes of the day before, by the day they are the day before of."""
    yesterday = timedelta(days=1)
    return between(inputs.open_interest, first - yesterday, last - yesterday).select(
        pl.col("date") + yesterday,
        *INSTRUMENT,
        pl.col(_USD).alias("usd_before"),
        pl.col(_COIN).alias("coin_before"),
    )


def changes(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """Σ of the instruments' own changes per asset-day, with what they changed from: without that
    (the day before is no more than a trace) a change is none of the market's.

    coin_before: Σ of the previous closes in coin of the instruments whose change in coin is known.
    usd_before, usd_at_old_prices: Σ of their previous closes in USD, and of the changes in coin at
    these prices.
    """
    coin, usd = pl.col("open_interest_change_coin"), pl.col("open_interest_change_usd")
    from_coin, from_usd = pl.col("coin_before").is_not_null(), pl.col("usd_before").is_not_null()
    rows = between(inputs.open_interest, first, last).join(
        before(inputs, first, last), on=INSTRUMENT_DAY, how="left", maintain_order="left"
    )
    priced = coin.is_not_null() & (pl.col("coin_before") > 0) & from_usd
    sums = sum_of_known(
        rows,
        {
            "open_interest_change_usd": usd.filter(from_usd),
            "open_interest_change_coin": coin.filter(from_coin),
            "coin_before": pl.col("coin_before").filter(coin.is_not_null()),
            "usd_before": pl.col("usd_before").filter(priced),
            "usd_at_old_prices": (pl.col("usd_before") * coin / pl.col("coin_before")).filter(
                priced
            ),
        },
    )
    return sums.filter(
        pl.any_horizontal(
            pl.col("open_interest_change_usd", "open_interest_change_coin").is_not_null()
        )
    )
