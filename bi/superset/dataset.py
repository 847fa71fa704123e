"""What a dataset and a metric are, and how Superset's export format says it.

Columns of a table, their meanings and units are those of `transforms.schemas`. Format: what
`superset export-dashboards` of 6.1 writes.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from transforms.schemas.published import PUBLISHED_TABLES, published_columns, sql_type

VERSION = "1.0.0"
"""Of Superset's export format."""
SCHEMA = "main"
NO_CACHE = -1
"""`cache_timeout` of a dataset that Superset never keeps answers of: the next query after a publish
is to see the new build, also where a Superset caches everything else."""

_NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, "bi.perpmill")


def identity(kind: str, name: str) -> str:
    """The UUID of a database, dataset, chart or dashboard: the same for ever, so that importing
    again replaces what was imported before."""
    return str(uuid.uuid5(_NAMES, f"{kind}/{name}"))


DATABASE = identity("database", "perpmill")


@dataclass(frozen=True, slots=True)
class Metric:
    """label: what a legend shows. form: a d3 format, None for words; usd: with a dollar sign."""

    name: str
    label: str
    expression: str
    meaning: str
    form: str | None = "SMART_NUMBER"
    usd: bool = False

    def exported(self) -> dict[str, Any]:
        return {
            "metric_name": self.name,
            "verbose_name": self.label,
            "metric_type": None,
            "expression": self.expression,
            "description": self.meaning,
            "d3format": self.form,
            "currency": {"symbol": "USD", "symbolPosition": "prefix"} if self.usd else None,
            "extra": {},
            "warning_text": None,
        }


@dataclass(frozen=True, slots=True)
class Dataset:
    """time: the column that a date range is about; None where rows have no day.

    sql: of a dataset that is no table, with `columns` as name → (type, meaning). computed: columns
    added to a table, as name → (type, expression, meaning).
    """

    name: str
    time: str | None
    metrics: tuple[Metric, ...] = ()
    computed: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    sql: str | None = None
    meaning: str | None = None
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def uuid(self) -> str:
        return identity("dataset", self.name)

    @property
    def description(self) -> str:
        return self.meaning or " ".join((PUBLISHED_TABLES[self.name].__doc__ or "").split())

    def exported(self) -> dict[str, Any]:
        return {
            "table_name": self.name,
            "main_dttm_col": self.time,
            "description": self.description,
            "default_endpoint": None,
            "offset": 0,
            "cache_timeout": NO_CACHE,
            "schema": SCHEMA,
            "sql": self.sql,
            "params": None,
            "template_params": None,
            "filter_select_enabled": True,
            "fetch_values_predicate": None,
            "extra": None,
            "normalize_columns": False,
            "always_filter_main_dttm": False,
            "uuid": self.uuid,
            "metrics": [metric.exported() for metric in self.metrics],
            "columns": self._columns(),
            "version": VERSION,
            "database_uuid": DATABASE,
        }

    def _columns(self) -> list[dict[str, Any]]:
        if self.sql is not None:
            found = [_column(n, kind, meaning) for n, (kind, meaning) in self.columns.items()]
        else:
            found = [
                _column(n, kind, meaning) for n, (kind, meaning) in described(self.name).items()
            ]
        for name, (kind, expression, meaning) in self.computed.items():
            found.append(_column(name, kind, meaning) | {"expression": expression})
        return found


def described(table: str) -> dict[str, tuple[str, str]]:
    """The columns of a published table as name → (type, meaning)."""
    return {
        name: (sql_type(column), _said(column.description, column.metadata))
        for name, column in published_columns(table).items()
    }


def _said(meaning: str | None, metadata: dict[str, Any] | None) -> str:
    """Meaning, unit, formula and what NULL means, for whoever points at a column."""
    facts = metadata or {}
    said = f"{meaning} [{facts['unit']}]"
    if facts.get("formula"):
        said += f" = {facts['formula']}"
    if facts.get("null_meaning"):
        said += f". NULL: {facts['null_meaning']}"
    return said


_HEADS = {
    "base_asset": "Asset",
    "venue": "Venue",
    "completeness": "Completeness",
    "run_id": "Run",
    "first_date": "First day",
    "last_date": "Last day",
    "verdict": "Verdict",
    "did_not_hold": "Did not hold",
    "expectations": "Checked",
    "finished_at": "Finished, UTC",
    "command": "Command",
    "date": "Day",
    "table_name": "Table",
    "column_name": "Column",
    "expectation": "Expectation",
    "severity": "Severity",
    "observed": "Observed",
    "detail": "Detail",
    "symbol": "Symbol",
    "kind": "What",
    "old_value": "Was",
    "new_value": "Is",
    "difference": "Difference",
    "cause": "Cause",
}
"""What heads a column in the dashboard's tables. All others go by their own name."""


def _column(name: str, kind: str, meaning: str) -> dict[str, Any]:
    return {
        "column_name": name,
        "verbose_name": _HEADS.get(name),
        "is_dttm": kind in {"DATE", "TIMESTAMP"},
        "is_active": True,
        "type": kind,
        "advanced_data_type": None,
        "groupby": True,
        "filterable": True,
        "expression": None,
        "description": meaning,
        "python_date_format": None,
        "extra": {},
    }
