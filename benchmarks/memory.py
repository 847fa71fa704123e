"""How much memory a process and all below it have, together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_EVERY_SECONDS = 0.1


class Watched:
    """peak_bytes: the most there was at one look."""

    def __init__(self) -> None:
        self.peak_bytes = 0


@contextmanager
def watched(pid: int) -> Iterator[Watched]:
    """Look at the process and its descendants ten times a second while the context lasts."""
    seen, over = Watched(), threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_SECONDS):
            seen.peak_bytes = max(seen.peak_bytes, _family_bytes(pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _family_bytes(pid: int) -> int:
    """Pages that several share, such as libraries, count in parts that add up (Linux)."""
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(map(_resident, family))


def _resident(process: psutil.Process) -> int:
    try:
        told = process.memory_full_info()
    except psutil.Error:  # it has just ended
        return 0
    return int(getattr(told, "pss", told.rss))
