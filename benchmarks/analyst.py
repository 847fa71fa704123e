"""What an analyst waits: every question of the cookbook on a large published build.

The build is made from random numbers (`published_build`), six venues. Each question is asked on a
connection of its own, as `perpmill sql` does it, five times; opening it is shown apart. The page
cache is warm.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import published_build
from benchmarks.report import MB, Criterion, Section, middle, table
from benchmarks.work import Work, measure
from flows.queries import Query, cookbook, values
from flows.reading import connect

FIRST = date(2021, 1, 1)
TIMES = 5
SHOWN = 10
_MUST_BE_GIVEN = {
    "liquidations_between_times": ("since=2022-05-09T00:00", "until=2022-05-13T00:00"),
    "raw_files_behind": ("venue=binance",),
}
"""What stands in for somebody's question where a parameter has no default."""

Say = Callable[[str], None]


def section(cache: Path, instruments: int, days: int, circumstances: str, say: Say) -> Section:
    """Every question timed on a build of so many instruments and days, made once per code."""
    build = cache / f"published-{instruments}x{days}-{_code()}.duckdb"
    if not build.exists():
        say(f"synthetic build of {instruments} instruments × {days} days")
        measure("benchmarks.analyst:written", build=str(build), instruments=instruments, days=days)
    asked = measure("benchmarks.analyst:asked", build=str(build))
    seconds: dict[str, float] = asked.told["seconds"]
    opening: float = asked.told["opening"]
    slowest = sorted(seconds.items(), key=lambda each: -each[1])
    median, worst = middle(list(seconds.values())), slowest[0]
    setting = (
        f"{circumstances}. {len(seconds)} questions with their default parameters on a build of "
        f"{instruments} instruments at {len(published_build.VENUES)} venues × {days:,} days "
        f"({build.stat().st_size / MB:,.0f} MB, {asked.told['rows']:,} rows). Each on a new "
        f"connection, median of {TIMES}, page cache warm; opening the connection takes "
        f"{opening * 1000:.0f} ms more. All the asking took {asked.peak_bytes / MB:,.0f} MB."
    )
    rows = [
        (name, f"{each * 1000:.0f}", f"{asked.told['found'][name]:,}")
        for name, each in slowest[:SHOWN]
    ]
    lines = (setting, "", *table((f"the slowest {len(rows)}", "ms", "rows"), rows))
    criteria = (
        Criterion(
            "cookbook: median under 100 ms",
            f"{median * 1000:.0f} ms, with opening {(median + opening) * 1000:.0f} ms",
            median + opening < 0.1,
        ),
        Criterion(
            "cookbook: none over 1 s",
            f"{worst[0]}: {worst[1] * 1000:.0f} ms, with opening "
            f"{(worst[1] + opening) * 1000:.0f} ms",
            worst[1] + opening <= 1,
        ),
    )
    return Section("The analyst", lines, criteria)


def _code() -> str:
    """A build is made anew when what it is made by changes: the schemas and the writers."""
    root = Path(__file__).parent
    files = [
        root / "published_build.py",
        *sorted((root.parent / "transforms/schemas").glob("*.py")),
        *sorted((root.parent / "sql").rglob("*.sql")),
        *sorted((root.parent / "flows/storage").glob("*.py")),
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def written(build: str, instruments: int, days: int) -> Work[None]:
    """Make the build; under its name only when it is whole."""
    path = Path(build)
    unfinished = path.with_suffix(".unfinished")

    def do() -> None:
        unfinished.unlink(missing_ok=True)
        published_build.write(unfinished, FIRST, days, instruments)
        unfinished.rename(path)

    return Work(do)


def asked(build: str) -> Work[dict[str, Any]]:
    """Ask every question `TIMES` times."""
    path = Path(build)
    newest = _newest(path)
    _read(path)
    return Work(lambda: _ask(path, newest), lambda told: {**told, "rows": _rows(path)})


def _ask(build: Path, newest: date) -> dict[str, Any]:
    seconds, found, openings = {}, {}, []
    for name, query in cookbook().items():
        each = []
        for _ in range(TIMES):
            opening, answering, found[name] = _once(build, query, newest)
            openings.append(opening)
            each.append(answering)
        seconds[name] = middle(each)
    return {"seconds": seconds, "found": found, "opening": middle(openings)}


def _once(build: Path, query: Query, newest: date) -> tuple[float, float, int]:
    """Seconds to open the build and to have the answer, and how many rows it has."""
    bound = values(query, _MUST_BE_GIVEN.get(query.name, ()), lambda: newest)
    started = time.perf_counter()
    with connect(build) as connection:
        opened = time.perf_counter()
        rows = connection.execute(query.text, bound or None).fetchall()
        return opened - started, time.perf_counter() - opened, len(rows)


def _read(path: Path) -> None:
    """So that the first question does not wait for the disk."""
    with path.open("rb") as stream:
        while stream.read(1 << 24):
            pass


def _newest(build: Path) -> date:
    with duckdb.connect(str(build), read_only=True) as connection:
        found = connection.execute("SELECT max(date) FROM market_daily").fetchone()
    assert found is not None
    day: date = found[0]
    return day


def _rows(build: Path) -> int:
    with duckdb.connect(str(build), read_only=True) as connection:
        found = connection.execute("SELECT sum(estimated_size) FROM duckdb_tables()").fetchone()
    assert found is not None
    return int(found[0])
