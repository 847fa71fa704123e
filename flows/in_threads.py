"""Many small tasks on threads: one by one where each waits for a network, in batches where all of
them are on this machine and handing over a task costs as much as doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from multiprocessing import parent_process
from typing import TypeVar

from flows.storage.local_store import LocalStore

ITEM = TypeVar("ITEM")
RESULT = TypeVar("RESULT")

_LOCAL_BATCH = 64
_LOCAL_THREADS = 2


def in_threads(
    places: Sequence[object],
    concurrency: int,
    work: Callable[[ITEM], RESULT],
    items: Iterable[ITEM],
) -> list[RESULT]:
    """`work` on each of `items`, results in their order.

    places: the stores and archives that are asked; of local ones few threads get as much.
    concurrency: how many questions others are asked at a time.
    """
    tasks = list(items)
    if not all(isinstance(place, LocalStore) for place in places):
        with ThreadPoolExecutor(concurrency) as pool:
            return list(pool.map(work, tasks))
    if parent_process() is not None:
        # One of several workers: they already keep disk and cores busy, and two threads that take
        # turns at Python cost a third more than one.
        return [work(task) for task in tasks]
    batches = [tasks[n : n + _LOCAL_BATCH] for n in range(0, len(tasks), _LOCAL_BATCH)]
    with ThreadPoolExecutor(min(concurrency, _LOCAL_THREADS)) as pool:
        done = pool.map(lambda batch: [work(item) for item in batch], batches)
        return list(chain.from_iterable(done))
