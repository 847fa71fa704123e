"""The market tables of a build against a second computation, in SQL, from the normalised rows.

The SQL is `sql.reconcile`; here it is given its rows and days, and its verdict is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dataframely as dy
import duckdb
import polars as pl

from flows.exclusions import excluded, without
from flows.run import Days, Run
from flows.storage.partitions import Layer
from sql import reconcile as sql
from sql.reconcile import comparison
from sql.written import literal
from transforms.amounts import AT_PAR
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.normalised import DATASETS
from transforms.schemas.published import primary_key

MEMORY_LIMIT = "1GB"

DIFFERENCES: dict[str, pl.DataType] = {
    "table_name": pl.String(),
    "date": pl.Date(),
    "base_asset": pl.String(),
    "column_name": pl.String(),
    "published": pl.String(),
    "recomputed": pl.String(),
    "relative_difference": pl.Float64(),
}
"""One row per differing cell. base_asset is NULL in `market_total_daily`; column_name is `(row)`
where one side has no such row; relative_difference is |published − recomputed| over the larger, and
NULL where the values are no doubles or one is NULL."""

_EQUAL_BELOW = {
    "fraction": "1e-15",
    "fraction per 8 h": "1e-15",
    "fraction per year": "1e-12",
    "USD": "1e-6",
    "coin": "1e-9",
    "USD per coin": "1e-15",
    "ratio": "1e-12",
    "0 to 1": "1e-12",
    "0 to 100": "1e-10",
}
"""By unit: what is lost in the last digits of the numbers a value is made of, not of itself."""

_EQUAL_BELOW_OF = {
    # Sums of gains and losses, which lose the digits of what gains and losses are made of.
    "open_interest_change_usd": "1e-12 * abs(r.open_interest_usd)",
    "open_interest_change_coin": "1e-12 * abs(r.open_interest_coin)",
    "open_interest_change_pct": "1e-12",
    # A product near 1, of which 1 is taken away.
    "funding_compounded_30d": "1e-13",
}


class NothingToReconcile(ValueError):
    """The days have no market, neither in the build nor in the lake: that proves nothing."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """differences: schema DIFFERENCES, sorted by table, date, asset and column; without rows if
    all agrees. cells: how many values of each table were compared."""

    differences: pl.DataFrame
    cells: dict[str, int]


def reconcile(run: Run, build: Path, days: Days) -> Reconciliation:
    """Compare every number of the market tables of `days` in `build` with what SQL makes of the
    lake's normalised rows.

    Doubles agree within 1e-9 of each other, all else must be equal. Raises NothingToReconcile if
    neither side has a row for any of the days.
    """
    tables = sorted(MARKET_TABLES.items())
    with recomputation(run, build, days) as connection:
        found = [_compared(connection, name, schema) for name, schema in tables]
    cells = {name: count for (name, _), (count, _) in zip(tables, found, strict=True)}
    differences = pl.concat([rows for _, rows in found])
    if not sum(cells.values()) and differences.is_empty():
        raise NothingToReconcile(
            f"{build.name} has no market rows from {days.first} to {days.last}, nor has the lake"
        )
    return Reconciliation(differences, cells)


@contextmanager
def recomputation(run: Run, build: Path, days: Days) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in which the tables of `sql.reconcile` stand, with the build as `published`."""
    with TemporaryDirectory(prefix="perpmill-") as folder, _connection(Path(folder)) as connection:
        with _given(connection, run, build, days):
            for statement in sql.statements().values():
                connection.execute(statement)
        yield connection


@contextmanager
def _connection(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that may spill to a folder: nothing downloaded, no Python variables."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill),
            "python_enable_replacements": "false",
            "preserve_insertion_order": "false",
        },
    )
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _given(
    connection: duckdb.DuckDBPyConnection, run: Run, build: Path, days: Days
) -> Iterator[None]:
    """Everything `sql.reconcile` says it is given, while its statements run."""
    connection.execute(f"ATTACH {literal(build)} AS published (READ_ONLY)")
    connection.execute(f"SET VARIABLE first_day = DATE '{days.first}'")
    connection.execute(f"SET VARIABLE last_day = DATE '{days.last}'")
    milled = (
        Layer(run.store, run.ledger, "daily").current().select("venue", "date", table_name="name")
    )
    _table(connection, "milled_days", milled)
    _table(connection, "dollars_at_par", pl.DataFrame({"quote_asset": AT_PAR}))
    layer = Layer(run.store, run.ledger, "normalised")
    # What the gate took out is no part of any table.
    there = without(layer.current(), excluded(run)).filter(pl.col("rows") > 0)
    keys = {
        dataset: there.filter(
            pl.col("name") == dataset,
            pl.col("date").is_between(
                days.first - timedelta(days=before),
                days.last + timedelta(days=sql.ROWS_AFTER.get(dataset, 0)),
            ),
        )["key"].to_list()
        for dataset, before in sql.ROWS_BEFORE.items()
    }
    with layer.files([key for of_dataset in keys.values() for key in of_dataset]) as files:
        paths = iter(files)
        for dataset, of_dataset in keys.items():
            name = f"normalised_{dataset}"
            if of_dataset:
                _view(connection, name, [next(paths) for _ in of_dataset])
            else:
                _table(connection, name, DATASETS[dataset].create_empty())
        yield


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: list[Path]) -> None:
    # The folders' `venue=…` is in the rows too, and must not be read twice.
    listed = ", ".join(literal(_literally(path)) for path in files)
    connection.execute(
        f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"  # noqa: S608 - paths of ours, quoted
    )


def _literally(path: Path) -> str:
    """A path as a pattern that matches it alone."""
    return "".join(f"[{c}]" if c in "[*?" else c for c in str(path))


def _table(connection: duckdb.DuckDBPyConnection, name: str, rows: pl.DataFrame) -> None:
    connection.register("given_rows", rows)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_rows")  # noqa: S608 - names of ours
    connection.unregister("given_rows")


def _compared(
    connection: duckdb.DuckDBPyConnection, table: str, schema: type[dy.Schema]
) -> tuple[int, pl.DataFrame]:
    """How many cells of a table were compared, and those that differ."""
    key = primary_key(schema)
    columns = {
        name: _equal_below(name, column)
        for name, column in schema.columns().items()
        if name not in key
    }
    counted = connection.execute(comparison.cells(table, key, columns)).fetchone()
    found = connection.sql(comparison.differences(table, key, columns)).pl()
    rows = found.cast(pl.Schema(DIFFERENCES)).sort(
        "table_name", "date", "base_asset", "column_name"
    )
    return (0 if counted is None else int(counted[0])), rows


def _equal_below(name: str, column: dy.Column) -> str | None:
    if not isinstance(column, dy.Float64):
        return None
    unit = (column.metadata or {})["unit"]
    return _EQUAL_BELOW_OF.get(name, _EQUAL_BELOW[unit])
