"""Price and volume of a day, from bars.

The price is the mark price, without one the index, without that the last traded price; the
premium is no price. Of several bar lengths of one source the one whose bars cover the most
minutes of the day counts, and of those equal the finest. A bar that reaches over midnight belongs
to no UTC day (venues also serve days of UTC+8) and one whose price is not positive shows none.
Volume is that of the traded price's bars, whatever the price is taken from; flat bars without
volume are real.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.daily.grain import (
    SYMBOL_DAY,
    last_identity,
    of_last_listing,
    ordered_sum,
    previous_day,
    published,
    rows_between,
)
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.column import PriceSource
from transforms.schemas.daily import PricesDaily

_PREFERENCE = {PriceSource.MARK.value: 0, PriceSource.INDEX.value: 1, PriceSource.LAST.value: 2}
_PRICES = ("price_open", "price_high", "price_low", "price_close")
_VOLUMES = ("volume_coin", "volume_usd")


def _bars_of_best_length(bars: pl.DataFrame) -> pl.DataFrame:
    """Per symbol-day and source, the bars of the length that covers the day best."""
    series = (*SYMBOL_DAY, "price_source")
    best = (
        bars.group_by(*series, "interval_minutes")
        .agg(covered=pl.len() * pl.col("interval_minutes").first())
        .sort(*series, "covered", "interval_minutes", descending=[False] * 3 + [True, False])
        .group_by(series, maintain_order=True)
        .agg(pl.col("interval_minutes").first())
    )
    return bars.join(best, on=[*series, "interval_minutes"], how="semi", maintain_order="left")


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`PricesDaily` of first … last."""
    bars = rows_between(
        inputs,
        first - timedelta(days=1),
        last,
        "opened_at",
        ("interval_minutes", "price_source", *_PRICES, *_VOLUMES),
    )
    ends_at = pl.col("opened_at") + pl.duration(minutes=pl.col("interval_minutes"))
    midnight = pl.col("opened_at").dt.truncate("1d") + timedelta(days=1)
    usable = bars.filter(
        pl.col("price_source").is_in(list(_PREFERENCE)),
        ends_at <= midnight,
        pl.all_horizontal(pl.col(price) > 0 for price in _PRICES),
    )
    chosen = _bars_of_best_length(of_last_listing(usable))
    volumes = (
        chosen.filter(pl.col("price_source") == PriceSource.LAST.value)
        .group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(_VOLUMES)
        .with_columns(
            # One bar whose volume is not known leaves the day's unknown.
            pl.when(~pl.col(volume).list.eval(pl.element().is_null()).list.any())
            .then(ordered_sum(volume))
            .alias(volume)
            for volume in _VOLUMES
        )
    )
    preference = pl.col("price_source").replace_strict(_PREFERENCE, return_dtype=pl.Int64)
    days = (
        chosen.filter(preference == preference.min().over(SYMBOL_DAY))
        .group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(
            *last_identity(),
            pl.col("listing").last(),
            pl.col("price_source").last(),
            pl.col("price_open").first(),
            pl.col("price_high").max(),
            pl.col("price_low").min(),
            pl.col("price_close").last(),
        )
        .join(volumes, on=SYMBOL_DAY, how="left", maintain_order="left")
    )
    daily = previous_day(
        days, ("price_close",), on=("symbol", "listing", "price_source")
    ).with_columns(price_return=pl.col("price_close") / pl.col("previous_price_close") - 1)
    return published(daily, PricesDaily, inputs.venue, first, last)


PRICES_DAILY = DailyTable(
    name="prices_daily",
    dataset="prices",
    schema=PricesDaily,
    lookback_days=1,
    lookahead_days=0,
    reach_days=1,
    compute=compute,
)
