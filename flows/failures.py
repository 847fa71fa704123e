"""How a run can end, and the exit code that says so."""

from __future__ import annotations

from enum import IntEnum

import polars as pl


class Exit(IntEnum):
    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    BLOCKED = 3
    INPUT_UNAVAILABLE = 4
    LOCKED = 5


class InputUnavailable(RuntimeError):
    """Something the run needs could not be had, or came damaged; nothing was published.

    transient: asking again later may help.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class WorkerLost(RuntimeError):
    """A process that did part of a run's work died; nothing was published."""


class GateBlocked(RuntimeError):
    """A critical expectation failed; readers keep the last good build.

    results: what every expectation said (schema ExpectationResults).
    taken_out: how many venue-days will be left out as missing if the tables are made again.
    """

    def __init__(self, message: str, results: pl.DataFrame, *, taken_out: int = 0) -> None:
        super().__init__(message)
        self.results = results
        self.taken_out = taken_out
