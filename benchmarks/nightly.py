"""One more night on a month of history and on years of it.

Both lakes hold the same milled month but for its last day; in front of it the long one has a past
made of that month (`past`), with its ledgers, partitions, evidence and a build of all its rows. The
night brings the month's last day. It is timed twice: as a user has it, `perpmill nightly` from
start to end, and step by step in one process, without Prefect, the report and all imports, where
what grows with history stands out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.archive import Archive, simulated
from benchmarks.mill import bytes_below, clocked, opened, transform_clocked
from benchmarks.report import MB, Criterion, Section, middle, spread, table
from benchmarks.work import ROOT, Measured, Work, WorkFailed, measure
from expectations import gate
from flows import reporting
from flows.run import Days, Run
from flows.stages.audit import audit_candidate
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.stages.publish import publish_candidate
from flows.storage.builds import Builds
from flows.storage.ledger import RECORDED_BY
from flows.storage.publication import Publication
from flows.tidying import tidy

DAY = timedelta(days=1)
STEPS = ("tidy", "ingest", "normalise", "aggregate", "market", "build", "audit", "publish")
TITLE = "One more night"
COMMAND, STEPWISE = "command", "steps"

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
    found: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    # A new home's first command also makes Prefect's database.
    for number in range(-1, repeats):
        for name in lakes if number % 2 == 0 else reversed(lakes):
            for how in (COMMAND,) if number < 0 else (COMMAND, STEPWISE):
                place = workplace / "night" / "lake"
                # Nothing in a lake is changed in place, so links will do.
                shutil.copytree(lakes[name], place, copy_function=os.link, symlinks=True)
                given = _given(archive, place)
                if how == COMMAND:
                    given |= {"home": str(workplace / "home")}
                measured = measure(f"benchmarks.nightly:{how}", **given)
                shutil.rmtree(place.parent)
                if number >= 0:
                    found[name, how].append(measured)
                    say(f"round {number + 1} of {repeats}: {how} {name} {measured.seconds:.2f} s")
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

    # Beside the days asked for ingest takes their neighbours, and the night's is to come.
    known = Days(days.first, days.last - DAY)
    steps: dict[str, Callable[[], object]] = {
        "ingest": lambda: ingest(run, known, reporting.current()),
        "transform": lambda: transform_clocked(run, days.each()),
        "publish": publish,
    }

    def do() -> None:
        steps[step]()

    return Work(do)


def command(archive: str, lake: str, first: str, last: str, home: str) -> Work[None]:
    """`perpmill nightly` for the day after `last`, as a shell would run it. home: Prefect's."""
    del first
    run, place = opened(archive, lake), Path(lake).parent
    config = place / "perpmill.toml"
    config.write_text(
        f'lake = "{run.settings.lake}"\n'
        f'[[sources]]\nvenue = "binance"\narchive = "file:{archive}"\n',
        encoding="utf-8",
    )
    wanted = date.fromisoformat(last) + DAY
    words = [sys.executable, "-m", "flows", "nightly", "--date", str(wanted), "-c", str(config)]
    # A server of this machine, or a profile's, is not what is measured.
    env = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PREFECT_HOME": home, "PYTHONPATH": str(ROOT)}

    def do() -> None:
        ended = subprocess.run(
            words, cwd=place, env=env, capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            raise WorkFailed(f"nightly: exit code {ended.returncode}\n{ended.stderr[-2000:]}")

    return Work(do, lambda _: _told(run))


def steps(archive: str, lake: str, first: str, last: str) -> Work[dict[str, float]]:
    """The day after `last`, with the late days before it, from tidying to the swap."""
    del first
    reporting.set_up(quiet=True)
    gate.warm_up()
    run, wanted = opened(archive, lake), date.fromisoformat(last) + DAY
    return Work(lambda: _night(run, wanted), lambda spent: _told(run) | {"spent": spent})


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


def _told(run: Run) -> dict[str, Any]:
    """How large the build is that the night published, of files it brought itself."""
    pointer = Publication(run.store).current()
    raw = run.ledger.read("raw")
    assert pointer is not None
    assert raw is not None
    brought = raw[RECORDED_BY].str.starts_with(f"{pointer.run_id}-").sum()
    assert brought, "the night brought nothing, or published nothing"
    return {"build_bytes": pointer.bytes}


def _section(
    archive: Archive,
    lakes: dict[str, Path],
    found: dict[tuple[str, str], list[Measured]],
    history: int,
    circumstances: str,
) -> Section:
    days = {"month": archive.days, "years": history}
    commands = {name: [m.seconds for m in found[name, COMMAND]] for name in lakes}
    alone = {
        name: [sum(m.told["spent"][step] for step in STEPS) for m in found[name, STEPWISE]]
        for name in lakes
    }
    rows = [
        (
            f"{days[name]:,}",
            f"**{middle(commands[name]):.2f}**",
            spread(commands[name]),
            *(f"{_middle(each, step):.2f}" for step in STEPS),
            f"{middle(alone[name]):.2f}",
            spread(alone[name]),
            f"{_middle(each, 'copies'):.2f}",
            f"{_middle(each, 'hashes'):.2f}",
            f"{each[0].told['build_bytes'] / MB:,.0f}",
            f"{max(m.peak_bytes for m in each) / MB:,.0f}",
        )
        for name in lakes
        for each in [found[name, STEPWISE]]
    ]
    ledgers = {name: bytes_below(lake).get("ledger", 0) / MB for name, lake in lakes.items()}
    setting = (
        f"{circumstances}. The last day of a month, {archive.symbols} symbols: its metrics and "
        "klines arrive, its fundings came with the month's file. "
        f"{len(alone['month'])} rounds in alternating order. `perpmill nightly` is the command "
        "from start to end: Prefect with a server of its own, imports, the report and the copies "
        "of the build file are in it. The steps are the same work in one process without Prefect, "
        "the report and imports, and without copying the build file, which is shown apart; hashing "
        "it is in. The years hold the same month and copies of it shifted into the past: their "
        "ledgers "
        f"({ledgers['years']:,.0f} MB against {ledgers['month']:,.0f} MB), daily and market "
        "partitions, evidence and build are real; the bytes of past raw files and their "
        "normalised rows, which no night reads, are left out, and one venue stands for all."
    )
    header = [
        *("days", "`perpmill nightly` s", "least – most s"),
        *(*STEPS, "steps s", "least – most s"),
        *("copies s", "hashes s", "build MB", "peak MB"),
    ]
    lines = (setting, "", *table(header, rows))
    asked = f"on {history:,} days of history at most 1.3× one on {archive.days}"
    criteria = (
        _ratio(f"`perpmill nightly` {asked}", commands),
        _ratio(f"its steps alone {asked}", alone),
    )
    return Section(TITLE, lines, criteria)


def _ratio(asked: str, seconds: dict[str, list[float]]) -> Criterion:
    ratio = middle(seconds["years"]) / middle(seconds["month"])
    return Criterion(asked, f"{ratio:.2f}×", ratio <= 1.3)


def _middle(each: list[Measured], step: str) -> float:
    return middle([m.told["spent"][step] for m in each])
