"""A raw file of the lake by its key: the exact bytes its source served."""

from __future__ import annotations

from flows.settings import Settings
from flows.storage import raw_shelf
from flows.storage.ledger import Ledger
from flows.storage.object_store import open_store

_READER = "raw"


class NoSuchRawFile(LookupError):
    """No raw file with this key was ever taken in; the message names those called like it."""


def raw_file(settings: Settings, key: str) -> bytes:
    """Raises NoSuchRawFile, and RawDamaged where the lake no longer has the bytes it took in."""
    store = open_store(settings.lake, settings.s3.options())
    ledger = Ledger(store, _READER)
    row = raw_shelf.find(ledger, key)
    if row is None:
        alike = raw_shelf.called(ledger, key.rpartition("/")[2].partition("@")[0])
        there = "; there are:\n  " + "\n  ".join(alike) if alike else ""
        raise NoSuchRawFile(f"{store.address} has taken in no raw file {key!r}{there}")
    return raw_shelf.load(store, row).content
