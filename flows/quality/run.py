"""What the gate said of one run: the published one, or any other whose audit is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from expectations.gate import verdict_of
from expectations.suites import suites
from flows.reading import NothingPublished, connect, published
from flows.settings import Settings
from flows.storage.builds import FOLDER, Builds, NoCandidate
from flows.storage.object_store import ObjectNotFound, ObjectStore, open_store
from flows.storage.publication import Publication
from transforms.schemas.evidence import ExpectationResults, Severity, Verdict

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Audited:
    """A run the gate judged.

    results: what it said (ExpectationResults). build: the file it judged, or what that became;
    None if it was let go. published: whether readers see it.
    """

    run_id: str
    results: pl.DataFrame
    build: Path | None
    published: bool
    store: ObjectStore


def audited(settings: Settings, run_id: str | None) -> Audited:
    """The run asked for; by default the published one. Raises NothingPublished, NoCandidate."""
    store = open_store(settings.lake, settings.s3.options())
    builds = Builds(store, settings.cache)
    if run_id is None:
        try:
            pointer, build = published(settings)
        except NothingPublished as error:
            if (blocked := _newest_blocked(store, builds)) is None:
                raise
            raise NothingPublished(
                f"{error}; the gate blocked run {blocked}: perpmill quality --run {blocked}"
            ) from error
        return Audited(pointer.run_id, _in_build(build, pointer.run_id), build, True, store)
    current = Publication(store).current()
    results = _kept_audit(builds, run_id)
    if results is None:
        # An old run's build may be gone, and the builds after it still tell of it.
        past = None if current is None else _in_build(published(settings)[1], run_id)
        if past is None or past.is_empty():
            raise NoCandidate(
                f"no run {run_id!r} was audited in {settings.lake}; those that were: "
                f"{', '.join(_audited_runs(store)) or 'none'}"
            )
        return Audited(run_id, past, None, False, store)
    seen = current is not None and current.run_id == run_id
    return Audited(run_id, results, _build_of(builds, run_id), seen, store)


def verdict(about: Audited) -> dict[str, Any]:
    """The verdict with what it rests on, as plain values."""
    judged = about.results.sort("table_name", "expectation")
    failed = ~pl.col("success")
    per_table = (
        judged.group_by("table_name", maintain_order=True)
        .agg(
            pl.len().alias("expectations"),
            pl.col("success").sum().alias("held"),
            *(
                (failed & (pl.col("severity") == severity.value)).sum().alias(name)
                for severity, name in (
                    (Severity.CRITICAL, "critical"),
                    (Severity.WARNING, "warnings"),
                )
            ),
        )
        .rename({"table_name": "table"})
    )
    return {
        "run_id": about.run_id,
        "verdict": verdict_of(judged).value,
        "published": about.published,
        "expectations": judged.height,
        "held": int(judged["success"].sum()),
        "tables": per_table.to_dicts(),
        "findings": findings(judged.filter(failed)),
    }


def findings(failed: pl.DataFrame) -> list[dict[str, Any]]:
    """Expectations that did not hold (ExpectationResults), critical ones first, as plain values."""
    reasons = {(t, rule.name): rule.reason for t, rules in suites().items() for rule in rules}
    ordered = failed.sort(
        pl.col("severity") != Severity.CRITICAL.value, "table_name", "expectation", "date", "venue"
    )
    return [
        {
            "severity": row["severity"],
            "rule": f"{row['table_name']}.{row['expectation']}",
            "date": row["date"],
            "venue": row["venue"],
            "asked": row["threshold"],
            "observed": row["observed"],
            **_found(row["detail"], reasons.get((row["table_name"], row["expectation"]))),
            "run_id": row["run_id"],
        }
        for row in ordered.iter_rows(named=True)
    ]


def newer_and_blocked(about: Audited, cache: Path) -> str | None:
    """A run after this one that the gate blocked, if its candidate is still there."""
    blocked = _newest_blocked(about.store, Builds(about.store, cache))
    return blocked if blocked is not None and blocked > about.run_id else None


def _found(detail: str | None, reason: str | None) -> dict[str, str | None]:
    """Rows and reason apart; the reason of a rule that is no more stays with the rows."""
    if detail is None or reason is None:
        return {"found": detail, "reason": reason}
    return {"found": detail.removesuffix(f" ({reason})"), "reason": reason}


def _kept_audit(builds: Builds, run_id: str) -> pl.DataFrame | None:
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        return builds.audit(run_id)
    except NoCandidate:
        return None


def _in_build(build: Path, run_id: str) -> pl.DataFrame:
    with connect(build) as connection:
        rows = connection.execute(
            "SELECT * FROM expectation_results WHERE run_id = ?", [run_id]
        ).pl()
    return rows.select(ExpectationResults.column_names())


def _build_of(builds: Builds, run_id: str) -> Path | None:
    for name in ("perpmill.duckdb", "candidate.duckdb"):
        try:
            return builds.fetch(run_id, name)
        except ObjectNotFound:
            continue
    return None


def _audited_runs(store: ObjectStore) -> list[str]:
    """Runs whose audit is kept, the newest first."""
    return _runs_with(store, "audit.parquet")


def _runs_with(store: ObjectStore, name: str) -> list[str]:
    keys = (info.key.split("/") for info in store.entries(FOLDER))
    return sorted((run_id for _, run_id, *rest in keys if rest == [name]), reverse=True)


def _newest_blocked(store: ObjectStore, builds: Builds) -> str | None:
    """The newest run after the published one whose candidate was blocked and is still there."""
    pointer = Publication(store).current()
    for run_id in _runs_with(store, "candidate.json"):
        if pointer is not None and run_id <= pointer.run_id:
            return None
        results = _kept_audit(builds, run_id)
        if results is not None and verdict_of(results) is Verdict.BLOCKED:
            return run_id
    return None
