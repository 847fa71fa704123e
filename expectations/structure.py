"""Rules that follow from a table's schema: columns, types, key, NULLs, words, bounds.

They look at the whole table, so that an old day cannot rot unseen.
"""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from expectations.rule import Rule, no_rows
from transforms.schemas.daily import DAILY_TABLES
from transforms.schemas.evidence import Severity
from transforms.schemas.published import (
    HISTORY,
    PUBLISHED_BY,
    PUBLISHED_TABLES,
    SUPERSEDED_BY,
    VERSIONED_TABLES,
    primary_key,
    published_columns,
    sql_type,
)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _any_of(
    name: str,
    table: str,
    tests: dict[str, tuple[str, str]],
    reason: str,
    threshold: str,
    *,
    excludes: bool = False,
) -> Rule:
    """Rows in which a test holds. `tests`: column → (SQL condition that is wrong, SQL text)."""
    key = ", ".join(map(_quoted, primary_key(PUBLISHED_TABLES[table])))
    shown = ", ".join(f"CASE WHEN {wrong} THEN {text} END" for wrong, text in tests.values())
    wrong_at_all = " OR ".join(wrong for wrong, _ in tests.values())
    return no_rows(
        name,
        f"SELECT {key}, concat_ws(', ', {shown}) AS finding FROM batch "  # noqa: S608 - names from the schema
        f"WHERE {wrong_at_all} ORDER BY {key}",
        severity=Severity.CRITICAL,
        reason=reason,
        threshold=threshold,
        excludes=excludes,
    )


def _columns(columns: dict[str, dy.Column]) -> Rule:
    return Rule(
        name="columns",
        severity=Severity.CRITICAL,
        reason="queries and dashboards depend on these names",
        threshold="exactly the columns of the schema, and published_by where versions are kept",
        expectation="ExpectTableColumnsToMatchSet",
        kwargs={"column_set": sorted(columns), "exact_match": True},
    )


def _types(table: str, columns: dict[str, dy.Column]) -> Rule:
    expected = ", ".join(
        f"({_literal(name)}, {_literal(sql_type(column))})" for name, column in columns.items()
    )
    return no_rows(
        "types",
        f"SELECT column_name, data_type AS found, expected "  # noqa: S608 - names from the schema
        f"FROM (VALUES {expected}) AS wanted (column_name, expected) "
        f"JOIN information_schema.columns USING (column_name) "
        f"WHERE table_catalog = current_database() AND table_schema = 'main' "
        f"AND table_name = {_literal(table)} AND data_type <> expected ORDER BY column_name",
        severity=Severity.CRITICAL,
        reason="a number that became text sorts and sums wrongly, or not at all",
        threshold="the SQL types of the schema",
    )


def _key_unique(schema: type[dy.Schema]) -> Rule:
    key = ", ".join(map(_quoted, primary_key(schema)))
    return no_rows(
        "key_unique",
        f"SELECT {key}, count(*) AS times FROM batch GROUP BY {key} "  # noqa: S608 - names from the schema
        f"HAVING count(*) > 1 ORDER BY times DESC, {key}",
        severity=Severity.CRITICAL,
        reason="a row that is there twice counts twice in every sum",
        threshold="one row per key",
    )


def _bound(name: str, column: dy.Column) -> str | None:
    for attribute, operator in (("min", "<"), ("min_exclusive", "<=")):
        bound = getattr(column, attribute, None)
        if isinstance(bound, int | float):
            return f"{_quoted(name)} {operator} {bound}"
    return None


def _versions(table: str) -> Rule:
    """What as-of answers stand on: every version has a run it came with, and one it left with."""
    runs = "SELECT run_id FROM runs UNION ALL SELECT {run_id}"
    key = ", ".join(map(_quoted, primary_key(PUBLISHED_TABLES[table])))
    return no_rows(
        "versions_of_known_runs",
        f"""
        SELECT {key}, {PUBLISHED_BY}, NULL AS {SUPERSEDED_BY} FROM batch
        WHERE {PUBLISHED_BY} IS NULL OR {PUBLISHED_BY} NOT IN ({runs})
        UNION ALL
        SELECT {key}, {PUBLISHED_BY}, {SUPERSEDED_BY} FROM {HISTORY}.{table}
        WHERE {PUBLISHED_BY} NOT IN ({runs}) OR {SUPERSEDED_BY} NOT IN ({runs})
        OR {PUBLISHED_BY} = {SUPERSEDED_BY} ORDER BY {key}
        """,  # noqa: S608 - names from the schema
        severity=Severity.CRITICAL,
        reason="as-of answers are found by the runs a row came and left with",
        threshold="published_by and superseded_by are runs of this build, and two of them",
    )


def structure_rules(table: str) -> Iterator[Rule]:
    """The rules the schema of `table` implies; a schema without doubles has no `finite`, etc."""
    schema = PUBLISHED_TABLES[table]
    columns = schema.columns()
    yield _columns(published_columns(table))
    yield _types(table, published_columns(table))
    yield _key_unique(schema)
    if table in VERSIONED_TABLES:
        yield _versions(table)
    shown = {name: f"'{name} = ' || {_quoted(name)}" for name in columns}
    if required := {
        name: (f"{_quoted(name)} IS NULL", _literal(name))
        for name, column in columns.items()
        if not column.nullable
    }:
        yield _any_of(
            "not_null",
            table,
            required,
            "NULL means not known, and these are always known",
            "no NULL where the schema gives NULL no meaning",
        )
    if words := {
        name: (
            f"{_quoted(name)} NOT IN ({', '.join(map(_literal, column.metadata['values']))})",
            shown[name],
        )
        for name, column in columns.items()
        if column.metadata and "values" in column.metadata
    }:
        yield _any_of(
            "words",
            table,
            words,
            "readers filter on these words",
            "only the words the schema lists",
        )
    if doubles := {
        name: (f"NOT isfinite({_quoted(name)})", shown[name])
        for name, column in columns.items()
        if column.dtype == pl.Float64
    }:
        yield _any_of(
            "finite",
            table,
            doubles,
            "NaN and infinity swallow every sum they enter",
            "finite or NULL",
            excludes=table in DAILY_TABLES,
        )
    if bounds := {
        name: (wrong, shown[name])
        for name, column in columns.items()
        if (wrong := _bound(name, column))
    }:
        yield _any_of(
            "bounds",
            table,
            bounds,
            "counts, prices and amounts have no sign, and a zero price or size is no value",
            "at or above the schema's lower bounds",
            excludes=table in DAILY_TABLES,
        )
