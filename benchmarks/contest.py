"""The mill against the scripts and the floor: same archive, same run, alternating, same numbers."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks import mill
from benchmarks.agreement import agree
from benchmarks.archive import KINDS, Archive
from benchmarks.work import Measured, measure

UNZIPPED = ("polars_scan_script", "duckdb_script", "chdb_script")
SCRIPTS = {
    "pandas_script": "pandas",
    "pandas_pool_script": "pandas",
    "polars_script": "polars",
    "polars_joined_script": "polars",
    "polars_scan_script": "polars",
    "duckdb_script": "duckdb",
    "chdb_script": "chdb",
}
"""Modules of `benchmarks.alternatives`, and the library each needs."""
FLOORS = ("one_thread", "all_cores")
BARE = "bare"
MILL = "mill"

Say = Callable[[str], None]


@dataclass(slots=True)
class Contest:
    """What was measured, by who did it, a value a round."""

    archive: Archive
    pieces: dict[str, list[Measured]] = field(default_factory=lambda: defaultdict(list))
    milled: list[mill.Milled] = field(default_factory=list)
    symbol_days_compared: int = 0

    @property
    def scripts(self) -> list[str]:
        """Who took part."""
        return [name for name in SCRIPTS if name in self.pieces]


def installed() -> list[str]:
    """The scripts whose library is here; chDB has no package for some platforms."""
    return [name for name, library in SCRIPTS.items() if find_spec(library) is not None]


def hold(archive: Archive, workplace: Path, rounds: int, say: Say) -> Contest:
    """So many rounds of everybody, each second one in reverse order.

    Raises Disagreement as soon as a script's numbers are not the mill's.
    """
    contest = Contest(archive)
    say("warming up: every zip is read once")
    measure("benchmarks.floor:one_thread", root=str(archive.root))
    for number in range(rounds):
        order = [*FLOORS, BARE, "unzip", *installed(), MILL]
        # What is unzipped has to be there first, whoever comes next.
        names = (
            order if number % 2 == 0 else ["unzip", *(n for n in reversed(order) if n != "unzip")]
        )
        place = workplace / f"round-{number}"
        for name in names:
            said = _one(contest, name, place)
            say(f"round {number + 1} of {rounds}: {name} {said:.2f} s")
        for script in contest.scripts:
            contest.symbol_days_compared = agree(place / MILL, place / script)
        shutil.rmtree(place)
    return contest


def _one(contest: Contest, name: str, place: Path) -> float:
    archive = contest.archive
    if name == MILL:
        lake = place / "lake"
        lake.mkdir(parents=True)
        milled = mill.mill(archive.root, lake, archive.first, archive.last, place / MILL)
        contest.milled.append(milled)
        shutil.rmtree(lake)
        return milled.seconds
    if name in FLOORS:
        measured = measure(f"benchmarks.floor:{name}", root=str(archive.root))
    elif name == BARE:
        into = place / "bare"
        measured = measure("benchmarks.bare:transform", root=str(archive.root), into=str(into))
    elif name == "unzip":
        measured = measure(
            "benchmarks.floor:unzip",
            root=str(archive.root),
            kinds=KINDS,
            into=str(place / "unzipped"),
        )
    else:
        measured = measure(
            "benchmarks.scripts:script",
            name=name,
            folder=str(place / "unzipped" if name in UNZIPPED else archive.root),
            first=str(archive.first),
            last=str(archive.last),
            tables=str(place / name),
        )
    contest.pieces[name].append(measured)
    return measured.seconds
