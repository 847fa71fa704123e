"""The lake's Parquet partitions: where they lie, how they are written and scanned.

A partition is addressed by layer, name, venue and UTC day, and its bytes are a function of its
rows. The ledger of a layer says for each partition which inputs it was made from (`fingerprint`)
and what came out (`sha256`), so that a run rebuilds only what changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from flows.storage.ledger import Ledger
from flows.storage.local_store import LocalStore
from flows.storage.object_store import LakeDamaged, ObjectNotFound, ObjectStore
from flows.storage.parquet import parquet_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = ("name", "venue", "date")

_SCHEMA: dict[str, pl.DataType] = {
    "name": pl.String(),
    "venue": pl.String(),
    "date": pl.Date(),
    "fingerprint": pl.String(),
    "key": pl.String(),
    "sha256": pl.String(),
    "rows": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """One line of a layer's ledger. name: the dataset or table."""

    name: str
    venue: str
    date: date
    fingerprint: str
    key: str
    sha256: str
    rows: int


class Layer:
    """One layer of the lake: `normalised`, `daily`, `market`, `quarantine` and the like."""

    def __init__(self, store: ObjectStore, ledger: Ledger, name: str) -> None:
        self._store = store
        self._ledger = ledger
        self.name = name

    def key(self, name: str, venue: str, day: date) -> str:
        """A partition of all venues together has none."""
        if not venue:
            return f"{self.name}/{name}/date={day}/rows.parquet"
        return f"{self.name}/{name}/venue={venue}/date={day}/rows.parquet"

    def write(
        self, name: str, venue: str, day: date, rows: pl.DataFrame, fingerprint: str
    ) -> PartitionRecord:
        """Replace a partition in one atomic put. It counts once `record` has been called."""
        content = parquet_bytes(rows)
        key = self.key(name, venue, day)
        self._store.put(key, content, settled=False)
        return PartitionRecord(
            name, venue, day, fingerprint, key, hashlib.sha256(content).hexdigest(), rows.height
        )

    def record(self, records: Iterable[PartitionRecord]) -> None:
        ordered = sorted(records, key=lambda r: (r.name, r.venue, r.date))
        rows = [(r.name, r.venue, r.date, r.fingerprint, r.key, r.sha256, r.rows) for r in ordered]
        self._ledger.append(self.name, pl.DataFrame(rows, schema=_SCHEMA, orient="row"))

    def current(self) -> pl.DataFrame:
        """All partitions of the layer, sorted by name, venue and date."""
        latest = self._ledger.latest(self.name, by=KEY)
        if latest is None:
            return pl.DataFrame(schema=_SCHEMA)
        return latest.select(_SCHEMA.keys()).sort(KEY)

    def scan(
        self, keys: Sequence[str], schema: dict[str, pl.DataType]
    ) -> AbstractContextManager[pl.LazyFrame]:
        """Rows of these partitions, lazily; what has to be downloaded lives until the end."""
        return _scan(self._store, keys, schema)

    def files(self, keys: Sequence[str]) -> AbstractContextManager[list[Path]]:
        """These partitions as local files; what has to be downloaded lives until the end."""
        return _files(self._store, keys)


@contextmanager
def _scan(
    store: ObjectStore, keys: Sequence[str], schema: dict[str, pl.DataType]
) -> Iterator[pl.LazyFrame]:
    with _files(store, keys) as paths:
        yield pl.scan_parquet(paths, glob=False) if paths else pl.LazyFrame(schema=schema)


@contextmanager
def _files(store: ObjectStore, keys: Sequence[str]) -> Iterator[list[Path]]:
    if isinstance(store, LocalStore):
        paths = [store.path(key) for key in keys]
        for key, path in zip(keys, paths, strict=True):
            if not path.exists():
                raise _gone(store, key)
        yield paths
        return
    with TemporaryDirectory(prefix="perpmill-") as folder, ThreadPoolExecutor(8) as pool:
        paths = [Path(folder) / f"{n}.parquet" for n in range(len(keys))]
        try:
            list(pool.map(store.get_file, keys, paths))
        except ObjectNotFound as error:
            raise _gone(store, error) from error
        yield paths


def _gone(store: ObjectStore, what: object) -> LakeDamaged:
    return LakeDamaged(
        f"{store.address}: {what} is gone from the lake, though the ledger knows of it; "
        "what it was made from is still there: put it back, or make its day anew"
    )


def fingerprint(*parts: object) -> str:
    """A digest of what a partition is made from."""
    return hashlib.sha256("\x1f".join(str(p) for p in parts).encode()).hexdigest()[:20]
