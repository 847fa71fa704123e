"""Read-only access to the published build for people on the command line."""

from __future__ import annotations

from pathlib import Path

import duckdb

from flows.settings import Settings
from flows.storage.object_store import open_store
from flows.storage.publication import Pointer, Publication


class NothingPublished(LookupError):
    """There is no published build yet."""


def published(settings: Settings) -> tuple[Pointer, Path]:
    """The pointer and the build on this machine. Raises NothingPublished."""
    publication = Publication(open_store(settings.lake, settings.s3.options()))
    pointer = publication.current()
    path = publication.local_build(settings.cache)
    if pointer is None or path is None:
        raise NothingPublished(f"nothing is published in {settings.lake} yet; run a nightly first")
    return pointer, path


def connect(build: Path) -> duckdb.DuckDBPyConnection:
    """A connection that can read this build and nothing else: no files, network or extensions."""
    return duckdb.connect(
        str(build),
        read_only=True,
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_access": False,
            "lock_configuration": True,
        },
    )
