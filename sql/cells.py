"""The difference of two relations, value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NUMBERS = frozenset({"BIGINT", "DOUBLE"})


def cells(
    before: str,
    after: str,
    key: Sequence[str],
    columns: Mapping[str, str],
    carried: Sequence[str] = (),
) -> str:
    """A query: one row per value that differs, and per row that only one of them has.

    before, after: relations, as they stand behind FROM. key: what tells rows apart, once each.
    columns: SQL types of the values compared. carried: columns of `before` that come along.

    Its columns: the key, `carried`, kind (changed, appeared, vanished), column_name, old_value and
    new_value (text, all digits), difference (new − old of numbers); the last four are NULL where
    a row as a whole appeared or vanished. Equal is what DuckDB calls so: 0 is −0, and NaN is NaN.
    """
    keys = ", ".join(f'coalesce(o."{name}", n."{name}") AS "{name}"' for name in key)
    same = " AND ".join(f'o."{name}" IS NOT DISTINCT FROM n."{name}"' for name in key)
    along = "".join(f', o."{name}"' for name in carried)
    differing = ", ".join(
        f'CASE WHEN o."{name}" IS DISTINCT FROM n."{name}" THEN '
        + _cell(
            "changed",
            f"'{name}'",
            f'o."{name}"::VARCHAR',
            f'n."{name}"::VARCHAR',
            f'n."{name}"::DOUBLE - o."{name}"::DOUBLE' if data_type in NUMBERS else "NULL::DOUBLE",
        )
        + " END"
        for name, data_type in columns.items()
    )
    whole = "NULL::VARCHAR", "NULL::VARCHAR", "NULL::VARCHAR", "NULL::DOUBLE"
    names = ", ".join(f'"{name}"' for name in (*key, *carried))
    return f"""
WITH pairs AS (
  SELECT {keys}{along}, CASE
    WHEN o.is_there IS NULL THEN [{_cell("appeared", *whole)}]
    WHEN n.is_there IS NULL THEN [{_cell("vanished", *whole)}]
    ELSE [{differing}] END AS found
  FROM (SELECT *, true AS is_there FROM {before}) AS o
  FULL JOIN (SELECT *, true AS is_there FROM {after}) AS n ON {same}
), found AS (SELECT {names}, unnest(found) AS cell FROM pairs)
SELECT {names}, cell.kind, cell.column_name, cell.old_value, cell.new_value, cell.difference
FROM found WHERE cell IS NOT NULL"""  # noqa: S608 - names from the schemas


def _cell(kind: str, name: str, old: str, new: str, difference: str) -> str:
    return (
        f"{{'kind': '{kind}', 'column_name': {name}, 'old_value': {old}, 'new_value': {new}, "
        f"'difference': {difference}}}"
    )
