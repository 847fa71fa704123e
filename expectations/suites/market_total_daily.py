"""What must hold for the whole market: it is the assets of `market_daily` taken together."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from collections.abc import Sequence

from expectations.market_rules import (
    DAY,
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
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity


def _of_assets(
    name: str,
    columns: Sequence[str],
    parts: dict[str, str],
    wrong: str,
    *,
    reason: str,
    threshold: str,
) -> Rule:
    """`parts`: name → aggregate over the day's rows of `market_daily`, beside `columns`."""
    aggregates = ", ".join(f"{sql} AS {part}" for part, sql in parts.items())
    shown = ", ".join([*(f"batch.{column}" for column in columns), *parts])
    return no_rows(
        name,
        f"""
        WITH summed AS (
          SELECT date, {aggregates} FROM market_daily WHERE {{in_run}} GROUP BY date
        )
        SELECT date, {shown}
        FROM batch JOIN summed USING (date) WHERE {{in_run}} AND ({wrong}) ORDER BY date
        """,
        severity=Severity.CRITICAL,
        reason=reason,
        threshold=threshold,
        limits=TOLERANCE,
        days=True,
    )


_INTEREST = (
    "open_interest_usd",
    *(f"open_interest_usd_{m}" for m in ("linear", "inverse", "quanto")),
)
_LIQUIDATED = tuple(f"liquidations_{side}_usd" for side in ("long", "short", "total"))


def _sum_of_assets(name: str, columns: Sequence[str]) -> Rule:
    return _of_assets(
        name,
        columns,
        {f"{column}_of_assets": f"sum({column})" for column in columns},
        " OR ".join(differs(column, f"{column}_of_assets") for column in columns),
        reason="the tables are computed apart; where they disagree one of them is wrong",
        threshold="Σ of market_daily",
    )


RULES = (
    not_empty(),
    fresh(),
    rows_are_those_of(
        SEEN,
        DAY,
        reason="a day left out is a gap in every chart, and one nobody saw is invented",
        threshold="a row per day of the venue tables, and no other",
    ),
    no_venue_fell_away(DAY),
    *about_each_row(DAY),
    well_covered(DAY, min_usd=0),
    half_covered(DAY, min_usd=0),
    change_plausible(
        "open_interest_change_usual",
        Severity.WARNING,
        DAY,
        max_change=0.30,
        min_usd=0,
        reason="a third within a day is a crash, or a venue that changed its unit",
    ),
    change_plausible(
        "open_interest_change_plausible",
        Severity.CRITICAL,
        DAY,
        max_change=0.80,
        min_usd=0,
        reason="no market ever did: contracts were taken for coins, or both sides for one",
    ),
    _sum_of_assets("open_interest_is_that_of_assets", _INTEREST),
    _sum_of_assets("liquidations_are_those_of_assets", _LIQUIDATED),
    _of_assets(
        "counts_fit_assets",
        ("assets", "venues", "instruments"),
        {
            "rows": "count(*)",
            "most_venues": "max(venues)",
            "sum_of_venues": "sum(venues)",
            "most_instruments": "max(instruments)",
            "sum_of_instruments": "sum(instruments)",
        },
        "assets <> rows OR venues NOT BETWEEN most_venues AND sum_of_venues "
        "OR instruments NOT BETWEEN most_instruments AND sum_of_instruments",
        reason="everything is at least its largest part and at most all of them",
        threshold="assets = rows of market_daily; largest ≤ venues, instruments ≤ Σ",
    ),
    _of_assets(
        "funding_spans_assets",
        ("funding_rate_8h_min", "funding_rate_8h_max"),
        {"lowest": "min(funding_rate_8h_min)", "highest": "max(funding_rate_8h_max)"},
        "funding_rate_8h_min IS DISTINCT FROM lowest "
        "OR funding_rate_8h_max IS DISTINCT FROM highest",
        reason="the extremes of all are those of one asset",
        threshold="min and max are the lowest min and the highest max of market_daily",
    ),
    _of_assets(
        "max_24h_holds_assets",
        ("liquidations_max_24h_usd",),
        {"largest": "max(liquidations_max_24h_usd)"},
        "liquidations_max_24h_usd < largest * (1 - {tolerance}) "
        "OR (liquidations_max_24h_usd IS NULL) <> (largest IS NULL)",
        reason="the window in which an asset had its most holds that and the others'",
        threshold="liquidations_max_24h_usd ≥ that of every asset",
    ),
    _of_assets(
        "completeness_of_the_weakest",
        ("liquidations_completeness",),
        {"weakest": f"max({weakness('liquidations_completeness')})"},
        f"{weakness('batch.liquidations_completeness')} < weakest",
        reason="a sum with a lower bound in it is a lower bound",
        threshold="no better than the weakest asset",
    ),
    no_rows(
        "liquidated_share_possible",
        """
        SELECT date, liquidations_to_open_interest, liquidations_total_usd, open_interest_usd
        FROM batch WHERE {in_run} AND liquidations_to_open_interest > 1 ORDER BY date
        """,
        severity=Severity.CRITICAL,
        reason="more was liquidated than was open: orders counted twice, or thousands for ones",
        threshold="liquidations_to_open_interest ≤ 1",
        days=True,
    ),
    # The highest median of a Binance day, 2020-01 … 2026-08, was 0.0022 (2020-02-12).
    no_rows(
        "funding_plausible",
        """
        SELECT date, funding_rate_8h_oi_weighted, funding_rate_8h_volume_weighted,
          funding_rate_8h_median
        FROM batch WHERE {in_run} AND instruments >= {min_instruments}
        AND greatest(abs(funding_rate_8h_oi_weighted), abs(funding_rate_8h_median)) > {max_rate}
        ORDER BY abs(funding_rate_8h_oi_weighted) DESC, date
        """,
        severity=Severity.CRITICAL,
        reason="one coin may pay this in a squeeze, a whole market does not: a percentage taken "
        "for a fraction",
        threshold="|OI-weighted rate| and |median| of at least {min_instruments} instruments "
        "≤ {max_rate} per 8 h",
        limits={"max_rate": 0.004, "min_instruments": 5},
        days=True,
    ),
)
