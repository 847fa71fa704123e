"""What can be wrong with a zip, a gzip or a plain file, one by one."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tests.venues.cases import pack
from transforms import container
from transforms.container import INFLATED_LIMIT, check_openable, unpack, unpack_blocks, unpack_lines
from transforms.payload import BadPayload, Facts, Payload
from transforms.schemas.column import SourceKind
from transforms.zip_member import BrokenError

TEXT = b"a,b\n" + b"1,2\n" * 5000


def payload(path: str, content: bytes) -> Payload:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    return Payload(f"raw/{path}", path, content, SourceKind.ARCHIVE, Facts(), now)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(method: int) -> None:
    assert unpack(payload("x/a.zip", zipped(("a.csv", TEXT), method=method))) == TEXT


def test_gzip_with_several_members() -> None:
    twice = pack("a.csv.gz", TEXT) + pack("a.csv.gz", b"3,4\n")
    assert unpack(payload("a.csv.gz", twice)) == TEXT + b"3,4\n"


def test_zstandard() -> None:
    squeezed = pa.compress(TEXT, codec="zstd", asbytes=True)
    assert unpack(payload("a.jsonl.zst", squeezed)) == TEXT


def test_lz4_frame() -> None:
    assert unpack(payload("a.csv.lz4", pack("a.csv.lz4", TEXT))) == TEXT


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".lz4"])
def test_line_by_line(suffix: str) -> None:
    text = b"x" * 9_000_000 + b"\n" + TEXT + b"end"  # the first line is longer than a chunk
    squeezed = pack(f"a{suffix}", text)
    if suffix == ".zst":
        squeezed = pa.compress(text, codec="zstd", asbytes=True)
    assert list(unpack_lines(payload(f"a{suffix}", squeezed))) == text.split(b"\n")


@pytest.mark.parametrize(
    ("content", "limit", "reason"),
    [
        (pack("a.lz4", TEXT)[:-9], 1 << 20, "broken compression"),
        (b"plain text", 1 << 20, "broken compression"),
        (b"", 1 << 20, "empty file"),
        (b"<html>", 1 << 20, "page instead of data"),
        (pack("a.lz4", b"<html>"), 1 << 20, "page instead of data"),
        (pack("a.lz4", TEXT), 10_000, "more than 10000 bytes"),
    ],
)
def test_lines_that_cannot_be_had(content: bytes, limit: int, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        list(unpack_lines(payload("a.lz4", content), limit=limit))


def squeezed(suffix: str, text: bytes) -> bytes:
    """As at the path `a` + suffix."""
    if suffix == ".zst":
        return bytes(pa.compress(text, codec="zstd", asbytes=True))
    if suffix == "-stored.zip":
        return zipped(("a-stored.csv", text), method=zipfile.ZIP_STORED)
    return pack(f"a{suffix}", text)


KINDS = ["", ".gz", ".zst", ".lz4", ".zip", "-stored.zip"]


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"cut"])
def test_blocks_are_whole_lines_and_together_the_text(
    suffix: str, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_FEED", 100)
    text = TEXT + b"x" * 700 + b"\n" + b"\n" * 300 + b"3,4" + end
    given = payload(f"a{suffix}", squeezed(suffix, text))
    for size in (1, 64, 101, 4096, 1 << 20):
        blocks = list(unpack_blocks(given, size=size))
        assert b"".join(blocks) == text == unpack(given)
        assert all(block.endswith(b"\n") for block in blocks[:-1])
        # A block ends at the last newline of the piece with which it is long enough.
        assert max(map(len, blocks)) <= 701 + 2 * max(size, 64)
        assert len(blocks) > 1 or size > len(text)


def test_of_nothing_there_are_no_blocks() -> None:
    for suffix in KINDS:
        given = payload(f"a{suffix}", squeezed(suffix, b""))
        assert list(unpack_blocks(given, size=64)) == []
        assert list(unpack_lines(given)) == [b""]


def test_blocks_of_a_gzip_with_several_members_and_padding() -> None:
    text = b"".join(b"%d\n" % n for n in range(5000))
    members = b"".join(pack("a.gz", text[at : at + 999]) for at in range(0, len(text), 999))
    given = payload("a.gz", members + b"\x00" * 512)
    assert b"".join(unpack_blocks(given, size=2000)) == text
    with pytest.raises(BadPayload, match="not gzip"):
        list(unpack_blocks(payload("a.gz", members + b"\x00more"), size=2000))


def test_a_line_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "INFLATED_LIMIT", 10_000)
    given = payload("a.gz", pack("a.gz", b"x" * 20_000))
    with pytest.raises(BadPayload, match="a line of more than 10000 bytes"):
        list(unpack_blocks(given, size=1000))


def test_plain() -> None:
    assert unpack(payload("a.csv", TEXT)) == TEXT
    assert unpack(payload("a.csv", b"")) == b""


def test_empty_member_is_valid() -> None:
    assert unpack(payload("a.zip", zipped(("a.csv", b"")))) == b""


def test_names_in_utf8_without_the_flag_that_says_so() -> None:
    flagged = bytearray(zipped(("币安.csv", TEXT)))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = flagged.index(signature)
        flagged[start + at + 1] &= ~0x08  # bit 11
    assert unpack(payload("币安.zip", bytes(flagged))) == TEXT


def _encrypted() -> bytes:
    content = bytearray(zipped(("a.csv", TEXT)))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1
    return bytes(content)


def _wrong_crc() -> bytes:
    content = bytearray(zipped(("a.csv", TEXT), method=zipfile.ZIP_STORED))
    content[content.index(TEXT)] ^= 1
    return bytes(content)


GOOD = zipped(("a.csv", TEXT))
BROKEN = {
    "empty": ("a.zip", b"", "empty file"),
    "not a zip": ("a.zip", b"calc_time,rate\n", "not a zip"),
    "html": ("a.zip", b"\n <!DOCTYPE html>", "HTML"),
    "xml in gzip": ("a.csv.gz", pack("a.csv.gz", b"<Error/>"), "HTML"),
    "two members": ("a.zip", zipped(("a.csv", TEXT), ("b.csv", TEXT)), "2 members"),
    "no member": ("a.zip", zipped(), "0 members"),
    "another member": ("a.zip", zipped(("b.csv", TEXT)), "member 'b.csv'"),
    "encrypted": ("a.zip", _encrypted(), "encrypted"),
    "crc": ("a.zip", _wrong_crc(), "CRC"),
    "cut": ("a.zip", GOOD[:-40], "not a zip"),
    "method": ("a.zip", zipped(("a.csv", TEXT), method=zipfile.ZIP_BZIP2), "not supported"),
    "cut gzip": ("a.gz", pack("a.gz", TEXT)[:-20], "truncated"),
    "no gzip": ("a.gz", b"plain", "not gzip"),
    "bad gzip": ("a.gz", pack("a.gz", TEXT)[:10] + b"\xff" * 40, "broken compression"),
    "no zstandard": ("a.zst", b"plain", "broken compression"),
    "no lz4": ("a.lz4", b"plain", "broken compression"),
    "empty gzip": ("a.gz", b"", "empty file"),
}


@pytest.mark.parametrize(("path", "content", "reason"), BROKEN.values(), ids=BROKEN)
def test_broken(path: str, content: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason) as raised:
        unpack(payload(path, content), venue="examplex")
    assert raised.value.path == path
    assert raised.value.venue == "examplex"
    with pytest.raises(BadPayload, match=reason):
        list(unpack_blocks(payload(path, content), size=64))
    with pytest.raises(BadPayload, match=reason):
        check_openable(payload(path, content), limit=INFLATED_LIMIT, venue="examplex")


def test_bytes_in_front_of_the_first_member() -> None:
    """A directory may point anywhere; what is there is looked at before it is believed."""
    assert unpack(payload("a.zip", b"junk" + GOOD)) == TEXT


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.zip", GOOD),
        ("a.gz", pack("a.gz", TEXT)),
        ("a.zst", pa.compress(TEXT, codec="zstd", asbytes=True)),
        ("a.lz4", pack("a.lz4", TEXT)),
    ],
)
def test_bombs_are_refused_at_the_limit(path: str, content: bytes) -> None:
    assert unpack(payload(path, content), limit=len(TEXT)) == TEXT
    assert b"".join(unpack_blocks(payload(path, content), size=64, limit=len(TEXT))) == TEXT
    check_openable(payload(path, content), limit=len(TEXT))
    with pytest.raises(BadPayload, match="inflates to"):
        unpack(payload(path, content), limit=len(TEXT) - 1)
    with pytest.raises(BadPayload, match="inflates to"):
        list(unpack_blocks(payload(path, content), size=64, limit=len(TEXT) - 1))
    with pytest.raises(BadPayload, match="inflates to"):
        check_openable(payload(path, content), limit=len(TEXT) - 1)


def test_the_limit_is_of_what_is_inflated() -> None:
    plain = payload("a.csv", TEXT)
    assert unpack(plain, limit=1) == TEXT
    assert b"".join(unpack_blocks(plain, size=64, limit=1)) == TEXT
    check_openable(plain, limit=1)


def test_a_zip_that_says_too_much_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(container, "_inflated", never)
    with pytest.raises(BadPayload, match=f"inflates to {len(TEXT)} bytes, more than"):
        check_openable(payload("a.zip", GOOD), limit=len(TEXT) - 1)


def test_a_zip_that_understates_its_size_is_refused() -> None:
    lying = bytearray(GOOD)
    at = lying.index(b"PK\x01\x02") + 24
    lying[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(BadPayload, match="inflates to more than"):
        unpack(payload("a.zip", bytes(lying)), limit=1000)
    with pytest.raises(BadPayload, match="CRC or size"):
        list(unpack_blocks(payload("a.zip", bytes(lying)), size=64))


def commented() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"a remark"
        archive.writestr("a.csv", TEXT)
    return buffer.getvalue()


def streamed() -> bytes:
    """Sizes behind the data, as who writes to a pipe must."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    buffer = Pipe()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TEXT)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [commented(), b"#!/bin/sh\n" + zipped(("a.csv", TEXT)), streamed()],
    ids=["commented", "with something before it", "streamed"],
)
def test_zips_of_other_shapes(content: bytes) -> None:
    try:
        found = unpack(payload("a.zip", content))
    except BadPayload:
        assert content.startswith(b"#!")  # its directory points beside the member
        return
    assert found == TEXT


# ---- At once, and as a stream -------------------------------------------------------------------


def deflated(text: bytes, *, stated: int, crc: int, tail: bytes = b"", cut: int = 0) -> bytes:
    """A zip of one member with a directory that may lie."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    raw = stream.compress(text) + stream.flush()
    raw = raw[: len(raw) - cut] + tail
    name = b"a.csv"
    facts = (20, 0, 8, 0, 33, crc, len(raw), stated, len(name), 0)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", *facts) + name + raw
    entry = struct.pack("<4sH5H3L5H2L", b"PK\x01\x02", 20, *facts, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local), 0)
    return local + entry + end


def verdict(content: bytes, size: int) -> list[bytes] | str:
    try:
        return list(unpack_blocks(payload("a.zip", content), size=size))
    except BadPayload as error:
        return str(error)


_LENGTH, _CRC = len(TEXT), zlib.crc32(TEXT)
_KINDS = {
    "sound": deflated(TEXT, stated=_LENGTH, crc=_CRC),
    "empty": deflated(b"", stated=0, crc=0),
    "junk behind the stream": deflated(TEXT, stated=_LENGTH, crc=_CRC, tail=b"junk"),
    "cut off": deflated(TEXT, stated=_LENGTH, crc=_CRC, cut=3),
    "nothing of it": deflated(TEXT, stated=_LENGTH, crc=_CRC, cut=10**6),
    "says more than there is": deflated(TEXT, stated=_LENGTH + 1, crc=_CRC),
    "says less than there is": deflated(TEXT, stated=_LENGTH - 1, crc=_CRC),
    "says nothing is there": deflated(TEXT, stated=0, crc=0),
    "another CRC": deflated(TEXT, stated=_LENGTH, crc=_CRC ^ 1),
    "a page": deflated(b"<html>" + TEXT, stated=_LENGTH + 6, crc=zlib.crc32(b"<html>" + TEXT)),
    "a page with another CRC": deflated(b"<html>" + TEXT, stated=_LENGTH + 6, crc=1),
    "cut off, and says less": deflated(TEXT, stated=5, crc=_CRC, cut=3),
}


@pytest.mark.parametrize("size", [100, _LENGTH, 1 << 20])
@pytest.mark.parametrize("kind", _KINDS)
def test_inflated_at_once_the_verdict_is_that_of_the_stream(
    kind: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = verdict(_KINDS[kind], size)
    assert isinstance(said, list) == (kind in {"sound", "empty", "junk behind the stream"}), said
    monkeypatch.setattr(container, "_inflate", refused)
    assert verdict(_KINDS[kind], size) == said


def test_mutated_zips_get_the_verdict_of_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)  # noqa: S311 - to choose bytes
    mutated = []
    for content in (_KINDS["sound"], _KINDS["junk behind the stream"]) * 300:
        bytes_ = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
        mutated.append(bytes(bytes_))
    said = [verdict(content, 1 << 20) for content in mutated]
    assert len({each for each in said if isinstance(each, str)}) > 5
    monkeypatch.setattr(container, "_inflate", refused)
    assert [verdict(content, 1 << 20) for content in mutated] == said


def refused(*_: object) -> tuple[bytes, bytes]:
    raise BrokenError("not at once")


def test_what_is_small_is_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a stream")

    monkeypatch.setattr(container, "_Stream", never)
    check_openable(payload("a.zip", _KINDS["sound"]), limit=INFLATED_LIMIT)
    with pytest.raises(AssertionError, match="a stream"):
        list(unpack_blocks(payload("a.zip", _KINDS["sound"]), size=_LENGTH - 1))
