"""What the gate makes of the reconciliation: one critical expectation per market table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from expectations.gate import WORST_ROWS
from flows.reconcile import DIFFERENCES, NothingToReconcile, Reconciliation, reconcile
from flows.run import Days, Run
from transforms.schemas.evidence import ExpectationResults, Severity
from transforms.schemas.market import MARKET_TABLES

EXPECTATION = "equals_independent_sql"
THRESHOLD = "every value within 1e-9 of what sql/reconcile makes of the normalised rows"


def agreement(run: Run, build: Path, days: Days, run_id: str) -> pl.DataFrame:
    """What the gate makes of it (`ExpectationResults`): one critical expectation per market table,
    which has not held either where it could not be judged."""
    try:
        found = reconcile(run, build, days)
    except NothingToReconcile:
        found = Reconciliation(pl.DataFrame(schema=DIFFERENCES), dict.fromkeys(MARKET_TABLES, 0))
    except Exception as error:  # noqa: BLE001 - whatever stops a check, it has not held
        return _results(run_id, dict.fromkeys(MARKET_TABLES, f"could not be judged: {error}"), {})
    details = {
        str(name): _worst(rows) for (name,), rows in found.differences.group_by("table_name")
    }
    return _results(run_id, details, found.cells, found.differences)


def _worst(rows: pl.DataFrame) -> str:
    ordered = rows.sort("relative_difference", descending=True, nulls_last=False)
    told = [
        f"{row['date']} {row['base_asset'] or 'all assets'} {row['column_name']}: published "
        f"{row['published']}, recomputed {row['recomputed']}"
        for row in ordered.head(WORST_ROWS).iter_rows(named=True)
    ]
    more = [f"and {rows.height - WORST_ROWS} more"] if rows.height > WORST_ROWS else []
    return "; ".join([*told, *more])


def _results(
    run_id: str,
    details: Mapping[str, str],
    cells: Mapping[str, int],
    differences: pl.DataFrame | None = None,
) -> pl.DataFrame:
    differing = {} if differences is None else dict(differences["table_name"].value_counts().rows())
    rows = [
        {
            "run_id": run_id,
            "table_name": name,
            "expectation": EXPECTATION,
            "severity": Severity.CRITICAL.value,
            "success": name not in details,
            "observed": f"{differing.get(name, 0)} of {cells[name]} values differ"
            if name in cells
            else None,
            "threshold": THRESHOLD,
            "detail": details.get(name),
        }
        for name in MARKET_TABLES
    ]
    schema = ExpectationResults.create_empty().schema
    return ExpectationResults.validate(pl.DataFrame(rows, schema=schema))
