"""Work for the tests of executors, where another process can import it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.executors import WORTH_PROCESSES, InProcess
from flows.failures import InputUnavailable
from flows.run import Run


@dataclass(frozen=True)
class Task:
    number: int
    weight: int = WORTH_PROCESSES


def where_it_runs(_run: Run, task: Task) -> Iterator[tuple[int, int]]:
    yield task.number, os.getpid()


def what_is_seen(run: Run, _task: Task) -> Iterator[tuple[str, str, bool]]:
    """The run, its lake, and whether work ends here."""
    yield run.run_id, run.store.address, isinstance(run.executor, InProcess)


def refuses(_run: Run, task: Task) -> Iterator[None]:
    raise InputUnavailable(f"file {task.number} is broken", transient=True)
    yield


def dies(_run: Run, _task: Task) -> Iterator[None]:
    os._exit(9)
    yield


def takes_long(_run: Run, task: Task) -> Iterator[None]:
    """Tells where it runs, in a file of the working directory, and then for a minute nothing."""
    Path(f"{task.number}.pid").write_text(str(os.getpid()), encoding="ascii")
    time.sleep(60)
    yield
