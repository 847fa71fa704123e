"""Small files of a piece, held until there are enough of them to be put together."""

from __future__ import annotations

from flows.storage import packs
from flows.storage.object_store import ObjectStore
from flows.storage.raw_shelf import RawRecord, shelve_together


class Together:
    """Files of one venue and source. What is added counts only once it has come back."""

    def __init__(self, store: ObjectStore, *, concurrency: int) -> None:
        self._store = store
        self._concurrency = concurrency
        self._files: list[tuple[RawRecord, bytes]] = []
        self._bytes = 0

    def add(self, file: RawRecord, content: bytes) -> list[RawRecord]:
        """The files that had to be put to make room for this one."""
        full = len(self._files) == packs.MOST or self._bytes + len(content) > packs.MOST_BYTES
        put = self.put() if full else []
        self._files.append((file, content))
        self._bytes += len(content)
        return put

    def put(self) -> list[RawRecord]:
        """Put what is held into the store: the files that lie there now."""
        put = shelve_together(self._store, self._files, concurrency=self._concurrency)
        self._files, self._bytes = [], 0
        return put
