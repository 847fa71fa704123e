"""A build file: how it is opened, which tables it holds, and hashes of what they say.

Files are written in the storage format of DuckDB 1.2, so that a reader with any release from
there on can open them. No extension is downloaded and the network is not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dataframely as dy
import duckdb

from sql.written import quoted
from transforms.schemas.published import HISTORY, PUBLISHED_TABLES, stable_columns

STORAGE_VERSION = "v1.2.0"
MEMORY_LIMIT = "1GB"

_HASH_BATCH = 10_000
_MARKED_AT_ONCE = 4


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a build: bounded memory, nothing downloaded, Python variables are no tables."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": MEMORY_LIMIT,
        "python_enable_replacements": "false",
    }
    if not read_only:
        config["storage_compatibility_version"] = STORAGE_VERSION
    return duckdb.connect(str(path), read_only=read_only, config=config)


def tables_in(
    connection: duckdb.DuckDBPyConnection, schema: str = "main"
) -> dict[str, dict[str, str]]:
    """The base tables of a build: table → column → SQL type, in the file's order."""
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "JOIN duckdb_tables() USING (database_name, schema_name, table_name) "
        "WHERE schema_name = ? AND database_name = current_database() "
        "ORDER BY table_name, column_index",
        [schema],
    ).fetchall()
    for table, column, data_type in rows:
        found.setdefault(table, {})[column] = data_type
    return found


def _table_hash(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: dict[str, str],
) -> str:
    """SHA-256 over column names, types and the sorted digests of the rows.

    A value is written as its length, a colon and its text, and NULL as a bare `~`, so that no
    two different rows give the same bytes. A double's text is the shortest that reads back.
    """
    digest = hashlib.sha256()
    for name in sorted(columns):
        digest.update(f"{name} {columns[name]}\n".encode())
    values = ", ".join(
        f"coalesce(strlen({quoted(name)}::VARCHAR) || ':' || {quoted(name)}::VARCHAR, '~')"
        for name in sorted(columns)
    )
    cursor = connection.execute(
        f"SELECT sha256(concat({values})) AS row_digest FROM {quoted(table)} ORDER BY row_digest"  # noqa: S608 - names from the file's own catalogue
    )
    while batch := cursor.fetchmany(_HASH_BATCH):
        digest.update("\n".join(row[0] for row in batch).encode() + b"\n")
    return digest.hexdigest()


def _stable(table: str, columns: dict[str, str]) -> dict[str, str]:
    schema: type[dy.Schema] | None = PUBLISHED_TABLES.get(table)
    if schema is None:
        return columns
    keep = set(stable_columns(schema))
    return {name: data_type for name, data_type in columns.items() if name in keep}


def table_hashes(path: Path) -> dict[str, str]:
    """Per table a hash of what it says, the same wherever the same raw files lead.

    Covers the columns that do not change from run to run (`stable_columns`; in a table without a
    schema, all). Independent of row and column order, thread count and file layout; NULL, an
    empty text and 0 are three different things. `RUN_TABLES` tell how a build came about, so they
    agree only between builds that came about alike; the schema `history` is left out for that.
    """
    connection = connect(path, read_only=True)
    try:
        return {
            table: _table_hash(connection, table, _stable(table, columns))
            for table, columns in tables_in(connection).items()
        }
    finally:
        connection.close()


def marks(path: Path, *, but: Mapping[str, str]) -> dict[str, str]:
    """Per table what two files on one machine are compared by: its columns, how many rows it has
    and a sum of their hashes; of the tables in `but`, without that run's rows.

    Tables of the schema `history` are there as `history.…`. It takes a fraction of what
    `table_hashes` does, which any machine can repeat: hashes are those of this release of DuckDB,
    to which 0 and -0 are one.
    """
    connection = connect(path, read_only=True)
    try:
        asked = [
            ("main", table, columns, but.get(table))
            for table, columns in tables_in(connection).items()
        ]
        asked += [
            (HISTORY, table, columns, None)
            for table, columns in tables_in(connection, HISTORY).items()
        ]
        # One table alone keeps one core at work, unless it has more rows than a row group.
        with ThreadPoolExecutor(_MARKED_AT_ONCE) as pool:
            found = pool.map(lambda each: _mark(connection.cursor(), *each), asked)
            return {
                table if schema == "main" else f"{schema}.{table}": mark
                for (schema, table, _, _), mark in zip(asked, found, strict=True)
            }
    finally:
        connection.close()


def _mark(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    table: str,
    columns: dict[str, str],
    but: str | None,
) -> str:
    values = ", ".join(map(quoted, columns))
    rows, hashes = connection.execute(
        f"SELECT count(*), sum(hash({values})) FROM {quoted(schema)}.{quoted(table)}"  # noqa: S608 - names from the file's own catalogue
        + ("" if but is None else " WHERE run_id <> ?"),
        [] if but is None else [but],
    ).fetchall()[0]
    return f"{columns} {rows} {hashes}"
