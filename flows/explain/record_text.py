"""Records as they stand in their raw file: read from the bytes, and parsed from them once more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.explain.inputs import Lake
from flows.storage import packs, raw_shelf
from flows.storage.raw_bytes import RawDamaged
from transforms.container import unpack
from transforms.payload import BadPayload, Parsed, Payload
from transforms.venue import discover

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_BOM = b"\xef\xbb\xbf"
_SEARCHED_BYTES = 64 << 20
"""Larger files, unpacked, are not looked through for the place of a record."""
_RECORD_BYTES = 1 << 16
_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Record:
    """text: as it stands in the file; NULL where it was not found, and `why`.

    line: number of the line it begins on in the file as unpacked, from 1.
    reread: whether parsing the bytes now gives a row from this record.
    """

    raw_key: str
    raw_row: int
    line: int | None
    text: str | None
    reread: bool
    why: str | None = None


def records(
    lake: Lake, venue: str, dataset: str, wanted: Sequence[tuple[str, int]]
) -> list[Record]:
    """The records at these raw keys and numbers. A file that is not what was taken in gives none,
    nor does one that no parser reads any more."""
    by_file: dict[str, list[int]] = {}
    for key, number in wanted:
        by_file.setdefault(key, []).append(number)
    held = raw_shelf.history(lake.ledger, pl.col("key").is_in(list(by_file)))
    held = packs.placed(lake.ledger, held)
    feeds = {feed.name: feed for feed in discover()[venue].feeds}
    found: list[Record] = []
    for row in held.iter_rows(named=True):
        numbers = by_file.pop(row["key"])
        feed = feeds.get(row["feed"])
        try:
            payload = raw_shelf.load(lake.store, row)
            if feed is None:
                found += _none(row["key"], numbers, f"no feed {row['feed']!r} reads it any more")
                continue
            found += _of_file(payload, feed.parse([payload]), venue, dataset, numbers)
        except (RawDamaged, BadPayload) as error:
            found += _none(row["key"], numbers, str(error))
    for key, numbers in by_file.items():
        found += _none(key, numbers, "the lake's ledger knows of no such file")
    return sorted(found, key=lambda r: (r.raw_key, r.raw_row))


def _none(key: str, numbers: Sequence[int], why: str) -> list[Record]:
    return [Record(key, number, None, None, False, why) for number in numbers]


def _of_file(
    payload: Payload, parsed: Parsed, venue: str, dataset: str, numbers: Sequence[int]
) -> list[Record]:
    rows = parsed.rows[dataset]
    there = set(rows["raw_row"].to_list())
    count = int(parsed.read.filter(pl.col("dataset") == dataset)["rows_read"].sum())
    content = _content(payload, venue)
    is_json = content[:64].removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")
    lines = [] if is_json else _lines(content, count)
    places = _Places.of(content) if is_json else None
    found = []
    for number in numbers:
        line, text, why = None, None, None
        compact = None if parsed.text_of is None else parsed.text_of(payload.raw_key, number)
        if places is not None and compact is not None:
            line, text, why = places.find(compact)
        elif 0 < number <= len(lines):
            line, text = lines[number - 1]
        elif compact is not None:
            text, why = compact, "as the parser has it: the file is too large to look for it"
        else:
            why = "the parser does not say which part of the file a record is"
        found.append(Record(payload.raw_key, number, line, text, number in there, why))
    return found


def _content(payload: Payload, venue: str) -> bytes:
    """Without what is read line by line because it is too large as a whole."""
    try:
        return unpack(payload, venue=venue, limit=_SEARCHED_BYTES)
    except BadPayload:
        return b""


def _lines(content: bytes, count: int) -> list[tuple[int, str]]:
    """Records of a csv with their line, without the header. count: records as the parser has it,
    where it has one a line."""
    lines = [
        (number, line.removesuffix(b"\r"))
        for number, line in enumerate(content.removeprefix(_BOM).split(b"\n"), start=1)
        if line.removesuffix(b"\r")
    ]
    header = len(lines) - count
    if header not in (0, 1):
        first = lines[0][1].decode("utf-8", "replace").split(",") if lines else []
        header = 0 if any(_NUMBER.fullmatch(cell) for cell in first) else 1
    return [(number, line.decode("utf-8", "replace")) for number, line in lines[header:]]


@dataclass(frozen=True, slots=True)
class _Places:
    """Objects and arrays of a JSON text by what they say, numbers taken as they are spelt."""

    content: bytes
    by_value: dict[str, list[tuple[int, int]]]
    objects: list[tuple[int, int, dict[str, Any]]]

    @classmethod
    def of(cls, content: bytes) -> _Places:
        by_value: dict[str, list[tuple[int, int]]] = {}
        objects: list[tuple[int, int, dict[str, Any]]] = []
        for start, end in _parts(content):
            if end - start > _RECORD_BYTES:
                continue
            try:
                value = _loads(content[start:end])
            except ValueError:
                continue
            by_value.setdefault(_canonical(value), []).append((start, end))
            if isinstance(value, dict) and value:
                objects.append((start, end, value))
        return cls(content, by_value, objects)

    def find(self, compact: str) -> tuple[int | None, str, str | None]:
        """Line and text of the part that is the record, and what there is to say of it.

        Parsers put what stands around a record beside it: then the largest part of it that stands
        in the file is shown.
        """
        wanted = _loads(compact)
        places = self.by_value.get(_canonical(wanted))
        why = None
        if places is None and isinstance(wanted, dict):
            places = self._within(wanted) or self._around(wanted)
            why = "read together with what stands around it"
        if not places:
            return None, compact, "as the parser has it, who puts it together"
        start, end = places[0]
        text = self.content[start:end].decode("utf-8", "replace")
        if len(places) > 1:
            return None, text, f"the file says so in {len(places)} places"
        return self.content.count(b"\n", 0, start) + 1, text, why

    def _within(self, wanted: dict[str, Any]) -> list[tuple[int, int]] | None:
        """The largest of the record's own parts: `{"row": …, "time": …}`."""
        inner = [_canonical(v) for v in wanted.values() if isinstance(v, dict | list) and v]
        return next(
            (self.by_value[v] for v in sorted(inner, key=len, reverse=True) if v in self.by_value),
            None,
        )

    def _around(self, wanted: dict[str, Any]) -> list[tuple[int, int]]:
        """Objects the record has all members of, and those that have most."""
        alike = [
            (len(value), start, end)
            for start, end, value in self.objects
            if 2 * len(value) >= len(wanted) and _is_within(value, wanted)
        ]
        most = max((size for size, _, _ in alike), default=0)
        return [(start, end) for size, start, end in alike if size == most]


def _is_within(value: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(name in wanted and wanted[name] == each for name, each in value.items())


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _loads(text: str | bytes) -> object:
    found: object = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    return found


def _parts(content: bytes) -> Iterator[tuple[int, int]]:
    """Where objects and arrays begin and end, inner ones first."""
    open_at: list[int] = []
    for token in _TOKEN.finditer(content):
        mark = content[token.start()]
        if mark in b"{[":
            open_at.append(token.start())
        elif mark in b"}]" and open_at:
            yield open_at.pop(), token.end()
