"""Builds on their way to readers: candidate, verdict and what they were made of, per run.

`builds/{run_id}/` holds `candidate.duckdb` (closed, never edited), `candidate.json`,
`contents.parquet`, `inputs.parquet`, `audit.parquet` once the gate has looked, and
`perpmill.duckdb` once published.
The stages build, audit and publish meet here and nowhere else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from flows.storage.local_store import LocalStore, sync_folder
from flows.storage.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from flows.storage.parquet import parquet_bytes

FOLDER = "builds/"

CONTENTS_SCHEMA: dict[str, pl.DataType] = {
    "name": pl.String(),
    "venue": pl.String(),
    "date": pl.Date(),
    "sha256": pl.String(),
}
"""What a build holds: daily partitions, raw files by month, whole tables (date NULL)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A closed build nobody reads yet.

    first, last: UTC days the run was asked for, inclusive. first_changed, last_changed: days on
    which a row may differ from the build it was made from, `based_on` (None: from nothing).
    """

    run_id: str
    command: str
    code_version: str
    started_at: datetime
    first: date
    last: date
    first_changed: date
    last_changed: date
    based_on: str | None


class NoCandidate(LookupError):
    """There is no candidate build to audit or publish."""


@contextmanager
def writing(address: str) -> Iterator[None]:
    """What the disk refuses while a build is written, as StoreUnavailable: it is full, most often.

    address: whose build, for the message. A build that is there already is another matter.
    """
    try:
        yield
    except (StoreUnavailable, FileExistsError):
        raise
    except (OSError, duckdb.IOException) as error:
        raise StoreUnavailable(
            f"{address}: cannot write the build, nothing was published: {error}"
        ) from error


class Builds:
    """Where builds lie in a lake, and on this machine while they are worked on."""

    def __init__(self, store: ObjectStore, cache: Path) -> None:
        self._store = store
        self._cache = cache

    @staticmethod
    def key(run_id: str, name: str) -> str:
        return f"{FOLDER}{run_id}/{name}"

    def workplace(self, run_id: str, name: str) -> Path:
        """Where a file of a build is worked on: in place in a folder, in the cache for a bucket."""
        if isinstance(self._store, LocalStore):
            path = self._store.path(self.key(run_id, name))
        else:
            path = self._cache / run_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, run_id: str, name: str) -> None:
        """Put a finished file of the workplace into the lake; in a folder, see that it stays there.

        There it has its place already, but what says so may be in memory only, and a pointer to it
        must not outlive it. Raises StoreUnavailable.
        """
        path = self.workplace(run_id, name)
        if not isinstance(self._store, LocalStore):
            self._store.put_file(self.key(run_id, name), path)
            return
        root = self._store.root
        with writing(self._store.address):
            for folder in path.parents:
                sync_folder(folder)
                if folder == root:
                    break

    def fetch(self, run_id: str, name: str) -> Path:
        """A file of a build on this machine. Raises ObjectNotFound."""
        path = self.workplace(run_id, name)
        if not path.exists():
            self._store.get_file(self.key(run_id, name), path)
        return path

    def describe(self, candidate: Candidate, contents: pl.DataFrame, inputs: pl.DataFrame) -> None:
        """Say that a candidate is complete: from here on it can be audited.

        contents: what it holds (`CONTENTS_SCHEMA`). inputs: what that was made of.
        """
        self._store.put(self.key(candidate.run_id, "contents.parquet"), parquet_bytes(contents))
        self._store.put(self.key(candidate.run_id, "inputs.parquet"), parquet_bytes(inputs))
        text = json.dumps(asdict(candidate), default=str, sort_keys=True, indent=2) + "\n"
        self._store.put(self.key(candidate.run_id, "candidate.json"), text.encode())

    def candidate(self, run_id: str | None = None) -> Candidate:
        """The candidate of a run, or the newest one. Raises NoCandidate."""
        if run_id is None:
            names = [
                e.key for e in self._store.entries(FOLDER) if e.key.endswith("/candidate.json")
            ]
            if not names:
                raise NoCandidate(
                    "no build waits to be audited or published; run a transform first"
                )
            key = max(names)
        else:
            key = self.key(run_id, "candidate.json")
        try:
            said = json.loads(self._store.get(key))
        except ObjectNotFound as error:
            raise NoCandidate(f"run {run_id} left no candidate build") from error
        return Candidate(
            run_id=said["run_id"],
            command=said["command"],
            code_version=said["code_version"],
            started_at=datetime.fromisoformat(said["started_at"]),
            first=date.fromisoformat(said["first"]),
            last=date.fromisoformat(said["last"]),
            first_changed=date.fromisoformat(said["first_changed"]),
            last_changed=date.fromisoformat(said["last_changed"]),
            based_on=said["based_on"],
        )

    def contents(self, run_id: str) -> pl.DataFrame | None:
        """What a build holds; None where that is not known."""
        return self._parquet(run_id, "contents.parquet")

    def inputs(self, run_id: str) -> pl.DataFrame | None:
        """The partitions a build's rows were made of; None where that is not known."""
        return self._parquet(run_id, "inputs.parquet")

    def _parquet(self, run_id: str, name: str) -> pl.DataFrame | None:
        try:
            content = self._store.get(self.key(run_id, name))
        except ObjectNotFound:
            return None
        return pl.read_parquet(io.BytesIO(content))

    def keep_audit(self, run_id: str, results: pl.DataFrame) -> None:
        self._store.put(self.key(run_id, "audit.parquet"), parquet_bytes(results))

    def audit(self, run_id: str) -> pl.DataFrame:
        """What the gate said of a candidate. Raises NoCandidate if it was not asked."""
        try:
            content = self._store.get(self.key(run_id, "audit.parquet"))
        except ObjectNotFound as error:
            raise NoCandidate(f"the candidate of run {run_id} has not been audited") from error
        return pl.read_parquet(io.BytesIO(content))

    def discard_candidate(self, run_id: str) -> None:
        """The published file holds all of it."""
        for name in ("candidate.json", "candidate.duckdb"):
            self._store.delete(self.key(run_id, name))
            if not isinstance(self._store, LocalStore):
                self.workplace(run_id, name).unlink(missing_ok=True)
