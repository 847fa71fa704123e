"""Where sources contradict each other."""

from __future__ import annotations

from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

RULES = (
    no_rows(
        "none",
        """
        SELECT date, venue, symbol, dataset, "at", column_name, kept_value, other_value
        FROM batch WHERE {in_run}
        ORDER BY date DESC, venue, dataset, symbol, "at", column_name
        """,
        severity=Severity.WARNING,
        reason="two sources give different values for one fact; the declared winner is published",
        threshold="no conflict on the run's days",
        days=True,
    ),
    no_rows(
        "few",
        """
        WITH differ AS (
          SELECT venue, dataset, count(DISTINCT (symbol, "at")) AS conflicts
          FROM batch WHERE {in_run} GROUP BY venue, dataset
        ), seen AS (
          SELECT venue, dataset, sum(rows)::BIGINT AS rows FROM coverage_daily WHERE {in_run}
          GROUP BY venue, dataset
        )
        SELECT venue, dataset, conflicts, coalesce(rows, 0) AS rows
        FROM differ LEFT JOIN seen USING (venue, dataset)
        WHERE conflicts > {max_share} * coalesce(rows, 0)
        ORDER BY conflicts / greatest(coalesce(rows, 0), 1) DESC, venue, dataset
        """,
        severity=Severity.CRITICAL,
        reason="that many contradictions are a wrong unit or a wrong day, not a restatement",
        threshold="at most {max_share:.0%} of a venue's rows of a dataset on the run's days",
        limits={"max_share": 0.01},
        days=True,
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
