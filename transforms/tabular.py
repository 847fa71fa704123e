"""Csv files, many in one parse.

The cost of parsing is per file, not per byte (1,500 files of 288 rows: 0.3 s joined, 1.5 s one by
one), so files with the same header are joined and parsed once. That is only done with files of
which it can be shown, by counting separators, that each record has its number of fields; the
others, and a batch that fails after all, are read line by line, which loses bad lines only.

A file too large for that is read in parts of whole lines. Since a record is always one line, even
where a quote is left open, its parts have the records that the whole has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import polars as pl

from transforms.container import LINES_LIMIT, unpack, unpack_blocks
from transforms.csv_layout import Layout, cells_of, decoded, header_of
from transforms.passing import TextOf, Texts, TextsInPassing
from transforms.payload import BadPayload, Payload
from transforms.records import Records, Unreadable

__all__ = ["PART_BYTES", "Layout", "csv_texts", "read_csv", "read_csv_in_parts"]

PART_BYTES = 1 << 24  # 16 MiB of text, which come to some 150 MB on their way to typed rows
_TOGETHER_BYTES = 1 << 25  # of text that is joined and parsed at a time, and then let go
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _File:
    raw_key: str
    names: tuple[str, ...]
    body: bytes  # records only, \n between and after them, no empty lines
    count: int
    before: int = 0  # records of the file that come before these


@dataclass(slots=True)
class _Lines:
    """Finds a record's text again; splits a file once, when one of its records is asked for."""

    files: dict[str, _File]
    split: dict[str, list[bytes]] = field(default_factory=dict)

    def text(self, raw_key: str, raw_row: int) -> str:
        file = self.files[raw_key]
        if raw_key not in self.split:
            self.split[raw_key] = file.body.split(b"\n")
        return self.split[raw_key][raw_row - file.before - 1].decode("utf-8", "replace")


@dataclass(slots=True)
class _Reopened:
    """Finds the texts of records of files that are not held, by opening their file once more.

    Records asked for file by file cost one opening each. files: by raw key.
    """

    venue: str
    layout: Layout
    files: Mapping[str, Payload]
    _lines: _Lines = field(default_factory=lambda: _Lines({}))

    def text(self, raw_key: str, raw_row: int) -> str:
        if raw_key not in self._lines.files:
            self._lines = _Lines({raw_key: _open(self.venue, self.files[raw_key], self.layout)})
        return self._lines.text(raw_key, raw_row)


def read_csv(venue: str, payloads: Sequence[Payload], layout: Layout) -> Records:
    """The records of csv files as text columns `layout.wanted`, NULL where a file lacks one.

    A file of zero bytes, or of a header alone, has no records and is valid. A record with another
    number of fields than its header, or that is not text, is unreadable.

    Raises BadPayload for a container that cannot be opened or a header that lacks a required
    column.
    """
    by_key = {payload.raw_key: payload for payload in payloads}
    keys = pl.Enum(sorted(by_key))
    found = [_read(files, layout, keys) for files in _opened(venue, payloads, layout)]
    return Records(
        frame=pl.concat([_empty(layout, keys), *(each.frame for each in found)], rechunk=True),
        read={raw_key: count for each in found for raw_key, count in each.read.items()},
        unreadable=[bad for each in found for bad in each.unreadable],
        text_of=_Reopened(venue, layout, by_key).text,
    )


def read_csv_in_parts(
    venue: str,
    payload: Payload,
    layout: Layout,
    *,
    size: int = PART_BYTES,
    limit: int = LINES_LIMIT,
) -> Iterator[Records]:
    """The records of one csv file of any size as `read_csv` has them, one part after the other.

    Each part holds about `size` bytes of text; there is at least one. `raw_row` counts over the
    whole file, `read` and `text_of` are about the part. Do not keep a part: it holds its text.

    Raises BadPayload like `read_csv`, possibly after some parts, and for a file of more than
    `limit` bytes; ValueError for a layout with a `fallback`, since only all of a file can show
    how it is encoded.
    """
    keys = pl.Enum([payload.raw_key])
    for part in _parts(venue, payload, layout, size, limit):
        found = _read([part], layout, keys)
        texts = _Lines({payload.raw_key: part}).text
        yield Records(found.frame, found.read, found.unreadable, texts)


def csv_texts(venue: str, payloads: Sequence[Payload], layout: Layout) -> TextOf:
    """The texts of the records of csv files of which only parts are held."""
    files = {payload.raw_key: payload for payload in payloads}

    def parts_of(raw_key: str) -> Iterator[Texts]:
        parts = _parts(venue, files[raw_key], layout, PART_BYTES, LINES_LIMIT)
        return (Texts(part.count, _Lines({raw_key: part}).text) for part in parts)

    return TextsInPassing(parts_of).text


@dataclass(frozen=True, slots=True)
class _Found:
    """What `Records` has of some files."""

    frame: pl.DataFrame
    read: dict[str, int]
    unreadable: list[Unreadable]


def _opened(venue: str, payloads: Sequence[Payload], layout: Layout) -> Iterator[list[_File]]:
    """Some files at a time: their text is many times as large as they are."""
    held: list[_File] = []
    size = 0
    for payload in payloads:
        held.append(_open(venue, payload, layout))
        size += len(held[-1].body)
        if size >= _TOGETHER_BYTES:
            some, held, size = held, [], 0
            yield some
            del some
    if held:
        yield held


def _read(files: Sequence[_File], layout: Layout, keys: pl.Enum) -> _Found:
    alike: dict[tuple[str, ...], list[_File]] = {}
    for file in files:
        alike.setdefault(file.names, []).append(file)

    frames = [_empty(layout, keys)]
    unreadable: list[Unreadable] = []
    for names, group in alike.items():
        plain, text = _joined(group)
        cells = _parse_joined(names, plain, text, layout, keys)
        if cells is not None:
            frames.append(cells)
            done = {file.raw_key for file in plain}
        else:
            done = set()
        for file in group:
            if file.raw_key not in done:
                frame, bad = _parse_lines(file, layout, keys)
                frames.append(frame)
                unreadable.extend(bad)
    return _Found(pl.concat(frames), {file.raw_key: file.count for file in files}, unreadable)


def _open(venue: str, payload: Payload, layout: Layout) -> _File:
    content = _begun(venue, payload, unpack(payload, venue=venue))
    if layout.fallback:
        content = _as_utf8(content, layout.fallback)
    return _headed(venue, payload, _plain_lines(content), layout)


def _parts(venue: str, payload: Payload, layout: Layout, size: int, limit: int) -> Iterator[_File]:
    if layout.fallback:
        raise ValueError(f"{venue}: {payload.path}: how it is encoded only the whole file shows")
    part: _File | None = None
    for number, block in enumerate(unpack_blocks(payload, size=size, venue=venue, limit=limit)):
        lines = _plain_lines(block if number else _begun(venue, payload, block))
        if part is not None:
            before = part.before + part.count
            part = _File(payload.raw_key, part.names, lines, lines.count(b"\n"), before)
        elif lines:
            part = _headed(venue, payload, lines, layout)
        else:  # nothing but empty lines so far
            continue
        yield part
    if part is None:
        yield _File(payload.raw_key, layout.columns, b"", 0)


def _begun(venue: str, payload: Payload, content: bytes) -> bytes:
    """What stands at the beginning of a file, without its mark."""
    content = content.removeprefix(_BOM)
    if content[:64].lstrip()[:1] in (b"{", b"["):
        raise BadPayload(venue, payload.path, f"JSON instead of csv: {decoded(content[:200])}")
    return content


def _plain_lines(content: bytes) -> bytes:
    """Lines that each end with one newline, none of them empty."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    if b"\n\n" in content or content.startswith(b"\n"):
        content = b"\n".join(line for line in content.split(b"\n") if line)
    if content and not content.endswith(b"\n"):
        content += b"\n"
    return content


def _headed(venue: str, payload: Payload, content: bytes, layout: Layout) -> _File:
    first, _, rest = content.partition(b"\n")
    header = header_of(first, layout)
    if header is None:
        return _File(payload.raw_key, layout.columns, content, content.count(b"\n"))
    if missing := [name for name in layout.required if name not in header]:
        raise BadPayload(venue, payload.path, f"header lacks {', '.join(missing)}")
    if len(set(header)) != len(header):
        raise BadPayload(venue, payload.path, "header names a column twice")
    return _File(payload.raw_key, header, rest, rest.count(b"\n"))


def _as_utf8(content: bytes, encoding: str) -> bytes:
    try:
        content.decode()
    except UnicodeDecodeError:
        with suppress(UnicodeDecodeError):  # then it is damaged, and read line by line
            return content.decode(encoding).encode()
    return content


def _joined(files: Sequence[_File]) -> tuple[Sequence[_File], bytes]:
    """The files that can be parsed together, and their text."""
    # Nearly always that is all of them, which shows at once when they are looked at together.
    text = b"".join(file.body for file in files)
    commas = sum(file.count * (len(file.names) - 1) for file in files)
    odd = b'"' in text or b"\r" in text or not text.isascii()
    if not odd and text.count(b",") == commas:
        return files, text
    plain = [(file, body) for file in files if (body := _plain(file)) is not None]
    return [file for file, _ in plain], b"".join(body for _, body in plain)


def _plain(file: _File) -> bytes | None:
    """The body without quotes if each record surely has as many fields as the header.

    With the total of separators right, a record with too few fields means another with too many,
    and that the joined parse refuses.
    """
    body = file.body.replace(b'""', b"") if b'"' in file.body else file.body
    if b'"' in body or b"\r" in body or body.count(b",") != file.count * (len(file.names) - 1):
        return None
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            return None
    return body


def _parse_joined(
    names: tuple[str, ...], files: Sequence[_File], text: bytes, layout: Layout, keys: pl.Enum
) -> pl.DataFrame | None:
    total = sum(file.count for file in files)
    if not total:
        return None
    try:
        cells = pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    if cells.height != total:
        return None
    counts = pl.Series([file.count for file in files], dtype=pl.Int64)
    first = pl.Series([file.before + 1 for file in files], dtype=pl.Int64)
    origin = pl.select(
        file=pl.int_range(len(files)).repeat_by(counts),
        raw_row=pl.int_ranges(first, first + counts),
    ).filter(counts > 0)
    origin = origin.explode("file", "raw_row")
    of_file = pl.Series("raw_key", [file.raw_key for file in files], dtype=keys)
    raw_keys = of_file.gather(origin["file"])
    return pl.concat(
        [raw_keys.to_frame(), origin.select("raw_row"), cells], how="horizontal"
    ).select(
        "raw_key",
        "raw_row",
        *(
            pl.col(name) if name in names else pl.lit(None, pl.String).alias(name)
            for name in layout.wanted
        ),
    )


def _parse_lines(
    file: _File, layout: Layout, keys: pl.Enum
) -> tuple[pl.DataFrame, list[Unreadable]]:
    unreadable: list[Unreadable] = []
    rows: list[int] = []
    columns: dict[str, list[str | None]] = {name: [] for name in layout.wanted}
    lines = file.body.split(b"\n")[: file.count]
    for raw_row, line in enumerate(lines, start=file.before + 1):
        try:
            cells = cells_of(line.decode())
        except UnicodeDecodeError:
            cells = None
        if cells is None:
            unreadable.append(Unreadable(file.raw_key, raw_row, "not readable as csv text"))
        elif len(cells) != len(file.names):
            reason = f"{len(cells)} fields, expected {len(file.names)}"
            unreadable.append(Unreadable(file.raw_key, raw_row, reason))
        else:
            rows.append(raw_row)
            named = dict(zip(file.names, cells, strict=True))
            for name, column in columns.items():
                column.append(named.get(name) or None)
    return _frame([file.raw_key] * len(rows), rows, columns, keys), unreadable


def _empty(layout: Layout, keys: pl.Enum) -> pl.DataFrame:
    return _frame([], [], {name: [] for name in layout.wanted}, keys)


def _frame(
    raw_keys: list[str], rows: list[int], columns: dict[str, list[str | None]], keys: pl.Enum
) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = {"raw_key": keys, "raw_row": pl.Int64()}
    schema |= {name: pl.String() for name in columns}
    return pl.DataFrame({"raw_key": raw_keys, "raw_row": rows, **columns}, schema=schema)
