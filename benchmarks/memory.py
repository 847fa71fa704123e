"""How much memory a process and all below it have, together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_EVERY_SECONDS = 0.1
_SHARED_HOLDS_SECONDS = 1.0


@dataclass(slots=True)
class Watched:
    """peak_bytes: the most there was at one look."""

    peak_bytes: int = 0
    _shared: dict[int, int] = field(default_factory=dict)
    _shared_at: float = 0.0

    def look(self, pid: int) -> None:
        """At the process and its descendants.

        Pages that several share, such as libraries, count in parts that add up (Linux). To add them
        up the system goes through all pages of a process, which waits meanwhile: 11 ms for 900 MB.
        So that is only asked for where there may be more than ever before. What was shared then is
        taken to be shared still for a second, while the processes are the same: one that begins or
        ends makes pages shared or somebody's own.
        """
        try:
            first = psutil.Process(pid)
            family = [first, *first.children(recursive=True)]
        except psutil.Error:
            return
        now = time.monotonic()
        others = {process.pid for process in family} != self._shared.keys()
        if others or now >= self._shared_at + _SHARED_HOLDS_SECONDS:
            self._shared = dict.fromkeys((process.pid for process in family), 0)
        if sum(map(self._supposed, family)) > self.peak_bytes:
            self._shared_at = now
            self.peak_bytes = max(self.peak_bytes, sum(map(self._exact, family)))

    def _supposed(self, process: psutil.Process) -> int:
        try:
            resident = int(process.memory_info().rss)
        except psutil.Error:  # it has just ended
            return 0
        return resident - self._shared[process.pid]

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
