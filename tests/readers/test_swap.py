"""Twenty readers ask without a break while builds are published and rolled back fifty times.

No answer may fail, and each must be that of one of the two builds as a whole: what the tables of a
build say of its run must agree within every statement, and within every connection.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Semaphore
from typing import Any, Protocol

import duckdb
import pytest

import perpmill
from flows.storage.object_store import open_store
from flows.storage.publication import Publication
from tests.readers.conftest import MORNING, Shelf

SWAPS = 50

# From three tables at once, so that a mixture of two builds would show.
QUESTION = """
SELECT (SELECT max(run_id) FROM runs), (SELECT count(*) FROM market_daily),
       (SELECT count(*) FROM funding_daily), (SELECT sum(funding_rate_8h) FROM funding_daily)
"""
# r16: one row of the market, funding 0.0002 + 0.0001. r17: three rows, 0.0003 + 0.0001 + 0.0004.
ANSWERS = {"r16": (1, 2, 0.0003), "r17": (3, 4, 0.0008)}

Row = tuple[Any, ...]


class Bell(Protocol):
    """Rings when it is over; readers say when they have their first answer."""

    def wait(self, timeout: float) -> bool: ...


def by_link(root: str, over: Bell) -> Iterator[list[Row]]:
    """As a tool that is told a path, and opens it for each question."""
    while not over.wait(0):
        link = Path(root, "published", "perpmill.duckdb")
        with duckdb.connect(str(link), read_only=True) as connection:
            yield connection.execute(QUESTION).fetchall()


def by_python(root: str, over: Bell) -> Iterator[list[Row]]:
    """Two questions to a connection must be answered by one build."""
    while not over.wait(0):
        with perpmill.connect(lake=root) as connection:
            once, again = (connection.execute(QUESTION).fetchall() for _ in range(2))
        assert once == again
        yield once


def reopening(root: str, over: Bell) -> Iterator[list[Row]]:
    """As a dashboard: asks one connection many times, and now and then opens a new one."""
    while not over.wait(0):
        with perpmill.connect(lake=root) as connection:
            first = connection.execute(QUESTION).fetchall()
            for _ in range(20):
                assert connection.execute(QUESTION).fetchall() == first
                yield first


def frames(root: str, over: Bell) -> Iterator[list[Row]]:
    """Each frame is of one build; between two of them a swap may happen."""
    while not over.wait(0):
        assert perpmill.read("runs", lake=root)["run_id"].max() in ANSWERS
        yield perpmill.query(QUESTION, lake=root).rows()


def read_on(reader: Reader, root: str, over: Bell, ready: Semaphore) -> list[Row]:
    """All answers until it is over."""
    found: list[Row] = []
    for rows in reader(root, over):
        if not found:
            ready.release()
        found += rows
    return found


Reader = Callable[[str, Bell], Iterator[list[Row]]]
PROCESSES: dict[Reader, int] = {by_link: 4, by_python: 3, reopening: 2}
THREADS: dict[Reader, int] = {by_python: 4, reopening: 4, frames: 3}
"""How many of each; DuckDB opens a file in one process with one configuration, so that those who
come by the link, without one, are in processes of their own."""


def swap(lake: Shelf) -> list[str]:
    """Go back and publish again fifty times, not faster than readers can see."""
    publication = Publication(open_store(f"file:{lake.root}"))
    shown = []
    for number in range(1, SWAPS + 1):
        when = MORNING + timedelta(minutes=number)
        back = number % 2
        pointer = publication.rollback("r16", when) if back else lake.point_at("r17", when)
        shown.append(pointer.run_id)
        time.sleep(0.1)
    return shown


def test_readers_never_notice_a_swap(own: Shelf) -> None:
    # Starts from a process that has imported it all, once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["perpmill"])
    with (
        context.Manager() as manager,
        ProcessPoolExecutor(sum(PROCESSES.values()), mp_context=context) as processes,
        ThreadPoolExecutor(sum(THREADS.values())) as threads,
    ):
        over, ready = manager.Event(), manager.Semaphore(0)
        asking = [
            pool.submit(read_on, reader, str(own.root), over, ready)
            for pool, readers in ((processes, PROCESSES), (threads, THREADS))
            for reader, count in readers.items()
            for _ in range(count)
        ]
        assert len(asking) == 20
        try:
            for _ in asking:
                assert ready.acquire(timeout=120)
            shown = swap(own)
        finally:
            over.set()
        answers = [future.result() for future in asking]
    assert Counter(shown) == {"r16": SWAPS // 2, "r17": SWAPS // 2}
    for rows in answers:
        assert rows
        for run, *rest in rows:
            assert tuple(rest) == pytest.approx(ANSWERS[run])
    seen = Counter(run for rows in answers for run, *_ in rows)
    # Both builds were seen, and more often than once a swap: the readers were at it all the time.
    assert set(seen) == set(ANSWERS)
    assert seen.total() > 20 * SWAPS
