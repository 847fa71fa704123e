"""Each table of a sealed build as a Parquet file: `builds/{run_id}/tables/{table}.parquet`.

They are written before readers are pointed at the build, the manifest last, so whoever follows the
pointer finds all of them, and they go when the build goes. The same build gives the same bytes:
rows stand in the order of their key, and no file says when or by how many threads it was written.
Types are those of the build; times are UTC without a zone (`docs/decisions/0004`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import duckdb

from flows.exports.manifest import ColumnSaid, Manifest, TableFile
from flows.storage.build_file import connect
from flows.storage.builds import Builds
from flows.storage.local_store import LocalStore, sync_folder
from flows.storage.object_store import ObjectStore
from flows.storage.publication import MANIFEST, TABLES, build_key, tables_key
from sql.written import literal, quoted
from transforms.schemas.published import PUBLISHED_TABLES, column_dictionary, primary_key

WRITTEN_AT_ONCE = 4
SENT_AT_ONCE = 8
LARGE = 400_000
"""Rows: a table of more is written alone."""
ROW_GROUP = 122_880
"""Rows: DuckDB's own, so that it reads one with each thread."""


def keep_tables(store: ObjectStore, cache: Path, run_id: str, sha256: str) -> Manifest:
    """Write the tables of a sealed build, and the manifest, into the lake beside it.

    sha256: of the sealed file. Raises OSError or duckdb.Error if they cannot be written.
    """
    builds = Builds(store, cache)
    build = builds.workplace(run_id, "perpmill.duckdb")
    folder = builds.workplace(run_id, f"{TABLES}/{MANIFEST}").parent
    # One that a killed run left must not vouch for files that are written anew.
    store.delete(builds.key(run_id, f"{TABLES}/{MANIFEST}"))
    manifest = write_tables(build, folder, run_id, sha256)

    def keep(name: str) -> None:
        builds.keep(run_id, f"{TABLES}/{name}")

    # In a folder they are in their place; its own name is kept with the build's.
    if not isinstance(store, LocalStore):
        with ThreadPoolExecutor(SENT_AT_ONCE) as pool:
            list(pool.map(keep, (table.file for table in manifest.tables)))
    store.put(builds.key(run_id, f"{TABLES}/{MANIFEST}"), manifest.to_json().encode())
    if not isinstance(store, LocalStore):
        shutil.rmtree(folder)  # the bucket has them, and nobody reads this copy
    return manifest


def forget_tables(store: ObjectStore, run_id: str) -> None:
    """Remove the tables of a build that was never published, lest they pass for a later one's."""
    folder = f"{tables_key(run_id)}/"
    store.delete(f"{folder}{MANIFEST}")  # first: it vouches for the others
    for key in [info.key for info in store.entries(folder)]:
        store.delete(key)


def write_tables(build: Path, folder: Path, run_id: str, sha256: str) -> Manifest:
    """Write each table of a build into a folder; what they are, which is not written yet.

    A file appears under its name only once it is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = _columns()
    connection = connect(build, read_only=True)
    try:
        origin = {"run_id": run_id, "build_sha256": sha256}

        def write(name: str) -> TableFile:
            return _write(connection.cursor(), name, said[name], folder, origin)

        # A small table keeps one core at work, so those are written several at a time. A large one
        # keeps all, and its sort takes what memory a build has: two of them would spill each other,
        # and with many cores find no room at all.
        large = [name for name in PUBLISHED_TABLES if _rows(connection, name) > LARGE]
        small = [name for name in PUBLISHED_TABLES if name not in large]
        with ThreadPoolExecutor(WRITTEN_AT_ONCE) as pool:
            found = dict(zip(small, pool.map(write, small), strict=True))
        found |= {name: write(name) for name in large}
        tables = tuple(found[name] for name in PUBLISHED_TABLES)
    finally:
        connection.close()
    sync_folder(folder)
    return Manifest(run_id=run_id, build=build_key(run_id), build_sha256=sha256, tables=tables)


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM main.{quoted(name)}").fetchone()  # noqa: S608 - names of the schemas
    assert found is not None  # noqa: S101 - an aggregate has one row
    return int(found[0])


def _columns() -> dict[str, tuple[ColumnSaid, ...]]:
    """Per table its columns, in the order of the build."""
    found: dict[str, tuple[ColumnSaid, ...]] = {}
    for row in column_dictionary().iter_rows(named=True):
        column = ColumnSaid(
            name=row["column_name"],
            type=row["type"],
            unit=row["unit"],
            description=row["meaning"],
            formula=row["formula"],
            null_meaning=row["null_meaning"],
        )
        found[row["table_name"]] = (*found.get(row["table_name"], ()), column)
    return found


def _write(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: tuple[ColumnSaid, ...],
    folder: Path,
    origin: dict[str, str],
) -> TableFile:
    schema = PUBLISHED_TABLES[name]
    key = primary_key(schema)
    description = " ".join((schema.__doc__ or "").split())
    about = origin | {
        "table": name,
        "description": description,
        "columns": json.dumps([asdict(column) for column in columns], ensure_ascii=False),
    }
    names = ", ".join(quoted(column.name) for column in columns)
    order = ", ".join(quoted(column) for column in key)
    rows = f"SELECT {names} FROM main.{quoted(name)}"  # noqa: S608 - names of the schemas
    kept = ", ".join(
        f"{literal(f'perpmill.{what}')}: {literal(text)}" for what, text in about.items()
    )

    def copy(target: Path) -> None:
        connection.execute(
            f"COPY ({rows} ORDER BY {order}) TO {literal(str(target))} (FORMAT parquet, "
            f"COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}, KV_METADATA {{{kept}}})"
        )

    path = folder / f"{name}.parquet"
    sha256 = _whole(path, copy)
    days = "min(date), max(date)" if "date" in schema.columns() else "NULL, NULL"
    found = connection.execute(f"SELECT count(*), {days} FROM main.{quoted(name)}").fetchone()  # noqa: S608 - as above
    assert found is not None  # noqa: S101 - an aggregate has one row
    first, last = (None if day is None else day.isoformat() for day in found[1:])
    return TableFile(
        name=name,
        file=path.name,
        rows=found[0],
        bytes=path.stat().st_size,
        sha256=sha256,
        first_date=first,
        last_date=last,
        key=tuple(key),
        description=description,
        columns=columns,
    )


def _whole(path: Path, write: Callable[[Path], None]) -> str:
    """Put at `path` what `write` writes, on disk and whole, and return its SHA-256."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        write(unfinished)
        with unfinished.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return sha256
