"""The bytes of raw files as they were taken in, wherever they lie, or an error that names the file.

Numbers made of other bytes than the ledger speaks of could not be traced back, so every file is
compared with its SHA-256 each time it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flows.in_threads import in_threads
from flows.storage.object_store import LakeDamaged, ObjectNotFound, ObjectStore
from flows.storage.packs import Place, Stretch, stretches

_REMEDY = "raw files are kept for ever and never edited: bring it back from a copy of the lake"


class RawDamaged(LakeDamaged):
    """A raw file in the lake is gone, or is not what was taken in."""


class RawGone(RawDamaged):
    """There is nothing where its bytes should be."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A raw file of the lake. size: bytes. place: None for an object of its own."""

    key: str
    sha256: str
    size: int
    place: Place | None

    @property
    def end(self) -> int:
        """The byte of its object that is the first one behind it."""
        return self.size + (0 if self.place is None else self.place.at)


def contents(store: ObjectStore, files: Sequence[Kept], *, concurrency: int = 1) -> list[bytes]:
    """The bytes of each file. What lies close together in a pack is read at once.

    concurrency: as `in_threads` has it. Raises RawDamaged.
    """
    placed = [(n, file.place) for n, file in enumerate(files) if file.place is not None]
    together = stretches([(place, files[n].size) for n, place in placed])

    def read(job: int | Stretch) -> list[tuple[int, bytes]]:
        if isinstance(job, int):
            return [(job, _alone(store, files[job]))]
        numbers = [placed[each][0] for each in job.files]
        found = _within(store, job, [files[n] for n in numbers])
        return list(zip(numbers, found, strict=True))

    jobs: list[int | Stretch] = [n for n, file in enumerate(files) if file.place is None]
    read_ones = dict(
        pair
        for pairs in in_threads([store], concurrency, read, [*jobs, *together])
        for pair in pairs
    )
    return [read_ones[n] for n in range(len(files))]


def _alone(store: ObjectStore, file: Kept) -> bytes:
    url = store.url(file.key)
    try:
        content = store.get(file.key)
    except ObjectNotFound as error:
        raise RawGone(f"{url} is gone from the lake; {_REMEDY}") from error
    return _verified(content, file, url)


def _within(store: ObjectStore, stretch: Stretch, files: Sequence[Kept]) -> list[bytes]:
    pack = store.url(stretch.pack)
    try:
        read = store.get_range(stretch.pack, stretch.first, stretch.length)
    except ObjectNotFound as error:
        raise RawGone(
            f"{store.url(files[0].key)} is gone from the lake, for the pack it lies in, {pack}, is"
            f" gone; {_REMEDY}"
        ) from error
    found = []
    for file in files:
        assert file.place is not None  # noqa: S101 - the stretch is made of places
        at = file.place.at - stretch.first
        where = f"{store.url(file.key)}, which lies in the pack {pack},"
        found.append(_verified(read[at : at + file.size], file, where))
    return found


def _verified(content: bytes, file: Kept, where: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise RawDamaged(
            f"{where} was altered in the lake: its SHA-256 is {found[:12]}…, taken in "
            f"was {file.sha256[:12]}…; {_REMEDY}"
        )
    return content
