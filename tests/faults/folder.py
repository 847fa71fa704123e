"""A simulated exchange in a folder that is damaged in place and put back.

In place, because a copy is other files to a lake, which would fetch all of them again.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no type information

Row = dict[str, str]
Record = dict[str, Any]


class Folder:
    """Files below `root`; every change is remembered."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._before: dict[Path, tuple[bytes, int] | None] = {}

    # What is there

    def find(self, pattern: str) -> list[Path]:
        """The files a pattern names. Raises FileNotFoundError if it names none."""
        found = sorted(path for path in self.root.glob(pattern) if path.is_file())
        if not found:
            raise FileNotFoundError(f"{pattern} below {self.root}")
        return found

    # Changing it

    def write(self, path: Path, content: bytes) -> None:
        """Other bytes; a checksum file beside it, if there is one, is made to fit."""
        self._put(path, content)
        beside = path.with_name(f"{path.name}.CHECKSUM")
        if beside.exists():
            self._put(beside, f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode())

    def write_only(self, path: Path, content: bytes) -> None:
        """Other bytes, and the checksum of the bytes before."""
        self._put(path, content)

    def remove(self, path: Path) -> None:
        for each in (path, path.with_name(f"{path.name}.CHECKSUM")):
            if each.exists():
                self._remember(each)
                each.unlink()

    def _put(self, path: Path, content: bytes) -> None:
        self._remember(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _remember(self, path: Path) -> None:
        if path not in self._before:
            known = (path.read_bytes(), path.stat().st_mtime_ns) if path.exists() else None
            self._before[path] = known

    # Afterwards

    def changed(self) -> list[Path]:
        """The files whose bytes are others than before."""
        return [
            path
            for path, before in self._before.items()
            if (path.read_bytes() if path.exists() else None) != (before and before[0])
        ]

    def put_back(self) -> None:
        for path, before in self._before.items():
            if before is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(before[0])
                os.utime(path, ns=(before[1], before[1]))
        self._before.clear()

    # By format

    def text(self, pattern: str, change: Callable[[str], str]) -> None:
        """The text inside each file a pattern names: a zip's csv, or what is compressed."""
        for path in self.find(pattern):
            self.write(path, _pack(path, change(_unpack(path).decode()).encode(), _member(path)))

    def bytes_of(self, pattern: str, change: Callable[[bytes], bytes]) -> None:
        """The same, as bytes."""
        for path in self.find(pattern):
            self.write(path, _pack(path, change(_unpack(path)), _member(path)))

    def raw(self, pattern: str, change: Callable[[bytes], bytes]) -> None:
        """The bytes of the files themselves, with a checksum that fits."""
        for path in self.find(pattern):
            self.write(path, change(path.read_bytes()))

    def rows(self, pattern: str, change: Callable[[Row], Row | list[Row] | None]) -> None:
        """Each record of csv files: another, several, or none. The header stays."""

        def changed(text: str) -> str:
            head, _, _ = text.partition("\n")
            reader = csv.DictReader(io.StringIO(text))
            names = list(reader.fieldnames or ())
            out = io.StringIO()
            writer = csv.writer(out, lineterminator="\n")
            for row in reader:
                made = change(row)
                for each in made if isinstance(made, list) else [] if made is None else [made]:
                    writer.writerow([each[name] for name in names])
            return f"{head}\n{out.getvalue()}"

        self.text(pattern, changed)

    def json(self, pattern: str, change: Callable[[Any], Any]) -> None:
        """Each answer of JSON files, which hold one or an array of them."""

        def changed(text: str) -> str:
            held = json.loads(text)
            if isinstance(held, list) and held and "result" in held[0]:
                return json.dumps([change(answer) for answer in held])
            return json.dumps(change(held))

        self.text(pattern, changed)

    def lines(self, pattern: str, change: Callable[[Any], Any]) -> None:
        """Each message of recordings: another, several (a list), none, or text as it is."""

        def changed(text: str) -> str:
            out: list[str] = []
            for line in text.splitlines():
                made = change(json.loads(line))
                several = made if isinstance(made, list) else [] if made is None else [made]
                out += [each if isinstance(each, str) else json.dumps(each) for each in several]
            return "".join(f"{line}\n" for line in out)

        self.text(pattern, changed)


def _member(path: Path) -> str:
    return f"{path.stem}.csv"


def _unpack(path: Path) -> bytes:
    content = path.read_bytes()
    match path.suffix:
        case ".zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return archive.read(archive.namelist()[0])
        case ".gz":
            return gzip.decompress(content)
        case ".lz4":
            with pa.input_stream(pa.BufferReader(content), compression="lz4") as stream:
                return bytes(stream.read())
    return content


def _pack(path: Path, content: bytes, member: str) -> bytes:
    match path.suffix:
        case ".zip":
            return zipped({member: content})
        case ".gz":
            return gzip.compress(content, mtime=0)
        case ".lz4":
            sink = pa.BufferOutputStream()
            with pa.CompressedOutputStream(sink, "lz4") as stream:
                stream.write(content)
            return bytes(sink.getvalue())
    return content


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2021, 2, 1, 0, 0, 0)), content)
    return out.getvalue()
