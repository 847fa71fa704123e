"""What must hold for liquidations by hour: they are the day's, cut at the hours."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import both_sides
from expectations.liquidated_hours import no_long_silence, sides_follow_price
from expectations.market_rules import TOLERANCE, differs
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

_SUMS = (
    *("long_usd", "short_usd", "total_usd", "long_coin", "short_coin"),
    *("long_count", "short_count"),
)
_OF_DAY = ", ".join(f"d.{column} AS {column}_of_day" for column in _SUMS)
# A side that is not known in one of the hours is not known of the day.
_OF_HOURS = ", ".join(
    f"CASE WHEN count({column}) = count(*) THEN sum({column}) END AS {column}" for column in _SUMS
)
_SOMETHING = "SELECT 1 FROM liquidations_daily WHERE long_count + short_count > 0"

RULES = (
    no_rows(
        "not_empty",
        "SELECT 'no rows' AS finding FROM (SELECT count(*) AS n FROM batch) "
        f"WHERE n = 0 AND EXISTS ({_SOMETHING})",
        severity=Severity.WARNING,
        reason="every other rule holds on an empty table",
        threshold="at least one row, where liquidations_daily counts an order",
    ),
    no_rows(
        "fresh",
        "SELECT {last} AS date, 'no rows' AS finding "
        "FROM (SELECT count(*) AS n FROM batch WHERE date = {last}) "
        f"WHERE n = 0 AND EXISTS ({_SOMETHING} AND date = {{last}})",
        severity=Severity.WARNING,
        reason="yesterday's hours must not be published as today's",
        threshold="rows on the run's last day, where liquidations_daily counts an order",
        days=True,
    ),
    no_rows(
        "hours_add_up_to_the_day",
        f"""
        WITH hours AS (
          SELECT date, venue, symbol, {_OF_HOURS} FROM batch WHERE {{in_run}} GROUP BY ALL
        ), days AS (
          SELECT * FROM liquidations_daily WHERE {{in_run}} AND long_count + short_count > 0
        )
        SELECT date, venue, symbol, {", ".join(f"h.{column}" for column in _SUMS)}, {_OF_DAY}
        FROM hours AS h FULL JOIN days AS d USING (date, venue, symbol)
        WHERE {" OR ".join(differs(f"h.{column}", f"d.{column}") for column in _SUMS)}
        ORDER BY abs(h.total_usd - d.total_usd) DESC NULLS FIRST, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="the same events, cut twice: an hour lost or an event in two of them",
        threshold="Σ over the hours = liquidations_daily, NULL where an hour is",
        limits=TOLERANCE,
        days=True,
    ),
    no_rows(
        "hour_on_the_day",
        """
        SELECT date, venue, symbol, hour FROM batch
        WHERE {in_run} AND (hour::DATE <> date OR date_trunc('hour', hour) <> hour)
        ORDER BY date, venue, symbol, hour
        """,
        severity=Severity.CRITICAL,
        reason="an hour belongs to the UTC day it lies in, and starts on the hour",
        threshold="hour is the start of one of the date's 24 hours",
        days=True,
    ),
    no_rows(
        "something_happened",
        """
        SELECT date, venue, symbol, hour FROM batch
        WHERE {in_run} AND long_count + short_count = 0 ORDER BY date, venue, symbol, hour
        """,
        severity=Severity.CRITICAL,
        reason="whether an hour without events was quiet or unheard only the day's row can say",
        threshold="rows only for hours with an order",
        days=True,
    ),
    *both_sides("date, venue, symbol, hour"),
    sides_follow_price(),
    no_long_silence(),
)
