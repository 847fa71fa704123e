"""What is known against a number: the gate's findings, what was missing, disputed or corrected."""

from __future__ import annotations

from typing import Any

import polars as pl

from flows.explain.inputs import Lake
from flows.explain.published import Build
from flows.explain.question import VENUE_TABLES, Question

_FINDINGS = """
SELECT e.run_id, e.expectation, e.severity, e.date, e.venue, e.observed, e.threshold, e.detail
FROM expectation_results AS e
WHERE e.run_id IN (?, ?) AND NOT e.success AND e.table_name = ?
  AND (e.date IS NULL OR e.date = ?) AND (e.venue IS NULL OR ?::VARCHAR IS NULL OR e.venue = ?)
ORDER BY e.run_id, e.severity, e.expectation
"""
_CHECKED = "SELECT count(*) FROM expectation_results WHERE run_id = ? AND table_name = ?"


def gate(build: Build, asked: Question, published_by: str) -> dict[str, Any]:
    """What the gate found, in the run that first published the row and in the build's own: failed
    expectations about the table, but for those about other days or venues. `mentions`: the finding
    names this row. `checked`: how many expectations looked at the table."""
    run = build.pointer.run_id
    venue = asked.venue
    found = build.rows(_FINDINGS, [published_by, run, asked.table, asked.day, venue, venue])
    words = [str(value) for value in asked.key.values() if not hasattr(value, "hour")]
    for each in found:
        detail = each["detail"] or ""
        each["mentions"] = any(all(word in part for word in words) for part in detail.split("; "))
    checked = build.connection.execute(_CHECKED, [run, asked.table]).fetchone()
    return {"run_id": run, "checked": 0 if checked is None else checked[0], "findings": found}


def coverage(build: Build, asked: Question) -> list[dict[str, Any]]:
    """The day's rows of `coverage_daily`: of the dataset behind a venue table; for the market those
    of all venues that are not whole."""
    columns = (
        "venue, dataset, instruments_expected, instruments_present, rows, status, excluded_because"
    )
    if asked.table in VENUE_TABLES:
        return build.rows(
            f"SELECT {columns} FROM coverage_daily WHERE date = ? AND venue = ? AND dataset = ?",  # noqa: S608 - names of ours
            [asked.day, asked.venue, VENUE_TABLES[asked.table].dataset],
        )
    return build.rows(
        f"SELECT {columns} FROM coverage_daily WHERE date = ? "  # noqa: S608 - as above
        "AND status IN ('partial', 'missing') ORDER BY venue, dataset",
        [asked.day],
    )


def conflicts(build: Build, asked: Question) -> list[dict[str, Any]]:
    """Facts of the day that two raw files tell differently."""
    if asked.table not in VENUE_TABLES:
        return []
    return build.rows(
        'SELECT "at", column_name, kept_value, other_value, kept_raw_key, other_raw_key '
        "FROM source_conflicts WHERE date = ? AND dataset = ? AND venue = ? AND symbol = ? "
        'ORDER BY "at", column_name, other_raw_key',
        [asked.day, VENUE_TABLES[asked.table].dataset, asked.venue, asked.symbol],
    )


def corrections(build: Build, lake: Lake, asked: Question) -> list[dict[str, Any]]:
    """Corrections that touched the instrument's records of the day, with why."""
    if asked.table not in VENUE_TABLES:
        return []
    dataset, venue = VENUE_TABLES[asked.table].dataset, str(asked.venue)
    done = lake.read("corrections", dataset, venue, asked.day, asked.day).rows
    touched = done.filter(pl.col("symbol") == asked.symbol)
    if touched.is_empty():
        return []
    reasons = {
        each["id"]: each
        for each in build.rows(
            "SELECT id, reason, source, status FROM corrections WHERE venue = ? AND dataset = ?",
            [venue, dataset],
        )
    }
    return [
        {
            "correction": each["correction"],
            "action": each["action"],
            "raw_key": each["raw_key"],
            "rows_changed": each["rows_changed"],
            "rows_dropped": each["rows_dropped"],
            "reason": reasons.get(each["correction"], {}).get("reason"),
            "source": reasons.get(each["correction"], {}).get("source"),
        }
        for each in touched.sort("correction", "raw_key").iter_rows(named=True)
    ]


def set_aside(lake: Lake, asked: Question, keys: list[str]) -> list[dict[str, Any]]:
    """Records of these raw files that were quarantined on the day: number, reason and text."""
    dataset, venue = VENUE_TABLES[asked.table].dataset, str(asked.venue)
    rows = lake.read("quarantine", dataset, venue, asked.day, asked.day).rows
    return (
        rows.filter(pl.col("raw_key").is_in(keys))
        .sort("raw_key", "raw_row")
        .select("raw_key", "raw_row", "reason", "raw_text")
        .to_dicts()
    )
