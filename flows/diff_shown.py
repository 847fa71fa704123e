"""`perpmill diff`: two kept builds by their runs, and what differs for people and programs."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from flows.diff import Difference, diff
from flows.settings import Settings
from flows.storage.builds import Builds
from flows.storage.object_store import ObjectNotFound, open_store
from flows.storage.publication import Publication


class NoBuild(LookupError):
    """A run has no build that could be compared."""


def between(settings: Settings, earlier: str, later: str | None) -> tuple[str, str, Difference]:
    """What differs between the builds of two runs (later: default the published one), with their
    run ids. Raises NoBuild, naming the runs whose builds are kept."""
    store = open_store(settings.lake, settings.s3.options())
    pointer = Publication(store).current()
    if later is None:
        if pointer is None:
            raise NoBuild("nothing is published yet; name both runs")
        later = pointer.run_id
    builds = Builds(store, settings.cache)
    paths = []
    for run_id in (earlier, later):
        try:
            paths.append(builds.fetch(run_id, "perpmill.duckdb"))
        except ObjectNotFound:
            kept = sorted(
                entry.key.split("/")[1]
                for entry in store.entries("builds/")
                if entry.key.endswith("/perpmill.duckdb")
            )
            raise NoBuild(
                f"there is no build of run {run_id}; kept are {', '.join(kept) or 'none'}"
            ) from None
    return earlier, later, diff(*paths)


def as_data(earlier: str, later: str, found: Difference) -> dict[str, Any]:
    return {
        "earlier": earlier,
        "later": later,
        "tables": found.tables.to_dicts(),
        "values": found.cells.to_dicts(),
    }


def render(earlier: str, later: str, found: Difference, rows: int, console: Console) -> None:
    """Tables that differ, and the first `rows` values of each."""
    if found.tables.is_empty():
        console.print(f"{earlier} and {later} hold the same", soft_wrap=True)
        return
    summary = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("table", "rows added", "removed", "changed", "values changed", "columns"):
        summary.add_column(name, justify="left" if name in {"table", "columns"} else "right")
    for row in found.tables.iter_rows(named=True):
        columns = [f"+{name}" for name in row["columns_added"]]
        columns += [f"-{name}" for name in row["columns_removed"]]
        counts = ("rows_added", "rows_removed", "rows_changed", "values_changed")
        summary.add_row(
            row["table_name"], *(f"{row[count]:,}" for count in counts), " ".join(columns)
        )
    console.print(f"from {earlier} to {later}", style="bold", soft_wrap=True)
    console.print(summary)
    for table in found.tables["table_name"]:
        cells = found.cells.filter(pl.col("table_name") == table)
        console.print(f"\n{table}", style="bold")
        for cell in cells.head(rows).iter_rows(named=True):
            console.print(_line(cell), soft_wrap=True, markup=False, highlight=False)
        if cells.height > rows:
            console.print(f"… and {cells.height - rows:,} more; --json has all", style="dim")


def _line(cell: dict[str, Any]) -> str:
    if cell["kind"] != "changed":
        return f"  {cell['key']}  {cell['kind']}"
    return (
        f"  {cell['key']}  {cell['column_name']}: {_value(cell['old_value'])} → "
        f"{_value(cell['new_value'])}"
    )


def _value(text: str | None) -> str:
    return "NULL" if text is None else text
