"""Published tables and answers as Polars frames."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl

from flows import queries
from flows.query import newest_day
from flows.reading import pointer_at
from flows.statements import answer, reading_statements
from perpmill.builds import connect, moment_of, settings_of
from perpmill.errors import NoSuchBuild, NoSuchColumn, NoSuchTable, QueryError
from sql.written import quoted

_FILTERS = {
    "start": ("date",),
    "end": ("date",),
    "assets": ("base_asset",),
    "venues": ("venue", "provider"),
}
"""The columns a filter may be about, the first that a table has; an aggregator has providers."""


def read(
    table: str,
    *,
    start: date | str | None = None,
    end: date | str | None = None,
    assets: str | Sequence[str] | None = None,
    venues: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    as_of: datetime | str | None = None,
    run: str | None = None,
    config: str | Path | None = None,
    lake: str | Path | None = None,
) -> pl.DataFrame:
    """Rows of a published table, in the order of its key; a view in the order of its columns.

    start, end: UTC days, inclusive. assets: of `base_asset`, as they are written there. venues: of
    `venue` (in tables of aggregators `provider`). columns: only these, in this order.
    as_of, run, config, lake: as for `connect`. Where the build of `as_of` is no longer kept, the
    rows it held are taken from the current one, if that was made from it: after a rollback it may
    not be, and then NoSuchBuild is raised.

    Column types are those of the schema; times are UTC and say so. NULL is not known, 0 is known
    to be zero.

    Raises NoSuchTable and NoSuchColumn, naming what is near; ValueError for days that are none or
    in the wrong order; and what `connect` raises.
    """
    # The schemas take as long to import as all the rest.
    from transforms.schemas.published import (  # noqa: PLC0415
        PUBLISHED_TABLES,
        VERSIONED_TABLES,
        primary_key,
    )

    first, last = _day("start", start), _day("end", end)
    if first is not None and last is not None and first > last:
        raise ValueError(f"start={first} is after end={last}")
    source = quoted(table)
    bound: list[object] = []
    try:
        connection = connect(config, lake=lake, as_of=as_of, run=run)
    except NoSuchBuild:
        if as_of is None or table not in VERSIONED_TABLES:
            raise
        # Not at `as_of` itself: readers may have been led back then to an earlier build, which
        # the current one, made from a later one, knows nothing of.
        seen = pointer_at(settings_of(config, lake), moment_of(as_of)).run_id
        connection = connect(config, lake=lake)
        finished = connection.execute(
            "SELECT finished_at FROM runs WHERE run_id = ?", [seen]
        ).fetchone()
        if finished is None:
            connection.close()
            raise
        source = f"{table}_as_of(?::TIMESTAMP)"
        bound.append(finished[0])
    with closing(connection):
        there = _columns_of(connection, table)
        wanted = list(there) if columns is None else _known_columns(table, there, columns)
        conditions = ["true"]
        if first is not None:
            conditions.append(f"{_filtered(table, there, 'start')} >= ?")
            bound.append(first)
        if last is not None:
            conditions.append(f"{_filtered(table, there, 'end')} <= ?")
            bound.append(last)
        for name, values in (("assets", assets), ("venues", venues)):
            if values is not None:
                column = _filtered(table, there, name)
                conditions.append(f"list_contains(?::VARCHAR[], {column})")
                bound.append([values] if isinstance(values, str) else list(values))
        schema = PUBLISHED_TABLES.get(table)
        order = list(there) if schema is None else primary_key(schema)
        text = (
            f"SELECT {', '.join(map(quoted, wanted))} FROM {source} "  # noqa: S608 - names from the build's own catalogue
            f"WHERE {' AND '.join(conditions)} ORDER BY {', '.join(map(quoted, order))}"
        )
        return _frame(connection.execute(text, bound))


def query(
    text: str,
    *,
    config: str | Path | None = None,
    lake: str | Path | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
    **parameters: object,
) -> pl.DataFrame:
    """The answer to one statement that reads, or to a query of the cookbook: `@name`.

    parameters: those of the query, as text or as Python values (`day=date(2021, 1, 16)`); `latest`
    is the newest day there is. A statement may declare its own as a file for `perpmill sql -f`
    may. connection: asked instead of the build that is published now, and left open:
    `query(…, connection=perpmill.connect(run="…"))`.

    Times are UTC and say so. Raises QueryError, and what `connect` raises.
    """
    asked = queries.named(text[1:]) if text.startswith("@") else queries.read("the statement", text)
    given = [f"{name}={_text(value)}" for name, value in parameters.items()]
    own = connection if connection is not None else connect(config, lake=lake)
    try:
        questions = reading_statements(own, asked.text)
        if len(questions) != 1:
            raise QueryError(f"one statement, please; this is {len(questions)}")
        bound = queries.values(asked, given, lambda: newest_day(own))
        return _frame(answer(own, questions[0], bound))
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    finally:
        if connection is None:
            own.close()


def tables(*, config: str | Path | None = None, lake: str | Path | None = None) -> pl.DataFrame:
    """What there is to read: `table_name`, `kind` (`table` or `view`), and its `meaning`."""
    with closing(connect(config, lake=lake)) as connection:
        return connection.execute(
            "SELECT table_name, 'table' AS kind, comment AS meaning FROM duckdb_tables() "
            "WHERE schema_name = 'main' AND NOT internal UNION ALL "
            "SELECT view_name, 'view', comment FROM duckdb_views() "
            "WHERE schema_name = 'main' AND NOT internal ORDER BY ALL"
        ).pl()


def columns(
    table: str, *, config: str | Path | None = None, lake: str | Path | None = None
) -> pl.DataFrame:
    """What the columns of a table say: name, SQL type, unit, meaning, formula, meaning of NULL.

    Raises NoSuchTable. A view has names and types only.
    """
    with closing(connect(config, lake=lake)) as connection:
        _columns_of(connection, table)
        return connection.execute(
            "SELECT column_name, data_type AS type, unit, meaning, formula, null_meaning "
            "FROM duckdb_columns() LEFT JOIN column_dictionary USING (table_name, column_name) "
            "WHERE schema_name = 'main' AND table_name = ? ORDER BY column_index",
            [table],
        ).pl()


def _columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND database_name = current_database() AND NOT internal "
        "GROUP BY table_name ORDER BY table_name"
    ).fetchall()
    known: dict[str, list[str]] = dict(rows)
    if table not in known:
        raise NoSuchTable(
            f"no table is called {table!r}{_near(table, known)}; perpmill.tables() lists them"
        )
    return known[table]


def _known_columns(table: str, there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in there:
            raise NoSuchColumn(
                f"{table} has no column {name!r}{_near(name, there)}; "
                f"perpmill.columns({table!r}) lists them"
            )
    if not names:
        raise ValueError("columns is empty")
    return names


def _filtered(table: str, there: Sequence[str], name: str) -> str:
    for column in _FILTERS[name]:
        if column in there:
            return column
    about = " or ".join(_FILTERS[name])
    raise NoSuchColumn(f"{table} has no column {about} that {name}=… could be about")


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    near += [other for other in known if name and name in other and other not in near][:3]
    return f", did you mean {', '.join(near)}?" if near else ""


def _day(name: str, value: date | str | None) -> date | None:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name}={value!r} is not a UTC day like 2021-01-17") from None
    if isinstance(value, datetime):
        raise ValueError(f"{name}={value!r} is a moment; give the UTC day")  # noqa: TRY004 - its type is right, its value says too much
    return value


def _text(value: object) -> str:
    """A parameter as `key=value` writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        # Without a zone a parameter is UTC, as times stand in a build.
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return str(value)


def _frame(found: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """All times of a build are UTC; there they have no zone, so that no client shifts them."""
    frame = found.pl()
    return frame.with_columns(
        pl.col(name).dt.replace_time_zone("UTC")
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime) and kind.time_zone is None
    )
