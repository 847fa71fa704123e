"""Records as they stand in their raw file: read from the bytes, and parsed from them once more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from flows.explain.inputs import Lake
from flows.storage import raw_shelf
from transforms.container import unpack
from transforms.payload import BadPayload, Parsed, Payload
from transforms.venue import discover

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_ESCAPED = set('"\\/')  # characters that JSON may write with a backslash
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
    held = raw_shelf.history(lake.ledger).filter(pl.col("key").is_in(list(by_file)))
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
        except (raw_shelf.RawDamaged, BadPayload) as error:
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
    content = unpack(payload, venue=venue)
    suffixes = PurePosixPath(payload.path).suffixes
    found = []
    is_json = ".json" in suffixes or ".jsonl" in suffixes
    count = int(parsed.read.filter(pl.col("dataset") == dataset)["rows_read"].sum())
    lines = None if is_json else _lines(content, count)
    for number in numbers:
        line, text, why = None, None, None
        if is_json and parsed.text_of is not None:
            compact = parsed.text_of(payload.raw_key, number)
            line, text = _in_json(content, compact)
            if text is None:
                text, why = compact, "as the parser has it: the file spells it otherwise"
        elif lines is not None and 0 < number <= len(lines):
            line, text = lines[number - 1]
        else:
            why = "the parser does not say which part of the file a record is"
        found.append(Record(payload.raw_key, number, line, text, number in there, why))
    return found


def _lines(content: bytes, count: int) -> list[tuple[int, str]]:
    """Records of a csv with their line, without the header. count: records as the parser has it,
    where it has one a line."""
    lines = [
        (number, line.removesuffix(b"\r"))
        for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1)
        if line.removesuffix(b"\r")
    ]
    header = len(lines) - count
    if header not in (0, 1):
        first = lines[0][1].decode("utf-8", "replace").split(",") if lines else []
        header = 0 if any(_NUMBER.fullmatch(cell) for cell in first) else 1
    return [(number, line.decode("utf-8", "replace")) for number, line in lines[header:]]


def _in_json(content: bytes, compact: str) -> tuple[int | None, str | None]:
    """Line and text of the first part of a JSON text that says the same as `compact`, which has
    numbers as text."""
    wanted = _loads(compact)
    leaf = max(_leaves(wanted), key=len, default="").encode()
    for start, end in _parts(content):
        part = content[start:end]
        if leaf in part and len(part) <= 4 * len(compact) + 64 and _says(part, wanted):
            return content.count(b"\n", 0, start) + 1, part.decode("utf-8", "replace")
    return None, None


def _says(part: bytes, wanted: object) -> bool:
    try:
        return _loads(part) == wanted
    except ValueError:
        return False


def _loads(text: str | bytes) -> object:
    found: object = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    return found


def _leaves(value: Any) -> Iterator[str]:
    """Words that stand in the text as they are."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(name)
            yield from _leaves(below)
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below)
    elif isinstance(value, str) and value.isascii() and not _ESCAPED & set(value):
        yield value


def _parts(content: bytes) -> Iterator[tuple[int, int]]:
    """Where objects and arrays begin and end, inner ones first."""
    open_at: list[int] = []
    for token in _TOKEN.finditer(content):
        mark = content[token.start()]
        if mark in b"{[":
            open_at.append(token.start())
        elif mark in b"}]" and open_at:
            yield open_at.pop(), token.end()
