"""The published build as the steps of an explanation read it: frames with times in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.reading import connect, published
from flows.settings import Settings
from flows.storage.publication import Pointer
from sql.written import quoted
from transforms.schemas.published import PUBLISHED_TABLES


@dataclass(frozen=True, slots=True)
class Build:
    """The build readers see. pointer: what names it."""

    pointer: Pointer
    path: Path
    connection: duckdb.DuckDBPyConnection

    def frame(self, query: str, values: Sequence[object] = ()) -> pl.DataFrame:
        """The rows of a query; its times are UTC and say so."""
        found = self.connection.execute(query, list(values)).pl()
        return found.with_columns(
            pl.col(pl.Datetime).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        )

    def rows(self, query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        return self.frame(query, values).to_dicts()

    def table(self, name: str, where: str = "true", values: Sequence[object] = ()) -> pl.DataFrame:
        """Rows of a table in the types of its schema, without what the build adds.

        where: a condition of ours, with `?` for `values`.
        """
        schema = PUBLISHED_TABLES[name].create_empty().schema
        columns = ", ".join(map(quoted, schema))
        found = self.frame(f"SELECT {columns} FROM {name} WHERE {where}", values)  # noqa: S608 - names of ours
        return found.cast(dict(schema))  # type: ignore[arg-type]  # a schema is a mapping of these

    def days(self, name: str) -> tuple[date, date] | None:
        """First and last UTC day a table has rows of; None without rows."""
        found = self.connection.execute(f"SELECT min(date), max(date) FROM {name}").fetchone()  # noqa: S608 - as above
        return None if found is None or found[0] is None else (found[0], found[1])


@contextmanager
def open_build(settings: Settings) -> Iterator[Build]:
    """The build that is published now. Raises NothingPublished."""
    pointer, path = published(settings)
    with connect(path) as connection:
        yield Build(pointer, path, connection)
