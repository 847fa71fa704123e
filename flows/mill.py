"""The run, whole: ingest → normalise → aggregate → build → audit → publish, under one lock.

Each stage is one Prefect task: work is batched inside the stages, since a task per file would cost
more than reading the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from expectations.gate import Audit
from flows import reporting
from flows.failures import GateBlocked, InputUnavailable
from flows.gatekeeping import through_the_gate
from flows.lineage.tracing import traced
from flows.quality.report import told
from flows.quality.terminal import markdown
from flows.rebuild import build_again
from flows.report.site import keep_report
from flows.run import Days, Run
from flows.stages.audit import audit_candidate
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.stages.publish import publish_candidate
from flows.storage.builds import Candidate
from flows.storage.publication import Pointer
from flows.storage.run_lock import run_lock
from flows.tidying import tidy
from flows.transform import transform
from transforms.schemas.evidence import Verdict


@dataclass(frozen=True, slots=True)
class Milled:
    """How a run ended. pointer: what it published; None: there was nothing new to publish."""

    run_id: str
    days: Days
    fetched: int
    verdict: Verdict | None
    pointer: Pointer | None


def mill(run: Run, asked: Days, days: Sequence[date]) -> Milled:
    """Bring `days` (UTC) up to date and publish, or leave what readers see as it was.

    asked: what the run was asked for; `days` may be fewer, or hold late ones before it.

    Raises InputUnavailable, GateBlocked or LockHeld.
    """
    with (
        traced(run, asked) as trace,
        run_lock(run.store, owner=f"{run.command} {run.run_id}") as held,
        closing(run.executor),  # before the lock is: nobody writes for a run that has let go of it
    ):
        tidy(run)
        fetched = ingest_task.with_options(
            retries=run.settings.ingest_retries,
            retry_delay_seconds=run.settings.ingest_retry_seconds,
        )(run, Days(min(days), max(days)), asked)
        transform_task(run, days)
        candidate = build_task(run, asked)
        if candidate is None:
            return Milled(run.run_id, asked, fetched, None, None)
        passed = through_the_gate(
            candidate,
            audit=lambda candidate: audit_task(run, candidate),
            made_again=lambda: rebuild_task(run, asked, days),
        )
        if passed is None:
            return Milled(run.run_id, asked, fetched, None, None)
        candidate, audit = passed
        # A lease that ran out while this machine slept may have let another run in.
        held.confirm()
        pointer = trace.published = publish_task(run, candidate)
        report_task(run, pointer)
        return Milled(run.run_id, asked, fetched, audit.verdict, pointer)


def _worth_retrying(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """A venue that is down may come back; a wrong checksum or a refusal stays what it is."""
    try:
        state.result()
    except InputUnavailable as error:
        return error.transient
    except Exception:  # noqa: BLE001 - whatever else it is, trying again is not the answer
        return False
    return False


@task(
    name="ingest", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=_worth_retrying
)
def ingest_task(run: Run, days: Days, asked: Days) -> int:
    """Raw exports of the days into the lake; returns how many files were new."""
    return len(ingest(run, days, reporting.current(), asked=asked).fetched)


@task(name="transform", cache_policy=NO_CACHE, persist_result=False)
def transform_task(run: Run, days: Sequence[date]) -> None:
    """Raw files into normalised and daily partitions."""
    transform(run, days, reporting.current())


@task(name="build", cache_policy=NO_CACHE, persist_result=False)
def build_task(run: Run, days: Days) -> Candidate | None:
    """Daily partitions into a new DuckDB file."""
    return build_candidate(run, days, reporting.current())


@task(name="rebuild", cache_policy=NO_CACHE, persist_result=False)
def rebuild_task(run: Run, asked: Days, days: Sequence[date]) -> Candidate | None:
    """The tables and the file once more, without the venue-days the gate took out."""
    return build_again(run, asked, days, reporting.current())


@task(name="audit", cache_policy=NO_CACHE, persist_result=False)
def audit_task(run: Run, candidate: Candidate) -> Audit:
    """The gate, with its verdict as artifacts, a table and a text, whichever way it went."""
    try:
        verdict = audit_candidate(run, candidate)
    except GateBlocked as blocked:
        _show_verdict(run, candidate, blocked.results, Verdict.BLOCKED)
        raise
    _show_verdict(run, candidate, verdict.results, verdict.verdict)
    return verdict


@task(name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish_task(run: Run, candidate: Candidate) -> Pointer:
    """The pointer swap."""
    return publish_candidate(run, candidate)


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def report_task(run: Run, pointer: Pointer) -> None:
    """The morning report of what readers see now, with a link to it as an artifact."""
    address = keep_report(run, pointer)
    if address is not None:
        create_link_artifact(
            key="perpmill-report",
            link=address,
            link_text="morning report",
            description=f"The newest day as run {pointer.run_id} published it",
        )


def _show_verdict(run: Run, candidate: Candidate, results: pl.DataFrame, verdict: Verdict) -> None:
    per_table = (
        results.group_by("table_name", maintain_order=True)
        .agg(
            pl.len().alias("expectations"),
            (~pl.col("success") & (pl.col("severity") == "critical")).sum().alias("critical"),
            (~pl.col("success") & (pl.col("severity") == "warning")).sum().alias("warnings"),
        )
        .sort("table_name")
    )
    create_table_artifact(
        key="perpmill-verdict",
        table=per_table.to_dicts(),
        description=(
            f"Run {candidate.run_id}, days {candidate.first}…{candidate.last}: **{verdict.value}**"
        ),
    )
    create_markdown_artifact(
        key="perpmill-quality",
        markdown=markdown(told(run.store, candidate.run_id, results)),
        description=f"What the gate said of run {candidate.run_id}, and where its pages are",
    )
