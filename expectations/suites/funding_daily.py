"""What must hold for funding."""

from __future__ import annotations

from expectations.across_venues import funding_like_others
from expectations.continuity import (
    few_settlements_too_many,
    no_settlement_too_many,
    not_halved,
    typical_rate_steady,
)
from expectations.daily_rules import few_gone, fresh, nobody_gone, not_empty
from expectations.funding_periods import (
    due_where_open,
    interval_not_shortened,
    majors_rate_of_its_period,
    rates_not_moved_alone,
)
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

TABLE = "funding_daily"

RULES = (
    not_empty(Severity.CRITICAL, table=TABLE),
    fresh(Severity.CRITICAL, table=TABLE),
    few_gone(table=TABLE),
    nobody_gone(table=TABLE),
    not_halved(
        "not_halved",
        Severity.WARNING,
        table=TABLE,
        usual=4,
        reason="half of a venue's instruments stayed away: a file cut short, or a page not fetched",
    ),
    due_where_open(),
    interval_not_shortened(),
    majors_rate_of_its_period(),
    rates_not_moved_alone(),
    typical_rate_steady(),
    funding_like_others(),
    no_rows(
        "rate_within_caps",
        """
        SELECT date, venue, symbol, funding_rate_min, funding_rate_max, funding_rate_first,
          funding_rate_last, greatest(abs(funding_rate_min), abs(funding_rate_max),
            abs(funding_rate_first), abs(funding_rate_last)) AS largest
        FROM batch WHERE {in_run} AND largest > {max_rate}
        ORDER BY largest DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="venues cap a settlement at 4 % or less; more is a percent taken for a fraction, "
        "an annual rate, or money taken for a rate",
        threshold="|rate of a settlement| ≤ {max_rate}",
        limits={"max_rate": 0.05},
        days=True,
        excludes=True,
    ),
    # Below the cap, and still a hundred times too much: 0.01 % is 0.0001, and 0.01 as a percentage.
    # The highest median of a Binance day, 2020-01 … 2026-08, was 0.0022 (2020-02-12).
    no_rows(
        "typical_rate_plausible",
        """
        SELECT date, venue, median(abs(funding_rate_8h)) AS typical_8h, count(*) AS instruments
        FROM batch WHERE {in_run} AND funding_rate_8h IS NOT NULL
        GROUP BY date, venue
        HAVING count(*) >= {min_instruments} AND median(abs(funding_rate_8h)) > {max_typical}
        ORDER BY typical_8h DESC, date, venue
        """,
        severity=Severity.CRITICAL,
        reason="one coin may pay this in a squeeze, half of a venue does not: a percentage taken "
        "for a fraction",
        threshold="median |rate per 8 h| of a venue of at least {min_instruments} instruments "
        "≤ {max_typical}",
        limits={"max_typical": 0.004, "min_instruments": 5},
        days=True,
        excludes=True,
    ),
    no_rows(
        "majors_plausible",
        """
        SELECT date, venue, symbol, funding_rate_8h FROM batch
        WHERE {in_run} AND base_asset IN ('BTC', 'ETH') AND abs(funding_rate_8h) > {max_rate}
        ORDER BY abs(funding_rate_8h) DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="venues cap these at 0.75 % per 8 h or less: a percentage taken for a fraction",
        threshold="|rate per 8 h| of BTC and ETH over a day ≤ {max_rate}",
        limits={"max_rate": 0.0075},
        days=True,
        excludes=True,
    ),
    no_rows(
        "interval_plausible",
        """
        SELECT date, venue, symbol, settlement_count, interval_hours, funding_rate_sum FROM batch
        WHERE {in_run} AND interval_hours < {min_hours}
        ORDER BY interval_hours, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="no venue settles more often than hourly: one settlement stands twice under two "
        "stamps, and the sum counts it twice",
        threshold="interval_hours ≥ {min_hours}",
        limits={"min_hours": 0.9},
        days=True,
        excludes=True,
    ),
    no_rows(
        "cumulative_plausible",
        """
        SELECT date, venue, symbol, funding_cumulative_7d, funding_cumulative_30d FROM batch
        WHERE {in_run}
        AND (abs(funding_cumulative_7d) > {max_7d} OR abs(funding_cumulative_30d) > {max_30d})
        ORDER BY abs(funding_cumulative_30d) DESC NULLS LAST, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="the sums also look at days before the run's, which need not have passed a gate; "
        "hourly settlements near a cap for a day are about 0.5",
        threshold="|7 days| ≤ {max_7d}, |30 days| ≤ {max_30d}",
        limits={"max_7d": 2.0, "max_30d": 4.0},
        days=True,
    ),
    no_rows(
        "rates_in_order",
        """
        SELECT date, venue, symbol, funding_rate_min, funding_rate_first, funding_rate_last,
          funding_rate_max
        FROM batch WHERE {in_run} AND NOT (
          least(funding_rate_first, funding_rate_last) >= funding_rate_min
          AND greatest(funding_rate_first, funding_rate_last) <= funding_rate_max)
        ORDER BY date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="the first and the last settlement are among those the extremes are taken of",
        threshold="min ≤ first, last ≤ max",
        days=True,
    ),
    no_rows(
        "sum_between_extremes",
        """
        SELECT date, venue, symbol, settlement_count, funding_rate_min, funding_rate_max,
          funding_rate_sum
        FROM batch WHERE {in_run} AND NOT (funding_rate_sum
          BETWEEN settlement_count * funding_rate_min - {tolerance}
          AND settlement_count * funding_rate_max + {tolerance})
        ORDER BY abs(funding_rate_sum) DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="a sum outside what its parts allow counted a settlement twice, or lost one",
        threshold="count × min ≤ sum ≤ count × max",
        limits={"tolerance": 1e-12},
        days=True,
    ),
    no_rows(
        "rates_as_defined",
        """
        SELECT date, venue, symbol, funding_rate_sum, hours_covered, funding_rate_8h,
          funding_rate_annualised
        FROM batch WHERE {in_run} AND (
          (hours_covered IS NULL) <> (funding_rate_8h IS NULL)
          OR (hours_covered IS NULL) <> (funding_rate_annualised IS NULL)
          OR abs(funding_rate_8h - funding_rate_sum * 8 / hours_covered) > {tolerance}
          OR abs(funding_rate_annualised - funding_rate_8h * 1095) > 1095 * {tolerance})
        ORDER BY date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="readers recompute these, and compare venues by them",
        threshold="8h = sum × 8 ÷ hours; annualised = 8h × 3 × 365",
        limits={"tolerance": 1e-9},
        days=True,
    ),
    no_rows(
        "settlements_at_most_hourly",
        """
        SELECT date, venue, symbol, settlement_count FROM batch
        WHERE {in_run} AND settlement_count > {max_settlements}
        ORDER BY settlement_count DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="no venue settles more often than hourly: more are predictions or duplicates",
        threshold="settlement_count ≤ {max_settlements}",
        limits={"max_settlements": 24},
        days=True,
        excludes=True,
    ),
    no_rows(
        "not_more_than_due",
        """
        SELECT date, venue, symbol, settlement_count, expected_settlement_count FROM batch
        WHERE {in_run} AND settlement_count > expected_settlement_count
        ORDER BY settlement_count - expected_settlement_count DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="what is due counts what was paid: paid cannot exceed it",
        threshold="settlement_count ≤ expected_settlement_count",
        days=True,
    ),
    no_rows(
        "none_missing",
        """
        SELECT date, venue, symbol, settlement_count, expected_settlement_count FROM batch
        WHERE {in_run} AND settlement_count < expected_settlement_count
        ORDER BY expected_settlement_count - settlement_count DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="the day's sum lacks a settlement",
        threshold="settlement_count = expected_settlement_count where that is known",
        days=True,
    ),
    # Of 24 hourly ones a venue's halt takes one or two; of 3 the lack of one is a third of the day.
    no_rows(
        "stamps_there",
        """
        WITH judged AS (
          SELECT date, venue, symbol, settlement_count, expected_settlement_count,
            settlement_count < {min_share} * expected_settlement_count AS lacks
          FROM batch WHERE {in_run} AND expected_settlement_count IS NOT NULL
        )
        SELECT date, venue, count(*) AS instruments, count(*) FILTER (lacks) AS lacking,
          sum(settlement_count) AS settlements, sum(expected_settlement_count) AS expected
        FROM judged GROUP BY date, venue
        HAVING count(*) >= {min_instruments} AND count(*) FILTER (lacks) > {max_share} * count(*)
        ORDER BY lacking / instruments DESC, date, venue
        """,
        severity=Severity.CRITICAL,
        reason="a settlement lacks for most of a venue: a file is partial, and what a long paid is "
        "told too low",
        threshold="at least {min_share:.0%} of the settlements due, for {max_share:.0%} of a "
        "venue's instruments, of which there are {min_instruments} or more",
        limits={"min_share": 0.9, "max_share": 0.5, "min_instruments": 3},
        days=True,
        excludes=True,
    ),
    no_settlement_too_many(),
    few_settlements_too_many(),
)
