"""Audit: the gate looks at the closed candidate; what it says is kept, whatever it says.

Beside the expectations stands the reconciliation: the market's numbers made once more, in SQL, from
the normalised rows.

A venue-day unfit by its own data is recorded to be taken out (`flows.exclusions`): made again, the
tables hold it as missing, and then the gate judges what is left.
"""

from __future__ import annotations

from dataclasses import replace

from expectations.gate import Audit, audit, summary
from flows.agreement import agreement
from flows.exclusions import exclude
from flows.failures import GateBlocked
from flows.quality.site import keep_site, site_of
from flows.reporting import log
from flows.run import Days, Run
from flows.storage.builds import Builds, Candidate
from transforms.schemas.evidence import Verdict


def audit_candidate(run: Run, candidate: Candidate) -> Audit:
    """Run every expectation on the candidate, about the days on which it may differ.

    Raises GateBlocked, naming what failed, if a critical one does.
    """
    builds = Builds(run.store, run.settings.cache)
    build = builds.fetch(candidate.run_id, "candidate.duckdb")
    days = Days(candidate.first_changed, candidate.last_changed)
    verdict = audit(build, run_id=candidate.run_id, first=days.first, last=days.last).joined_by(
        agreement(run, build, days, candidate.run_id)
    )
    builds.keep_audit(candidate.run_id, verdict.results)
    keep_site(run.store, candidate, verdict)
    log.info(
        "audited",
        verdict=verdict.verdict.value,
        expectations=verdict.results.height,
        failed=verdict.results.filter(~verdict.results["success"]).height,
    )
    if verdict.verdict is Verdict.BLOCKED:
        pages = site_of(run.store, candidate.run_id)
        inputs = builds.inputs(candidate.run_id)
        raise GateBlocked(
            f"The gate blocked run {candidate.run_id}: readers keep the last good build.\n"
            f"{summary(verdict)}" + (f"\npages: {pages}" if pages is not None else ""),
            verdict.results,
            taken_out=0 if inputs is None else exclude(run, verdict.unfit, inputs),
        )
    # What Great Expectations said in full is in the pages now, and does not travel well.
    return replace(verdict, outcomes=())
