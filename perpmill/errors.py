"""What can go wrong when a build is read. `OSError`s of the store come through as they are."""

from __future__ import annotations

from flows.queries import QueryError
from flows.reading import NothingPublished
from flows.settings import ConfigError
from flows.storage.publication import NoSuchBuild

__all__ = [
    "ConfigError",
    "NoSuchBuild",
    "NoSuchColumn",
    "NoSuchTable",
    "NothingPublished",
    "QueryError",
]


class NoSuchTable(LookupError):
    """A build has no table or view of this name."""


class NoSuchColumn(LookupError):
    """A table has no such column, or none that a filter could be about."""
