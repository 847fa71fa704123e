"""The alternatives as pieces of work: both tables of one script, in one process."""

from __future__ import annotations

import importlib
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.agreement import TABLES
from benchmarks.work import Work


def script(name: str, folder: str, first: str, last: str, tables: str) -> Work[dict[str, Any]]:
    """`benchmarks.alternatives.{name}` on the archive, or the unzipped files, in `folder`.

    tables: where its frames are written as Parquet, after the clock has stopped.
    """
    module = importlib.import_module(f"benchmarks.alternatives.{name}")
    days = date.fromisoformat(first), date.fromisoformat(last)

    def do() -> dict[str, Any]:
        return {table: getattr(module, table)(Path(folder), *days) for table in TABLES}

    def tell(frames: dict[str, Any]) -> dict[str, Any]:
        Path(tables).mkdir(parents=True, exist_ok=True)
        for table, frame in frames.items():
            _write(frame, Path(tables) / f"{table}.parquet")
        return {"tables": sorted(frames)}

    return Work(do, tell)


def _write(frame: Any, path: Path) -> None:
    """A frame of whichever library."""
    if hasattr(frame, "write_parquet"):
        frame.write_parquet(path)
    elif hasattr(frame, "to_parquet"):
        frame.to_parquet(path, index=False)
    else:
        pq = importlib.import_module("pyarrow.parquet")
        pq.write_table(frame, path)
