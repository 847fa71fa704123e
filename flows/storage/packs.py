"""Packs: small raw files that were fetched together, in one object.

A file of some kilobytes costs a store as much as one of megabytes: a name, a folder, a request. So
files that come home together are put as one ordinary zip, whose members are stored (not compressed)
under their raw keys: `unzip` gives back the exact bytes. A pack's key is
`raw/{venue}/{source}/packs/{first 20 of its sha256}.zip`; raw files' own keys end in `@` and twelve
hexadecimal digits, so none is ever called like that.

The ledger `packs` says at which byte of which pack a file's bytes begin. It is written before the
rows of the ledger `raw` that need it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl
from isal import isal_zlib

from flows.storage.ledger import Ledger
from transforms.schemas.column import SourceKind

LEDGER = "packs"
SCHEMA: dict[str, pl.DataType] = {"key": pl.String(), "pack": pl.String(), "at": pl.Int64()}
"""key: of a raw file. pack, at: where its bytes are; NULL for an object of its own again."""

SMALL = 256 << 10
"""Bytes of the largest file that is put into a pack."""
FEWEST = 16
"""Fewer small files than that are objects of their own."""
MOST = 2000
MOST_BYTES = 64 << 20
"""Of one pack: then no zip needs 64-bit sizes, and a process holds it while it is made."""

_NEAR = 64 << 10
"""Bytes read for nothing rather than ask once more."""

# APPNOTE 4.3.7: mark, needs, flags, method, time, date, CRC, both sizes, lengths of name and extra.
_LOCAL = struct.Struct("<4s5H3L2H")
# 4.3.12: mark, made by, needs, flags, method, time, date, CRC, both sizes, lengths of name, extra
# and comment, disk, attributes inside and outside, offset.
_ENTRY = struct.Struct("<4s6H3L5H2L")
# 4.3.16: mark, disk, its first disk, entries here, entries, size, offset, comment.
_END = struct.Struct("<4s4H2LH")
_UNIX = 3 << 8
_NEEDS = 20
_UTF8_NAME = 0x800
_STORED = 0
_MIDNIGHT, _FIRST_OF_1980 = 0, 1 << 5 | 1
_READABLE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a raw file begin: at byte `at` (from 0) of the object `pack`."""

    pack: str
    at: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a pack that are read at once, and which of the wanted files lie in them."""

    pack: str
    first: int
    length: int
    files: tuple[int, ...]


def pack_key(venue: str, source: SourceKind, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"raw/{venue}/{source.value}/packs/{digest[:20]}.zip"


def packed(members: Sequence[tuple[str, bytes]]) -> tuple[bytes, list[int]]:
    """A zip of these names and contents in this order, and at which byte of it each begins.

    The same members give the same bytes, whenever and wherever. Raises ValueError for more than
    `MOST` members or `MOST_BYTES` of them.
    """
    if len(members) > MOST or sum(len(content) for _, content in members) > MOST_BYTES:
        raise ValueError(f"a pack holds at most {MOST} files and {MOST_BYTES} bytes")
    parts: list[bytes] = []
    directory: list[bytes] = []
    places: list[int] = []
    end = 0
    for key, content in members:
        name = key.encode()
        flags = 0 if name.isascii() else _UTF8_NAME
        size = len(content)
        # What both headers say alike.
        facts = (_NEEDS, flags, _STORED, _MIDNIGHT, _FIRST_OF_1980, isal_zlib.crc32(content), size)
        header = _LOCAL.pack(b"PK\x03\x04", *facts, size, len(name), 0)
        directory += (
            _ENTRY.pack(
                b"PK\x01\x02", _UNIX | _NEEDS, *facts, size, len(name), 0, 0, 0, 0, _READABLE, end
            ),
            name,
        )
        places.append(end + len(header) + len(name))
        parts += (header, name, content)
        end = places[-1] + size
    listed = b"".join(directory)
    count = len(members)
    last = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(listed), end, 0)
    return b"".join((*parts, listed, last)), places


def stretches(wanted: Iterable[tuple[Place, int]]) -> list[Stretch]:
    """What to read for the files at these places with these lengths in bytes: of each pack as few
    stretches as leave out what nobody wants. `files` are numbers of `wanted`, from 0."""
    ordered = sorted((place.pack, place.at, n, size) for n, (place, size) in enumerate(wanted))
    found = []
    for pack, files in groupby(ordered, key=lambda file: file[0]):
        first, end, numbers = 0, 0, list[int]()
        for _, at, number, size in files:
            if numbers and at - end >= _NEAR:
                found.append(Stretch(pack, first, end - first, tuple(numbers)))
                numbers = []
            if not numbers:
                first = end = at
            end = max(end, at + size)
            numbers.append(number)
        found.append(Stretch(pack, first, end - first, tuple(numbers)))
    return found


def placed(ledger: Ledger, files: pl.DataFrame) -> pl.DataFrame:
    """`files` (column `key`) in their order with columns `pack` and `at`, both NULL for those that
    are objects of their own."""
    known = ledger.read(LEDGER)
    if known is None:
        known = pl.DataFrame(schema=SCHEMA)
    newest = (
        known.select(SCHEMA.keys())
        .join(files.select("key"), on="key", how="semi", maintain_order="left")
        .unique("key", keep="last", maintain_order=True)
    )
    return files.join(newest, on="key", how="left", maintain_order="left")


def place(pack: str | None, at: int | None) -> Place | None:
    """Of a row of `placed`."""
    return None if pack is None or at is None else Place(pack, at)


def record(ledger: Ledger, places: Sequence[tuple[str, Place | None]]) -> None:
    """Write down where raw files lie from now on. Of an object of its own there is nothing to say
    unless it lay in a pack before."""
    said: list[tuple[str, str | None, int | None]] = [
        (key, lies.pack, lies.at) for key, lies in places if lies is not None
    ]
    if len(said) < len(places):
        alone = pl.Series("key", [key for key, lies in places if lies is None], pl.String)
        before = placed(ledger, alone.to_frame()).filter(pl.col("pack").is_not_null())
        said += [(key, None, None) for key in before["key"]]
    ledger.append(LEDGER, pl.DataFrame(said, schema=SCHEMA, orient="row"))
