"""Who does the work: this process, a process for each core, or a cluster (`flows.on_dask`).

A stage plans its pieces, and somebody does each of them, wherever that is: a piece holds all it
needs to know, and what it makes goes to the lake's store. Only the ledger lines come back, in the
order of the pieces; the stage that planned them writes those down.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TypeVar

from flows.allocators import one_pool
from flows.failures import WorkerLost

if TYPE_CHECKING:
    from flows.run import Run

WORTH_PROCESSES = 48_000_000
"""Weight from which work is shared out; another process needs a second to be of any use."""

POLARS_THREADS = "POLARS_MAX_THREADS"
"""Polars reads this when it is first asked for something."""


class Piece(Protocol):
    """Work that can be done apart from all other."""

    @property
    def weight(self) -> int:
        """Bytes of raw files, or as much work as that."""


PIECE = TypeVar("PIECE", bound=Piece)
MADE = TypeVar("MADE")
Work = Callable[["Run", PIECE], Iterable[MADE]]


class Executor(Protocol):
    """Does pieces of work. `close` lets go of what it needs for that; it can be used again."""

    @property
    def workers(self) -> int:
        """How many pieces are done at a time."""

    @property
    def share_memory(self) -> bool:
        """Whether several of them are held in the memory of one machine."""

    def each(self, run: Run, work: Work[PIECE, MADE], pieces: Sequence[PIECE]) -> Iterator[MADE]:
        """What `work`, a function of a module, makes of each piece, in their order.

        Raises what `work` raises, and WorkerLost where its process is gone.
        """

    def close(self) -> None: ...


class InProcess:
    """One piece after the other, here; each result as soon as it is made."""

    workers = 1
    share_memory = False

    def each(self, run: Run, work: Work[PIECE, MADE], pieces: Sequence[PIECE]) -> Iterator[MADE]:
        _settle_in()
        for piece in pieces:
            yield from work(run, piece)

    def close(self) -> None:
        """Nothing to let go of."""


class Processes:
    """A process for each worker, once there is enough to do; until then the same as `InProcess`.

    Polars uses all cores where a query is large, but between its queries only one, and that is
    where processes of a thread each are ahead of it (docs/scaling.md).
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.share_memory = workers > 1
        self._pool: ProcessPoolExecutor | None = None

    def each(self, run: Run, work: Work[PIECE, MADE], pieces: Sequence[PIECE]) -> Iterator[MADE]:
        light = sum(piece.weight for piece in pieces) < WORTH_PROCESSES
        if self.workers == 1 or len(pieces) == 1 or light:
            yield from InProcess().each(run, work, pieces)
            return
        if self._pool is None:
            one_pool()  # for the processes: they find it told when they begin
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=get_context("spawn"),  # Polars' threads do not survive a fork
                initializer=_begin,
                initargs=(threads_each(self.workers),),
            )
        coming: list[Future[list[MADE]]] = []
        try:
            coming += [self._pool.submit(done, run, work, piece) for piece in pieces]
            for made in coming:
                yield from made.result()
        except BrokenProcessPool as error:
            self.close()
            raise WorkerLost(
                "a process that did part of the work is gone, most likely for want of memory; "
                "fewer `workers` need less. What was done is kept: run it again"
            ) from error
        finally:
            for made in coming:
                made.cancel()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def done(run: Run, work: Work[PIECE, MADE], piece: PIECE) -> list[MADE]:
    """A whole piece, by a worker; what it put into the store is settled."""
    _settle_in()
    made = list(work(run, piece))
    run.store.settle()
    return made


def _settle_in() -> None:
    """Garbage is looked for among what the work makes, not among all that was imported for it:
    that is some hundred thousand objects, and looking through them takes a tenth of the time."""
    if not gc.get_freeze_count():
        gc.freeze()


def processes_here() -> int:
    """How many processes a run has on this machine unless it is told: one for two cores, since
    Polars and the reading ahead of `mill_piece` keep two at work, in half the memory of two."""
    return max(1, cores() // 2)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_each(workers: int) -> int:
    """Threads for Polars in each of so many processes of this machine."""
    return max(1, cores() // workers)


def _begin(threads: int) -> None:
    one_pool()
    os.environ[POLARS_THREADS] = str(threads)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A run that is killed lets go of the lake's lock: nobody may go on writing for it, over what
    the next run has written down."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
