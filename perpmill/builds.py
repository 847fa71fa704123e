"""Which build is read, and a connection to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from flows import reading, settings
from flows.settings import Settings

_ATTEMPTS = 5


def connect(
    config: str | Path | None = None,
    *,
    lake: str | Path | None = None,
    as_of: datetime | str | None = None,
    run: str | None = None,
    local: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A read-only connection to one published build, which stays that build until it is closed.

    config: configuration file; default `perpmill.toml` here, if there is one.
    lake: a folder, `file:…` or `s3://…`, instead of the configured one. Builds of a bucket are
        fetched once each, verified, and kept in the configured cache.
    as_of: the build that readers saw at this moment, going back included: a datetime with a zone,
        or ISO 8601 text (without a zone: UTC). run: the build that this run published. Default:
        the one that is published now.
    local: also let SQL read files, Polars frames by their names, and whatever else this process
        may. Otherwise the connection reads the build and nothing else; a frame is then lent to it
        with `connection.register("name", frame)`.

    Times in a build are UTC without saying so; frames of `read` and `query` say it.

    Raises NothingPublished, NoSuchBuild (never published, or no longer kept), ConfigError,
    ValueError for a time without a zone or `as_of` together with `run`.
    """
    where = settings_of(config, lake)
    for attempt in range(_ATTEMPTS):
        path = _chosen(where, as_of, run)
        try:
            return reading.connect_beside(path) if local else reading.connect(path)
        except duckdb.IOException:
            # Replaced and removed between the two looks.
            if path.exists() or attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def settings_of(config: str | Path | None, lake: str | Path | None) -> Settings:
    """The configuration, with another lake if one is given. Raises ConfigError."""
    found = settings.load(None if config is None else Path(config))
    if lake is None:
        return found
    address = str(lake)
    if not address.startswith(("file:", "s3://")):
        if "://" in address:
            raise settings.ConfigError(f"lake {address!r} is no folder, file:… or s3://…")
        address = f"file:{Path(lake).expanduser().resolve()}"
    return found.model_copy(update={"lake": address})


def moment_of(as_of: datetime | str) -> datetime:
    """A moment in UTC. Raises ValueError for what is none, or a datetime without a zone."""
    if isinstance(as_of, str):
        found = datetime.fromisoformat(as_of)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if as_of.tzinfo is None:
        raise ValueError(f"as_of={as_of.isoformat()} has no time zone")
    return as_of.astimezone(UTC)


def _chosen(where: Settings, as_of: datetime | str | None, run: str | None) -> Path:
    if as_of is not None and run is not None:
        raise ValueError("give as_of or run, not both")
    if as_of is not None:
        return reading.published_at(where, moment_of(as_of))[1]
    if run is not None:
        return reading.published_of(where, run)[1]
    return reading.published(where)[1]
