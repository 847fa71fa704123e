"""What is held and built, as an append-only record in the lake.

A ledger is a named list of rows. Each append writes one immutable segment,
`ledger/{name}/{run_id}-{n:06d}.parquet`, where n counts the segments of that ledger over all runs:
the order is that of n, so neither a clock that was set back nor two runs within one second can put
a newer row behind an older one. Writers hold the run lock; readers need nothing.

Compaction writes `{last}-compact`, which stands for every segment up to and including `last`;
readers pass over those from the moment it exists, so their removal may stop anywhere.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from flows.storage.object_store import (
    LakeDamaged,
    ObjectInfo,
    ObjectNotFound,
    ObjectStore,
    PreconditionFailed,
)

SEGMENTS_BEFORE_COMPACTION = 64
RECORDED_BY = "recorded_by"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEGMENT = re.compile(r"(?P<run>.+)-(?P<n>\d{6,})(?P<compact>-compact)?\.parquet")
_READERS = 8
_ATTEMPTS = 8

T = TypeVar("T")

_Address = tuple[str, str, str]

# Segments never change, so what was read once is kept, by address, key and etag. A read drops what
# its ledger no longer lists, which bounds this to the ledgers as they are.
_cache: dict[_Address, pl.DataFrame] = {}
_cache_guard = threading.Lock()

# What `latest` gave last and of which segments, by address, name and key: a run asks a dozen times,
# and a ledger of years has as many rows as the lake has files.
_latest: dict[tuple[str, str, tuple[str, ...]], tuple[list[_Address], pl.DataFrame]] = {}


class LedgerDamaged(LakeDamaged):
    """A segment is missing or unreadable, or something else lies among the segments."""


@dataclass(frozen=True, slots=True)
class _Segment:
    info: ObjectInfo
    number: int
    compact: bool

    @property
    def segment_id(self) -> str:
        return self.info.key.rpartition("/")[2].removesuffix(".parquet")


class Ledger:
    """The ledgers of one lake, as the run `run_id` sees and extends them."""

    def __init__(self, store: ObjectStore, run_id: str) -> None:
        """Raises ValueError for a run_id that cannot be part of a file name."""
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"run id {run_id!r} is not made of letters, digits, '.', '_' and '-'")
        self._store = store
        self._run_id = run_id

    def append(self, name: str, rows: pl.DataFrame) -> None:
        """Add `rows` as one segment; no rows, no segment.

        What the rows speak of is settled first: no row outlives it.

        Adds the column `recorded_by`, the id of the segment. Raises ValueError if the rows bring
        that column along, or if their schema is not that of the rows already there.
        """
        if RECORDED_BY in rows.columns:
            raise ValueError(f"ledger {name!r}: rows already have a column {RECORDED_BY!r}")
        if rows.is_empty():
            _checked(name)
            return
        self._store.settle()
        for _ in range(_ATTEMPTS):
            number, schema = self._reread(lambda: self._next(name))
            if schema is not None:
                _check_schema(name, schema, rows.schema)
            segment_id = f"{self._run_id}-{number:06d}"
            stamped = rows.with_columns(pl.lit(segment_id).alias(RECORDED_BY))
            try:
                self._put(name, segment_id, stamped)
            except PreconditionFailed:
                continue  # another thread of this run took the number
            return
        raise PreconditionFailed(f"ledger {name!r}: {_ATTEMPTS} numbers in a row were taken")

    def read(self, name: str) -> pl.DataFrame | None:
        """All rows in the order they were recorded; None if nothing ever was.

        Rows that a compaction has dropped because newer ones replaced them are gone.
        """

        def attempt() -> pl.DataFrame | None:
            _, frames = self._visible(name)
            return pl.concat(frames, rechunk=False) if frames else None

        return self._reread(attempt)

    def latest(self, name: str, by: Sequence[str]) -> pl.DataFrame | None:
        """Per key `by`, all rows of the newest segment that has this key; None as in `read`.

        A key's rows are replaced as a group. NULL is a key like any other. Rows stay in the order
        they were recorded.
        """
        return self._reread(lambda: self._replaced(name, tuple(by)))

    def _replaced(self, name: str, by: tuple[str, ...]) -> pl.DataFrame | None:
        """What `latest` gives: what it gave last, with the segments that came after."""
        segments, frames = self._visible(name)
        if not segments:
            return None
        keys = self._addresses(segments)
        place = (self._store.address, name, by)
        with _cache_guard:
            known, rows = _latest.get(place, ([], frames[0].clear()))
        goes_on = known == keys[: len(known)] and (
            # Two of one number, which only a broken lock lets be, are newest together.
            not 0 < len(known) < len(keys)
            or segments[len(known)].number > segments[len(known) - 1].number
        )
        if not goes_on:
            known, rows = [], frames[0].clear()
        if known != keys:
            more = pl.concat(frames[len(known) :], rechunk=False)
            rows = _followed(rows, _newest(more, by), by)
            with _cache_guard:
                _latest[place] = (keys, rows)
        return rows

    def let_go(self, name: str) -> None:
        """Hold nothing of it any more: who asks next reads it from the store."""
        self._forget_others(name, ())
        with _cache_guard:
            for place in [each for each in _latest if each[:2] == (self._store.address, name)]:
                del _latest[place]

    def compact(
        self, name: str, by: Sequence[str], *, above: int = SEGMENTS_BEFORE_COMPACTION
    ) -> None:
        """Replace more than `above` segments by one with the rows of `latest(name, by)`.

        `latest` by the same key gives the same before, during and after, wherever this is killed;
        `read` loses the rows that newer ones had replaced. Each row keeps its `recorded_by`.
        """
        visible, covered = self._segments(name)
        if len(visible) > max(above, 1):
            rows = pl.concat(self._frames(visible), rechunk=False)
            self._put(name, f"{visible[-1].segment_id}-compact", _newest(rows, by))
            covered += visible
        for segment in covered:
            self._store.delete(segment.info.key)

    def _next(self, name: str) -> tuple[int, pl.Schema | None]:
        """The number of the next segment, and the schema of the one before it."""
        visible, _covered = self._segments(name)
        if not visible:
            return 0, None
        schema = self._frames(visible[-1:])[0].drop(RECORDED_BY).schema
        return visible[-1].number + 1, schema

    def _visible(self, name: str) -> tuple[list[_Segment], list[pl.DataFrame]]:
        """Segments to read, in order, and their rows, of one schema."""
        segments, _covered = self._segments(name)
        frames = self._frames(segments)
        self._forget_others(name, segments)
        for frame in frames[1:]:
            _check_schema(name, frames[0].schema, frame.schema)
        return segments, frames

    def _segments(self, name: str) -> tuple[list[_Segment], list[_Segment]]:
        """Segments to read, in order, and those that a compact one stands for.

        Raises LedgerDamaged if one of the segments to read is gone.
        """
        found = self._listed(name)
        last = max((i for i, segment in enumerate(found) if segment.compact), default=0)
        visible, covered = found[last:], found[:last]
        due = 0
        for segment in visible:
            if segment.number > due and not segment.compact:
                raise LedgerDamaged(
                    f"ledger {name!r} in {self._store.address}: segment {due:06d} is missing"
                    f" before {segment.segment_id}"
                )
            due = segment.number + 1
        return visible, covered

    def _listed(self, name: str) -> list[_Segment]:
        """Every segment there is, as two listings in a row agree.

        A listing is no snapshot: one that runs while a compaction does its work may miss the new
        segment and the removed ones alike. A second one starts after any removal that the first
        can have missed, thus after the compact segment was there; if it finds the same, nothing
        was missed.
        """
        prefix = f"ledger/{_checked(name)}/"
        before: list[ObjectInfo] | None = None
        while (infos := list(self._store.entries(prefix))) != before:
            before = infos
        found = []
        for info in infos:
            file_name = info.key.removeprefix(prefix)
            if match := _SEGMENT.fullmatch(file_name):
                found.append(_Segment(info, int(match["n"]), match["compact"] is not None))
            elif file_name.endswith(".parquet"):
                raise LedgerDamaged(f"{self._store.url(info.key)} is no segment of this ledger")
        return sorted(found, key=lambda s: (s.number, s.compact, s.info.key))

    def _frames(self, segments: Sequence[_Segment]) -> list[pl.DataFrame]:
        """The segments' rows. Raises ObjectNotFound if a compaction has just removed one."""
        keys = self._addresses(segments)
        with _cache_guard:
            held = {key: _cache[key] for key in keys if key in _cache}
        missing = [key for key in keys if key not in held]
        if missing:
            with ThreadPoolExecutor(min(_READERS, len(missing))) as pool:
                held.update(zip(missing, pool.map(self._load, missing), strict=True))
            with _cache_guard:
                _cache.update(held)
        return [held[key] for key in keys]

    def _forget_others(self, name: str, segments: Sequence[_Segment]) -> None:
        keys = set(self._addresses(segments))
        with _cache_guard:
            for key in list(_cache):
                if (
                    key[0] == self._store.address
                    and key[1].startswith(f"ledger/{name}/")
                    and key not in keys
                ):
                    del _cache[key]

    def _addresses(self, segments: Sequence[_Segment]) -> list[_Address]:
        return [(self._store.address, s.info.key, s.info.etag) for s in segments]

    def _load(self, key: _Address) -> pl.DataFrame:
        content = self._store.get(key[1])
        try:
            return pl.read_parquet(io.BytesIO(content))
        except pl.exceptions.PolarsError as error:
            raise LedgerDamaged(
                f"{self._store.url(key[1])} is no longer what was written ({error}); "
                "bring it back from a copy of the lake"
            ) from error

    def _put(self, name: str, segment_id: str, rows: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd")
        key = f"ledger/{_checked(name)}/{segment_id}.parquet"
        self._store.put(key, buffer.getvalue(), if_absent=True)

    def _reread(self, attempt: Callable[[], T]) -> T:
        """Try again from a new listing when a compaction removed segments of the old one."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return attempt()
            except ObjectNotFound:
                continue
        return attempt()


def _newest(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    if not by:
        raise ValueError("the key of a ledger has at least one column")
    number = pl.col(RECORDED_BY).str.extract(r"-(\d+)$").cast(pl.Int64)
    # Rows stand in the order of their segments, so equal ids form runs: one parse per segment.
    segments = rows.select(pl.col(RECORDED_BY).unique()).with_columns(number.alias("_segment"))
    numbered = rows.join(segments, on=RECORDED_BY, how="left", maintain_order="left")
    is_newest = pl.col("_segment") == pl.col("_segment").max().over(list(by))
    newest = numbered.select(is_newest).to_series()
    # Of most ledgers all rows are: then there is no need for a copy of years of them.
    return rows if newest.all() else rows.filter(newest)


def _followed(rows: pl.DataFrame, newer: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """`rows` but for those with a key of `newer`, and then `newer`."""
    again = newer.select(by).unique()
    if rows.is_empty():
        return newer
    if not rows.select(by).join(again, on=list(by), how="semi", nulls_equal=True).is_empty():
        rows = rows.join(again, on=list(by), how="anti", nulls_equal=True, maintain_order="left")
    return pl.concat([rows, newer], rechunk=False)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"ledger name {name!r} is not made of lower-case letters, digits and '_'")
    return name


def _check_schema(name: str, there: pl.Schema, here: pl.Schema) -> None:
    if there != here:
        differing = sorted(
            column
            for column in {*there, *here}
            if column not in there or column not in here or there[column] != here[column]
        )
        raise ValueError(
            f"ledger {name!r}: the schema differs from the rows already recorded"
            f" (columns {', '.join(differing) or 'in another order'}):"
            f" {dict(there)} there, {dict(here)} here"
        )
