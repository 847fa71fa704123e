"""How much memory a process and all below it have, together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_EVERY_SECONDS = 0.1


@dataclass(slots=True)
class Watched:
    """peak_bytes: the most there was at one look."""

    peak_bytes: int = 0
    _shared: dict[int, int] = field(default_factory=dict)

    def look(self, pid: int) -> None:
        """At the process and its descendants.

        Pages that several share, such as libraries, count in parts that add up (Linux). To add them
        up the system goes through all pages of a process, which waits meanwhile: 11 ms for 900 MB.
        So that is only asked for where there may be more than ever before; else what was shared
        then is taken to be shared still.
        """
        try:
            first = psutil.Process(pid)
            family = [first, *first.children(recursive=True)]
        except psutil.Error:
            return
        if sum(map(self._supposed, family)) > self.peak_bytes:
            self.peak_bytes = max(self.peak_bytes, sum(map(self._exact, family)))

    def _supposed(self, process: psutil.Process) -> int:
        try:
            resident = int(process.memory_info().rss)
        except psutil.Error:  # it has just ended
            return 0
        return resident - self._shared.get(process.pid, 0)

    def _exact(self, process: psutil.Process) -> int:
        try:
            told = process.memory_full_info()
        except psutil.Error:
            return 0
        exact = int(getattr(told, "pss", told.rss))
        self._shared[process.pid] = int(told.rss) - exact
        return exact


@contextmanager
def watched(pid: int) -> Iterator[Watched]:
    """Look at the process and its descendants ten times a second while the context lasts."""
    seen, over = Watched(), threading.Event()

    def looking() -> None:
        while not over.wait(_EVERY_SECONDS):
            seen.look(pid)

    thread = threading.Thread(target=looking, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
