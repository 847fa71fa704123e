"""A run told of while it goes: begun, ended, failed. What cannot be told stops nothing.

The client is imported only where lineage is asked for: it takes a third of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flows.failures import GateBlocked
from flows.lineage.held import Traced
from flows.reporting import log
from flows.run import Days, Run, code_version
from flows.storage.builds import Builds
from flows.storage.local_store import LocalStore
from flows.storage.partitions import Layer
from flows.storage.publication import Pointer, Publication

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent


@dataclass(slots=True)
class Trace:
    """What is known of a run so far. published: what readers see by it; None: nothing new."""

    published: Pointer | None = None


@contextmanager
def traced(run: Run, asked: Days) -> Iterator[Trace]:
    """Tell of a run as `[lineage]` has it; of nothing where that is `none`."""
    trace = Trace()
    if run.settings.lineage.transport == "none":
        yield trace
        return
    who = Traced(
        namespace=run.settings.lineage.namespace,
        lake=f"file:{run.store.root}" if isinstance(run.store, LocalStore) else run.store.address,
        run_id=run.run_id,
        command=run.command,
        code_version=code_version(),
        first=asked.first,
        last=asked.last,
    )
    _tell(run, lambda: _start(who, run))
    try:
        yield trace
    except BaseException as error:
        _tell(run, partial(_failure, who, run, error, trace.published))
        raise
    _tell(run, lambda: _success(who, run, trace.published))


def _start(who: Traced, run: Run) -> list[RunEvent]:
    from flows.lineage import events  # noqa: PLC0415 - see above

    return [events.started(who, run.started_at)]


def _failure(
    who: Traced, run: Run, error: BaseException, published: Pointer | None
) -> list[RunEvent]:
    """With the outputs, where readers see the build all the same: it failed after the swap."""
    from flows.lineage import events  # noqa: PLC0415 - see above

    at = run.clock()
    failed = events.failed(who, at, error)
    if isinstance(error, GateBlocked):
        return [*events.audited(who, at, error.results, blocked=True), failed]
    try:
        pointer = published or _swapped(run)
        if pointer is None:
            return [failed]
        *judged, told = _success(who, run, pointer)
    except Exception as another:  # noqa: BLE001 - whatever it is, that the run failed is told
        log.warning("no lineage of what was published", run_id=run.run_id, error=f"{another!r}")
        return [failed]
    failed.inputs, failed.outputs = told.inputs, told.outputs
    return [*judged, failed]


def _swapped(run: Run) -> Pointer | None:
    """What readers see by this run, though it failed before it could say so."""
    current = Publication(run.store).current()
    return current if current is not None and current.run_id == run.run_id else None


def _success(who: Traced, run: Run, pointer: Pointer | None) -> list[RunEvent]:
    from flows.lineage import events, held  # noqa: PLC0415 - see above

    at = run.clock()
    if pointer is None:
        return [events.completed(who, at)]
    builds = Builds(run.store, run.settings.cache)
    build = builds.fetch(pointer.run_id, "perpmill.duckdb")
    told = events.completed(
        who,
        at,
        raw=held.raw_sources(build),
        normalised=held.normalised_sources(Layer(run.store, run.ledger, "normalised").current()),
        tables=held.published_tables(build),
        version=pointer.run_id,
    )
    return [*events.audited(who, at, builds.audit(pointer.run_id), blocked=False), told]


def _tell(run: Run, made: Callable[[], list[RunEvent]]) -> None:
    try:
        from flows.lineage.sending import send  # noqa: PLC0415 - see above

        send(made(), run.settings.lineage)
    except Exception as error:  # noqa: BLE001 - the night goes on, whatever it is
        log.warning("no lineage", run_id=run.run_id, error=f"{error!r}")
