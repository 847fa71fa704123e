"""The published pointer: which audited build readers see.

`published/current.json` names exactly one build and is swapped by a conditional put. On a local
lake `published/perpmill.duckdb` is a relative link to that build, for tools that open a path, and
`published/tables` one to the folder of its Parquet tables; they follow the pointer, so after a
kill between the two they still name the build before, until `repair` or the next publish.
`published/history/` keeps every pointer there ever was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.storage.local_store import LocalStore, replace_link
from flows.storage.object_store import (
    RESERVED,
    LakeDamaged,
    ObjectNotFound,
    ObjectStore,
    PreconditionFailed,
)

POINTER_KEY = "published/current.json"
LINK_KEY = "published/perpmill.duckdb"
TABLES = "tables"
MANIFEST = "manifest.json"
TABLES_LINK_KEY = f"published/{TABLES}"
HISTORY = "published/history/"

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 5
_REMEDY = "bring it back from a copy of the lake, or go back to an older one: perpmill rollback"


class NoSuchBuild(LookupError):
    """The build to publish or to go back to is not there, or was never published."""


class BuildCorrupt(LakeDamaged):
    """A build's bytes are not those that were published, or are gone."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is published.

    build: key of the DuckDB file. sha256: of its bytes, hex. bytes: its size.
    published_at: UTC. previous: the run that was published before this one, if any.
    """

    run_id: str
    build: str
    sha256: str
    bytes: int
    published_at: datetime
    previous: str | None

    def to_json(self) -> str:
        """Canonical: sorted keys, two spaces, a newline at the end."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["published_at"] = _stamp(self.published_at)
        return json.dumps(fields, sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Pointer:
        """Raises ValueError for anything but a pointer."""
        try:
            fields: dict[str, Any] = json.loads(text)
            published_at = datetime.fromisoformat(fields.pop("published_at"))
            return cls(published_at=_utc(published_at), **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a published pointer: {error}") from error


def build_key(run_id: str) -> str:
    """Where the build of a run is kept."""
    return f"builds/{run_id}/perpmill.duckdb"


def tables_key(run_id: str) -> str:
    """The folder of a build's Parquet tables, if it has them."""
    return f"builds/{run_id}/{TABLES}"


class Publication:
    """What one lake has published. Writers hold the run lock; readers need nothing."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def current(self) -> Pointer | None:
        """What is published now; None before the first time. Raises ValueError if unreadable."""
        try:
            return self._parsed(POINTER_KEY)
        except ObjectNotFound:
            return None

    def history(self) -> list[Pointer]:
        """Every pointer there was, oldest first, going back included."""
        return [self._parsed(info.key) for info in self._store.entries(HISTORY)]

    def published_runs(self) -> list[str]:
        """Every run there was a pointer to, the one published last first; going back counts."""
        # By name, as in `_last_published`.
        names = [info.key.removeprefix(HISTORY) for info in self._store.entries(HISTORY)]
        runs = (name.partition("-")[2].removesuffix(".json") for name in reversed(names))
        return list(dict.fromkeys(runs))

    def at(self, moment: datetime) -> Pointer | None:
        """What was published at `moment`, going back included; None before the first time.

        Raises ValueError for a naive time.
        """
        # A kill between the swap and its record leaves the history without the newest pointer.
        current = self.current()
        if current is not None and current.published_at <= _utc(moment):
            return current
        # By name, as in `_last_published`; stamps are as long as each other and sort by time.
        until = f"{_utc(moment):{_STAMP}}"
        keys = [
            info.key
            for info in self._store.entries(HISTORY)
            if info.key.removeprefix(HISTORY).partition("-")[0] <= until
        ]
        return self._parsed(max(keys)) if keys else None

    def of(self, run_id: str) -> Pointer | None:
        """What was published for a run, the last time it was; None if it never was."""
        current = self.current()
        return None if current is None else self._last_published(run_id, current)

    def publish(self, run_id: str, build: str, *, sha256: str, size: int, now: datetime) -> Pointer:
        """Point readers at `build`, a key. Publishing what is already published changes nothing.

        sha256: of the build's bytes, hex, taken on trust. size: bytes, verified.
        Raises NoSuchBuild if the object is missing or has another size, PreconditionFailed if
        somebody else published meanwhile, ValueError for a naive time or a malformed argument.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"run id {run_id!r} is not made of letters, digits, '.', '_' and '-'")
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is not a SHA-256 in lower-case hex")
        current, etag = self._current_with_etag()
        pointer = Pointer(
            run_id=run_id,
            build=build,
            sha256=sha256,
            bytes=size,
            published_at=_utc(now),
            previous=current.run_id if current else None,
        )
        if current is not None and current.run_id == run_id:
            if (current.build, current.sha256, current.bytes) != (build, sha256, size):
                raise ValueError(f"run {run_id} is already published, with another build")
            self._settle(current)
            return current
        self._swap(pointer, current, etag)
        return pointer

    def rollback(self, run_id: str | None, now: datetime) -> Pointer:
        """Point readers at the run before, or at `run_id`, as that was published the last time.

        The pointer gets back what stood before that run as its `previous`, so going back twice
        goes back by two. Raises NoSuchBuild, naming the runs one can go back to.
        """
        current, etag = self._current_with_etag()
        if current is None:
            raise NoSuchBuild(f"{self._store.address}: nothing has been published")
        target = run_id if run_id is not None else current.previous
        past = self._last_published(target, current) if target is not None else None
        if past is None or not self._is_there(past):
            there = dict.fromkeys(p.run_id for p in self.history() if self._is_there(p))
            raise NoSuchBuild(
                f"{self._store.address}: cannot go back to"
                f" {target or f'before {current.run_id}, the first run'};"
                f" published builds that still exist: {', '.join(there) or 'none'}"
            )
        if target == current.run_id:
            self._settle(current)
            return current
        pointer = replace(past, published_at=_utc(now))
        self._swap(pointer, current, etag)
        return pointer

    def repair(self) -> None:
        """Finish what a kill left undone: the history's last entry, and the link."""
        current = self.current()
        if current is not None:
            self._settle(current)

    def local(self, cache: Path) -> tuple[Pointer, Path] | None:
        """The published pointer and a path of that very build; None before the first publish.

        On a local lake the build itself. On a bucket a copy in `cache`, fetched once per build
        and verified. Raises BuildCorrupt if the bytes do not have the published hash, and
        ObjectNotFound if the build is gone.
        """
        for attempt in range(_ATTEMPTS):
            pointer = self.current()
            if pointer is None:
                return None
            try:
                return pointer, self.path_of(pointer, cache)
            except ObjectNotFound:
                # Replaced and removed between the two looks; if not, it is really gone.
                if attempt + 1 == _ATTEMPTS or self.current() == pointer:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def verified_build(self, cache: Path) -> Path | None:
        """The build of `local`, its bytes held to the published hash: the next one starts from it.

        A tool that opens the published file for writing changes it in place, and every build
        after it would inherit that. Raises BuildCorrupt, also where the build is gone.
        """
        try:
            local = self.local(cache)
        except ObjectNotFound as error:
            raise BuildCorrupt(f"{error}; {_REMEDY}") from error
        if local is None:
            return None
        pointer, path = local
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != pointer.sha256:
            raise BuildCorrupt(
                f"{self._store.url(pointer.build)} was altered after it was published (its "
                f"SHA-256 is {found[:12]}…, published was {pointer.sha256[:12]}…); {_REMEDY}"
            )
        return path

    def path_of(self, pointer: Pointer, cache: Path) -> Path:
        """A path of one published build's bytes; `local` for the one that is current.

        Raises ObjectNotFound if it is no longer kept, BuildCorrupt as `local` does.
        """
        if isinstance(self._store, LocalStore):
            path = self._store.path(pointer.build)
            if not path.is_file():
                raise ObjectNotFound(f"{self._store.url(pointer.build)}: the build is gone")
            return path
        copy = cache / f"{pointer.run_id}-{pointer.sha256[:12]}.duckdb"
        if copy.is_file() and copy.stat().st_size == pointer.bytes:
            return copy
        arriving = cache / f"{RESERVED}-{uuid.uuid4().hex}"
        try:
            self._store.get_file(pointer.build, arriving)
            with arriving.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != pointer.sha256:
                raise BuildCorrupt(
                    f"{self._store.url(pointer.build)} has the SHA-256 {found},"
                    f" published was {pointer.sha256}"
                )
            arriving.replace(copy)
        finally:
            arriving.unlink(missing_ok=True)
        return copy

    def _swap(self, pointer: Pointer, current: Pointer | None, etag: str | None) -> None:
        if not self._is_there(pointer):
            raise NoSuchBuild(
                f"{self._store.url(pointer.build)}: no object of {pointer.bytes} bytes to publish"
            )
        if current is not None:
            self._record(current)
        self._store.put(
            POINTER_KEY,
            pointer.to_json().encode(),
            if_match=etag,
            if_absent=etag is None,
        )
        self._settle(pointer)

    def _settle(self, pointer: Pointer) -> None:
        """What follows a swap, done any number of times."""
        self._record(pointer)
        if isinstance(self._store, LocalStore):
            _link(self._store, LINK_KEY, self._store.path(pointer.build))
            tables = self._store.path(tables_key(pointer.run_id))
            # Rather no link than one to the tables of another build.
            of_this = _build_of(tables / MANIFEST) == pointer.sha256
            _link(self._store, TABLES_LINK_KEY, tables if of_this else None)

    def _record(self, pointer: Pointer) -> None:
        key = f"{HISTORY}{pointer.published_at:{_STAMP}}-{pointer.run_id}.json"
        with contextlib.suppress(PreconditionFailed):  # it is there
            self._store.put(key, pointer.to_json().encode(), if_absent=True)

    def _last_published(self, run_id: str, current: Pointer) -> Pointer | None:
        if run_id == current.run_id:
            return current
        # By name, so that years of history are not fetched to find one entry. The stamp before
        # the run id has no dash.
        keys = [
            info.key
            for info in self._store.entries(HISTORY)
            if info.key.removeprefix(HISTORY).partition("-")[2] == f"{run_id}.json"
        ]
        return self._parsed(keys[-1]) if keys else None

    def _is_there(self, pointer: Pointer) -> bool:
        info = self._store.head(pointer.build)
        return info is not None and info.size == pointer.bytes

    def _current_with_etag(self) -> tuple[Pointer | None, str | None]:
        # The etag first: if the pointer changes in between, the put that uses it fails.
        info = self._store.head(POINTER_KEY)
        if info is None:
            return None, None
        return self._parsed(POINTER_KEY), info.etag

    def _parsed(self, key: str) -> Pointer:
        try:
            return Pointer.from_json(self._store.get(key).decode())
        except ValueError as error:
            raise ValueError(f"{self._store.url(key)}: {error}") from error


def _build_of(manifest: Path) -> str | None:
    """The hash of the build whose tables these are; None where nothing readable says so."""
    try:
        said = json.loads(manifest.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    found = said.get("build_sha256") if isinstance(said, dict) else None
    return found if isinstance(found, str) else None


def _link(store: LocalStore, key: str, to: Path | None) -> None:
    """Have `key` be a relative link, or nothing; a copy that stands in its place goes."""
    link = store.path(key)
    if to is None:
        if link.is_symlink():
            link.unlink()
            return
    else:
        target = os.path.relpath(to, link.parent)
        if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115 - as written
            return
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)  # a lake copied by a tool that follows links
    if to is not None:
        replace_link(link, target)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
