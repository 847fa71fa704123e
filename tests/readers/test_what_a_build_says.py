"""A build explains itself to any client: comments on all there is, and types that summarise."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

import perpmill
from sql.macros import macros
from sql.views import views
from tests.readers.conftest import Shelf
from transforms.schemas.published import PUBLISHED_TABLES, VERSIONED_TABLES, published_columns

READABLE = [*PUBLISHED_TABLES, *views()]


@pytest.fixture
def build(shelf: Shelf) -> Iterator[duckdb.DuckDBPyConnection]:
    with perpmill.connect(lake=shelf.root) as connection:
        yield connection


def described(build: duckdb.DuckDBPyConnection, text: str) -> dict[str, str | None]:
    return dict(build.execute(text).fetchall())


def test_every_table_view_and_macro_says_what_it_is(build: duckdb.DuckDBPyConnection) -> None:
    tables = described(
        build, "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables()"
    )
    assert len(tables) == len(PUBLISHED_TABLES) + len(VERSIONED_TABLES) + 1  # gained_columns
    found = described(
        build,
        "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal",
    )
    assert set(found) == set(views())
    made = described(
        build,
        "SELECT function_name, comment FROM duckdb_functions() "
        "WHERE function_type = 'table_macro' AND NOT internal",
    )
    assert set(made) == set(macros()) | {f"{table}_as_of" for table in VERSIONED_TABLES}
    for name, comment in (tables | found | made).items():
        assert comment, name


def test_every_column_says_what_it_is_and_its_unit(build: duckdb.DuckDBPyConnection) -> None:
    columns = described(
        build,
        "SELECT schema_name || '.' || table_name || '.' || column_name, comment "
        "FROM duckdb_columns() WHERE NOT internal",
    )
    assert len(columns) > 300
    for name, comment in columns.items():
        assert comment, name
        assert comment.endswith("]"), name
    for table in PUBLISHED_TABLES:
        for name, column in published_columns(table).items():
            said = columns[f"main.{table}.{name}"]
            assert said is not None
            assert said.startswith(column.description or "-")


@pytest.mark.parametrize("table", READABLE)
def test_every_table_can_be_summarised(build: duckdb.DuckDBPyConnection, table: str) -> None:
    said = build.execute(f"SUMMARIZE {table}").fetchall()
    names = [row[0] for row in build.execute(f"DESCRIBE {table}").fetchall()]
    assert [row[0] for row in said] == names
    # Of these a client can draw a histogram or a calendar; lists and structures it cannot.
    assert {row[1] for row in said} <= {
        "DATE",
        "TIMESTAMP",
        "DOUBLE",
        "BIGINT",
        "VARCHAR",
        "BOOLEAN",
    }


def test_a_summary_has_numbers_of_numbers(build: duckdb.DuckDBPyConnection) -> None:
    (row,) = build.execute(
        "SELECT min, max, avg, count, null_percentage FROM (SUMMARIZE funding_daily) "
        "WHERE column_name = 'funding_rate_8h'"
    ).fetchall()
    # 0.0001, 0.0003, 0.0004 and a NULL: mean 0.0008 ÷ 3, a quarter is not known.
    assert (float(row[0]), float(row[1])) == (0.0001, 0.0004)
    assert float(row[2]) == pytest.approx(0.0008 / 3)
    assert (row[3], row[4]) == (4, 25)
