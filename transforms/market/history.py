"""Today against the days before: ranks and medians over trailing windows of market rows."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

WINDOW_DAYS = 90
TYPICAL_DAYS = 365
"""Windows end with the day itself."""

ENOUGH_DAYS = 14
"""Known days without which there is no rank, median or usual move."""

LOOKBACK_DAYS = TYPICAL_DAYS - 1

SIGNIFICANT_DIGITS = 12
"""Values that agree in so many digits are equal to a rank."""


def known_values(market: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """One row per asset that has a market row on `day`, with today's row (`today_*` of what is
    ranked, and the columns below as they are) and lists of what is known, oldest first.

    market: `MarketDaily` from day − LOOKBACK_DAYS on, with `open_interest_ratio` (`with_ratio`).
    The lists: `typical` (365 days), `funding`, `interest` (the chained index), `leverage`,
    `accounts`, and of days as complete as today `liquidated` and `liquidated_share` (90 days), and
    `moves`, absolute changes of open interest over the 90 days before today.
    """
    rows = market.filter(pl.col("date").is_between(day - timedelta(days=LOOKBACK_DAYS), day)).sort(
        "base_asset", "date"
    )
    near = pl.col("date") > day - timedelta(days=WINDOW_DAYS)
    before = (pl.col("date") >= day - timedelta(days=WINDOW_DAYS)) & (pl.col("date") < day)
    completeness = pl.col("liquidations_completeness")
    alike = near & (completeness == completeness.last())

    def known(column: str, when: pl.Expr) -> pl.Expr:
        return _rounded(pl.col(column).filter(when & pl.col(column).is_not_null()))

    funding = "funding_rate_8h_oi_weighted"
    windows = (
        rows.group_by("base_asset", maintain_order=True)
        .agg(
            pl.col("date").last(),
            pl.col(
                funding,
                "open_interest_ratio",
                "open_interest_change_pct",
                "liquidations_total_usd",
                "liquidations_to_open_interest",
                "long_short_account_ratio",
                "leverage_ratio",
            ).last(),
            typical=known(funding, pl.lit(value=True)),
            funding=known(funding, near),
            interest=pl.col("open_interest_ratio").filter(
                near & pl.col("open_interest_ratio").is_not_null()
            ),
            leverage=known("leverage_ratio", near),
            accounts=known("long_short_account_ratio", near),
            liquidated=known("liquidations_total_usd", alike),
            liquidated_share=known("liquidations_to_open_interest", alike),
            moves=known("open_interest_change_pct", before),
        )
        .filter(pl.col("date") == day)
    )
    first = pl.int_range(pl.len()) == 0
    chained = pl.when(first).then(1.0).otherwise(pl.element()).cum_prod()
    return windows.with_columns(
        pl.col("interest").list.eval(_rounded(chained)),
        pl.col("moves").list.eval(pl.element().abs()),
    )


def _rounded(values: pl.Expr) -> pl.Expr:
    """Weighted means of equal rates differ in their last digits: ranks must not see that."""
    return values.round_sig_figs(SIGNIFICANT_DIGITS)


def with_ratio(market: pl.DataFrame) -> pl.DataFrame:
    """Adds `open_interest_ratio`: open interest in coin against the last day before on which it is
    known; NULL where it is not known today.

    From one day to the next the published change counts, which a venue's arrival does not move;
    over a gap there is nothing but the levels on both sides.
    """
    level = pl.col("open_interest_coin")
    by = "base_asset"
    known = market.filter(level > 0).sort(by, "date")
    next_day = pl.col("date").shift(1).over(by) + timedelta(days=1) == pl.col("date")
    ratio = (
        # All that was there yesterday is gone: what is there today arrived, and is compared as over
        # a gap.
        pl.when(next_day & (pl.col("open_interest_change_pct") > -1))
        .then(1 + pl.col("open_interest_change_pct"))
        .otherwise(level / level.shift(1).over(by))
        .fill_null(1.0)
    )
    return market.join(
        known.select("date", by, open_interest_ratio=ratio), on=["date", by], how="left"
    )


def enough(values: str) -> pl.Expr:
    return pl.col(values).list.len() >= ENOUGH_DAYS


def median(values: str) -> pl.Expr:
    """Of what is known, if that is enough."""
    return pl.when(enough(values)).then(pl.col(values).list.median())


def rank(values: str, today: str) -> pl.Expr:
    """Share of the known days below today, the equal ones (today among them) counting half; NULL
    if today is not known or the known days are too few."""
    below = pl.col(values).list.eval((pl.element() < pl.element().last()).sum()).list.first()
    equal = pl.col(values).list.eval((pl.element() == pl.element().last()).sum()).list.first()
    share = (below + 0.5 * equal) / pl.col(values).list.len()
    return pl.when(enough(values) & pl.col(today).is_not_null()).then(share)
