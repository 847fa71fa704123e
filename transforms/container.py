"""Getting at the text of a raw export: zip with one csv, gzip, zstandard, LZ4 frame, or plain.

Inflating is bounded. Of what is read whole, nothing a venue publishes comes near
`INFLATED_LIMIT`, so what does is a mistake or an attack and is refused before memory is spent.
Files that may be larger (tickers of all symbols, all fills) are read in passing, in blocks or
lines, up to `LINES_LIMIT`.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from posixpath import basename, splitext

import pyarrow as pa
from isal import igzip_lib, isal_zlib
from isal.igzip_lib import IgzipDecompressor, IsalError

from transforms.payload import BadPayload, Payload
from transforms.zip_member import BrokenError, check_member, raw_member, readable_member

INFLATED_LIMIT = 1 << 29  # 512 MiB; a month of one-minute bars is about 5 MB
LINES_LIMIT = 1 << 36  # 64 GiB, in passing; an hour of all fills of a venue may be several

_RAW_DEFLATE = -15
_GZIP = 31
_GZIP_MAGIC = b"\x1f\x8b"
_CODECS = {".zst": "zstd", ".lz4": "lz4"}  # of pyarrow, whose lz4 stream is the frame format
_CHUNK = 1 << 22
_FEED = 1 << 18  # compressed bytes given to a stream at a time
_PAGE = 64  # bytes by which a page is told from data


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
        return _opened(payload.content, payload.path, limit)
    except BrokenError as error:
        raise BadPayload(venue, payload.path, str(error)) from None


def _opened(content: bytes, path: str, limit: int) -> bytes:
    _refuse_page(content)
    stem, suffix = splitext(basename(path))
    inflate = _INFLATE.get(suffix.lower())
    if inflate is None:
        return content
    if not content:
        raise BrokenError("empty file")
    inflated = inflate(content, stem, limit)
    _refuse_page(inflated)
    return inflated


def _refuse_page(content: bytes) -> None:
    if content[:_PAGE].lstrip().startswith(b"<"):
        raise BrokenError("an HTML or XML page instead of data")


def _unzip(content: bytes, stem: str, limit: int) -> bytes:
    member = readable_member(content, stem, limit)
    raw = raw_member(content, member)
    stored = member.method == zipfile.ZIP_STORED
    inflated = raw if stored else _inflate(raw, _RAW_DEFLATE, limit)[0]
    check_member(member, len(inflated), isal_zlib.crc32(inflated))
    return inflated


def _inflate(raw: bytes, window_bits: int, limit: int) -> tuple[bytes, bytes]:
    """Inflated bytes and what follows the stream."""
    stream = isal_zlib.decompressobj(window_bits)
    try:
        inflated = stream.decompress(raw, limit + 1)
    except (IsalError, zlib.error, ValueError) as error:  # type: ignore[misc]  # stub: no class
        raise BrokenError(f"broken compression: {error}") from None
    if len(inflated) > limit:
        raise BrokenError(f"inflates to more than {limit} bytes")
    if not stream.eof:
        raise BrokenError("the compressed stream is truncated")
    return inflated, stream.unused_data


def _gunzip(content: bytes, _stem: str, limit: int) -> bytes:
    parts: list[bytes] = []
    rest, room = content, limit
    while rest.strip(b"\x00"):  # tools may pad with zeros behind the last member
        if not rest.startswith(_GZIP_MAGIC):
            raise BrokenError("not gzip")
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
            raise BrokenError(f"inflates to more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def _chunks(codec: str, content: bytes, step: int = _CHUNK) -> Iterator[bytes]:
    if not content:
        raise BrokenError("empty file")
    try:
        with pa.input_stream(pa.BufferReader(content), compression=codec) as stream:
            while part := stream.read(step):
                yield part
    except (OSError, pa.ArrowException) as error:
        raise BrokenError(f"broken compression: {error}") from None


_INFLATE: dict[str, Callable[[bytes, str, int], bytes]] = {
    ".zip": _unzip,
    ".gz": _gunzip,
    **{suffix: partial(_unstream, codec) for suffix, codec in _CODECS.items()},
}


# ---- In passing ---------------------------------------------------------------------------------


def unpack_blocks(
    payload: Payload, *, size: int, venue: str = "raw export", limit: int = LINES_LIMIT
) -> Iterator[bytes]:
    """The bytes of `unpack(payload)` as blocks of whole lines, each of about `size` bytes or of
    one line that is longer; no more than one is ever held. For files too large as a whole.

    Blocks end with a newline, the last one perhaps without; of nothing there are none.
    Raises BadPayload like `unpack`, possibly after some blocks.
    """
    size = max(size, _PAGE)
    try:
        _refuse_page(payload.content)
        pieces = _pieces(payload.content, payload.path, min(size, _CHUNK), limit)
        for number, block in enumerate(_cut(pieces, size)):
            if number == 0:
                _refuse_page(block)
            yield block
    except BrokenError as error:
        raise BadPayload(venue, payload.path, str(error)) from None


def unpack_lines(
    payload: Payload, *, venue: str = "raw export", limit: int = LINES_LIMIT
) -> Iterator[bytes]:
    """The lines of `unpack(payload)` one by one, without their newlines and without ever holding
    more than a block of them; for files that are too large as a whole.

    Raises BadPayload like `unpack`, possibly after some lines.
    """
    block = b"\n"
    for block in unpack_blocks(payload, size=_CHUNK, venue=venue, limit=limit):
        lines = block.split(b"\n")
        yield from lines[:-1]
        if lines[-1]:
            yield lines[-1]
    if block.endswith(b"\n"):
        yield b""


def check_openable(payload: Payload, *, limit: int, venue: str = "raw export") -> None:
    """Raises BadPayload where `unpack` would, but holds nothing of what is inside."""
    for _ in unpack_blocks(payload, size=_CHUNK, venue=venue, limit=limit):
        pass


def _cut(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        end = piece.rfind(b"\n") + 1
        if length >= size and end:
            held[-1] = piece[:end]
            yield b"".join(held)
            held = [piece[end:]]
            length = len(held[0])
        elif length > INFLATED_LIMIT:
            raise BrokenError(f"a line of more than {INFLATED_LIMIT} bytes")
    if length:
        yield b"".join(held)


def _pieces(content: bytes, path: str, step: int, limit: int) -> Iterator[bytes]:
    """What is inside, in pieces of at most `step` bytes."""
    stem, suffix = splitext(basename(path))
    suffix = suffix.lower()
    if suffix not in _INFLATE:
        yield from _slices(content, step)
        return
    if not content:
        raise BrokenError("empty file")
    pieces: Iterator[bytes]
    if suffix == ".gz":
        pieces = _gunzipped(content, step)
    elif suffix == ".zip":
        pieces = _unzipped(content, stem, step, limit)
    else:
        pieces = _chunks(_CODECS[suffix], content, step)
    room = limit
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise BrokenError(f"inflates to more than {limit} bytes")
        yield piece


def _slices(content: bytes, step: int) -> Iterator[bytes]:
    return (content[at : at + step] for at in range(0, len(content), step))


def _unzipped(content: bytes, stem: str, step: int, limit: int) -> Iterator[bytes]:
    member = readable_member(content, stem, limit)
    raw = raw_member(content, member)
    pieces: Iterable[bytes]
    if member.method == zipfile.ZIP_STORED:
        pieces = _slices(raw, step)
    else:
        pieces = _inflated(raw, member.inflated, step)
    size, crc = 0, 0
    for piece in pieces:
        size, crc = size + len(piece), isal_zlib.crc32(piece, crc)
        if size > member.inflated:  # the directory lies, and nobody knows how much there is
            break
        yield piece
    check_member(member, size, crc)


def _inflated(raw: bytes, size: int, step: int) -> Iterable[bytes]:
    """size: of what comes out, as the directory has it."""
    if size <= step:
        # Nearly every file: a stream takes five times as long, most of it for its buffer of `step`
        # bytes. What turns out to be broken, or larger, is the stream's to judge.
        with contextlib.suppress(BrokenError):
            return (_inflate(raw, _RAW_DEFLATE, size)[0],)
    return _Stream(raw, 0, igzip_lib.DECOMP_DEFLATE).pieces(step)


def _gunzipped(content: bytes, step: int) -> Iterator[bytes]:
    at = 0
    while content.startswith(_GZIP_MAGIC, at):
        stream = _Stream(content, at, igzip_lib.DECOMP_GZIP)
        yield from stream.pieces(step)
        at = stream.end
    if content[at:].strip(b"\x00"):  # tools may pad with zeros behind the last member
        raise BrokenError("not gzip")


@dataclass(slots=True)
class _Stream:
    """A compressed stream that begins somewhere in `content`; `end` is where it ended."""

    content: bytes
    end: int
    kind: int

    def pieces(self, step: int) -> Iterator[bytes]:
        stream = IgzipDecompressor(self.kind)
        while not stream.eof:
            feed = b""
            if stream.needs_input:
                feed = self.content[self.end : self.end + _FEED]
                self.end += len(feed)
                if not feed:
                    raise BrokenError("the compressed stream is truncated")
            try:
                piece = stream.decompress(feed, step)
            except (IsalError, ValueError) as error:  # type: ignore[misc]  # stub: no class
                raise BrokenError(f"broken compression: {error}") from None
            if piece:
                yield piece
        self.end -= len(stream.unused_data)
