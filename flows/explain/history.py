"""What readers saw before: every earlier value, with run, time and cause."""

from __future__ import annotations

from typing import Any

from flows.explain.published import Build
from flows.explain.question import Question

_RESTATEMENTS = """
SELECT r.run_id, u.finished_at, r.kind, r.column_name, r.old_value, r.new_value, r.difference,
       r.cause
FROM restatements AS r LEFT JOIN runs AS u USING (run_id)
WHERE r.table_name = ? AND r.date = ? AND r.venue IS NOT DISTINCT FROM ?
  AND r.symbol IS NOT DISTINCT FROM ? AND r.key_detail IS NOT DISTINCT FROM ?
ORDER BY u.finished_at NULLS LAST, r.run_id, r.item
"""


def restatements(build: Build, asked: Question) -> list[dict[str, Any]]:
    """What was restated of the row, oldest first; of one column only that, and the row as a
    whole."""
    found = build.rows(
        _RESTATEMENTS, [asked.table, asked.day, asked.venue, asked.symbol, asked.key_detail]
    )
    return [each for each in found if asked.column in (None, each["column_name"])
            or each["column_name"] is None]  # fmt: skip


def versions(build: Build, asked: Question) -> list[dict[str, Any]]:
    """Each version of the row there ever was, oldest first: run that published it and when, run
    that took it away (NULL: it stands), and the value where one column is asked for."""
    value = "NULL" if asked.column is None else f'v."{asked.column}"::VARCHAR'
    columns = "published_by, superseded_by" + (
        "" if asked.column is None else f', "{asked.column}"'
    )
    standing = columns.replace("superseded_by", "NULL::VARCHAR AS superseded_by")
    query = (
        f"SELECT v.published_by, u.finished_at AS published_at, v.superseded_by, {value} AS value "  # noqa: S608 - names of ours
        f"FROM (SELECT {columns} FROM history.{asked.table} WHERE {asked.where} "
        f"UNION ALL SELECT {standing} FROM {asked.table} WHERE {asked.where}) AS v "
        f"LEFT JOIN runs AS u ON u.run_id = v.published_by "
        f"ORDER BY u.finished_at NULLS LAST, v.published_by"
    )
    return build.rows(query, [*asked.values, *asked.values])
