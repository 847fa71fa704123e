"""How a run can end, and the exit code that says so."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    BLOCKED = 3
    INPUT_UNAVAILABLE = 4
    LOCKED = 5


class InputUnavailable(RuntimeError):
    """Something the run needs could not be had, or came damaged; nothing was published."""


class GateBlocked(RuntimeError):
    """A critical expectation failed; readers keep the last good build."""
