"""What readers saw at a moment: a table macro for each table a build keeps the versions of."""

from __future__ import annotations

from collections.abc import Sequence

SUFFIX = "_as_of"

# A cast of a zoned time would tell it in the reader's own zone, and a cast of text drops the zone
# without a word; so the zone is looked for in the text.
_UTC = r"""CASE WHEN regexp_matches(ts::VARCHAR, ':[0-9.]+ *([+-][0-9]{2}(:?[0-9]{2})*|Z)$')
    THEN ts::VARCHAR::TIMESTAMPTZ AT TIME ZONE 'UTC' ELSE ts::VARCHAR::TIMESTAMP END"""


def as_of(table: str, columns: Sequence[str]) -> dict[str, str]:
    """The statements that make `{table}_as_of(ts)` and say what it is, by the macro's name.

    columns: of the table, `published_by` among them. The rows are those of the build that was
    current at `ts`, by when its run finished; before the first there are none. `ts`: a TIMESTAMP,
    DATE, TIMESTAMPTZ or text; without a zone it is UTC.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    macro = f"{table}{SUFFIX}"
    said = f"The rows of {table} as readers saw them at ts (UTC unless it says its zone)."
    return {
        macro: f"""
CREATE MACRO {macro}(ts) AS TABLE
WITH published AS (
  SELECT run_id FROM runs WHERE finished_at <= {_UTC}
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
