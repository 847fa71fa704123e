"""The row as readers see it: each value with its unit, formula and meaning."""

from __future__ import annotations

from typing import Any

from flows.explain.published import Build
from flows.explain.question import Question


def published_row(build: Build, asked: Question) -> dict[str, Any] | None:
    """The row with all its columns, `published_by` among them; None where there is none."""
    found = build.rows(f"SELECT * FROM {asked.table} WHERE {asked.where}", asked.values)  # noqa: S608 - names of ours
    return found[0] if found else None


def described(build: Build, asked: Question, row: dict[str, Any]) -> list[dict[str, Any]]:
    """What is asked for, value by value: `column`, `value`, `unit`, `formula`, `meaning`, and
    where the value is NULL what that means (`null_means`)."""
    dictionary = {
        entry["column_name"]: entry
        for entry in build.rows(
            "SELECT column_name, unit, formula, meaning, null_meaning FROM column_dictionary "
            "WHERE table_name = ?",
            [asked.table],
        )
    }
    found = []
    for name in asked.columns:
        entry = dictionary[name]
        found.append(
            {
                "column": name,
                "value": row[name],
                "unit": entry["unit"],
                "formula": entry["formula"],
                "meaning": entry["meaning"],
                "null_means": entry["null_meaning"] if row[name] is None else None,
            }
        )
    return found
