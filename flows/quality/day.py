"""Everything a build says of the quality of one UTC day, and what the lake set aside of it."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.quality.run import Audited, findings
from flows.reading import connect
from flows.storage.ledger import Ledger
from flows.storage.partitions import Layer
from transforms.schemas.evidence import ExpectationResults

_SPAN = "SELECT min(date), max(date) FROM coverage_daily WHERE rows > 0"
_COVERAGE = """
SELECT venue, dataset, status, instruments_expected, instruments_present, rows
FROM coverage_daily WHERE date = $day ORDER BY venue, dataset
"""
_TAKEN_OUT = """
SELECT venue, dataset, excluded_because AS because
FROM coverage_daily WHERE date = $day AND excluded_because IS NOT NULL ORDER BY venue, dataset
"""
# What the day's rows say, and of venues without rows what is documented of their feeds.
_LIQUIDATIONS = """
WITH documented AS (
  SELECT venue, completeness, source FROM liquidation_regimes
  WHERE valid_from <= $day AND ($day < valid_to OR valid_to IS NULL)
), seen AS (
  SELECT DISTINCT venue, completeness FROM liquidations_daily WHERE date = $day
)
SELECT venue, completeness, source FROM seen LEFT JOIN documented USING (venue, completeness)
UNION ALL SELECT venue, completeness, source FROM documented ANTI JOIN seen USING (venue)
ORDER BY venue, completeness
"""
_CONFLICTS = """
SELECT venue, dataset, count(DISTINCT (symbol, "at")) AS facts,
  min_by(symbol || ' ' || "at" || ' ' || column_name || ': kept ' || kept_value || ', not '
    || other_value, (symbol, "at", column_name, other_value)) AS example
FROM source_conflicts WHERE date = $day GROUP BY venue, dataset ORDER BY venue, dataset
"""
_RESTATEMENTS = """
SELECT r.run_id, any_value(finished_at) AS published_at, table_name, venue, kind, column_name,
  count(*) AS rows, max(abs(difference)) AS largest_difference,
  min_by(cause, item) AS cause
FROM restatements AS r LEFT JOIN runs USING (run_id) WHERE date = $day
GROUP BY r.run_id, table_name, venue, kind, column_name
ORDER BY r.run_id DESC, cause, table_name, venue NULLS FIRST, kind, column_name NULLS FIRST
"""
_FAILED = "SELECT * FROM expectation_results WHERE NOT success"


def day(about: Audited, build: Path, asked: date) -> dict[str, Any]:
    """What is known of the day, as plain values; `known` is false where the build has no rows."""
    with connect(build) as connection:
        rows = _Rows(connection, asked)
        first, last = connection.execute(_SPAN).fetchone() or (None, None)
        coverage = rows(_COVERAGE)
        return {
            "date": asked,
            "known": bool(coverage),
            "first_date": first,
            "last_date": last,
            "coverage": coverage,
            "taken_out": rows(_TAKEN_OUT),
            "liquidations": rows(_LIQUIDATIONS),
            "quarantined": _quarantined(about, asked),
            "conflicts": rows(_CONFLICTS),
            "restatements": rows(_RESTATEMENTS),
            "findings": findings(_about(asked, about.results, connection.execute(_FAILED).pl())),
        }


class _Rows:
    def __init__(self, connection: duckdb.DuckDBPyConnection, asked: date) -> None:
        self._connection = connection
        self._asked = asked

    def __call__(self, query: str) -> list[dict[str, Any]]:
        found = self._connection.execute(query, {"day": self._asked})
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _about(asked: date, now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """What did not hold on the day, as the newest run found it that found it."""
    columns = ExpectationResults.column_names()
    failed = pl.concat([now.filter(~pl.col("success")).select(columns), before.select(columns)])
    named = pl.col("date").is_null() & pl.col("detail").str.contains(str(asked), literal=True)
    return (
        failed.filter((pl.col("date") == asked) | named)
        .sort("run_id", descending=True)
        .unique(["table_name", "expectation"], keep="first", maintain_order=True)
    )


def _quarantined(about: Audited, asked: date) -> list[dict[str, Any]]:
    """Records set aside, with the most frequent reason, as the lake has them now: builds count them
    by file, and a file may be a month."""
    layer = Layer(about.store, Ledger(about.store, about.run_id), "quarantine")
    found = layer.current().filter((pl.col("date") == asked) & (pl.col("rows") > 0))
    told = []
    for dataset, venue, key in found.select("name", "venue", "key").sort("venue", "name").rows():
        reasons = (
            pl.read_parquet(io.BytesIO(about.store.get(key)))
            .group_by("reason")
            .len()
            .sort("len", "reason", descending=[True, False])
        )
        told.append(
            {
                "venue": venue,
                "dataset": dataset,
                "records": int(reasons["len"].sum()),
                "reasons": reasons.height,
                "most_frequent": reasons["reason"][0],
            }
        )
    return told
