"""JSON answers and recordings: one answer, an array of answers, or one message a line.

Numbers stay text from the file to the typed row, so that no digit is lost on the way. A recording
may be years long, and a message parsed is ten times as large as its text: such are read in parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from transforms.container import unpack, unpack_blocks, unpack_lines
from transforms.passing import TextOf, Texts, TextsInPassing
from transforms.payload import BadPayload, Payload
from transforms.records import Records, Unreadable

PART_BYTES = 1 << 22  # 4 MiB of text
_BOM = b"\xef\xbb\xbf"

Where = tuple[str | int, ...]
"""Where a cell stands in a record: names of objects, positions in arrays."""

RowsOf = Callable[[object], Sequence[object] | None]
"""The records of one answer or message. None: not an answer of this kind. An empty sequence: of
this kind, without records (a subscription was confirmed). Raises RefusedError."""


class RefusedError(ValueError):
    """The venue answered with an error of its own; the message is the venue's."""


@dataclass(slots=True)
class _Collected:
    wanted: Mapping[str, Where]
    raw_keys: list[str] = field(default_factory=list)
    raw_rows: list[int] = field(default_factory=list)
    arrivals: list[str | None] = field(default_factory=list)
    columns: dict[str, list[str | None]] = field(init=False)
    read: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)  # records that earlier parts have
    unreadable: list[Unreadable] = field(default_factory=list)
    originals: dict[str, list[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = {name: [] for name in self.wanted}

    def open(self, raw_key: str, before: int = 0) -> None:
        self.read[raw_key] = 0
        self.before[raw_key] = before
        self.originals[raw_key] = []

    def _count(self, raw_key: str, original: object) -> int:
        self.read[raw_key] += 1
        self.originals[raw_key].append(original)
        return self.before[raw_key] + self.read[raw_key]

    def set_aside(self, raw_key: str, original: object, reason: str) -> None:
        row = self._count(raw_key, original)
        self.unreadable.append(Unreadable(raw_key, row, _encodable(reason)))

    def add(self, raw_key: str, record: object, arrival: str | None) -> None:
        if not isinstance(record, dict | list):
            self.set_aside(raw_key, record, "not an object")
            return
        self.raw_rows.append(self._count(raw_key, record))
        self.raw_keys.append(raw_key)
        self.arrivals.append(arrival)
        for name, where in self.wanted.items():
            self.columns[name].append(_cell(record, where))

    def text(self, raw_key: str, raw_row: int) -> str:
        original = self.originals[raw_key][raw_row - self.before[raw_key] - 1]
        return _encodable(original if isinstance(original, str) else _compact(original))

    def records(self) -> Records:
        return Records(
            frame=pl.DataFrame(
                {
                    "raw_key": self.raw_keys,
                    "raw_row": self.raw_rows,
                    "arrival_ns": self.arrivals,
                    **self.columns,
                },
                schema={"raw_key": pl.String(), "raw_row": pl.Int64(), "arrival_ns": pl.String()}
                | {name: pl.String() for name in self.wanted},
            ),
            read=self.read,
            unreadable=self.unreadable,
            text_of=self.text,
        )


def read_json(
    venue: str,
    payloads: Sequence[Payload],
    columns: Mapping[str, Where],
    rows_of: RowsOf,
    *,
    lines_with: bytes | None = None,
) -> Records:
    """The records of JSON files as text columns, one per entry of `columns`, and `arrival_ns`
    (text) where a recording has it.

    In a `.jsonl` a line that is cut off, is not JSON, is no message of this kind or reports an
    error of the venue's is one unreadable record; the other lines are kept. A file that repeats
    or overlaps another is only read here; what to do about it is not this stage's.

    lines_with: for logs of everything a venue does, whose files have one message a line whatever
        their name: only lines with these bytes can hold records. The others are passed over
        unparsed and the file is never held whole. A line without a closing bracket at its end
        was cut off and may have lost them, so it is read all the same.

    Raises BadPayload for a `.json` that is not JSON, holds no answer of this kind, or is the
    venue's report of an error.
    """
    found = _Collected(columns)
    for payload in payloads:
        found.open(payload.raw_key)
        if lines_with is not None:
            lines = _told_of(lines_with, unpack_lines(payload, venue=venue))
            _read_lines(payload.raw_key, lines, rows_of, found)
            continue
        content = unpack(payload, venue=venue).removeprefix(_BOM)
        if _is_lines(payload):
            _read_lines(payload.raw_key, content.split(b"\n"), rows_of, found)
        else:
            _read_whole(venue, payload, content, rows_of, found)
    return found.records()


def read_json_in_parts(
    venue: str,
    payloads: Iterable[Payload],
    columns: Mapping[str, Where],
    rows_of: RowsOf,
    *,
    size: int = PART_BYTES,
) -> Iterator[Records]:
    """The records of `read_json`, some at a time: those of a few files, or of a part of one.

    Each part comes of about `size` bytes of text; there is at least one. `raw_row` counts over
    the whole file, `read` and `text_of` are about the part. A `.json` is one part at least, with
    all it has.

    Raises BadPayload like `read_json`, possibly after some parts.
    """
    found, held = _Collected(columns), 0
    for payload in payloads:
        key = payload.raw_key
        found.open(key)
        for number, block in enumerate(_blocks(venue, payload, size)):
            content = block if number else block.removeprefix(_BOM)
            if held and held + len(content) > size:
                before = found.before[key] + found.read[key]
                yield found.records()
                found, held = _Collected(columns), 0
                found.open(key, before)
            held += len(content)
            if _is_lines(payload):
                _read_lines(key, content.split(b"\n"), rows_of, found)
            else:
                _read_whole(venue, payload, content, rows_of, found)
    yield found.records()


def json_texts(
    venue: str, payloads: Sequence[Payload], columns: Mapping[str, Where], rows_of: RowsOf
) -> TextOf:
    """The texts of the records of JSON files of which only parts are held."""
    files = {payload.raw_key: payload for payload in payloads}

    def parts_of(raw_key: str) -> Iterator[Texts]:
        parts = read_json_in_parts(venue, [files[raw_key]], columns, rows_of)
        return (Texts(part.read[raw_key], part.text_of) for part in parts)

    return TextsInPassing(parts_of).text


def _blocks(venue: str, payload: Payload, size: int) -> Iterator[bytes]:
    if _is_lines(payload):
        return unpack_blocks(payload, size=size, venue=venue)
    return iter([unpack(payload, venue=venue)])


def _is_lines(payload: Payload) -> bool:
    return ".jsonl" in PurePosixPath(payload.path).suffixes


def _read_whole(
    venue: str, payload: Payload, content: bytes, rows_of: RowsOf, found: _Collected
) -> None:
    try:
        _read_document(payload.raw_key, _loads(content), rows_of, found)
    except ValueError as error:
        raise BadPayload(venue, payload.path, _encodable(str(error))) from None


def rows_in(venue: str, path: str, content: bytes, rows_of: RowsOf) -> Sequence[object]:
    """The records of one answer, for deciding whether to ask for another page.

    Raises BadPayload like `read_json`.
    """
    try:
        records = rows_of(_loads(content))
    except ValueError as error:
        raise BadPayload(venue, path, _encodable(str(error))) from None
    if records is None:
        raise BadPayload(venue, path, "not an answer of this endpoint")
    return records


def stamps_in(
    venue: str,
    path: str,
    rows: Iterable[object],
    where: Where,
    read: Callable[[Any], int] = int,
) -> list[int]:
    """When each row of one answer was, as `read` has it of the cell that stands there.

    Raises BadPayload for a row whose time cannot be read.
    """
    try:
        return [read(_at(row, where)) for row in rows]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise BadPayload(venue, path, "a row without its time") from error


def _at(row: Any, where: Where) -> Any:
    for step in where:
        row = row[step]
    return row


def _loads(content: bytes) -> object:
    """Raises ValueError, saying where, for anything that is not JSON."""
    if not content.strip():
        raise ValueError("empty file")
    try:
        document: object = json.loads(
            content.decode(), parse_float=str, parse_int=str, parse_constant=str
        )
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    return document


def _read_document(raw_key: str, document: object, rows_of: RowsOf, found: _Collected) -> None:
    answer = rows_of(document)
    if answer is not None:
        for record in answer:
            found.add(raw_key, record, None)
        return
    if not isinstance(document, list):
        raise ValueError("not an answer of this endpoint")  # noqa: TRY004  it is the content
    for part in document:
        _read_message(raw_key, part, rows_of, found)


def _told_of(mark: bytes, lines: Iterable[bytes]) -> Iterable[bytes]:
    return (line for line in lines if mark in line or not line.rstrip().endswith((b"]", b"}")))


def _read_lines(raw_key: str, lines: Iterable[bytes], rows_of: RowsOf, found: _Collected) -> None:
    for line in lines:
        if not line.strip():
            continue
        try:
            message = _loads(line)
        except ValueError as error:
            found.set_aside(raw_key, line.decode("utf-8", "replace"), str(error))
            continue
        _read_message(raw_key, message, rows_of, found)


def _read_message(raw_key: str, message: object, rows_of: RowsOf, found: _Collected) -> None:
    arrival = None
    if isinstance(message, dict) and "message" in message and "arrival_ns" in message:
        arrival, message = _as_text(message["arrival_ns"]), message["message"]
    try:
        records = rows_of(message)
    except RefusedError as refusal:
        found.set_aside(raw_key, message, str(refusal))
        return
    if records is None:
        found.set_aside(raw_key, message, "not a message of this kind")
        return
    for record in records:
        found.add(raw_key, record, arrival)


def _cell(record: object, where: Where) -> str | None:
    for step in where:
        if isinstance(record, dict):
            record = record.get(step)
        elif (
            isinstance(record, list)
            and isinstance(step, int)
            and -len(record) <= step < len(record)
        ):
            record = record[step]
        else:
            return None
    return _as_text(record)


def _as_text(cell: object) -> str | None:
    if cell is None or cell == "":
        return None
    return _encodable(cell if isinstance(cell, str) else _compact(cell))


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _encodable(text: str) -> str:
    """JSON can spell half a surrogate pair, which is no text a frame can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
