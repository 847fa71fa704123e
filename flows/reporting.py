"""What a run says while it works: progress bars to a person, structured logs to a machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

Advance = Callable[[], None]

log: structlog.stdlib.BoundLogger = structlog.get_logger("perpmill")


class Reporter(Protocol):
    """Tells somebody how far a piece of work is."""

    def steps(self, what: str, total: int) -> AbstractContextManager[Advance]:
        """Work of `total` steps; call what is yielded after each."""
        ...


class LoggingReporter:
    """One structured line per finished piece of work."""

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Advance]:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1

        yield advance
        if total:
            log.info("done", work=what, steps=done)


class BarReporter:
    """A progress bar per piece of work, on standard error, for a person."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Advance]:
        if not total:
            yield lambda: None
            return
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        ) as progress:
            task = progress.add_task(what, total=total)
            yield lambda: progress.advance(task)


_current: Reporter = LoggingReporter()


def current() -> Reporter:
    """Who this process tells; `set_up` chooses."""
    return _current


def ensure() -> None:
    """Configure logging where nobody has: in a worker's process."""
    if not structlog.is_configured():
        set_up()


def watched() -> bool:
    """Whether a person looks at standard error."""
    return sys.stderr.isatty()


def set_up(*, verbose: bool = False, quiet: bool = False) -> None:
    """Configure logging for the command line and choose how progress is shown.

    quiet: warnings only, whoever looks.
    """
    global _current  # noqa: PLW0603 - one process, one terminal
    level = logging.DEBUG if verbose else logging.INFO
    if quiet or (watched() and not verbose):
        level = logging.WARNING
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if watched() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up for each line: whoever redirects standard error later means these lines too.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _current = BarReporter(Console(stderr=True)) if watched() else LoggingReporter()
