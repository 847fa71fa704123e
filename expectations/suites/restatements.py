"""What must hold for what is said about changes of published values."""

from __future__ import annotations

from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

RULES = (
    no_rows(
        "of_known_runs",
        """
        SELECT run_id, count(*) AS restatements FROM batch
        WHERE run_id NOT IN (SELECT run_id FROM runs UNION ALL SELECT {run_id})
        GROUP BY run_id ORDER BY run_id
        """,
        severity=Severity.CRITICAL,
        reason="what a run changed is found by the run",
        threshold="this run or one before it",
    ),
    no_rows(
        "said_once",
        """
        SELECT run_id, table_name, date, venue, symbol, key_detail, column_name,
          count(*) AS times FROM batch
        GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL
        """,
        severity=Severity.CRITICAL,
        reason="a change that is told twice counts twice",
        threshold="one row per run and value",
    ),
    no_rows(
        "rows_have_no_column",
        """
        SELECT run_id, item, table_name, date, venue, symbol, kind, column_name FROM batch
        WHERE (kind = 'changed') <> (column_name IS NOT NULL)
        OR (kind <> 'changed' AND coalesce(old_value, new_value) IS NOT NULL)
        ORDER BY run_id, item
        """,
        severity=Severity.CRITICAL,
        reason="a value that changed is named, and a row that came or went is told as a whole",
        threshold="column_name where kind is changed, and only there",
    ),
    no_rows(
        "values_differ",
        """
        SELECT run_id, item, table_name, date, venue, symbol, column_name, old_value FROM batch
        WHERE kind = 'changed' AND old_value IS NOT DISTINCT FROM new_value
        ORDER BY run_id, item
        """,
        severity=Severity.WARNING,
        reason="a value that stays as it was is no change",
        threshold="old_value ≠ new_value",
    ),
    no_rows(
        "cause_said",
        """
        SELECT run_id, item, table_name, date, venue, symbol, column_name FROM batch
        WHERE trim(cause) = '' ORDER BY run_id, item
        """,
        severity=Severity.WARNING,
        reason="a change without a reason cannot be followed back to a file",
        threshold="a cause for every restatement",
    ),
)
