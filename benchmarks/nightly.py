"""One more night on a month of history and on years of it.

Both lakes hold the same milled month but for its last day; in front of it the long one has a past
made of that month (`past`), with its ledgers, partitions, evidence and a build of all its rows. The
night brings the month's last day and does what `perpmill nightly` does, the ten late days, the gate
and the swap included, but without Prefect and with Great Expectations imported before the clock.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.archive import Archive, simulated
from benchmarks.mill import bytes_below, clocked, opened, transform_clocked
from benchmarks.report import MB, Criterion, Section, middle, spread, table
from benchmarks.work import Measured, Work, measure
from expectations import gate
from flows import reporting
from flows.run import Days, Run
from flows.stages.audit import audit_candidate
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.stages.publish import publish_candidate
from flows.storage.builds import Builds
from flows.storage.publication import Publication
from flows.tidying import tidy

DAY = timedelta(days=1)
STEPS = ("tidy", "ingest", "normalise", "aggregate", "market", "build", "audit", "publish")
TITLE = "One more night"

Say = Callable[[str], None]


def section(
    cache: Path,
    workplace: Path,
    *,
    symbols: int,
    days: int,
    history_days: int,
    repeats: int,
    circumstances: str,
    say: Say,
) -> Section:
    """The night on `days` and on about `history_days` of history, alternating."""
    whole = simulated(cache, symbols, days)
    archive = replace(whole, last=whole.last - DAY)
    lakes, history = _lakes(archive, workplace, max(1, round(history_days / days) - 1), say)
    found: dict[str, list[Measured]] = {name: [] for name in lakes}
    for number in range(repeats):
        for name in lakes if number % 2 == 0 else reversed(lakes):
            place = workplace / "night"
            # Nothing in a lake is changed in place, so links will do.
            shutil.copytree(lakes[name], place, copy_function=os.link, symlinks=True)
            measured = measure("benchmarks.nightly:night", **_given(archive, place))
            shutil.rmtree(place)
            found[name].append(measured)
            say(f"round {number + 1} of {repeats}: {name} {measured.seconds:.2f} s")
    return _section(archive, lakes, found, history, circumstances)


def _lakes(archive: Archive, workplace: Path, times: int, say: Say) -> tuple[dict[str, Path], int]:
    """A lake with the month published, and one with the past before it; days of the latter."""
    month, years = workplace / "month", workplace / "years"
    for lake in (month, years):
        lake.mkdir(parents=True)
    say(f"milling {archive.symbols} symbols × {archive.days} days")
    for step in ("ingest", "transform"):
        measure("benchmarks.nightly:prepared", step=step, **_given(archive, month))
    shutil.copytree(month, years, copy_function=os.link, dirs_exist_ok=True)
    say(f"writing the month into the past {times} times")
    past = measure(
        "benchmarks.past:added",
        lake=str(years),
        archive=str(archive.root),
        first=str(archive.first),
        last=str(archive.last),
        times=times,
    )
    # The month's signals look a year back: with the past there they are others.
    measure("benchmarks.nightly:prepared", step="transform", **_given(archive, years))
    for lake in (month, years):
        say(f"publishing {lake.name}")
        measure("benchmarks.nightly:prepared", step="publish", **_given(archive, lake))
    return {"month": month, "years": years}, past.told["days"] + archive.days


def _given(archive: Archive, lake: Path) -> dict[str, str]:
    return {
        "archive": str(archive.root),
        "lake": str(lake),
        "first": str(archive.first),
        "last": str(archive.last),
    }


def prepared(step: str, archive: str, lake: str, first: str, last: str) -> Work[None]:
    """The month into the lake: `ingest`, `transform`, or `publish` as a run of its own would."""
    reporting.set_up(quiet=True)
    run, days = opened(archive, lake), Days(date.fromisoformat(first), date.fromisoformat(last))

    def publish() -> None:
        tidy(run)
        candidate = build_candidate(run, days, reporting.current())
        assert candidate is not None
        builds = Builds(run.store, run.settings.cache)
        build = builds.fetch(candidate.run_id, "candidate.duckdb")
        # Years at once are not what is timed: the gate looks at the last day only.
        builds.keep_audit(
            candidate.run_id,
            gate.audit(build, run_id=candidate.run_id, first=days.last, last=days.last).results,
        )
        publish_candidate(run, candidate)
        tidy(run)

    steps: dict[str, Callable[[], object]] = {
        "ingest": lambda: ingest(run, days, reporting.current()),
        "transform": lambda: transform_clocked(run, days.each()),
        "publish": publish,
    }

    def do() -> None:
        steps[step]()

    return Work(do)


def night(archive: str, lake: str, first: str, last: str) -> Work[dict[str, float]]:
    """The day after `last`, with the late days before it, from tidying to the swap."""
    del first
    reporting.set_up(quiet=True)
    gate.warm_up()
    run, wanted = opened(archive, lake), date.fromisoformat(last) + DAY
    return Work(lambda: _night(run, wanted), lambda spent: _told(run, spent))


def _night(run: Run, wanted: date) -> dict[str, float]:
    said, asked = reporting.current(), Days(wanted, wanted)
    days = Days(wanted - run.settings.late_days * DAY, wanted)
    spent: dict[str, float] = {}
    with ExitStack() as clocks:
        copied = clocks.enter_context(clocked(shutil, "copyfile"))
        hashed = clocks.enter_context(clocked(hashlib, "file_digest"))

        def timed(step: str, do: Callable[[], Any]) -> Any:
            started, copying = time.perf_counter(), copied["copyfile"]
            result = do()
            copying = copied["copyfile"] - copying
            spent[step] = time.perf_counter() - started - copying
            return result

        timed("tidy", lambda: tidy(run))
        timed("ingest", lambda: ingest(run, days, said, asked=asked))
        parts = timed("transform", lambda: transform_clocked(run, days.each()))
        candidate = timed("build", lambda: build_candidate(run, asked, said))
        timed("audit", lambda: audit_candidate(run, candidate))
        timed("publish", lambda: publish_candidate(run, candidate))
    transform = spent.pop("transform")
    spent["normalise"], spent["market"] = parts["normalise_days"], parts["market_days"]
    spent["aggregate"] = transform - spent["normalise"] - spent["market"]
    return spent | {"copies": copied["copyfile"], "hashes": hashed["file_digest"]}


def _told(run: Run, spent: dict[str, float]) -> dict[str, Any]:
    pointer = Publication(run.store).current()
    assert pointer is not None
    assert pointer.run_id == run.run_id, "the night published nothing"
    return {"spent": spent, "build_bytes": pointer.bytes}


def _section(
    archive: Archive,
    lakes: dict[str, Path],
    found: dict[str, list[Measured]],
    history: int,
    circumstances: str,
) -> Section:
    total = {
        name: middle([sum(m.told["spent"][step] for step in STEPS) for m in each])
        for name, each in found.items()
    }
    days = {"month": archive.days, "years": history}
    rows = [
        (
            f"{days[name]:,}",
            *(f"{_middle(each, step):.2f}" for step in STEPS),
            f"**{total[name]:.2f}**",
            spread([sum(m.told["spent"][step] for step in STEPS) for m in each]),
            f"{_middle(each, 'copies'):.2f}",
            f"{_middle(each, 'hashes'):.2f}",
            f"{each[0].told['build_bytes'] / MB:,.0f}",
            f"{max(m.peak_bytes for m in each) / MB:,.0f}",
        )
        for name, each in found.items()
    ]
    ledgers = {name: bytes_below(lake).get("ledger", 0) / MB for name, lake in lakes.items()}
    setting = (
        f"{circumstances}. The last day of a month, {archive.symbols} symbols: its metrics and "
        "klines arrive, its fundings came with the month's file. "
        f"{len(found['month'])} rounds in alternating order: seconds of each step without copying "
        "the build file, which is shown apart; hashing it is in. The years hold the same month "
        "and copies of it shifted into the past: their ledgers "
        f"({ledgers['years']:,.0f} MB against {ledgers['month']:,.0f} MB), daily and market "
        "partitions, evidence and build are real; the bytes of past raw files and their "
        "normalised rows, which no night reads, are left out, and one venue stands for all. "
        "Prefect and the import of Great Expectations are not in it: they cost both the same."
    )
    header = ("days", *STEPS, "night s", "least – most s", "copies s", "hashes s", "build MB")
    lines = (setting, "", *table((*header, "peak MB"), rows))
    ratio = total["years"] / total["month"]
    criterion = Criterion(
        f"a nightly on {history:,} days of history at most 1.3× one on {archive.days}",
        f"{ratio:.2f}×",
        ratio <= 1.3,
    )
    return Section(TITLE, lines, (criterion,))


def _middle(each: list[Measured], step: str) -> float:
    return middle([m.told["spent"][step] for m in each])
