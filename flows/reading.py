"""Read-only access to published builds: which one, where it is on this machine, and how opened."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from flows.settings import Settings
from flows.storage.object_store import ObjectNotFound, open_store
from flows.storage.publication import NoSuchBuild, Pointer, Publication
from sql.written import literal

_HARDENED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
    # DuckDB would put what does not fit into memory beside the build, into the lake.
    "temp_directory": "",
    "lock_configuration": True,
}


class NothingPublished(LookupError):
    """There is no published build yet."""


def published(settings: Settings) -> tuple[Pointer, Path]:
    """The pointer and that very build on this machine. Raises NothingPublished."""
    found = _publication(settings).local(settings.cache)
    if found is None:
        raise _nothing_yet(settings)
    return found


def pointer_at(settings: Settings, moment: datetime) -> Pointer:
    """What was published at `moment`, going back included, whether its build is still kept or not.

    Raises NothingPublished before the first publish, ValueError for a naive time.
    """
    return _pointer_at(_publication(settings), settings, moment)


def published_at(settings: Settings, moment: datetime) -> tuple[Pointer, Path]:
    """What readers saw at `moment`, going back included.

    Raises NothingPublished before the first publish, NoSuchBuild if that build is no longer kept,
    ValueError for a naive time.
    """
    publication = _publication(settings)
    pointer = _pointer_at(publication, settings, moment)
    return pointer, _kept(publication, pointer, settings)


def published_of(settings: Settings, run_id: str) -> tuple[Pointer, Path]:
    """The build of a run. Raises NothingPublished, or NoSuchBuild with the runs there were."""
    publication = _publication(settings)
    pointer = publication.of(run_id)
    if pointer is None:
        runs = publication.published_runs()
        if not runs:
            raise _nothing_yet(settings)
        raise NoSuchBuild(f"run {run_id} published nothing; the newest were {', '.join(runs[:5])}")
    return pointer, _kept(publication, pointer, settings)


def _publication(settings: Settings) -> Publication:
    return Publication(open_store(settings.lake, settings.s3.options()))


def _nothing_yet(settings: Settings) -> NothingPublished:
    return NothingPublished(f"nothing is published in {settings.lake} yet; run a nightly first")


def _pointer_at(publication: Publication, settings: Settings, moment: datetime) -> Pointer:
    pointer = publication.at(moment)
    if pointer is None:
        raise NothingPublished(f"nothing was published in {settings.lake} at {moment.isoformat()}")
    return pointer


def _kept(publication: Publication, pointer: Pointer, settings: Settings) -> Path:
    try:
        return publication.path_of(pointer, settings.cache)
    except ObjectNotFound as error:
        raise NoSuchBuild(
            f"the build of run {pointer.run_id} is no longer kept (`keep` in the configuration); "
            "a build whose `runs` have that run has its rows: FROM <table>_as_of(its finished_at)"
        ) from error


def connect(build: Path) -> duckdb.DuckDBPyConnection:
    """A connection that can read this build and nothing else: no files, network or extensions.

    What does not fit into memory is refused, rather than written to a disk. Polars frames can be
    read after `connection.register(name, frame)`.
    """
    return duckdb.connect(str(build), read_only=True, config=_HARDENED)


def connect_beside(build: Path) -> duckdb.DuckDBPyConnection:
    """A connection that reads this build, and what else the process may: files, frames, network.

    The build is attached as `perpmill`, read-only, to a database in memory.
    """
    connection = duckdb.connect(":memory:")
    connection.execute(f"ATTACH {literal(build)} AS perpmill (READ_ONLY)")
    connection.execute("USE perpmill")
    return connection
