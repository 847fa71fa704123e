"""From a candidate to one the gate lets pass: as it is, or without the venue-days found unfit."""

from __future__ import annotations

from collections.abc import Callable

from expectations.gate import Audit
from flows.failures import GateBlocked
from flows.storage.builds import Candidate

CHANCES = 2
"""How often a build is made again without what was unfit: what hid behind a first fault may show in
the second, and a third says that the fault is not with the days."""


def through_the_gate(
    candidate: Candidate,
    *,
    audit: Callable[[Candidate], Audit],
    made_again: Callable[[], Candidate | None],
) -> tuple[Candidate, Audit] | None:
    """The candidate that may be published, and what the gate said of it; None if without the
    unfit days there is nothing that readers do not see already.

    audit: raises GateBlocked. made_again: the next candidate, once the unfit days are out.
    """
    for _ in range(CHANCES):
        try:
            return candidate, audit(candidate)
        except GateBlocked as blocked:
            if not blocked.taken_out:
                raise
        again = made_again()
        if again is None:
            return None
        candidate = again
    return candidate, audit(candidate)
