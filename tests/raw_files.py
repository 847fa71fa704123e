"""Where the bytes of a raw file lie in a lake on this machine, so that a test can look at them, or
damage them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.storage import packs, raw_shelf
from flows.storage.ledger import Ledger
from flows.storage.object_store import open_store


@dataclass(frozen=True)
class Lies:
    """In `file`, its own or that of a pack, `size` bytes from `at` on."""

    key: str
    file: Path
    at: int
    size: int
    packed: bool

    @property
    def content(self) -> bytes:
        return self.file.read_bytes()[self.at : self.at + self.size]

    def flip(self, byte: int | None = None) -> None:
        """Another byte there, counted from the raw file's first; default: the middle one."""
        content = bytearray(self.file.read_bytes())
        content[self.at + (self.size // 2 if byte is None else byte)] ^= 0x01
        self.file.write_bytes(bytes(content))

    def cut(self) -> None:
        """The object ends in the middle of the raw file."""
        content = self.file.read_bytes()
        self.file.write_bytes(content[: self.at + self.size // 2])


def versions(lake: Path, name: str) -> list[Lies]:
    """All raw files called `name`, or with this key, the one replaced first before the others."""
    ledger = Ledger(open_store(f"file:{lake}"), "test")
    wanted = pl.col("path").str.ends_with(name) | (pl.col("key") == name)
    found = raw_shelf.history(ledger, wanted)
    return [
        Lies(
            row["key"],
            lake / (row["pack"] or row["key"]),
            row["at"] or 0,
            row["bytes"],
            row["pack"] is not None,
        )
        for row in packs.placed(ledger, found).iter_rows(named=True)
    ]


def newest(lake: Path, name: str) -> Lies:
    found = versions(lake, name)
    assert found, f"no raw file in {lake} is called {name}"
    return found[-1]
