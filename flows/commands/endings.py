"""How a command ends: the exceptions that are no surprise, each with its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from flows import reporting
from flows import settings as configuration
from flows.commands import screen
from flows.failures import Exit


@contextmanager
def told(*, verbose: bool = False) -> Iterator[None]:
    """Turn the ways a command can end into a message and an exit code."""
    from flows.failures import GateBlocked, InputUnavailable, WorkerLost
    from flows.reading import NothingPublished
    from flows.storage.builds import NoCandidate
    from flows.storage.object_store import StoreUnavailable
    from flows.storage.publication import NoSuchBuild
    from flows.storage.run_lock import LockHeld, LockLost

    reporting.set_up(verbose=verbose)
    endings: dict[type[Exception], Exit] = {
        configuration.ConfigError: Exit.USAGE,
        NothingPublished: Exit.USAGE,
        NoCandidate: Exit.USAGE,
        NoSuchBuild: Exit.USAGE,
        GateBlocked: Exit.BLOCKED,
        InputUnavailable: Exit.INPUT_UNAVAILABLE,
        StoreUnavailable: Exit.INPUT_UNAVAILABLE,
        WorkerLost: Exit.UNEXPECTED,
        LockHeld: Exit.LOCKED,
        LockLost: Exit.LOCKED,
    }
    try:
        yield
    except tuple(endings) as error:
        screen.tell(error)
        code = next(code for kind, code in endings.items() if isinstance(error, kind))
        raise typer.Exit(code) from error
