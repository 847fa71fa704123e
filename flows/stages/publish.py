"""Publish: seal the audited candidate with its verdict and swap the one pointer readers follow."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from expectations.gate import verdict_of
from flows.exports.tables import forget_tables, keep_tables
from flows.failures import GateBlocked
from flows.reporting import log
from flows.run import Run
from flows.storage.builds import Builds, Candidate, NoCandidate, writing
from flows.storage.publication import Pointer, Publication, build_key
from flows.storage.warehouse import seal
from transforms.schemas.evidence import Runs, Verdict


def publish_candidate(run: Run, candidate: Candidate) -> Pointer:
    """Make an audited candidate what readers see.

    Raises GateBlocked if a critical expectation failed on it, NoCandidate if it was not audited or
    was made from a build that is no longer the published one.
    """
    builds = Builds(run.store, run.settings.cache)
    publication = Publication(run.store)
    pointer = publication.current()
    if (None if pointer is None else pointer.run_id) != candidate.based_on:
        raise NoCandidate(
            f"the candidate of run {candidate.run_id} was made from build {candidate.based_on}, "
            "which is no longer the published one; run the transform again"
        )
    results = builds.audit(candidate.run_id)
    verdict = verdict_of(results)
    if verdict is Verdict.BLOCKED:
        raise GateBlocked(
            f"the gate blocked run {candidate.run_id}; it cannot be published", results
        )
    sealed = builds.workplace(candidate.run_id, "perpmill.duckdb")
    with writing(run.store.address):
        if candidate.run_id not in publication.published_runs():
            # Of a publish that was killed before the swap; tables first, they are copies of it.
            forget_tables(run.store, candidate.run_id)
            sealed.unlink(missing_ok=True)
        sha256 = seal(
            builds.fetch(candidate.run_id, "candidate.duckdb"),
            sealed,
            results,
            _run_row(candidate, verdict, run.clock()),
        )
        if run.settings.publish.parquet:
            keep_tables(run.store, run.settings.cache, candidate.run_id, sha256)
    size = sealed.stat().st_size
    builds.keep(candidate.run_id, "perpmill.duckdb")
    # Writing and sending it takes minutes, and until now readers saw the build before.
    swapped = publication.publish(
        candidate.run_id, build_key(candidate.run_id), sha256=sha256, size=size, now=run.clock()
    )
    builds.discard_candidate(candidate.run_id)
    log.info("published", run_id=candidate.run_id, sha256=sha256, verdict=verdict.value)
    return swapped


def _run_row(candidate: Candidate, verdict: Verdict, now: datetime) -> pl.DataFrame:
    """The candidate's row of `runs`; a build cannot hold its own hash, so that one is NULL."""
    return Runs.validate(
        pl.DataFrame(
            {
                "run_id": [candidate.run_id],
                "started_at": [candidate.started_at],
                "finished_at": [now],
                "command": [candidate.command],
                "first_date": [candidate.first],
                "last_date": [candidate.last],
                "code_version": [candidate.code_version],
                "verdict": [verdict.value],
                "build_sha256": [None],
            },
            schema=dict(Runs.create_empty().schema),
        )
    )
