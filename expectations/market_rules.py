"""Rules the tables of the market share: who is in them, and what each number may be.

Sums are taken again here, in SQL, from the venue tables of the same build. `key` names the rows of
a table: `date, base_asset` in `market_daily`, `date` in `market_total_daily`.
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.rule import Rule, no_rows
from transforms.schemas.column import Completeness
from transforms.schemas.evidence import Severity

ASSET_DAY, DAY = "date, base_asset", "date"

TOLERANCE = {"tolerance": 1e-9}
"""Relative: sums of the same doubles in another order differ in the last digits."""

# Fewer samples are only the 00:00 of a neighbour's file, which is no day.
OPEN_INTEREST = (
    "(SELECT * FROM open_interest_daily "
    "WHERE coalesce(sample_count / expected_sample_count >= 0.01, true))"
)
VENUE_TABLES = (
    "funding_daily",
    OPEN_INTEREST,
    "liquidations_daily",
    "positioning_daily",
    "prices_daily",
)
SEEN = " UNION ".join(
    f"SELECT date, base_asset, venue FROM {table} AS v{i}" for i, table in enumerate(VENUE_TABLES)
)
"""The days, assets and venues that the market is made of."""

_LEVELS = ", ".join(f"'{level.value}'" for level in Completeness)


def weakness(completeness: str) -> str:
    """SQL: 1 for complete up to 4 for unknown."""
    return f"list_position([{_LEVELS}], {completeness})"


def differs(one: str, other: str) -> str:
    """SQL: one of the two is NULL, or they are further apart than rounding allows."""
    return (
        f"(({one} IS NULL) <> ({other} IS NULL) "
        f"OR abs({one} - {other}) > {{tolerance}} * greatest(abs({one}), 1))"
    )


def not_empty() -> Rule:
    return no_rows(
        "not_empty",
        f"""
        SELECT 'no rows' AS finding FROM (SELECT count(*) AS n FROM batch)
        WHERE n = 0 AND EXISTS (SELECT 1 FROM ({SEEN}))
        """,
        severity=Severity.CRITICAL,
        reason="every other rule holds on an empty table",
        threshold="at least one row, where a venue table has one",
    )


def fresh() -> Rule:
    return no_rows(
        "fresh",
        f"""
        SELECT {{last}} AS date, 'no rows' AS finding
        FROM (SELECT count(*) AS n FROM batch WHERE date = {{last}})
        WHERE n = 0 AND EXISTS (SELECT 1 FROM ({SEEN}) WHERE date = {{last}})
        """,
        severity=Severity.CRITICAL,
        reason="yesterday's page must not be published as today's",
        threshold="rows on the run's last day, where a venue table has one",
        days=True,
    )


def rows_are_those_of(source: str, key: str, *, reason: str, threshold: str) -> Rule:
    """The run's days have exactly the rows whose `key` the table or query `source` has."""
    keys = f"SELECT {key} FROM {{}} WHERE {{{{in_run}}}}"
    due, there = keys.format(f"({source}) AS source"), keys.format("batch")
    return no_rows(
        "rows_as_due",
        f"""
        SELECT {key}, finding FROM (
          SELECT *, 'is not there' AS finding FROM ({due} EXCEPT {there}) AS lacking
          UNION ALL
          SELECT *, 'nothing stands behind it' AS finding FROM ({there} EXCEPT {due}) AS surplus)
        ORDER BY {key}
        """,
        severity=Severity.CRITICAL,
        reason=reason,
        threshold=threshold,
        days=True,
    )


# A venue whose instruments all ended by the end of the day is gone by right.
def no_venue_fell_away(key: str) -> Rule:
    same = " AND ".join(f"b.{name} = a.{name}" for name in key.split(", ")[1:]) or "true"
    columns = ", ".join([*key.split(", ")[1:], "venue"])
    ours = " AND ".join(f"i.{name} = gone.{name}" for name in columns.split(", "))
    return no_rows(
        "no_venue_fell_away",
        f"""
        WITH seen AS (
          SELECT DISTINCT {key}, venue FROM ({SEEN}) WHERE date BETWEEN {{first}} - 1 AND {{last}}
        ), gone AS (
          SELECT date + 1 AS date, {columns} FROM seen WHERE date < {{last}}
          EXCEPT SELECT date, {columns} FROM seen
        )
        SELECT a.*, b.venues, b.open_interest_usd
        FROM gone AS a JOIN batch AS b ON b.date = a.date AND {same}
        WHERE NOT coalesce((
          SELECT bool_and(i.valid_to IS NOT NULL AND i.valid_to < a.date + 1)
          FROM instruments AS i WHERE {ours.replace("gone.", "a.")}), false)
        ORDER BY b.open_interest_usd DESC NULLS LAST, a.*
        """,
        severity=Severity.WARNING,
        reason="a venue of the day before is missing: totals drop as if the market had",
        threshold="every venue of the day before is there, unless all its instruments ended",
        days=True,
    )


def _counts(key: str) -> Rule:
    return no_rows(
        "counts_fit",
        f"""
        SELECT {key}, venues, instruments, funding_venues, open_interest_venues,
          liquidations_venues
        FROM batch WHERE {{in_run}} AND (funding_venues > instruments
          OR greatest(funding_venues, open_interest_venues, liquidations_venues) > venues)
        ORDER BY {key}
        """,
        severity=Severity.CRITICAL,
        reason="the venues behind one number are among those with any, and a rate is an "
        "instrument's",
        threshold="funding, OI and liquidation venues ≤ venues; funding venues ≤ instruments",
        days=True,
    )


def _funding(key: str) -> tuple[Rule, ...]:
    means = ["oi_weighted", "volume_weighted", "mean", "median"]
    shown = ", ".join(f"funding_rate_8h_{name}" for name in ["min", "max", *means])
    outside = " OR ".join(
        f"funding_rate_8h_{name} NOT BETWEEN funding_rate_8h_min - {{tolerance}} "
        f"AND funding_rate_8h_max + {{tolerance}}"
        for name in means
    )
    without_rates = " OR ".join(
        f"(funding_rate_8h_{name} IS NULL) <> (funding_venues = 0)"
        for name in ("min", "max", "mean", "median")
    )
    without_weight = " OR ".join(
        f"(funding_venues = 0 AND funding_rate_8h_{name} IS NOT NULL)"
        for name in ("oi_weighted", "volume_weighted")
    )
    over = f"PARTITION BY {names}" if (names := ", ".join(key.split(", ")[1:])) else ""
    rate = "3 * funding_rate_8h_oi_weighted"

    def window(days: int) -> str:
        before = f"INTERVAL {days - 1} DAYS PRECEDING"
        return f"({over} ORDER BY date RANGE BETWEEN {before} AND CURRENT ROW)"

    return (
        no_rows(
            "means_between_extremes",
            f"SELECT {key}, {shown} FROM batch WHERE {{in_run}} AND ({outside}) ORDER BY {key}",
            severity=Severity.CRITICAL,
            reason="no weights, as long as none is negative, lead out of what is averaged",
            threshold="min ≤ weighted rates, mean, median ≤ max",
            limits={"tolerance": 1e-12},
            days=True,
        ),
        no_rows(
            "rates_known_together",
            f"""
            SELECT {key}, funding_venues, {shown} FROM batch
            WHERE {{in_run}} AND ({without_rates} OR {without_weight}) ORDER BY {key}
            """,
            severity=Severity.CRITICAL,
            reason="where a perpetual has a rate there is a mean of it, and only there",
            threshold="min, max, mean and median are known where funding_venues > 0, weighted "
            "rates only there",
            days=True,
        ),
        no_rows(
            "annualised_as_defined",
            f"""
            SELECT {key}, funding_rate_8h_oi_weighted, funding_rate_annualised_oi_weighted
            FROM batch WHERE {{in_run}} AND
              {differs("funding_rate_annualised_oi_weighted", "1095 * funding_rate_8h_oi_weighted")}
            ORDER BY {key}
            """,
            severity=Severity.CRITICAL,
            reason="readers recompute it, and compare assets by it",
            threshold="annualised = 8h × 3 × 365",
            limits=TOLERANCE,
            days=True,
        ),
        # Rows of an older version may be lacking: then the sums cannot be taken again.
        no_rows(
            "cumulative_as_summed",
            f"""
            WITH sums AS (
              SELECT {key}, funding_cumulative_7d, funding_cumulative_30d, funding_compounded_30d,
                count(*) OVER week AS rows_7d, count(*) OVER month AS rows_30d,
                CASE WHEN count({rate}) OVER week = 7 THEN sum({rate}) OVER week END AS sum_7d,
                CASE WHEN count({rate}) OVER month = 30 THEN sum({rate}) OVER month END AS sum_30d,
                CASE WHEN count({rate}) OVER month = 30
                  THEN product(1 + {rate}) OVER month - 1 END AS product_30d
              FROM batch WHERE date BETWEEN {{first}} - 29 AND {{last}}
              WINDOW week AS {window(7)}, month AS {window(30)}
            )
            SELECT * FROM sums WHERE {{in_run}} AND (
              (rows_7d = 7 AND {differs("funding_cumulative_7d", "sum_7d")})
              OR (rows_30d = 30 AND ({differs("funding_cumulative_30d", "sum_30d")}
                OR {differs("funding_compounded_30d", "product_30d")})))
            ORDER BY {key}
            """,
            severity=Severity.CRITICAL,
            reason="a sum over days that leaves one out, or takes one twice, is still a "
            "plausible number",
            threshold="Σ and Π over 7 and 30 days of 3 × 8h; NULL where a day is not known",
            limits=TOLERANCE,
            days=True,
        ),
    )


def _open_interest(key: str) -> tuple[Rule, ...]:
    total = "open_interest_usd"
    parts = [f"{total}_{margin}" for margin in ("linear", "inverse", "quanto")]
    known = " + ".join(f"coalesce({part}, 0)" for part in parts)
    summed = f"CASE WHEN coalesce({', '.join(parts)}) IS NOT NULL THEN {known} END"
    return (
        no_rows(
            "margins_add_up",
            f"""
            SELECT {key}, {total}, {", ".join(parts)} FROM batch
            WHERE {{in_run}} AND {differs(total, f"({summed})")}
            ORDER BY {total} DESC NULLS FIRST, {key}
            """,
            severity=Severity.CRITICAL,
            reason="every contract is linear, inverse or quanto",
            threshold="open_interest_usd = linear + inverse + quanto",
            limits=TOLERANCE,
            days=True,
        ),
        no_rows(
            "coverage_is_a_share",
            f"""
            SELECT {key}, open_interest_coverage FROM batch
            WHERE {{in_run}} AND open_interest_coverage > 1 + {{tolerance}}
            ORDER BY open_interest_coverage DESC, {key}
            """,
            severity=Severity.CRITICAL,
            reason="the venues present are some of all",
            threshold="open_interest_coverage ≤ 1",
            limits=TOLERANCE,
            days=True,
        ),
    )


def _covered(
    name: str, severity: Severity, key: str, *, min_coverage: float, min_usd: float, reason: str
) -> Rule:
    """min_usd: rows that had this much within the 30 days before; a small asset may live on one
    venue alone, and leave it."""
    same = " AND ".join(f"p.{name} = b.{name}" for name in key.split(", ")[1:]) or "true"
    return no_rows(
        name,
        f"""
        SELECT {key}, open_interest_coverage, open_interest_usd FROM batch AS b
        WHERE {{in_run}} AND open_interest_coverage < {{min_coverage}}
        AND ({{min_usd}} = 0 OR (SELECT max(p.open_interest_usd) FROM batch AS p
          WHERE {same} AND p.date BETWEEN b.date - 30 AND b.date) >= {{min_usd}})
        ORDER BY open_interest_coverage, {key}
        """,
        severity=severity,
        reason=reason,
        threshold="open_interest_coverage ≥ {min_coverage:.0%}"
        + (", of what had {min_usd:,.0f} USD within 30 days" if min_usd else ""),
        limits={"min_coverage": min_coverage, "min_usd": min_usd},
        days=True,
    )


def well_covered(key: str, *, min_usd: float) -> Rule:
    return _covered(
        "well_covered",
        Severity.WARNING,
        key,
        min_coverage=0.90,
        min_usd=min_usd,
        reason="venues are missing that lately held a noticeable share: what drops need not have "
        "dropped",
    )


def half_covered(key: str, *, min_usd: float) -> Rule:
    return _covered(
        "half_covered",
        Severity.CRITICAL,
        key,
        min_coverage=0.50,
        min_usd=min_usd,
        reason="what is missing is larger than what is there: no total, weight or rank of such a "
        "day means anything",
    )


def change_plausible(
    name: str, severity: Severity, key: str, *, max_change: float, min_usd: float, reason: str
) -> Rule:
    """min_usd: rows whose day before had this much."""
    same = " AND ".join(f"p.{name} = b.{name}" for name in key.split(", ")[1:]) or "true"
    columns = ", ".join(f"b.{name}" for name in key.split(", "))
    return no_rows(
        name,
        f"""
        SELECT {columns}, b.open_interest_change_pct, p.open_interest_usd AS usd_before,
          b.open_interest_usd AS usd
        FROM batch AS b JOIN batch AS p ON p.date = b.date - 1 AND {same}
        WHERE b.{{in_run}} AND abs(b.open_interest_change_pct) > {{max_change}}
        AND p.open_interest_usd >= {{min_usd}}
        ORDER BY abs(b.open_interest_change_pct) DESC, {columns}
        """,
        severity=severity,
        reason=reason,
        threshold="|open_interest_change_pct| ≤ {max_change:.0%}"
        + (", from {min_usd:,.0f} USD up" if min_usd else ""),
        limits={"max_change": max_change, "min_usd": min_usd},
        days=True,
    )


# The rows of a day on which a ticker was given to another asset count the day's events of both,
# the rolling windows each asset's own.
_CHANGED_HANDS = """
  SELECT DISTINCT o.base_asset, n.valid_from::DATE AS day
  FROM instruments AS n JOIN instruments AS o ON o.venue = n.venue AND o.symbol = n.symbol
  WHERE n.listing > 1
"""


def _liquidations(key: str) -> tuple[Rule, ...]:
    names = key.split(", ")[1:]
    same = " AND ".join(f"p.{name} = b.{name}" for name in names) or "true"
    columns = ", ".join(f"b.{name}" for name in key.split(", "))
    both = (
        "CASE WHEN coalesce(liquidations_long_usd, liquidations_short_usd) IS NOT NULL THEN "
        "coalesce(liquidations_long_usd, 0) + coalesce(liquidations_short_usd, 0) END"
    )
    own_events = (
        f"NOT EXISTS (SELECT 1 FROM ({_CHANGED_HANDS}) AS c WHERE b.date - c.day BETWEEN 0 AND 1 "
        "AND c.base_asset = b.base_asset)"
        if names
        else "true"
    )
    return (
        no_rows(
            "liquidations_are_both_sides",
            f"""
            SELECT {key}, liquidations_long_usd, liquidations_short_usd, liquidations_total_usd
            FROM batch WHERE {{in_run}} AND {differs("liquidations_total_usd", f"({both})")}
            ORDER BY liquidations_total_usd DESC NULLS FIRST, {key}
            """,
            severity=Severity.CRITICAL,
            reason="the total is the longs and the shorts",
            threshold="total = long + short, as far as they are known",
            limits=TOLERANCE,
            days=True,
        ),
        no_rows(
            "liquidations_where_there_is_a_feed",
            f"""
            SELECT {key}, liquidations_venues, liquidations_completeness, liquidations_max_24h_usd,
              liquidations_total_usd
            FROM batch WHERE {{in_run}} AND (
              (liquidations_venues = 0) <> (liquidations_completeness IS NULL)
              OR (liquidations_venues = 0) <> (liquidations_max_24h_usd IS NULL)
              OR (liquidations_venues = 0 AND liquidations_total_usd IS NOT NULL))
            ORDER BY {key}
            """,
            severity=Severity.CRITICAL,
            reason="no feed is not known, which is not zero",
            threshold="completeness and max_24h where liquidations_venues > 0, no amount elsewhere",
            days=True,
        ),
        no_rows(
            "max_24h_holds_the_day",
            f"""
            SELECT {columns}, b.liquidations_total_usd, b.liquidations_max_24h_usd
            FROM batch AS b WHERE b.{{in_run}}
            AND b.liquidations_max_24h_usd < b.liquidations_total_usd * (1 - {{tolerance}})
            AND {own_events}
            ORDER BY b.liquidations_total_usd - b.liquidations_max_24h_usd DESC, {columns}
            """,
            severity=Severity.CRITICAL,
            reason="the 24 hours that end at the day's last event hold the whole day",
            threshold="liquidations_max_24h_usd ≥ liquidations_total_usd",
            limits=TOLERANCE,
            days=True,
        ),
        # An amount not known is in neither, but it takes its instrument's others out of the total.
        no_rows(
            "max_24h_within_two_days",
            f"""
            SELECT {columns}, p.liquidations_total_usd AS total_before, b.liquidations_total_usd,
              b.liquidations_max_24h_usd
            FROM batch AS b JOIN batch AS p ON p.date = b.date - 1 AND {same}
            WHERE b.{{in_run}} AND {weakness("b.liquidations_completeness")} <= 2
            AND {weakness("p.liquidations_completeness")} <= 2
            AND b.liquidations_max_24h_usd
              > (b.liquidations_total_usd + p.liquidations_total_usd) * (1 + {{tolerance}})
            AND {own_events}
            ORDER BY b.liquidations_max_24h_usd DESC, {columns}
            """,
            severity=Severity.CRITICAL,
            reason="24 hours touch two days and hold no more than both",
            threshold="max_24h ≤ total of the day and of the day before, where all amounts are "
            "known",
            limits=TOLERANCE,
            days=True,
        ),
        no_rows(
            "max_24h_ends_on_the_day",
            f"""
            SELECT {key}, liquidations_max_24h_end, liquidations_max_24h_usd FROM batch
            WHERE {{in_run}} AND (liquidations_max_24h_end::DATE <> date
              OR (liquidations_max_24h_usd > 0 AND liquidations_max_24h_end IS NULL))
            ORDER BY {key}
            """,
            severity=Severity.CRITICAL,
            reason="a window belongs to the UTC day it ends on",
            threshold="liquidations_max_24h_end on the row's date, known where the amount is "
            "above 0",
            days=True,
        ),
        no_rows(
            "liquidated_share_believable",
            f"""
            SELECT {key}, liquidations_to_open_interest, liquidations_total_usd FROM batch
            WHERE {{in_run}} AND liquidations_to_open_interest > {{max_share}}
            ORDER BY liquidations_to_open_interest DESC, {key}
            """,
            severity=Severity.WARNING,
            reason="half of all positions in a day: orders counted twice, thousands for ones, or "
            "a crash; a small or new asset may do it by itself",
            threshold="liquidations_to_open_interest ≤ {max_share}",
            limits={"max_share": 0.5},
            days=True,
        ),
    )


def about_each_row(key: str) -> tuple[Rule, ...]:
    """What holds for every row of the market's two tables alike."""
    return (_counts(key), *_funding(key), *_open_interest(key), *_liquidations(key))
