"""The build: one new DuckDB file per run, filled, closed, audited, and only then sealed.

A build is never edited after it was closed and audited. Yet readers must find in the file what
the gate said about it, which is known only after the audit. So there are two files: the
*candidate*, which `Warehouse` writes and the gate reads, and the *sealed* file, which `seal` makes
as a byte copy of the candidate plus this run's `expectation_results` and its row of `runs`; it
then compares a hash of every table of both files and refuses the result if anything else differs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import polars as pl

from flows.storage import versions
from flows.storage.build_file import connect, marks, table_hashes, tables_in
from sql.macros import macros
from sql.views import meaning, views
from sql.written import literal, quoted
from transforms.schemas.evidence import Verdict
from transforms.schemas.published import (
    HISTORY,
    PUBLISHED_BY,
    PUBLISHED_TABLES,
    VERSIONED_TABLES,
    ddl,
    history_columns,
    owner_column,
    primary_key,
    published_columns,
    sql_type,
)

WRITTEN_BY_SEAL = ("expectation_results", "runs")

__all__ = ["Warehouse", "WarehouseError", "seal", "table_hashes"]


class WarehouseError(RuntimeError):
    """A build, or rows for it, do not have the shape the schemas give."""


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _incompatible(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Columns of a previous build that the schemas no longer have, or have with another type."""
    tables = {table: published_columns(table) for table in PUBLISHED_TABLES}
    past = {table: history_columns(table) for table in VERSIONED_TABLES}
    problems = []
    for schema, known in (("main", tables), (HISTORY, past)):
        prefix = "" if schema == "main" else f"{schema}."
        for table, columns in tables_in(connection, schema).items():
            if f"{prefix}{table}" == versions.GAINED:
                continue
            expected = known.get(table, {})
            for name, data_type in columns.items():
                place = f"{prefix}{table}.{name}"
                if name not in expected:
                    problems.append(f"{place} is in no schema")
                elif sql_type(expected[name]) != data_type:
                    problems.append(f"{place} is {data_type}, now {sql_type(expected[name])}")
    return problems


def _adopt(connection: duckdb.DuckDBPyConnection, path: Path, run_id: str) -> None:
    """Bring a copied build to the schemas of today; see `Warehouse.create`."""
    for view in views():
        connection.execute(f"DROP VIEW IF EXISTS {quoted(view)}")
    _drop_macros(connection)
    found = tables_in(connection)
    if problems := _incompatible(connection):
        raise WarehouseError(
            f"{path}: cannot start from this build, published columns may not vanish or change "
            f"type: {'; '.join(problems)}"
        )
    gained: dict[str, list[str]] = {}
    for table in PUBLISHED_TABLES:
        create, *comments = ddl(table)
        if table not in found:
            connection.execute(create)
        else:
            gained[table] = _add_columns(connection, table, found[table])
        for comment in comments:
            connection.execute(comment)
    versions.adopt(connection, gained, run_id)
    for view, statements in views().items():
        connection.execute(statements)
        connection.execute(f"COMMENT ON VIEW {quoted(view)} IS {_said(statements)}")
    for macro, statements in macros().items():
        connection.execute(statements)
        connection.execute(f"COMMENT ON MACRO TABLE {quoted(macro)} IS {_said(statements)}")
    for statements in versions.as_of_macros().values():
        connection.execute(statements)


def _said(statements: str) -> str:
    """What the comment in front of a view or macro says, as SQL writes a text."""
    return literal(meaning(statements))


def _drop_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """All of them: one whose file is gone would answer with what it meant to an older build."""
    made = connection.execute(
        "SELECT DISTINCT schema_name, function_name, function_type FROM duckdb_functions() "
        "WHERE database_name = current_database() AND NOT internal "
        "AND function_type IN ('macro', 'table_macro')"
    ).fetchall()
    for schema, name, kind in made:
        what = "MACRO TABLE" if kind == "table_macro" else "MACRO"
        connection.execute(f"DROP {what} {quoted(schema)}.{quoted(name)}")


def _add_columns(
    connection: duckdb.DuckDBPyConnection, table: str, there: dict[str, str]
) -> list[str]:
    """Add the columns a table lacks; those its schema gained."""
    missing = [name for name in published_columns(table) if name not in there]
    for name in missing:
        data_type = sql_type(published_columns(table)[name])
        # Rows from before versions were kept stand as the last of the runs then published them.
        said = f" DEFAULT '{versions.last_run(connection)}'" if name == PUBLISHED_BY else ""
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {data_type}{said}")
        if said:
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(name)} DROP DEFAULT")
    return [name for name in missing if name != PUBLISHED_BY]


def _checked(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` in schema order and primary-key order, times without a zone (they are UTC)."""
    schema = PUBLISHED_TABLES.get(table)
    if schema is None:
        raise WarehouseError(f"{table} is not a published table")
    expected = {name: column.dtype for name, column in schema.columns().items()}
    problems = [f"{name} is missing" for name in expected if name not in rows.columns]
    for name, dtype in rows.schema.items():
        if name not in expected:
            problems.append(f"{name} is in no schema")
        elif dtype != expected[name]:
            problems.append(f"{name} is {dtype}, not {expected[name]}")
        elif not schema.columns()[name].nullable and (nulls := rows[name].null_count()):
            problems.append(f"{name} is NULL in {nulls} rows and may not be")
    if problems:
        raise WarehouseError(f"rows for {table}: {'; '.join(problems)}")
    ordered = rows.select(expected.keys())
    if key := primary_key(schema):
        ordered = ordered.sort(key, maintain_order=True)
    return ordered.with_columns(
        pl.col(name).dt.replace_time_zone(None)
        for name, dtype in expected.items()
        if isinstance(dtype, pl.Datetime)
    )


class Warehouse:
    """A build being written. Not for several threads; use as a context manager or `close` it."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
        self.path = path
        self.run_id = run_id
        self._connection = connection

    @classmethod
    def create(
        cls, path: Path, previous: Path | None, run_id: str = versions.UNPUBLISHED
    ) -> Warehouse:
        """A new build at `path`, empty or started from the `previous` one.

        run_id: the run that will publish it.

        Tables and columns the schemas gained since `previous` are added, NULL in rows that were
        there before: where the schema says such a column is never NULL the gate will block until
        those days are rebuilt; views and macros are made anew from their files. A column that
        vanished or changed its type is an error, for queries depend on it. The file appears under
        its name only once it is whole.

        Raises FileExistsError if there is a file at `path`, WarehouseError if `previous` does not
        fit the schemas.
        """
        if path.exists():
            raise FileExistsError(f"{path}: a build is written once")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.unfinished")
        _forget(unfinished)
        try:
            if previous is not None:
                _refuse_unfinished(previous)
                shutil.copyfile(previous, unfinished)
            connection = connect(unfinished)
            try:
                with _transaction(connection):
                    _adopt(connection, previous or path, run_id)
                connection.execute("CHECKPOINT")
            finally:
                connection.close()
            unfinished.replace(path)
        except BaseException:
            _forget(unfinished)
            raise
        return cls(path, connect(path), run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._connection.close()

    def replace_days(
        self, table: str, venue: str, days: Sequence[date], rows: pl.DataFrame
    ) -> None:
        """Put `rows` in the place of all rows of `venue` (or provider) on these UTC days; of a
        table about all venues, in the place of all rows of these days.

        Of a versioned table the replaced rows go into the history, but for those that stay as
        they are (`versions.replace`).

        Raises WarehouseError if columns differ from the schema or a row is of another venue or
        day: it would stay for ever beside its own replacement.
        """
        ordered = _checked(table, rows)
        owner = owner_column(table)
        if "date" not in ordered.columns:
            raise WarehouseError(f"{table} has no days to replace")
        own = pl.col("date").is_in(list(days))
        where: str = "list_contains(?::DATE[], date)"
        values: list[object] = [sorted(set(days))]
        if owner is not None:
            own &= pl.col(owner) == venue
            where, values = f"{where} AND {owner} = ?", [*values, venue]
        strays = ordered.filter(~own)
        if not strays.is_empty():
            first = strays.row(0, named=True)
            raise WarehouseError(
                f"rows for {table}: {strays.height} are not of {venue or 'the market'} on the days "
                f"replaced, such as {first['date']} {first.get(owner or '', '')}"
            )
        with _transaction(self._connection):
            if table in VERSIONED_TABLES:
                with _registered(self._connection, ordered):
                    versions.replace(self._connection, table, where, values, self.run_id)
            else:
                self._connection.execute(f"DELETE FROM {table} WHERE {where}", values)  # noqa: S608 - a published table's name
                _insert(self._connection, table, ordered)

    def replace_table(self, table: str, rows: pl.DataFrame) -> None:
        """Put `rows` in the place of all rows. Raises WarehouseError if columns differ.

        Rows that stay as they are stay where they are, lest what is replaced fills the file.
        """
        ordered = _unversioned(table, rows)
        with _transaction(self._connection):
            _exchange(self._connection, table, ordered)

    def put_rows(self, table: str, rows: pl.DataFrame) -> None:
        """Put each of `rows` in the place of the row with its key, or beside the others; what is
        the same already stays where it is. Raises WarehouseError if columns differ.

        Of millions of raw files a night changes some hundreds.
        """
        ordered = _unversioned(table, rows)
        with _transaction(self._connection):
            _put(self._connection, table, ordered)

    def height(self, table: str) -> int:
        """How many rows there are."""
        return _height(self._connection, table)

    def clear(self, table: str) -> None:
        """Remove all rows, to put them in anew. Raises WarehouseError as `put_rows` does."""
        _unversioned(table, PUBLISHED_TABLES[table].create_empty())
        self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a published table's name

    def append(self, table: str, rows: pl.DataFrame) -> None:
        """Add `rows`. Raises WarehouseError if columns differ from the schema."""
        ordered = _checked(table, rows)
        if table in VERSIONED_TABLES:
            ordered = ordered.with_columns(pl.lit(self.run_id).alias(PUBLISHED_BY))
        with _transaction(self._connection):
            _insert(self._connection, table, ordered)

    def changes(self) -> pl.DataFrame:
        """What this run has changed of what was published so far; see `versions.changes`."""
        return versions.changes(self._connection, self.run_id)

    def touched(self) -> pl.DataFrame:
        """Rows of venues this run published, replaced or took away; see `versions.touched`."""
        return versions.touched(self._connection, self.run_id)

    def close(self) -> None:
        """Write everything to the one file and close it; from now on it is only read."""
        try:
            self._connection.execute("CHECKPOINT")
        finally:
            self._connection.close()
        _sync(self.path)


def _unversioned(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    ordered = _checked(table, rows)
    if table in VERSIONED_TABLES:
        raise WarehouseError(f"{table} keeps its versions: replace its days")
    return ordered


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> Iterator[None]:
    connection.register(versions.INCOMING, rows)
    try:
        yield
    finally:
        connection.unregister(versions.INCOMING)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, ordered: pl.DataFrame) -> None:
    if ordered.is_empty():
        return
    with _registered(connection, ordered):
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {versions.INCOMING}")  # noqa: S608 - as above


def _exchange(connection: duckdb.DuckDBPyConnection, table: str, ordered: pl.DataFrame) -> None:
    """Make the rows of a table these, in whatever order, writing what differs.

    Rows are compared by their hashes, as `build_file.marks` does.
    """
    run, coming = connection.execute, versions.INCOMING
    mark = f"hash({', '.join(map(quoted, ordered.columns))})"
    if not ordered.is_empty():
        with _registered(connection, ordered):
            run(f"DELETE FROM {table} WHERE {mark} NOT IN (SELECT {mark} FROM {coming})")  # noqa: S608 - names of the schemas, here and below
            run(
                f"INSERT INTO {table} BY NAME SELECT * FROM {coming} "  # noqa: S608
                f"WHERE {mark} NOT IN (SELECT {mark} FROM {table})"
            )
    counted = run(f"SELECT count(*), count(DISTINCT {mark}) FROM {table}").fetchone()  # noqa: S608
    # A row that is there twice, on either side, is the gate's to find.
    if counted != (ordered.height, ordered.height):
        run(f"DELETE FROM {table}")  # noqa: S608
        _insert(connection, table, ordered)


def _put(connection: duckdb.DuckDBPyConnection, table: str, ordered: pl.DataFrame) -> None:
    """Have these rows in a table, for those with their keys, writing what differs."""
    if ordered.is_empty():
        return
    if not _height(connection, table):
        _insert(connection, table, ordered)
        return
    key = primary_key(PUBLISHED_TABLES[table])
    coming = versions.INCOMING
    same = " AND ".join(f"{table}.{quoted(name)} = coming.{quoted(name)}" for name in key)
    other = " OR ".join(
        f"{table}.{quoted(name)} IS DISTINCT FROM coming.{quoted(name)}"
        for name in ordered.columns
        if name not in key
    )
    with _registered(connection, ordered):
        connection.execute(
            f"DELETE FROM {table} USING {coming} AS coming WHERE {same} AND ({other})"  # noqa: S608 - names of the schemas, here and below
        )
        connection.execute(
            f"INSERT INTO {table} BY NAME SELECT * FROM {coming} "  # noqa: S608
            f"ANTI JOIN {table} USING ({', '.join(map(quoted, key))})"
        )


def _height(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - as above
    assert found is not None  # noqa: S101 - an aggregate has one row
    return int(found[0])


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    Path(f"{path}.wal").unlink(missing_ok=True)


def _refuse_unfinished(path: Path) -> None:
    if Path(f"{path}.wal").exists():
        raise WarehouseError(f"{path}: was not closed, there is a write-ahead log beside it")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_changes(before: dict[str, str], after: dict[str, str]) -> None:
    if changed := sorted(t for t in before.keys() | after.keys() if before.get(t) != after.get(t)):
        raise WarehouseError(f"sealing changed {', '.join(changed)}")


def _mentions(connection: duckdb.DuckDBPyConnection, table: str, run_id: str) -> bool:
    statement = f"SELECT 1 FROM {table} WHERE run_id = ? LIMIT 1"  # noqa: S608 - as above
    return connection.execute(statement, [run_id]).fetchone() is not None


def seal(audited: Path, sealed: Path, results: pl.DataFrame, run: pl.DataFrame) -> str:
    """Make the file to publish from the audited candidate; its SHA-256.

    The sealed file is a byte copy of `audited` with `results` (this run's ExpectationResults)
    and `run` (its one row of Runs) added. `audited` itself is not touched. Before the file gets
    its name, every table of both files is compared over all its columns: only the rows of this run
    in these two tables may differ.

    Raises WarehouseError if `run` is not one row that the gate let pass, if `results` are empty,
    of another run, or there already, or if any other row differs.
    """
    if sealed.exists():
        raise FileExistsError(f"{sealed}: a build is written once")
    _refuse_unfinished(audited)
    runs, checked = _checked("runs", run), _checked("expectation_results", results)
    if runs.height != 1:
        raise WarehouseError(f"a build is sealed by one run, not {runs.height}")
    run_id: str = runs["run_id"][0]
    if runs["verdict"][0] == Verdict.BLOCKED:
        raise WarehouseError(f"run {run_id} was blocked by the gate: there is nothing to seal")
    if set(checked["run_id"].to_list()) != {run_id}:
        raise WarehouseError(f"the results are empty or not those of run {run_id}")
    sealed.parent.mkdir(parents=True, exist_ok=True)
    unfinished = sealed.with_name(f".{sealed.name}.unfinished")
    _forget(unfinished)
    try:
        own = dict.fromkeys(WRITTEN_BY_SEAL, run_id)
        before = marks(audited, but=own)
        shutil.copyfile(audited, unfinished)
        connection = connect(unfinished)
        try:
            with _transaction(connection):
                for table, rows in (("expectation_results", checked), ("runs", runs)):
                    if _mentions(connection, table, run_id):
                        raise WarehouseError(f"{audited}: run {run_id} is in {table} already")
                    _insert(connection, table, rows)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        _refuse_changes(before, marks(unfinished, but=own))
        _sync(unfinished)
        unfinished.replace(sealed)
    except BaseException:
        _forget(unfinished)
        raise
    return _file_sha256(sealed)
