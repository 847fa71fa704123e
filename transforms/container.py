"""Getting at the text of a raw export: zip with one csv, gzip, zstandard, LZ4 frame, or plain.

Inflating is bounded: nothing a venue publishes in the datasets we read comes near
`INFLATED_LIMIT`, so what does is a mistake or an attack and is refused before memory is spent.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

import pyarrow as pa
from isal import isal_zlib
from isal.igzip_lib import IsalError

from transforms.payload import BadPayload, Payload

INFLATED_LIMIT = 1 << 29  # 512 MiB; a month of one-minute bars is about 5 MB
LINES_LIMIT = 1 << 36  # 64 GiB, in passing; an hour of all fills of a venue may be several

# APPNOTE 4.3.16: mark, disk, its first disk, entries here, entries, size, offset, comment.
_END = struct.Struct("<4s4H2LH")
# 4.3.12: mark, made by, needs, flags, method, time, date, CRC, compressed, inflated, lengths of
# name, extra and comment, disk, attributes inside and outside, offset.
_ENTRY = struct.Struct("<4s6H3L5H2L")
_IN_ZIP64 = 0xFFFFFFFF
_LOCAL_HEADER_SIZE = 30
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_RAW_DEFLATE = -15
_GZIP = 31
_GZIP_MAGIC = b"\x1f\x8b"
_CODECS = {".zst": "zstd", ".lz4": "lz4"}  # of pyarrow, whose lz4 stream is the frame format
_CHUNK = 1 << 22


class _BrokenError(ValueError):
    """Why a container cannot be opened."""


def unpack(payload: Payload, *, venue: str = "raw export", limit: int = INFLATED_LIMIT) -> bytes:
    """The bytes inside `payload`, by the suffix of its path: .zip, .gz, .zst, .lz4, else as they
    are.

    A zip holds exactly one member, named like the zip with `.csv`; its CRC is verified. An empty
    result is valid: a venue may publish a file in which nothing happened.

    venue: who to name in an error.
    Raises BadPayload when the container is empty, broken, encrypted, larger than `limit` bytes
    inflated, or an HTML or XML page served in its place.
    """
    try:
        return _opened(payload.content, PurePosixPath(payload.path), limit)
    except _BrokenError as error:
        raise BadPayload(venue, payload.path, str(error)) from None


def _opened(content: bytes, path: PurePosixPath, limit: int) -> bytes:
    _refuse_page(content)
    inflate = _INFLATE.get(path.suffix.lower())
    if inflate is None:
        return content
    if not content:
        raise _BrokenError("empty file")
    inflated = inflate(content, path.stem, limit)
    _refuse_page(inflated)
    return inflated


def _refuse_page(content: bytes) -> None:
    if content[:64].lstrip().startswith(b"<"):
        raise _BrokenError("an HTML or XML page instead of data")


@dataclass(frozen=True, slots=True)
class _Member:
    """What the directory of a zip says of its one member."""

    flags: int
    method: int
    crc: int
    compressed: int
    inflated: int
    name: bytes
    at: int


def _unzip(content: bytes, stem: str, limit: int) -> bytes:
    member = _only_member(content)
    name = _member_name(member)
    if name != f"{stem}.csv":
        raise _BrokenError(f"member {name!r} in the zip, expected {stem + '.csv'!r}")
    if member.flags & _ENCRYPTED:
        raise _BrokenError("the zip is encrypted")
    if member.inflated > limit:
        raise _BrokenError(f"inflates to {member.inflated} bytes, more than {limit}")
    raw = _raw_member(content, member)
    if member.method == zipfile.ZIP_STORED:
        inflated = raw
    elif member.method == zipfile.ZIP_DEFLATED:
        inflated = _inflate(raw, _RAW_DEFLATE, limit)[0]
    else:
        raise _BrokenError(f"zip compression method {member.method} is not supported")
    if len(inflated) != member.inflated or isal_zlib.crc32(inflated) != member.crc:
        raise _BrokenError("CRC or size of the zip member does not match")
    return inflated


def _only_member(content: bytes) -> _Member:
    """Of a zip as venues write it (one member, no comment, no 64-bit sizes) the directory is read
    here, which takes a twentieth of the time of the standard reader. It has all others."""
    if len(content) >= _END.size + _ENTRY.size:
        mark, disk, first, here, count, size, start, comment = _END.unpack_from(
            content, len(content) - _END.size
        )
        plain = (mark, disk, first, here, count, comment) == (b"PK\x05\x06", 0, 0, 1, 1, 0)
        if plain and start + size == len(content) - _END.size and size >= _ENTRY.size:
            entry = _ENTRY.unpack_from(content, start)
            name_size, extra, remark, at = entry[10], entry[11], entry[12], entry[16]
            if (
                entry[0] == b"PK\x01\x02"
                and size == _ENTRY.size + name_size + extra + remark
                and max(entry[8], entry[9], at) < _IN_ZIP64
            ):
                name = content[start + _ENTRY.size : start + _ENTRY.size + name_size]
                return _Member(entry[3], entry[4], entry[7], entry[8], entry[9], name, at)
    return _by_standard_reader(content)


def _by_standard_reader(content: bytes) -> _Member:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    # The standard reader also lets these escape for directories that were cut or altered.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise _BrokenError(f"not a zip: {error}") from None
    with archive:
        members = archive.infolist()
    if len(members) != 1:
        raise _BrokenError(f"{len(members)} members in the zip, expected one")
    one = members[0]
    return _Member(
        one.flag_bits,
        one.compress_type,
        one.CRC,
        one.compress_size,
        one.file_size,
        one.orig_filename.encode("utf-8" if one.flag_bits & _UTF8_NAME else "cp437"),
        one.header_offset,
    )


def _member_name(member: _Member) -> str:
    """The name as UTF-8 where it is: many writers leave out the flag that says so."""
    try:
        return member.name.decode()
    except UnicodeError:
        return member.name.decode("cp437")


def _raw_member(content: bytes, member: _Member) -> bytes:
    """Compressed bytes of a member; read past zipfile, whose zlib is three times slower."""
    at = member.at
    header = content[at : at + _LOCAL_HEADER_SIZE] if at >= 0 else b""
    if len(header) < _LOCAL_HEADER_SIZE or not header.startswith(b"PK\x03\x04"):
        raise _BrokenError("the zip's directory points outside the file")
    name_size = int.from_bytes(header[26:28], "little")
    extra_size = int.from_bytes(header[28:30], "little")
    start = at + _LOCAL_HEADER_SIZE + name_size + extra_size
    raw = content[start : start + member.compressed]
    if len(raw) != member.compressed:
        raise _BrokenError("the zip is truncated")
    return raw


def _inflate(raw: bytes, window_bits: int, limit: int) -> tuple[bytes, bytes]:
    """Inflated bytes and what follows the stream."""
    stream = isal_zlib.decompressobj(window_bits)
    try:
        inflated = stream.decompress(raw, limit + 1)
    except (IsalError, zlib.error, ValueError) as error:  # type: ignore[misc]  # stub: no class
        raise _BrokenError(f"broken compression: {error}") from None
    if len(inflated) > limit:
        raise _BrokenError(f"inflates to more than {limit} bytes")
    if not stream.eof:
        raise _BrokenError("the compressed stream is truncated")
    return inflated, stream.unused_data


def _gunzip(content: bytes, _stem: str, limit: int) -> bytes:
    parts: list[bytes] = []
    rest, room = content, limit
    while rest.strip(b"\x00"):  # tools may pad with zeros behind the last member
        if not rest.startswith(_GZIP_MAGIC):
            raise _BrokenError("not gzip")
        part, rest = _inflate(rest, _GZIP, room)
        parts.append(part)
        room -= len(part)
    return b"".join(parts)


def _unstream(codec: str, content: bytes, _stem: str, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    for part in _chunks(codec, content):
        room -= len(part)
        if room < 0:
            raise _BrokenError(f"inflates to more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def _chunks(codec: str, content: bytes) -> Iterator[bytes]:
    if not content:
        raise _BrokenError("empty file")
    try:
        with pa.input_stream(pa.BufferReader(content), compression=codec) as stream:
            while part := stream.read(_CHUNK):
                yield part
    except (OSError, pa.ArrowException) as error:
        raise _BrokenError(f"broken compression: {error}") from None


_INFLATE: dict[str, Callable[[bytes, str, int], bytes]] = {
    ".zip": _unzip,
    ".gz": _gunzip,
    **{suffix: partial(_unstream, codec) for suffix, codec in _CODECS.items()},
}


def unpack_lines(
    payload: Payload, *, venue: str = "raw export", limit: int = LINES_LIMIT
) -> Iterator[bytes]:
    """The lines of `unpack(payload)` one by one, without their newlines and without ever holding
    more than a chunk of a .zst or .lz4; for files that are too large as a whole.

    Raises BadPayload like `unpack`, possibly after some lines.
    """
    path = PurePosixPath(payload.path)
    codec = _CODECS.get(path.suffix.lower())
    if codec is None:
        yield from unpack(payload, venue=venue).split(b"\n")
        return
    try:
        _refuse_page(payload.content)
        yield from _lines(_chunks(codec, payload.content), limit)
    except _BrokenError as error:
        raise BadPayload(venue, payload.path, str(error)) from None


def _lines(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    room, pending, first = limit, [b""], True
    for chunk in chunks:
        if first:
            _refuse_page(chunk)
            first = False
        room -= len(chunk)
        if room < 0:
            raise _BrokenError(f"inflates to more than {limit} bytes")
        head, *rest = chunk.split(b"\n")
        pending.append(head)
        if rest:
            yield b"".join(pending)
            yield from rest[:-1]
            pending = [rest[-1]]
        if sum(map(len, pending)) > INFLATED_LIMIT:
            raise _BrokenError(f"a line of more than {INFLATED_LIMIT} bytes")
    yield b"".join(pending)
