"""One run of the mill: who it is, what it may touch, when it began."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flows.corrections import Entry, read_corrections
from flows.executors import Executor, InProcess, Processes, processes_here
from flows.settings import ConfigError, Settings, SourceSettings
from flows.storage.ledger import Ledger
from flows.storage.object_store import ObjectStore, open_store
from transforms.venue import Venue, discover

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@cache
def code_version() -> str:
    """Version of the package and a digest of the transforms, which decide what numbers come out."""
    try:
        package = version("perpmill")
    except PackageNotFoundError:
        package = "0"
    return f"{package}+{transforms_digest()}"


@cache
def transforms_digest() -> str:
    """Changes with the code of the pure core, so that a fixed parser rebuilds what it wrote."""
    return _digest_of("transforms")


@cache
def expectations_digest() -> str:
    """Changes with the rules of the gate, so that what they once took out is judged anew."""
    return _digest_of("expectations")


def _digest_of(package: str) -> str:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    root = Path(spec.origin).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def new_run_id(now: datetime) -> str:
    """Sorts by time; the random tail keeps two runs of one second apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Run:
    """What the stages of one run share."""

    run_id: str
    command: str
    started_at: datetime
    settings: Settings
    store: ObjectStore
    ledger: Ledger
    venues: dict[str, Venue]
    clock: Clock
    corrections: tuple[Entry, ...] = ()
    executor: Executor = field(default_factory=InProcess)

    @classmethod
    def begin(cls, settings: Settings, command: str, clock: Clock = utc_now) -> Run:
        """Raises ConfigError for sources that Perpmill cannot read."""
        now = clock()
        run = cls._of(settings, command, new_run_id(now), now, clock)
        path = settings.corrections
        return replace(
            run,
            corrections=() if path is None else read_corrections(path, discover()),
            executor=Processes(settings.workers or processes_here()),
        )

    def __reduce__(self) -> tuple[Callable[..., Run], tuple[object, ...]]:
        """Another process opens what this run touches for itself, and shares no work further."""
        identity = (self.settings, self.command, self.run_id, self.started_at)
        return Run._again, (transforms_digest(), self.corrections, *identity)

    @classmethod
    def _again(cls, digest: str, corrections: tuple[Entry, ...], *identity: Any) -> Run:
        """Raises ConfigError where the code is not that of the run: what it makes would be taken
        for what the run's own code makes."""
        if digest != transforms_digest():
            raise ConfigError(
                f"a worker has other code ({transforms_digest()}) than the run it works for "
                f"({digest}): bring both to the same version"
            )
        return replace(cls._of(*identity), corrections=corrections)

    @classmethod
    def _of(
        cls,
        settings: Settings,
        command: str,
        run_id: str,
        started_at: datetime,
        clock: Clock = utc_now,
    ) -> Run:
        known = discover()
        for number, source in enumerate(settings.sources):
            if source.venue not in known:
                raise ConfigError(
                    f"sources.{number}.venue: {source.venue!r} is not a venue Perpmill knows "
                    f"({', '.join(sorted(known))})"
                )
            feeds = known[source.venue].brought_by(source.carrier).feeds
            if not feeds:
                carriers = sorted({f.carrier for f in known[source.venue].feeds if f.carrier})
                raise ConfigError(
                    f"sources.{number}.carrier: Perpmill reads nothing of {source.venue} by "
                    f"{source.carrier or 'the venue itself'} (carriers: "
                    f"{', '.join(carriers) or 'none'})"
                )
        if not settings.sources:
            raise ConfigError("sources: none configured; perpmill.example.toml shows how")
        store = open_store(settings.lake, settings.s3.options())
        return cls(
            run_id=run_id,
            command=command,
            started_at=started_at,
            settings=settings,
            store=store,
            ledger=Ledger(store, run_id),
            venues={s.venue: known[s.venue] for s in settings.sources},
            clock=clock,
        )

    def venue_of(self, source: SourceSettings) -> Venue:
        """The venue as a source has it: with the feeds of its carrier, or the venue's own."""
        return self.venues[source.venue].brought_by(source.carrier)


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days a run is about, both ends inclusive. Raises ConfigError if they end before they
    begin."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ConfigError(f"the last day, {self.last}, is before the first, {self.first}")

    def each(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def stretches(days: Iterable[date], size: int) -> Iterator[Days]:
    """Ascending days as runs of consecutive ones, each at most `size` long."""
    stretch: Days | None = None
    for day in days:
        if stretch is None:
            stretch = Days(day, day)
        elif day == stretch.last + timedelta(days=1) and (day - stretch.first).days < size:
            stretch = Days(stretch.first, day)
        else:
            yield stretch
            stretch = Days(day, day)
    if stretch is not None:
        yield stretch
