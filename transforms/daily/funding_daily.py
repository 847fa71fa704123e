"""Funding paid on a day.

Rates are summed as decimals with every digit of the raw file; a published double is the one
nearest to the exact sum. Intervals and missing settlements: `settlement_intervals`.

How many settlements were due is NULL on the first and the last day of an instrument: the day its
listing says, the day of its first settlement (none in the 33 days before), and a day after which
it has none for three days while others of the venue do.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from transforms.daily.grain import SYMBOL_DAY, last_identity, published, rows_between
from transforms.daily.settlement_intervals import LOOKAHEAD_DAYS, LOOKBACK_DAYS, with_intervals
from transforms.daily.table import DailyTable, Inputs
from transforms.schemas.daily import FundingDaily

_RATES = (
    "funding_rate_sum",
    "funding_rate_first",
    "funding_rate_last",
    "funding_rate_min",
    "funding_rate_max",
    "funding_rate_8h",
    "funding_rate_annualised",
    "funding_cumulative_7d",
    "funding_cumulative_30d",
)
_EIGHT_HOURS_IN_MINUTES = 480
_EIGHT_HOURS_IN_A_YEAR = 3 * 365


def _double(column: str) -> pl.Expr:
    """The double nearest to an exact decimal; a direct cast rounds twice."""
    return pl.col(column).cast(pl.String).cast(pl.Float64)


def _sum_if_all_known(column: str) -> pl.Expr:
    return pl.when(pl.col(column).null_count() == 0).then(pl.col(column).sum())


def _per_eight_hours(times: int) -> pl.Expr:
    return pl.col("funding_rate_sum") * (_EIGHT_HOURS_IN_MINUTES * times) / pl.col("minutes")


def _edge_days(settlements: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """`symbol`, `listing`, `date` and whether the day is the listing's first or last (`edge`)."""
    venue_days = settlements.select(venue_date="date").unique().sort("venue_date")
    listing = ("symbol", "listing")
    days = (
        settlements.select(*listing, "date")
        .unique()
        .sort("date")
        .join_asof(
            venue_days,
            left_on="date",
            right_on="venue_date",
            strategy="forward",
            allow_exact_matches=False,
        )
        .sort(*listing, "date")
        .join(
            instruments.select(*listing, "valid_from", "valid_to"),
            on=listing,
            how="left",
            maintain_order="left",
        )
    )
    ahead = pl.col("date") + timedelta(days=LOOKAHEAD_DAYS)
    seen_before = pl.col("date").shift(1).over(listing) >= pl.col("date") - timedelta(
        days=LOOKBACK_DAYS
    )
    seen_after = pl.col("date").shift(-1).over(listing) <= ahead
    others_after = pl.col("venue_date") <= ahead
    no = pl.lit(value=False)
    return days.select(
        *listing,
        "date",
        edge=pl.any_horizontal(
            ~pl.coalesce(seen_before, no),
            pl.coalesce(others_after, no) & ~pl.coalesce(seen_after, no),
            pl.coalesce(pl.col("valid_from").dt.date() == pl.col("date"), no),
            pl.coalesce(pl.col("valid_to").dt.date() == pl.col("date"), no),
        ),
    )


def _with_cumulative(days: pl.DataFrame, length: int) -> pl.DataFrame:
    """Adds the exact sum over `length` days ending on each, NULL unless all are there and of one
    listing."""
    total = pl.col("running") - pl.col("running").shift(length).over("symbol").fill_null(0)
    start = length - 1
    complete = (
        pl.col("date").shift(start).over("symbol") == pl.col("date") - timedelta(days=start)
    ) & (pl.col("first_listing").shift(start).over("symbol") == pl.col("last_listing"))
    return days.with_columns(
        pl.when(complete).then(total).alias(f"funding_cumulative_{length}d"),
    )


def compute(inputs: Inputs, first: date, last: date) -> pl.DataFrame:
    """`FundingDaily` of first … last."""
    settlements = rows_between(
        inputs,
        first - timedelta(days=LOOKBACK_DAYS),
        last + timedelta(days=LOOKAHEAD_DAYS),
        "settled_at",
        ("funding_rate", "interval_hours_declared"),
    )
    edges = _edge_days(settlements, inputs.instruments)
    rate = pl.col("funding_rate")
    days = (
        with_intervals(settlements)
        .join(edges, on=("symbol", "listing", "date"), how="left", maintain_order="left")
        .sort("symbol", "settled_at")
        .group_by(*SYMBOL_DAY, maintain_order=True)
        .agg(
            *last_identity(),
            first_listing=pl.col("listing").min(),
            last_listing=pl.col("listing").max(),
            settlement_count=pl.len().cast(pl.Int64),
            missing=_sum_if_all_known("missing"),
            edge=pl.col("edge").any(),
            last_minutes=pl.col("interval_minutes").last(),
            minutes=_sum_if_all_known("interval_minutes"),
            funding_rate_sum=rate.sum(),
            funding_rate_first=rate.first(),
            funding_rate_last=rate.last(),
            funding_rate_min=rate.min(),
            funding_rate_max=rate.max(),
        )
        .with_columns(
            running=pl.col("funding_rate_sum").cum_sum().over("symbol"),
            expected_settlement_count=pl.when(~pl.col("edge")).then(
                pl.col("settlement_count") + pl.col("missing")
            ),
            interval_hours=pl.col("last_minutes") / 60,
            hours_covered=pl.col("minutes") / 60,
            # As decimals, to 20 digits: three settlements of 0.0001 are 0.0001 per 8 h, not a
            # hair less.
            funding_rate_8h=_per_eight_hours(1),
            funding_rate_annualised=_per_eight_hours(_EIGHT_HOURS_IN_A_YEAR),
        )
    )
    daily = _with_cumulative(_with_cumulative(days, 7), 30).with_columns(
        _double(column) for column in _RATES
    )
    return published(daily, FundingDaily, inputs.venue, first, last)


FUNDING_DAILY = DailyTable(
    name="funding_daily",
    dataset="funding_rates",
    schema=FundingDaily,
    lookback_days=LOOKBACK_DAYS,
    lookahead_days=LOOKAHEAD_DAYS,
    reach_days=LOOKBACK_DAYS,
    compute=compute,
)
