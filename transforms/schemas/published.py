"""All tables of a published build, and what is derived from their schemas."""

from __future__ import annotations

from typing import Any

import dataframely as dy
import polars as pl

from transforms.schemas.column import text
from transforms.schemas.daily import DAILY_TABLES
from transforms.schemas.evidence import EVIDENCE_TABLES, ColumnDictionary
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.references import REFERENCE_TABLES

PUBLISHED_TABLES: dict[str, type[dy.Schema]] = {
    **MARKET_TABLES,
    **DAILY_TABLES,
    **REFERENCE_TABLES,
    **EVIDENCE_TABLES,
}

VERSIONED_TABLES = (*MARKET_TABLES, *DAILY_TABLES, *REFERENCE_TABLES, "coverage_daily")
"""Tables of which a build keeps every row it ever published (`docs/decisions/0006`)."""

RUN_TABLES = frozenset({"runs", "expectation_results", "restatements"})
"""Tables that tell how a build came about: other runs over the same raw files write others."""

HISTORY = "history"
"""The SQL schema of superseded rows: a table for each versioned one."""

PUBLISHED_BY = "published_by"
SUPERSEDED_BY = "superseded_by"

_PUBLISHED_BY = text("Run that first published the row as it stands", volatile=True)
_SUPERSEDED_BY = text("Run that replaced the row, or took it away", volatile=True)

_SQL_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Int64: "BIGINT",
    pl.Float64: "DOUBLE",
    pl.Boolean: "BOOLEAN",
    pl.Date: "DATE",
    # UTC by contract: a zoned type would be shown, and cut into days, in the reader's own zone.
    pl.Datetime: "TIMESTAMP",
}


def _metadata(column: dy.Column) -> dict[str, Any]:
    return column.metadata or {}


def sql_type(column: dy.Column) -> str:
    """The DuckDB type of a column."""
    return _SQL_TYPES[type(column.dtype)]


def published_columns(table_name: str) -> dict[str, dy.Column]:
    """The columns of a table in a build: those of its schema, then what the build adds."""
    columns = PUBLISHED_TABLES[table_name].columns()
    return columns | ({PUBLISHED_BY: _PUBLISHED_BY} if table_name in VERSIONED_TABLES else {})


def history_columns(table_name: str) -> dict[str, dy.Column]:
    """The columns of a versioned table's superseded rows."""
    return published_columns(table_name) | {SUPERSEDED_BY: _SUPERSEDED_BY}


def primary_key(schema: type[dy.Schema]) -> list[str]:
    return [name for name, column in schema.columns().items() if column.primary_key]


def owner_column(table_name: str) -> str | None:
    """The column that says whose rows they are, where rows belong to a venue or a provider."""
    columns = PUBLISHED_TABLES[table_name].columns()
    return next((name for name in ("venue", "provider") if name in columns), None)


def stable_columns(schema: type[dy.Schema]) -> list[str]:
    """Columns that are the same for every run over the same raw files."""
    return [
        name for name, column in schema.columns().items() if not _metadata(column).get("volatile")
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ddl(table_name: str) -> list[str]:
    """Statements that make a table with its comments.

    Constraints are left to the gate: a primary-key index would double the file, and a violated
    one says less than an expectation does.
    """
    summary = " ".join((PUBLISHED_TABLES[table_name].__doc__ or "").split())
    return _ddl(table_name, published_columns(table_name), summary)


def history_ddl(table_name: str) -> list[str]:
    """Statements that make the table of a versioned table's superseded rows."""
    summary = f"Rows of {table_name} that readers saw once, as they were."
    return _ddl(f"{HISTORY}.{table_name}", history_columns(table_name), summary)


def _ddl(name: str, columns: dict[str, dy.Column], summary: str) -> list[str]:
    body = ",\n  ".join(
        f'"{column_name}" {sql_type(column)}{"" if column.nullable else " NOT NULL"}'
        for column_name, column in columns.items()
    )
    comments = [
        f'COMMENT ON COLUMN {name}."{column_name}" IS '
        + _quoted(f"{column.description} [{_metadata(column)['unit']}]")
        for column_name, column in columns.items()
    ]
    return [
        f"CREATE TABLE {name} (\n  {body}\n)",
        f"COMMENT ON TABLE {name} IS {_quoted(summary)}",
        *comments,
    ]


def column_dictionary() -> pl.DataFrame:
    """The published `column_dictionary`: one row per column of every table."""
    rows = [
        {
            "table_name": table_name,
            "column_name": name,
            "type": sql_type(column),
            "unit": _metadata(column)["unit"],
            "meaning": column.description,
            "formula": _metadata(column)["formula"],
            "null_meaning": _metadata(column)["null_meaning"],
        }
        for table_name in PUBLISHED_TABLES
        for name, column in published_columns(table_name).items()
    ]
    return ColumnDictionary.validate(pl.DataFrame(rows, schema_overrides={"formula": pl.String}))
