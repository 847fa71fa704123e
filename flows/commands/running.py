"""Verbs that change what is in the lake, or what readers see of it."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from typing import Annotated, Any

import typer

from flows import reporting
from flows import settings as configuration
from flows.commands import screen
from flows.commands.endings import told
from flows.commands.options import (
    AsJson,
    Config,
    FirstDay,
    LastDay,
    LastDayOrFirst,
    Verbose,
    day_option,
)
from flows.orchestration import quiet_prefect, server_ahead

verbs = typer.Typer()


def _sound(settings: configuration.Settings, *days: date) -> None:
    """Refuse what cannot be run before Prefect takes its seconds to start. Raises ConfigError."""
    from flows.run import Days, Run

    Run.begin(settings, "check")
    if days:
        Days(days[0], days[-1])


def _report(milled: Any, *, as_json: bool) -> None:
    if as_json:
        said = {
            "run_id": milled.run_id,
            "first": str(milled.days.first),
            "last": str(milled.days.last),
            "fetched": milled.fetched,
            "verdict": milled.verdict,
            "build": None if milled.pointer is None else milled.pointer.build,
            "sha256": None if milled.pointer is None else milled.pointer.sha256,
        }
        screen.out.print_json(json.dumps(said))
    elif milled.pointer is None:
        screen.out.print(
            f"{milled.days.first} … {milled.days.last}: nothing new; readers see what they saw",
            soft_wrap=True,
        )
    else:
        screen.out.print(
            f"{milled.days.first} … {milled.days.last}: published run {milled.run_id} "
            f"({milled.verdict}, {milled.fetched} new raw files)",
            soft_wrap=True,
        )
        if milled.verdict != "passed":
            screen.out.print("what the gate warned of: `perpmill quality`", style="yellow")


@verbs.command()
def nightly(
    date: Annotated[date | None, day_option("UTC day (default: yesterday).")] = None,
    config: Config = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Mill one UTC day (default: yesterday) and publish, with whatever arrived late."""
    with told(verbose=verbose):
        _sound(configuration.load(config))
        quiet_prefect()
        ready = server_ahead()
        from flows.nightly import nightly as flow

        ready()
        _report(flow(day=date, config=config), as_json=as_json)


@verbs.command()
def backfill(
    start: FirstDay,
    end: LastDay,
    venue: Annotated[str | None, typer.Option(help="Only this venue.")] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Leave days alone that were milled before.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Mill a range of UTC days (inclusive) and publish once; resumable."""
    with told(verbose=verbose):
        settings = configuration.load(config)
        _sound(settings if venue is None else settings.only(venue), start, end)
        quiet_prefect()
        ready = server_ahead()
        from flows.backfill import backfill as flow

        ready()
        _report(flow(start, end, venue, only_missing, config), as_json=as_json)


@verbs.command()
def ingest(
    start: FirstDay, end: LastDayOrFirst = None, config: Config = None, verbose: Verbose = False
) -> None:
    """Only fetch: raw exports of the days into the lake."""
    with told(verbose=verbose):
        from flows.run import Days, Run
        from flows.stages.ingest.sources import ingest as stage
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "ingest")
        with run_lock(run.store, owner=f"ingest {run.run_id}"), closing(run.executor):
            outcome = stage(run, Days(start, end or start), reporting.current())
        screen.out.print(f"{len(outcome.fetched)} new raw files, {outcome.unchanged} unchanged")


@verbs.command()
def transform(
    start: FirstDay, end: LastDayOrFirst = None, config: Config = None, verbose: Verbose = False
) -> None:
    """Only compute: normalise and aggregate what is in the lake, and build a candidate."""
    with told(verbose=verbose):
        from flows.run import Days, Run
        from flows.stages.build import build_candidate
        from flows.storage.run_lock import run_lock
        from flows.transform import transform as stage

        run = Run.begin(configuration.load(config), "transform")
        days = Days(start, end or start)
        with run_lock(run.store, owner=f"transform {run.run_id}"):
            stage(run, days.each(), reporting.current())
            candidate = build_candidate(run, days, reporting.current())
        said = "nothing new" if candidate is None else f"candidate {candidate.run_id}"
        screen.out.print(f"{days.first} … {days.last}: {said}")


@verbs.command()
def audit(
    run_id: Annotated[str | None, typer.Option("--run", help="Default: the newest.")] = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Only check: the gate's verdict on a candidate build."""
    with told(verbose=verbose):
        from expectations.gate import summary
        from flows.quality.site import site_of
        from flows.run import Run
        from flows.stages.audit import audit_candidate
        from flows.storage.builds import Builds
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "audit")
        # What the gate says is kept, and what is unfit goes out: both change the lake.
        with run_lock(run.store, owner=f"audit {run.run_id}"):
            candidate = Builds(run.store, run.settings.cache).candidate(run_id)
            verdict = audit_candidate(run, candidate)
        screen.out.print(f"candidate {candidate.run_id}: {verdict.verdict}")
        screen.out.print(summary(verdict))
        if (pages := site_of(run.store, candidate.run_id)) is not None:
            screen.out.print(f"pages: {pages}", soft_wrap=True)


@verbs.command()
def publish(
    run_id: Annotated[str | None, typer.Option("--run", help="Default: the newest.")] = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Only publish: make an audited candidate what readers see."""
    with told(verbose=verbose):
        from flows.lineage.tracing import traced
        from flows.report.site import keep_report
        from flows.run import Days, Run
        from flows.stages.publish import publish_candidate
        from flows.storage.builds import Builds
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "publish")
        with run_lock(run.store, owner=f"publish {run.run_id}"):
            candidate = Builds(run.store, run.settings.cache).candidate(run_id)
            with traced(run, Days(candidate.first, candidate.last)) as trace:
                pointer = trace.published = publish_candidate(run, candidate)
        keep_report(run, pointer)
        screen.out.print(f"published run {pointer.run_id}")


@verbs.command()
def rollback(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]")] = None, config: Config = None
) -> None:
    """Let readers see an earlier build again (default: the one before)."""
    with told():
        from flows.run import Run
        from flows.storage.publication import Publication
        from flows.storage.run_lock import run_lock

        run = Run.begin(configuration.load(config), "rollback")
        with run_lock(run.store, owner=f"rollback {run.run_id}"):
            pointer = Publication(run.store).rollback(run_id, run.clock())
        screen.out.print(f"readers see run {pointer.run_id}")
