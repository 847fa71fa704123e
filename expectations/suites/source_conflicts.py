"""Where sources contradict each other."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import about
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

# A venue-day taken out is judged already: what was in dispute there is in no number.
_DIFFER = """
  SELECT b.date, b.venue, b.dataset, count(DISTINCT (symbol, "at")) AS conflicts,
    arg_max((symbol, "at", column_name, kept_value, other_value), "at") AS newest
  FROM batch AS b WHERE b.{{in_run}} AND {about} AND NOT EXISTS (
    SELECT 1 FROM coverage_daily AS c WHERE c.date = b.date AND c.venue = b.venue
    AND c.dataset = b.dataset AND c.excluded_because IS NOT NULL)
  GROUP BY ALL
"""


def _disputed(name: str, severity: Severity, reason: str, *, max_share: float, spared: int) -> Rule:
    """Over all days of the run: a few facts in dispute are everyday strays; beyond a share
    they are a fault.

    spared: so many may differ whatever their share, since a small desk has few rows.
    """
    return no_rows(
        name,
        f"""
        WITH days AS ({_DIFFER.format(about=about(severity))}), differ AS (
          SELECT venue, dataset, sum(conflicts)::BIGINT AS conflicts,
            arg_max(newest, date) AS newest
          FROM days GROUP BY ALL
        ), seen AS (
          SELECT venue, dataset, sum(rows)::BIGINT AS rows FROM coverage_daily WHERE {{in_run}}
          GROUP BY venue, dataset
        )
        SELECT venue, dataset, conflicts, coalesce(rows, 0) AS rows, newest
        FROM differ LEFT JOIN seen USING (venue, dataset)
        WHERE conflicts > greatest({{max_share}} * coalesce(rows, 0), {{spared}})
        ORDER BY conflicts / greatest(coalesce(rows, 0), 1) DESC, venue, dataset
        """,
        severity=severity,
        reason=reason,
        threshold="at most {spared} facts, or {max_share:.1%} of a venue's rows of a dataset on "
        "the run's days",
        limits={"max_share": max_share, "spared": spared},
        days=True,
    )


RULES = (
    _disputed(
        "hardly_any",
        Severity.WARNING,
        "two sources give different values for one fact; the declared winner is published",
        max_share=0.001,
        spared=0,
    ),
    no_rows(
        "few_on_a_day",
        f"""
        WITH differ AS ({_DIFFER.format(about=about(Severity.CRITICAL))})
        SELECT date, venue, dataset, conflicts, coalesce(c.rows, 0) AS rows, newest
        FROM differ LEFT JOIN coverage_daily AS c USING (date, venue, dataset)
        WHERE conflicts > greatest({{max_share}} * coalesce(c.rows, 0), {{spared}})
        ORDER BY conflicts / greatest(coalesce(c.rows, 0), 1) DESC, date, venue, dataset
        """,
        severity=Severity.CRITICAL,
        reason="that many contradictions on one day are a wrong unit or a wrong day, and which of "
        "the sources is right nobody can say",
        threshold="at most {spared} facts, or {max_share:.0%} of a venue's rows of a dataset on a "
        "day",
        limits={"max_share": 0.01, "spared": 20},
        days=True,
        excludes=True,
    ),
    _disputed(
        "few",
        Severity.CRITICAL,
        "that many contradictions are a wrong unit or a wrong day, not a restatement",
        max_share=0.01,
        spared=20,
    ),
    # Open interest itself is in the venue's own coins; a day taken out has no liquidations left.
    no_rows(
        "contract_sizes_agree",
        """
        SELECT b.date, b.venue, 'liquidations' AS dataset, b.symbol, b.kept_value AS listed,
          b.other_value AS by_open_interest
        FROM batch AS b JOIN liquidations_daily AS l
        ON l.date = b.date AND l.venue = b.venue AND l.symbol = b.symbol
        WHERE b.{in_run} AND b.column_name = 'contract_size' AND b.dataset = 'open_interest'
        AND l.long_count + l.short_count > 0
        ORDER BY b.date DESC, b.venue, b.symbol
        """,
        severity=Severity.CRITICAL,
        reason="the venue's open interest in contracts and in coins says that a contract is of "
        "another size than the list of instruments does: liquidations are wrong by as much",
        threshold="no instrument with liquidations whose size as listed is off by half from what "
        "its own open interest says",
        days=True,
        excludes=True,
    ),
    no_rows(
        "values_differ",
        """
        SELECT date, venue, symbol, dataset, "at", column_name, kept_value FROM batch
        WHERE kept_value = other_value ORDER BY date DESC, venue, dataset, symbol, "at"
        """,
        severity=Severity.WARNING,
        reason="equal values are a duplicate, not a conflict",
        threshold="kept_value ≠ other_value",
    ),
)
