"""Versions of rows: a build keeps every row it ever published, and says which run changed it.

A row of a versioned table carries `published_by`, the run that first published it as it stands; a
row that was replaced or taken away lies in the schema `history`, with the run that did so. Rows a
run writes and replaces before it publishes were seen by nobody and leave no trace.

A column the schemas gain is no new version of the rows that get a value in it in the same run:
the build before had no such column to answer with. `history.gained_columns` tells which run
brought a column, so that a value that comes later to a row from before is not called a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from flows.storage.build_file import tables_in
from sql.as_of import as_of
from sql.cells import cells
from sql.written import quoted
from transforms.schemas.published import (
    HISTORY,
    PUBLISHED_BY,
    PUBLISHED_TABLES,
    SUPERSEDED_BY,
    VERSIONED_TABLES,
    history_columns,
    history_ddl,
    owner_column,
    primary_key,
    published_columns,
    sql_type,
)

INCOMING = "incoming_rows"
UNPUBLISHED = "unpublished"
"""Stands for the run where a build is written outside of one; the gate does not let it pass."""

GAINED = f"{HISTORY}.gained_columns"
_PRESENT = "published_rows"
_GAINED_SAYS = {
    f"TABLE {GAINED}": "Columns that tables gained after their first build.",
    f"COLUMN {GAINED}.table_name": "Table [text]",
    f"COLUMN {GAINED}.column_name": "Column it gained [text]",
    f"COLUMN {GAINED}.run_id": "Run that brought it [text]",
}

_CHANGE: dict[str, type[pl.DataType] | pl.DataType] = {
    "table_name": pl.String,
    "date": pl.Date,
    "venue": pl.String,
    "symbol": pl.String,
    "key_detail": pl.String,
    "kind": pl.String,
    "column_name": pl.String,
    "old_value": pl.String,
    "new_value": pl.String,
    "difference": pl.Float64,
    "old_published_by": pl.String,
}

_TOUCHED: dict[str, type[pl.DataType] | pl.DataType] = {
    "table_name": pl.String,
    "date": pl.Date,
    "venue": pl.String,
    "symbol": pl.String,
    "base_asset": pl.String,
}


def last_run(connection: duckdb.DuckDBPyConnection) -> str:
    """The run that published the build this one was copied from."""
    found = connection.execute("SELECT run_id FROM runs ORDER BY finished_at DESC LIMIT 1")
    row: tuple[str] | None = found.fetchone()
    return UNPUBLISHED if row is None else row[0]


def adopt(
    connection: duckdb.DuckDBPyConnection, gained: Mapping[str, Sequence[str]], run_id: str
) -> None:
    """Bring the history to the schemas of today, after the tables themselves.

    gained: columns this run added to tables that were there.
    """
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {HISTORY}")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {GAINED} "
        "(table_name VARCHAR NOT NULL, column_name VARCHAR NOT NULL, run_id VARCHAR NOT NULL)"
    )
    for what, said in _GAINED_SAYS.items():
        connection.execute(f"COMMENT ON {what} IS '{said}'")
    for table, names in gained.items():
        for name in names:
            connection.execute(f"INSERT INTO {GAINED} VALUES (?, ?, ?)", [table, name, run_id])  # noqa: S608 - a name of ours
    found = tables_in(connection, HISTORY)
    for table in VERSIONED_TABLES:
        if table not in found:
            for statement in history_ddl(table):
                connection.execute(statement)
            continue
        for name, column in history_columns(table).items():
            if name not in found[table]:
                connection.execute(
                    f"ALTER TABLE {HISTORY}.{table} ADD COLUMN {quoted(name)} {sql_type(column)}"
                )


def as_of_macros() -> dict[str, str]:
    """Statements that make the `…_as_of` macros, by name."""
    return {
        name: statements
        for table in VERSIONED_TABLES
        for name, statements in as_of(table, list(published_columns(table))).items()
    }


def replace(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    where: str,
    values: Sequence[object],
    run_id: str,
) -> None:
    """Put the rows of the view `incoming_rows` in the place of those `where` holds for.

    Rows that stand as the last build had them keep their `published_by`; of the others the old
    ones go into the history. Doing so again, or with other rows, is as if only the last time had
    happened. The caller has begun a transaction.
    """
    columns = list(PUBLISHED_TABLES[table].columns())
    names = ", ".join(map(quoted, columns))
    new_here = {
        name
        for (name,) in connection.execute(
            f"SELECT column_name FROM {GAINED} WHERE table_name = ? AND run_id = ?",  # noqa: S608 - names of ours
            [table, run_id],
        ).fetchall()
    }
    same = " AND ".join(
        f"i.{quoted(name)} IS NOT DISTINCT FROM p.{quoted(name)}"
        for name in columns
        if name not in new_here
    )
    key = ", ".join(map(quoted, primary_key(PUBLISHED_TABLES[table])))
    past = f"{HISTORY}.{table}"
    run = connection.execute
    run(
        f"CREATE OR REPLACE TEMP TABLE {_PRESENT} AS "  # noqa: S608 - names of ours, here and below
        f"SELECT {names}, {PUBLISHED_BY} FROM {table} WHERE {where} AND {PUBLISHED_BY} <> ? "
        f"UNION ALL "
        f"SELECT {names}, {PUBLISHED_BY} FROM {past} WHERE {where} AND {SUPERSEDED_BY} = ?",
        [*values, run_id, *values, run_id],
    )
    run(f"DELETE FROM {past} WHERE {where} AND {SUPERSEDED_BY} = ?", [*values, run_id])  # noqa: S608
    run(f"DELETE FROM {table} WHERE {where}", values)  # noqa: S608
    # A row that is there twice is the gate's to find; it must not become four here.
    run(
        f"INSERT INTO {table} BY NAME "  # noqa: S608
        f"SELECT i.*, coalesce(p.{PUBLISHED_BY}, ?) AS {PUBLISHED_BY} FROM {INCOMING} AS i "
        f"LEFT JOIN (SELECT {names}, min({PUBLISHED_BY}) AS {PUBLISHED_BY} FROM {_PRESENT} "
        f"GROUP BY {names}) AS p ON {same} ORDER BY {key}",
        [run_id],
    )
    run(
        f"INSERT INTO {past} BY NAME SELECT p.*, ? AS {SUPERSEDED_BY} "  # noqa: S608
        f"FROM {_PRESENT} AS p ANTI JOIN {INCOMING} AS i ON {same} ORDER BY {key}",
        [run_id],
    )
    run(f"DROP TABLE {_PRESENT}")


def changes(connection: duckdb.DuckDBPyConnection, run_id: str) -> pl.DataFrame:
    """What the run changed of what was published: `Restatements` but for run, number and cause.

    With `old_published_by`, the run the old row came from. Sorted by table and key.
    """
    found = [_changes(connection, table, run_id) for table in VERSIONED_TABLES]
    return pl.concat([pl.DataFrame(schema=_CHANGE), *found]).sort(
        "table_name", "date", "venue", "symbol", "key_detail", "column_name"
    )


def _changes(connection: duckdb.DuckDBPyConnection, table: str, run_id: str) -> pl.DataFrame:
    columns = PUBLISHED_TABLES[table].columns()
    key, owner = primary_key(PUBLISHED_TABLES[table]), owner_column(table)
    rest = [name for name in key if name not in ("date", owner)]
    detail = ", ".join(f"c.{quoted(name)}::VARCHAR" for name in rest[1:])
    days = ", ".join(quoted(name) for name in ("date", owner) if name is not None)
    by_run = f"$run_id = {PUBLISHED_BY}"
    # A venue's day that no reader ever saw a row of is published for the first time.
    known = (
        f"SELECT {days} FROM {table} WHERE NOT {by_run} UNION SELECT {days} FROM {HISTORY}.{table}"  # noqa: S608
    )
    query = cells(
        f"(FROM {HISTORY}.{table} WHERE {SUPERSEDED_BY} = $run_id)",
        f"(FROM {table} WHERE {by_run} AND ({days}) IN ({known}))",
        key,
        {name: sql_type(column) for name, column in columns.items() if name not in key},
        carried=[PUBLISHED_BY],
    )
    return connection.execute(
        f"SELECT '{table}' AS table_name, c.date, "  # noqa: S608
        f"{'NULL::VARCHAR' if owner is None else f'c.{owner}'} AS venue, "
        f"{f'c.{quoted(rest[0])}' if rest else 'NULL::VARCHAR'} AS symbol, "
        f"{f'concat_ws({_SPACE}, {detail})' if detail else 'NULL::VARCHAR'} AS key_detail, "
        f"c.kind, c.column_name, c.old_value, c.new_value, c.difference, "
        f"c.{PUBLISHED_BY} AS old_published_by FROM ({query}) AS c "
        f"WHERE c.old_value IS NOT NULL OR NOT EXISTS ("
        f"  SELECT 1 FROM {GAINED} AS g LEFT JOIN runs AS brought ON brought.run_id = g.run_id, "
        f"  runs AS held WHERE g.table_name = '{table}' AND g.column_name = c.column_name "
        f"  AND held.run_id = c.{PUBLISHED_BY} "
        f"  AND (brought.finished_at IS NULL OR brought.finished_at > held.finished_at))",
        {"run_id": run_id},
    ).pl()


_SPACE = "' '"


def touched(connection: duckdb.DuckDBPyConnection, run_id: str) -> pl.DataFrame:
    """Which rows of a venue's assets the run published, replaced or took away."""
    found = [pl.DataFrame(schema=_TOUCHED)]
    for table in VERSIONED_TABLES:
        key, owner = primary_key(PUBLISHED_TABLES[table]), owner_column(table)
        if owner is None or "base_asset" not in PUBLISHED_TABLES[table].columns():
            continue
        rest = next(name for name in key if name not in ("date", owner))
        named = f"'{table}' AS table_name, date, {owner} AS venue, {rest} AS symbol, base_asset"
        query = (
            f"SELECT {named} FROM {table} WHERE {PUBLISHED_BY} = $run_id "  # noqa: S608
            f"UNION SELECT {named} FROM {HISTORY}.{table} WHERE {SUPERSEDED_BY} = $run_id"
        )
        found.append(connection.execute(query, {"run_id": run_id}).pl())
    return pl.concat(found)
