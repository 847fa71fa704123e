"""The tables and the build once more, after the gate took venue-days out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flows.reporting import Reporter
from flows.run import Days, Run
from flows.stages.build import build_candidate
from flows.storage.builds import Builds, Candidate
from flows.transform import make_tables


def build_again(
    run: Run, asked: Days, days: Sequence[date], reporter: Reporter
) -> Candidate | None:
    """The run's next candidate, from the normalised rows as they are; None if it would hold what
    is published already. The first one is gone: it is not to be published."""
    Builds(run.store, run.settings.cache).discard_candidate(run.run_id)
    try:
        make_tables(run, days, reporter)
    finally:
        run.executor.close()
    return build_candidate(run, asked, reporter)
