"""Trouble on the wire, for tests: seeded, and bounded so that a patient client gets through."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong.

    every: one request in so many fails; 0: none. statuses: with these, in turn.
    retry_after: seconds a client is told to wait; None: the header is absent.
    truncate: shell patterns of paths whose body breaks off half way, on a closed connection.
    wrong_checksum: patterns of paths of `.CHECKSUM` files that are served with another digest.
    slow_seconds: pause before each answer.
    at_most: so many failures and broken bodies in all, counted together; wrong digests and pauses
        do not count.
    seed: which one in each run of `every` requests fails.
    """

    every: int = 0
    statuses: tuple[int, ...] = (500, 503, 429)
    retry_after: float | None = 1
    truncate: tuple[str, ...] = ()
    wrong_checksum: tuple[str, ...] = ()
    slow_seconds: float = 0.0
    at_most: int = 50
    seed: int = 17


class Trouble:
    """Faults being dealt out; safe to ask from several threads."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._lock = threading.Lock()
        self._asked = 0
        self._dealt = 0

    def status(self) -> int | None:
        """The status this request fails with, if it does."""
        every = self.faults.every
        if every <= 0:
            return None
        with self._lock:
            self._asked += 1
            if (
                self._asked % every != self.faults.seed % every
                or self._dealt >= self.faults.at_most
            ):
                return None
            self._dealt += 1
            return self.faults.statuses[(self._dealt - 1) % len(self.faults.statuses)]

    def truncates(self, path: str) -> bool:
        """Whether this body breaks off."""
        if not any(fnmatchcase(path, pattern) for pattern in self.faults.truncate):
            return False
        with self._lock:
            if self._dealt >= self.faults.at_most:
                return False
            self._dealt += 1
            return True

    def falsifies(self, path: str) -> bool:
        """Whether this checksum file is served with another digest."""
        return path.endswith(".CHECKSUM") and any(
            fnmatchcase(path, pattern) for pattern in self.faults.wrong_checksum
        )
