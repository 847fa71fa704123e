"""Writes files below one root: plain ones, and zips with their `.CHECKSUM` as the archive has them.

A zip holds one member named after it, with a fixed member time, so that the same csv gives the same
bytes. It is put together here because `zipfile` costs more than compressing the csv does.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from datetime import datetime
from hashlib import sha256
from pathlib import Path

# 1980-01-01 00:00, the first moment the format knows.
_DOS_TIME, _DOS_DATE = 0, 0x21
_VERSION, _FLAGS, _DEFLATED = 20, 0, 8
_UTF8_NAME = 0x800


def zipped(member: str, content: bytes) -> bytes:
    """A zip with one deflated member."""
    press = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = press.compress(content) + press.flush()
    name = member.encode()
    flags = _FLAGS if member.isascii() else _UTF8_NAME
    facts = struct.pack(
        "<HHHHHIIIHH",
        _VERSION,
        flags,
        _DEFLATED,
        _DOS_TIME,
        _DOS_DATE,
        zlib.crc32(content),
        len(body),
        len(content),
        len(name),
        0,
    )
    local = b"PK\x03\x04" + facts + name + body
    # Central entry: comment, disk, internal and external attributes, offset of the local header.
    entry = b"PK\x01\x02" + struct.pack("<H", _VERSION) + facts + struct.pack("<HHHII", *[0] * 5)
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry) + len(name), len(local), 0)
    return local + entry + name + b"PK\x05\x06" + end


class Writer:
    """Counts what it writes below `root`; files are dated with the time of their publication."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Counter[str] = Counter()
        self.bytes = 0
        self._folders: set[str] = set()

    def write(self, kind: str, path: str, content: bytes, published: datetime) -> None:
        """Write one file; `path` is relative to the root, with slashes."""
        full = f"{self.root}/{path}"
        folder = full.rpartition("/")[0]
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        descriptor = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            stamp = int(published.timestamp())
            os.utime(descriptor, (stamp, stamp))
        finally:
            os.close(descriptor)
        self.files[kind] += 1
        self.bytes += len(content)

    def archive(self, kind: str, path: str, content: bytes, published: datetime) -> None:
        """Write csv bytes as `path` (ending in .zip) and its checksum file."""
        name = path.rpartition("/")[2]
        packed = zipped(name.removesuffix(".zip") + ".csv", content)
        self.write(kind, path, packed, published)
        line = f"{sha256(packed).hexdigest()}  {name}\n".encode()
        self.write("CHECKSUM", f"{path}.CHECKSUM", line, published)
