"""DuckDB as Great Expectations can use it: one read-only connection that is never rolled back.

Great Expectations reads results after it gave the connection back, and SQLAlchemy rolls back what
is given back. In DuckDB a rollback ends the pending result, and the read fails with "list index
out of range". A build under audit is closed and only read, so there is nothing to begin, commit
or roll back: in this dialect these three do nothing, and results stay readable.

Importing this module imports SQLAlchemy; only `expectations.engine` does, when an audit runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb_engine
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import registry
from sqlalchemy.engine.interfaces import ReflectedColumn

NAME = "perpmill"


class ReadOnlyDuckDB(duckdb_engine.Dialect):
    """duckdb-engine's dialect without transactions, on files opened read-only."""

    supports_statement_cache = False

    def do_begin(self, connection: Any) -> None:
        """Nothing: DuckDB is in autocommit mode."""

    def do_commit(self, connection: Any) -> None:
        """Nothing, as above."""

    def do_rollback(self, connection: Any) -> None:
        """Nothing: a rollback would throw away the result that is about to be read."""

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> list[ReflectedColumn]:
        """Column names from DuckDB's own catalogue; PostgreSQL's takes twenty times as long.

        Types are left out: the suites ask DuckDB for them.
        """
        rows = connection.exec_driver_sql(
            "SELECT column_name, is_nullable FROM duckdb_columns() WHERE table_name = $1 "
            "AND schema_name = $2 AND database_name = current_database() ORDER BY column_index",
            (table_name, schema or "main"),
        )
        return [
            {"name": name, "type": sqltypes.NullType(), "nullable": nullable, "default": None}
            for name, nullable in rows.fetchall()
        ]

    def connect(self, *args: Any, **parameters: Any) -> Any:
        parameters["read_only"] = True
        parameters["config"] = {
            **parameters.get("config", {}),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        return super().connect(*args, **parameters)


def address(build: Path) -> str:
    """The SQLAlchemy address of a build, with the dialect made known to SQLAlchemy."""
    registry.register(NAME, __name__, ReadOnlyDuckDB.__name__)
    return f"{NAME}:///{build.resolve()}"
