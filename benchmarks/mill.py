"""The mill as pieces of work: its stages one after the other, each on what the one before left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb

from benchmarks.agreement import TABLES
from benchmarks.work import Measured, Work, measure
from flows import reporting
from flows import transform as transforming
from flows.run import Days, Run
from flows.settings import Settings, SourceSettings
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.storage.builds import Builds

PROCESSES = ("ingest", "transform", "build")
STAGES = ("ingest", "normalise", "aggregate", "market", "build")


@dataclass(frozen=True, slots=True)
class Milled:
    """One way through the mill. processes: by `PROCESSES`. lake_bytes: by the lake's top folders,
    when all was done. build_bytes: of the DuckDB file."""

    processes: dict[str, Measured]
    lake_bytes: dict[str, int]
    build_bytes: int

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each of `STAGES`; aggregate has what is neither normalise nor market."""
        transform = self.processes["transform"]
        normalise, market = (transform.told[f"{name}_days"] for name in ("normalise", "market"))
        return {
            "ingest": self.processes["ingest"].seconds,
            "normalise": normalise,
            "aggregate": transform.seconds - normalise - market,
            "market": market,
            "build": self.processes["build"].seconds,
        }

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())

    @property
    def peak_bytes(self) -> int:
        return max(measured.peak_bytes for measured in self.processes.values())


def mill(archive: Path, lake: Path, first: date, last: date, tables: Path | None = None) -> Milled:
    """Ingest, transform and build first … last, in processes of their own.

    lake: a folder, empty or as an earlier run left it. tables: where the rows of the build that the
    scripts make too are written as Parquet.
    """
    given = {"archive": str(archive), "lake": str(lake), "first": str(first), "last": str(last)}
    into = None if tables is None else str(tables)
    processes = {
        name: measure("benchmarks.mill:process", name=name, tables=into, **given)
        for name in PROCESSES
    }
    return Milled(processes, bytes_below(lake), processes["build"].told["build_bytes"])


def bytes_below(lake: Path) -> dict[str, int]:
    """Bytes of the files in each of the lake's top folders."""
    return {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in sorted(lake.iterdir())
        if folder.is_dir()
    }


def opened(archive: str, lake: str, **more: Any) -> Run:
    """A run on the archive, as somebody with a `perpmill.toml` of three lines would have it, or
    with `more` of them."""
    source = SourceSettings(venue="binance", archive=f"file:{archive}")
    return Run.begin(Settings(lake=f"file:{lake}", sources=[source], **more), "bench")


@contextmanager
def clocked(module: ModuleType, *names: str) -> Iterator[dict[str, float]]:
    """Seconds spent in functions of a module, by name, while the context lasts."""
    spent = dict.fromkeys(names, 0.0)
    originals = {name: getattr(module, name) for name in names}

    def clock(name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return originals[name](*given, **named)
            finally:
                spent[name] += time.perf_counter() - started

        return call

    for name in names:
        setattr(module, name, clock(name))
    try:
        yield spent
    finally:
        for name, original in originals.items():
            setattr(module, name, original)


def process(
    name: str, archive: str, lake: str, first: str, last: str, tables: str | None
) -> Work[Any]:
    """One of `PROCESSES`."""
    reporting.set_up(quiet=True)
    run, days = opened(archive, lake), Days(date.fromisoformat(first), date.fromisoformat(last))
    said = reporting.current()
    if name == "ingest":
        return Work(lambda: ingest(run, days, said))
    if name == "transform":
        return Work(lambda: transform_clocked(run, days.each()), lambda spent: spent)
    return Work(
        lambda: build_candidate(run, days, said),
        lambda made: _export(run, made.run_id, days, None if tables is None else Path(tables)),
    )


def transform_clocked(run: Run, days: list[date]) -> dict[str, float]:
    """The transform stage; seconds of its parts by the name of their function."""
    parts = ("normalise_days", "aggregate_days", "market_days")
    with clocked(transforming, *parts) as spent:
        transforming.transform(run, days, reporting.current())
    return spent


def _export(run: Run, run_id: str, days: Days, folder: Path | None) -> dict[str, Any]:
    build = Builds(run.store, run.settings.cache).fetch(run_id, "candidate.duckdb")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(build), read_only=True) as connection:
            for table, columns in TABLES.items():
                rows = connection.execute(
                    f"SELECT date, symbol, {', '.join(columns)} FROM {table} "  # noqa: S608 - ours
                    "WHERE date BETWEEN ? AND ?",
                    [days.first, days.last],
                ).pl()
                rows.write_parquet(folder / f"{table}.parquet")
    return {"build_bytes": build.stat().st_size}
