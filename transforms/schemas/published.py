"""All tables of a published build, and what is derived from their schemas."""

from __future__ import annotations

from typing import Any

import dataframely as dy
import polars as pl

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
    schema = PUBLISHED_TABLES[table_name]
    columns = schema.columns()
    body = ",\n  ".join(
        f'"{name}" {sql_type(column)}{"" if column.nullable else " NOT NULL"}'
        for name, column in columns.items()
    )
    comments = [
        f'COMMENT ON COLUMN {table_name}."{name}" IS '
        + _quoted(f"{column.description} [{_metadata(column)['unit']}]")
        for name, column in columns.items()
    ]
    summary = " ".join((schema.__doc__ or "").split())
    return [
        f"CREATE TABLE {table_name} (\n  {body}\n)",
        f"COMMENT ON TABLE {table_name} IS {_quoted(summary)}",
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
        for table_name, schema in PUBLISHED_TABLES.items()
        for name, column in schema.columns().items()
    ]
    return ColumnDictionary.validate(pl.DataFrame(rows, schema_overrides={"formula": pl.String}))
