"""What must hold for the market by asset."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.market_rules import (
    ASSET_DAY,
    OPEN_INTEREST,
    SEEN,
    TOLERANCE,
    about_each_row,
    change_plausible,
    differs,
    fresh,
    half_covered,
    no_venue_fell_away,
    not_empty,
    rows_are_those_of,
    weakness,
    well_covered,
)
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

_LARGE = 1e9
"""USD of open interest. Below, an asset may double or go in a day, or live on one venue; what is
odd about it is a warning and stops nobody's page."""

_NOTICEABLE = 10e6
"""USD of open interest. Below, hundreds of small assets do odd things every day by themselves."""

_MARGINS = ", ".join(
    f"sum(open_interest_usd_close) FILTER (margin_type = '{margin}') AS {margin}"
    for margin in ("linear", "inverse", "quanto")
)
_WEAKEST_OF_VENUES = f"""
  SELECT date, base_asset, max(greatest({weakness("completeness")},
    CASE WHEN long_usd IS NULL OR short_usd IS NULL THEN {weakness("'partial'")} ELSE 1 END))
    AS weakest
  FROM liquidations_daily WHERE {{in_run}} GROUP BY ALL
"""

RULES = (
    not_empty(),
    fresh(),
    rows_are_those_of(
        SEEN,
        ASSET_DAY,
        reason="an asset left out lacks in every ranking, and one nobody saw is invented",
        threshold="a row per day and asset of the venue tables, and no other",
    ),
    no_venue_fell_away(ASSET_DAY),
    *about_each_row(ASSET_DAY),
    well_covered(ASSET_DAY, min_usd=_NOTICEABLE),
    half_covered(ASSET_DAY, min_usd=_LARGE),
    change_plausible(
        "open_interest_change_usual",
        Severity.WARNING,
        ASSET_DAY,
        max_change=0.30,
        min_usd=_NOTICEABLE,
        reason="a third within a day is a crash, or an instrument that changed its unit",
    ),
    change_plausible(
        "open_interest_change_plausible",
        Severity.CRITICAL,
        ASSET_DAY,
        max_change=0.80,
        min_usd=_LARGE,
        reason="no large market ever did: contracts were taken for coins, or both sides for one",
    ),
    no_rows(
        "open_interest_is_that_of_venues",
        f"""
        WITH summed AS (
          SELECT date, base_asset, sum(open_interest_usd_close) AS usd,
            sum(open_interest_coin_close) AS coin, {_MARGINS}
          FROM {OPEN_INTEREST} AS o WHERE {{in_run}} GROUP BY ALL
        )
        SELECT date, base_asset, open_interest_usd, usd AS usd_of_venues, open_interest_coin,
          coin AS coin_of_venues, open_interest_usd_linear, linear AS linear_of_venues,
          open_interest_usd_inverse, inverse AS inverse_of_venues,
          open_interest_usd_quanto, quanto AS quanto_of_venues
        FROM batch LEFT JOIN summed USING (date, base_asset)
        WHERE {{in_run}} AND ({differs("open_interest_usd", "usd")}
          OR {differs("open_interest_coin", "coin")}
          OR {differs("open_interest_usd_linear", "linear")}
          OR {differs("open_interest_usd_inverse", "inverse")}
          OR {differs("open_interest_usd_quanto", "quanto")})
        ORDER BY abs(open_interest_usd - usd) DESC NULLS FIRST, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="the total is what the venues' rows of this build add up to, each counted once",
        threshold="Σ of open_interest_daily closes, traces of a day left out",
        limits=TOLERANCE,
        days=True,
    ),
    no_rows(
        "liquidations_are_those_of_venues",
        f"""
        WITH summed AS (
          SELECT date, base_asset, sum(long_usd) AS long, sum(short_usd) AS short,
            count(DISTINCT venue) AS feeds
          FROM liquidations_daily WHERE {{in_run}} GROUP BY ALL
        )
        SELECT date, base_asset, liquidations_long_usd, long AS long_of_venues,
          liquidations_short_usd, short AS short_of_venues, liquidations_venues, feeds
        FROM batch LEFT JOIN summed USING (date, base_asset)
        WHERE {{in_run}} AND ({differs("liquidations_long_usd", "long")}
          OR {differs("liquidations_short_usd", "short")}
          OR liquidations_venues <> coalesce(feeds, 0))
        ORDER BY abs(liquidations_long_usd - long) DESC NULLS FIRST, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="the total is what the venues' rows of this build add up to, each counted once",
        threshold="Σ of liquidations_daily, by side; liquidations_venues counts its venues",
        limits=TOLERANCE,
        days=True,
    ),
    no_rows(
        "completeness_of_the_weakest",
        f"""
        WITH weakest AS ({_WEAKEST_OF_VENUES})
        SELECT date, base_asset, liquidations_completeness FROM batch
        JOIN weakest USING (date, base_asset)
        WHERE {{in_run}} AND {weakness("liquidations_completeness")} < weakest
        ORDER BY liquidations_total_usd DESC NULLS LAST, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="a sum with a lower bound in it is a lower bound",
        threshold="no better than the weakest of the asset's rows; partial where one has no price",
        days=True,
    ),
    no_rows(
        "liquidated_share_possible",
        f"""
        WITH pairs AS (
          SELECT l.date, l.base_asset, sum(l.total_usd) AS liquidated,
            sum(o.open_interest_usd_close) AS open_before
          FROM liquidations_daily AS l JOIN {OPEN_INTEREST} AS o
          ON o.date = l.date - 1 AND o.venue = l.venue AND o.symbol = l.symbol
          WHERE l.{{in_run}} AND l.total_usd IS NOT NULL AND o.open_interest_usd_close IS NOT NULL
          GROUP BY ALL
        )
        SELECT date, base_asset, liquidations_to_open_interest, liquidated, open_before
        FROM batch JOIN pairs USING (date, base_asset)
        WHERE liquidations_to_open_interest > 1 AND open_before >= {{min_usd}}
        ORDER BY liquidations_to_open_interest DESC, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="more was liquidated than was open: orders counted twice, or thousands for ones",
        threshold="liquidations_to_open_interest ≤ 1, from {min_usd:,.0f} USD open up",
        limits={"min_usd": _NOTICEABLE},
        days=True,
    ),
    no_rows(
        "prices_in_order",
        """
        SELECT date, base_asset, price_open, price_high, price_low, price_close FROM batch
        WHERE {in_run} AND NOT (least(price_open, price_close) >= price_low
          AND greatest(price_open, price_close) <= price_high)
        ORDER BY date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="open and close are among the prices the extremes are taken of",
        threshold="low ≤ open, close ≤ high",
        days=True,
    ),
    no_rows(
        "price_is_of_the_reference",
        """
        SELECT b.date, b.base_asset, b.price_venue AS venue, b.price_symbol AS symbol,
          b.price_close, p.price_close AS close_there
        FROM batch AS b LEFT JOIN prices_daily AS p
        ON p.date = b.date AND p.venue = b.price_venue AND p.symbol = b.price_symbol
        WHERE b.{in_run} AND ((b.price_close IS NULL) <> (b.price_venue IS NULL)
          OR (b.price_close, b.price_open, b.price_high, b.price_low)
            IS DISTINCT FROM (p.price_close, p.price_open, p.price_high, p.price_low)
          OR p.base_asset <> b.base_asset)
        ORDER BY b.date, b.base_asset
        """,
        severity=Severity.CRITICAL,
        reason="a price nobody showed cannot be traced",
        threshold="the prices of price_venue and price_symbol in prices_daily; NULL without",
        days=True,
    ),
    no_rows(
        "majors_funding_plausible",
        """
        SELECT date, base_asset, funding_rate_8h_oi_weighted, funding_rate_8h_median FROM batch
        WHERE {in_run} AND base_asset IN ('BTC', 'ETH')
        AND abs(funding_rate_8h_oi_weighted) > {max_rate}
        ORDER BY abs(funding_rate_8h_oi_weighted) DESC, date, base_asset
        """,
        severity=Severity.CRITICAL,
        reason="venues cap these at 0.75 % per 8 h or less: a percentage taken for a fraction",
        threshold="|OI-weighted rate per 8 h| of BTC and ETH ≤ {max_rate}",
        limits={"max_rate": 0.0075},
        days=True,
    ),
    no_rows(
        "funding_usual",
        """
        SELECT date, base_asset, funding_rate_8h_oi_weighted, funding_rate_8h_median,
          open_interest_usd
        FROM batch WHERE {in_run} AND abs(funding_rate_8h_oi_weighted) > {max_rate}
        AND open_interest_usd >= {min_usd}
        ORDER BY open_interest_usd DESC, date, base_asset
        """,
        severity=Severity.WARNING,
        reason="a small coin may pay this in a squeeze, one of this size hardly ever",
        threshold="|OI-weighted rate per 8 h| ≤ {max_rate}, from {min_usd:,.0f} USD up",
        limits={"max_rate": 0.02, "min_usd": _NOTICEABLE},
        days=True,
    ),
    no_rows(
        "funding_of_one_sign",
        """
        SELECT date, base_asset, funding_rate_8h_oi_weighted, funding_rate_8h_median,
          funding_rate_8h_min, funding_rate_8h_max
        FROM batch WHERE {in_run}
        AND funding_rate_8h_oi_weighted * funding_rate_8h_median < 0
        AND least(abs(funding_rate_8h_oi_weighted), abs(funding_rate_8h_median)) > {max_rate}
        ORDER BY abs(funding_rate_8h_oi_weighted) DESC, date, base_asset
        """,
        severity=Severity.WARNING,
        reason="one instrument turned the market around: a sign the wrong way, or a weight too "
        "large; arbitrage lets venues differ, not so far",
        threshold="OI-weighted rate and median on one side of zero, where both exceed {max_rate}",
        limits={"max_rate": 0.0005},
        days=True,
    ),
)
