"""How much of an asset's open interest the venues present stand for.

A venue that is missing is measured by its share on the last day on which it and all the others
were seen. A venue that delisted the asset is not missing, and one absent for more than 30 days is
forgotten: then the number says nothing of it.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.market.grain import ASSET_DAY, between, sum_of_known
from transforms.market.table import LOOKBACK_DAYS, MarketInputs

_VENUE_DAY = (*ASSET_DAY, "venue")


def coverage(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """`open_interest_coverage` per asset-day of first … last that has open interest, or had some
    in the 30 days before."""
    seen = _venue_days(inputs, first - timedelta(days=LOOKBACK_DAYS), last)
    today = seen.filter(pl.col("date").is_between(first, last))
    expected = _expected(seen, today, inputs.instruments, first, last)
    missing = expected.filter(~pl.col("present")).select(ASSET_DAY).unique()
    whole = (
        pl.concat([today.select(ASSET_DAY), expected.select(ASSET_DAY)])
        .unique()
        .join(missing, on=ASSET_DAY, how="anti")
        .with_columns(open_interest_coverage=pl.lit(1.0))
    )
    wanting = _share_present(expected.join(missing, on=ASSET_DAY, how="semi"), seen)
    return pl.concat([whole, wanting])


def _venue_days(inputs: MarketInputs, first: date, last: date) -> pl.DataFrame:
    """`usd` per asset-day and venue whose open interest is known."""
    usd = pl.col("open_interest_usd_close")
    return (
        between(inputs.open_interest, first, last)
        .filter(usd.is_not_null())
        .group_by(*_VENUE_DAY, maintain_order=True)
        .agg(usd.alias("usd"))
        .with_columns(pl.col("usd").list.sum())
    )


def _ago(days: pl.DataFrame) -> pl.DataFrame:
    """Every row with each of the 30 days before its `date`, as `then`."""
    offsets = pl.DataFrame({"ago": range(1, LOOKBACK_DAYS + 1)})
    return days.join(offsets, how="cross").with_columns(
        then=pl.col("date") - pl.duration(days=pl.col("ago"))
    )


def _expected(
    seen: pl.DataFrame, today: pl.DataFrame, instruments: pl.DataFrame, first: date, last: date
) -> pl.DataFrame:
    """Venues seen in the 30 days before each day, without those that delisted the asset since;
    `present` says whether they are there on the day too."""
    days = pl.DataFrame({"date": pl.date_range(first, last, "1d", eager=True)})
    known = seen.select("date", "base_asset", "venue").rename({"date": "then"})
    ends = instruments.group_by("base_asset", "venue").agg(
        # An instrument without an end is still there.
        ended=pl.when(pl.col("valid_to").null_count() == 0).then(pl.col("valid_to").max())
    )
    day_ends = (pl.col("date") + timedelta(days=1)).cast(pl.Datetime("us"))
    return (
        _ago(days)
        .join(known, on="then")
        .select(_VENUE_DAY)
        .unique()
        .join(today.select(*_VENUE_DAY, present=pl.lit(value=True)), on=_VENUE_DAY, how="left")
        .join(ends, on=("base_asset", "venue"), how="left")
        .with_columns(
            pl.col("present").fill_null(value=False),
            # An instrument that ended during the day may have no sample left of it.
            delisted=(pl.col("ended") < day_ends.dt.replace_time_zone("UTC")).fill_null(
                value=False
            ),
        )
        .filter(pl.col("present") | ~pl.col("delisted"))
        .select(*_VENUE_DAY, "present")
    )


def _share_present(expected: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """The share of the venues present in what all the expected ones had when last all were seen;
    if they never were within 30 days, in what each had when last seen."""
    then = seen.select("base_asset", "venue", "usd", then="date")
    history = _ago(expected).join(then, on=("base_asset", "venue", "then"))
    together = (
        history.group_by(*ASSET_DAY, "then")
        .agg(venues=pl.len())
        .join(expected.group_by(ASSET_DAY).agg(due=pl.len()), on=ASSET_DAY)
        .filter(pl.col("venues") == pl.col("due"))
        .group_by(ASSET_DAY)
        .agg(together=pl.col("then").max())
    )
    measured = (
        history.join(together, on=ASSET_DAY, how="left")
        .filter((pl.col("then") == pl.col("together")) | pl.col("together").is_null())
        .sort(*_VENUE_DAY, "then")
        .group_by(*_VENUE_DAY, maintain_order=True)
        .agg(pl.col("present", "usd").last())
    )
    sums = sum_of_known(
        measured, {"here": pl.col("usd").filter(pl.col("present")), "all": pl.col("usd")}
    )
    share = pl.col("here").fill_null(0.0) / pl.col("all")
    return sums.select(*ASSET_DAY, open_interest_coverage=pl.when(pl.col("all") > 0).then(share))
