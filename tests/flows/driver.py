"""A run without Prefect: the stages in the order and under the lock in which `flows.mill` has them.

Run as a module it is a backfill in a process of its own, which can be told to kill itself.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from subprocess import PIPE, Popen

from flows import reporting
from flows.gatekeeping import through_the_gate
from flows.rebuild import build_again
from flows.run import Clock, Days, Run, utc_now
from flows.settings import Settings
from flows.stages.audit import audit_candidate
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.stages.publish import publish_candidate
from flows.storage.builds import Builds, Candidate
from flows.storage.partitions import Layer
from flows.storage.publication import Pointer
from flows.storage.run_lock import run_lock
from flows.tidying import tidy
from flows.transform import transform
from transforms.schemas.evidence import Verdict

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Done:
    """fetched: raw files that were new; the rest None if there was nothing new to publish."""

    run_id: str
    fetched: int
    candidate: Candidate | None
    verdict: Verdict | None
    pointer: Pointer | None


def mill_days(
    settings: Settings,
    first: date,
    last: date,
    *,
    late: bool = False,
    clock: Clock = utc_now,
) -> Done:
    """A backfill of `first` to `last`; with `late`, also the days before that were milled."""
    run = Run.begin(settings, "nightly" if late else "backfill", clock)
    asked = Days(first, last)
    with run_lock(run.store, owner=run.run_id) as held:
        tidy(run)
        days = asked.each()
        if late:
            begin = first - settings.late_days * DAY
            known = Layer(run.store, run.ledger, "daily").current()["date"].unique().to_list()
            days = sorted({*days, *(d for d in known if begin <= d < first)})
        reporter = reporting.current()
        outcome = ingest(run, Days(min(days), max(days)), reporter, asked=asked)
        transform(run, days, reporter)
        candidate = build_candidate(run, asked, reporter)
        if candidate is None:
            return Done(run.run_id, len(outcome.fetched), None, None, None)
        passed = through_the_gate(
            candidate,
            audit=lambda candidate: audit_candidate(run, candidate),
            made_again=lambda: build_again(run, asked, days, reporter),
        )
        if passed is None:
            return Done(run.run_id, len(outcome.fetched), None, None, None)
        candidate, audit = passed
        held.confirm()
        pointer = publish_candidate(run, candidate)
    return Done(run.run_id, len(outcome.fetched), candidate, audit.verdict, pointer)


def build_days(settings: Settings, spans: Sequence[tuple[date, date]]) -> Path:
    """A build of several spans of days (inclusive), neither audited nor published."""
    run = Run.begin(settings, "backfill")
    reporter = reporting.current()
    for first, last in spans:
        ingest(run, Days(first, last), reporter)
        transform(run, Days(first, last).each(), reporter)
    asked = Days(min(first for first, _ in spans), max(last for _, last in spans))
    candidate = build_candidate(run, asked, reporter)
    assert candidate is not None
    return Builds(run.store, settings.cache).fetch(candidate.run_id, "candidate.duckdb")


def start(what: str, settings: Settings, *arguments: object, **environment: str) -> Popen[str]:
    """This module in a process of its own; see `main`."""
    configuration = json.dumps(settings.model_dump(mode="json"))
    return Popen(
        [sys.executable, "-m", __name__, what, configuration, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    )


def _kill_before_rename(target: str, number: int) -> None:
    """SIGKILL this process just before the n-th file whose path contains `target` gets its name.

    Everything in a lake appears by a rename, so between two of them nothing can be seen to happen.
    """
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event == "os.rename" and target in str(arguments[1]):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main(
    what: str, config: str, first: str, last: str, target: str = "", number: str = "0"
) -> None:
    """`mill` the days, or only `build` them and print where."""
    settings = Settings(**json.loads(config))
    days = date.fromisoformat(first), date.fromisoformat(last)
    if target:
        _kill_before_rename(target, int(number))
    said = build_days(settings, [days]) if what == "build" else mill_days(settings, *days)
    sys.stdout.write(f"{said}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
