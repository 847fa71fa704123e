"""What must hold for the runs before this one; its own row is added when the build is sealed."""

from __future__ import annotations

from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

RULES = (
    no_rows(
        "this_run_is_new",
        "SELECT run_id, started_at, verdict FROM batch WHERE run_id = {run_id}",
        severity=Severity.CRITICAL,
        reason="a build is audited before its own run is written down",
        threshold="no row of this run",
    ),
    no_rows(
        "none_was_blocked",
        "SELECT run_id, started_at, verdict FROM batch WHERE verdict = 'blocked' ORDER BY run_id",
        severity=Severity.CRITICAL,
        reason="a build starts from a published one, and a blocked one is never published",
        threshold="no run with verdict blocked",
    ),
    no_rows(
        "times_in_order",
        """
        SELECT run_id, started_at, finished_at, first_date, last_date FROM batch
        WHERE finished_at < started_at OR last_date < first_date ORDER BY run_id
        """,
        severity=Severity.CRITICAL,
        reason="as-of answers are found by these times",
        threshold="started_at ≤ finished_at, first_date ≤ last_date",
    ),
    no_rows(
        "hashes_known",
        "SELECT run_id, started_at FROM batch WHERE build_sha256 IS NULL ORDER BY run_id",
        severity=Severity.WARNING,
        reason="the hash of a build is known once the next one starts",
        threshold="build_sha256 of every run before this one",
    ),
)
