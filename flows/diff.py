"""What differs between two kept builds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from flows.storage.build_file import connect, tables_in
from sql.cells import cells
from sql.written import literal, quoted
from transforms.schemas.published import PUBLISHED_TABLES, primary_key, stable_columns

_CELLS: dict[str, type[pl.DataType]] = {
    "table_name": pl.String,
    "key": pl.String,
    "kind": pl.String,
    "column_name": pl.String,
    "old_value": pl.String,
    "new_value": pl.String,
    "difference": pl.Float64,
}

_SPACE = "' '"


@dataclass(frozen=True, slots=True)
class Difference:
    """How the later of two builds differs from the earlier.

    tables: one row per table that differs: table_name, rows_added, rows_removed, rows_changed,
        values_changed, columns_added and columns_removed (lists of names).
    cells: one row per value that differs and per row that came or went: table_name, key (its
        values, with a space between), kind (changed, appeared, vanished), column_name, old_value,
        new_value (text, all digits), difference (new − old of numbers). Sorted by table and key.
    """

    tables: pl.DataFrame
    cells: pl.DataFrame


def diff(before: Path, after: Path) -> Difference:
    """Compare two build files. Left out are what every run writes differently (`volatile` columns,
    `published_by`) and columns only one of them has, which are named.

    A table only one of them has differs in every row. Raises FileNotFoundError.
    """
    for path in (before, after):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no build")
    connection = connect(Path(":memory:"))
    try:
        connection.execute(f"ATTACH {literal(before)} AS earlier (READ_ONLY)")
        connection.execute(f"ATTACH {literal(after)} AS later (READ_ONLY)")
        found = list(_tables(connection))
    finally:
        connection.close()
    columns = pl.DataFrame(
        [(table, added, removed) for table, added, removed, _ in found],
        schema={
            "table_name": pl.String,
            "columns_added": pl.List(pl.String),
            "columns_removed": pl.List(pl.String),
        },
        orient="row",
    )
    differing = pl.concat([pl.DataFrame(schema=_CELLS), *(frame for *_, frame in found)])
    changed = pl.col("kind") == "changed"
    counted = differing.group_by("table_name").agg(
        (pl.col("kind") == "appeared").sum().cast(pl.Int64).alias("rows_added"),
        (pl.col("kind") == "vanished").sum().cast(pl.Int64).alias("rows_removed"),
        pl.col("key").filter(changed).n_unique().cast(pl.Int64).alias("rows_changed"),
        changed.sum().cast(pl.Int64).alias("values_changed"),
    )
    counts = ["rows_added", "rows_removed", "rows_changed", "values_changed"]
    tables = (
        columns.join(counted, on="table_name", how="left")
        .with_columns(pl.col(counts).fill_null(0))
        .select("table_name", *counts, "columns_added", "columns_removed")
        .filter(
            (pl.sum_horizontal(counts) > 0)
            | (pl.col("columns_added").list.len() > 0)
            | (pl.col("columns_removed").list.len() > 0)
        )
        .sort("table_name")
    )
    return Difference(tables, differing.sort("table_name", "key", "kind", "column_name"))


def _tables(
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[str, list[str], list[str], pl.DataFrame]]:
    """Per table: its name, columns gained and lost, and what differs."""
    held = []
    for name in ("earlier", "later"):
        connection.execute(f"USE {name}")
        held.append(tables_in(connection))
    earlier, later = held
    for table, schema in PUBLISHED_TABLES.items():
        key = primary_key(schema)
        old, new = earlier.get(table), later.get(table)
        if old is None and new is None:
            continue
        there = old or new or {}
        values = {
            name: data_type
            for name, data_type in there.items()
            if name in stable_columns(schema)
            and name not in key
            and data_type == (new or there).get(name)
        }
        missing = f"(SELECT * FROM {'later' if old is None else 'earlier'}.{table} LIMIT 0)"  # noqa: S608 - names of ours
        query = cells(
            missing if old is None else f"earlier.{table}",
            missing if new is None else f"later.{table}",
            key,
            values,
        )
        shown = ", ".join(f"c.{quoted(name)}::VARCHAR" for name in key)
        frame = connection.execute(
            f"SELECT '{table}' AS table_name, concat_ws({_SPACE}, {shown}) AS key, c.kind, "  # noqa: S608 - names of ours
            f"c.column_name, c.old_value, c.new_value, c.difference FROM ({query}) AS c"
        ).pl()
        gained = sorted(new.keys() - old.keys()) if old is not None and new is not None else []
        lost = sorted(old.keys() - new.keys()) if old is not None and new is not None else []
        yield table, gained, lost, frame
