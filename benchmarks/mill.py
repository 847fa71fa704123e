"""`make bench`: the mill against the pandas script and the physical floor, on the same archive.

Times count only after both gave the same numbers. Prints a table and writes `results.md`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pandas as pd

from benchmarks import pandas_script
from flows import reporting
from flows.run import Days, Run
from flows.settings import Settings, SourceSettings
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.storage.builds import Builds
from flows.transform import transform
from simulator.plan import Plan
from simulator.simulate import simulate

SYMBOLS = 100
FIRST, LAST = date(2023, 3, 1), date(2023, 3, 31)


@dataclass(frozen=True, slots=True)
class Timing:
    what: str
    seconds: float


def timed(what: str, work: Callable[[], Any], timings: list[Timing]) -> Any:
    started = time.perf_counter()
    result = work()
    timings.append(Timing(what, time.perf_counter() - started))
    return result


def floor(archive: Path) -> int:
    """Read, hash and inflate every zip once: what no mill can do without. Returns the bytes."""
    total = 0
    for path in sorted(archive.rglob("*.zip")):
        content = path.read_bytes()
        hashlib.sha256(content).digest()
        with zipfile.ZipFile(path) as container:
            total += sum(len(container.read(name)) for name in container.namelist())
    return total


def agree(build: Path, open_interest: pd.DataFrame, funding: pd.DataFrame) -> int:
    """How many symbol-days both have; raises AssertionError where they differ."""
    with duckdb.connect(str(build), read_only=True) as connection:
        ours_oi = connection.execute(
            "SELECT date, symbol, sample_count, open_interest_coin_close AS coin_close, "
            "open_interest_coin_mean AS coin_mean, open_interest_usd_close AS usd_close "
            "FROM open_interest_daily WHERE date <= ?",
            [LAST],
        ).df()
        ours_funding = connection.execute(
            "SELECT date, symbol, settlement_count, funding_rate_sum AS rate_sum "
            "FROM funding_daily WHERE date <= ?",
            [LAST],
        ).df()
        sizes = dict(connection.sql("SELECT symbol, base_multiplier FROM instruments").fetchall())
    compared = 0
    for ours, theirs in ((ours_oi, open_interest), (ours_funding, funding)):
        ours["date"] = pd.to_datetime(ours["date"]).dt.date
        both = ours.merge(theirs, on=["date", "symbol"], suffixes=("", "_theirs"))
        assert len(both) == len(ours) > 0, "the script lacks symbol-days"
        for column in set(ours.columns) - {"date", "symbol"}:
            other = both[f"{column}_theirs"]
            if column.startswith("coin"):  # the script leaves 1000PEPE in thousands
                other = other * both["symbol"].map(sizes)
            off = ((both[column] - other).abs() > 1e-9 * other.abs().clip(lower=1e-6)).sum()
            assert off == 0, f"{column}: {off} symbol-days differ"
        compared += len(both)
    return compared


def main() -> None:
    reporting.set_up(quiet=True)
    timings: list[Timing] = []
    with TemporaryDirectory(prefix="perpmill-bench-") as name:
        folder = Path(name)
        plan = Plan(FIRST, LAST, symbols=SYMBOLS, quirks=False, products=("um",), kline_kinds=())
        timed("(simulate the archive)", lambda: simulate(plan, folder / "exchange"), timings)
        archive = folder / "exchange/archive/binance"
        files = sum(1 for _ in archive.rglob("*.zip"))
        source = SourceSettings(venue="binance", archive=f"file:{archive}")
        settings = Settings(lake=f"file:{folder / 'lake'}", sources=[source])
        run, days = Run.begin(settings, "bench"), Days(FIRST, LAST)
        quiet = reporting.current()
        timed("floor: read + SHA-256 + inflate", lambda: floor(archive), timings)
        oi = timed(
            "pandas: open interest", lambda: pandas_script.open_interest_daily(archive), timings
        )
        funding = timed("pandas: funding", lambda: pandas_script.funding_daily(archive), timings)
        timed("mill: ingest (verify, keep raw)", lambda: ingest(run, days, quiet), timings)
        timed("mill: normalise + aggregate", lambda: transform(run, days.each(), quiet), timings)
        candidate = timed("mill: build", lambda: build_candidate(run, days, quiet), timings)
        build = Builds(run.store, settings.cache).fetch(candidate.run_id, "candidate.duckdb")
        compared = agree(build, oi, funding)
    table = _table(timings, files, compared)
    sys.stdout.write(table)
    Path(__file__).with_name("results.md").write_text(table, encoding="utf-8")


def _table(timings: list[Timing], files: int, compared: int) -> str:
    by_name = {timing.what: timing.seconds for timing in timings}
    script = by_name["pandas: open interest"] + by_name["pandas: funding"]
    transforming = by_name["mill: normalise + aggregate"]
    whole = by_name["mill: ingest (verify, keep raw)"] + transforming + by_name["mill: build"]
    said = (
        f"{files} zips ({SYMBOLS} symbols, {FIRST} to {LAST}), one run, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores. Both gave the same numbers on "
        f"{compared} symbol-days before a time counted."
    )
    to_floor = whole / by_name["floor: read + SHA-256 + inflate"]
    lines = [
        "# Benchmark",
        "",
        said,
        "",
        "| what | seconds | files per second |",
        "|---|---:|---:|",
        *(f"| {t.what} | {t.seconds:.1f} | {files / t.seconds:,.0f} |" for t in timings),
        "",
        f"- pandas ÷ mill (normalise + aggregate only): **{script / transforming:.1f}×**",
        f"- mill end to end (checksums, raw kept, build) ÷ floor: **{to_floor:.1f}×**",
        "",
        "The script computes six columns of two tables; the mill all of five, with lineage.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
