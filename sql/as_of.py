"""What readers saw at a moment: a table macro for each table a build keeps the versions of."""

from __future__ import annotations

from collections.abc import Sequence

SUFFIX = "_as_of"


def as_of(table: str, columns: Sequence[str]) -> dict[str, str]:
    """The statements that make `{table}_as_of(ts)` and say what it is, by the macro's name.

    columns: of the table, `published_by` among them. The rows are those of the build that was
    current at `ts` (a time without a zone is UTC), by when its run finished; before the first
    there are none. `ts` goes by way of text because a cast from a zoned type would tell the time
    of the reader's own zone.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    macro = f"{table}{SUFFIX}"
    said = f"The rows of {table} as readers saw them at ts, a time in UTC."
    return {
        macro: f"""
CREATE MACRO {macro}(ts) AS TABLE
WITH published AS (
  SELECT run_id FROM runs WHERE finished_at <= ts::VARCHAR::TIMESTAMP
), versions AS (
  SELECT {names}, NULL::VARCHAR AS superseded_by FROM {table}
  UNION ALL
  SELECT {names}, superseded_by FROM history.{table}
)
SELECT {names} FROM versions
WHERE published_by IN (SELECT run_id FROM published)
  AND (superseded_by IS NULL OR superseded_by NOT IN (SELECT run_id FROM published));
COMMENT ON MACRO TABLE {macro} IS '{said}';
"""  # noqa: S608 - names from the schemas
    }
