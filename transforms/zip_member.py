"""The one member of a zip as venues write them: where it is, and whether it is what it should be.

A zip holds exactly one csv, named like the zip; its size and CRC are verified.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass

# APPNOTE 4.3.16: mark, disk, its first disk, entries here, entries, size, offset, comment.
_END = struct.Struct("<4s4H2LH")
# 4.3.12: mark, made by, needs, flags, method, time, date, CRC, compressed, inflated, lengths of
# name, extra and comment, disk, attributes inside and outside, offset.
_ENTRY = struct.Struct("<4s6H3L5H2L")
_IN_ZIP64 = 0xFFFFFFFF
_LOCAL_HEADER_SIZE = 30
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800


class BrokenError(ValueError):
    """Why a container cannot be opened."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the directory of a zip says of its one member."""

    flags: int
    method: int
    crc: int
    compressed: int
    inflated: int
    name: bytes
    at: int


def readable_member(content: bytes, stem: str, limit: int) -> Member:
    """The member of a zip called `stem`.

    Raises BrokenError unless there is just one, `stem`.csv, in the clear, compressed in a way that
    is read here, and of at most `limit` bytes.
    """
    member = _only_member(content)
    name = _member_name(member)
    if name != f"{stem}.csv":
        raise BrokenError(f"member {name!r} in the zip, expected {stem + '.csv'!r}")
    if member.flags & _ENCRYPTED:
        raise BrokenError("the zip is encrypted")
    if member.inflated > limit:
        raise BrokenError(f"inflates to {member.inflated} bytes, more than {limit}")
    if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BrokenError(f"zip compression method {member.method} is not supported")
    return member


def check_member(member: Member, inflated: int, crc: int) -> None:
    """Raises BrokenError unless what came out is of the size and CRC that the directory says."""
    if inflated != member.inflated or crc != member.crc:
        raise BrokenError("CRC or size of the zip member does not match")


def _only_member(content: bytes) -> Member:
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
                return Member(entry[3], entry[4], entry[7], entry[8], entry[9], name, at)
    return _by_standard_reader(content)


def _by_standard_reader(content: bytes) -> Member:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    # The standard reader also lets these escape for directories that were cut or altered.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise BrokenError(f"not a zip: {error}") from None
    with archive:
        members = archive.infolist()
    if len(members) != 1:
        raise BrokenError(f"{len(members)} members in the zip, expected one")
    one = members[0]
    return Member(
        one.flag_bits,
        one.compress_type,
        one.CRC,
        one.compress_size,
        one.file_size,
        one.orig_filename.encode("utf-8" if one.flag_bits & _UTF8_NAME else "cp437"),
        one.header_offset,
    )


def _member_name(member: Member) -> str:
    """The name as UTF-8 where it is: many writers leave out the flag that says so."""
    try:
        return member.name.decode()
    except UnicodeError:
        return member.name.decode("cp437")


def raw_member(content: bytes, member: Member) -> bytes:
    """Compressed bytes of a member; read past zipfile, whose zlib is three times slower.

    Raises BrokenError where the directory does not fit the file.
    """
    at = member.at
    header = content[at : at + _LOCAL_HEADER_SIZE] if at >= 0 else b""
    if len(header) < _LOCAL_HEADER_SIZE or not header.startswith(b"PK\x03\x04"):
        raise BrokenError("the zip's directory points outside the file")
    name_size = int.from_bytes(header[26:28], "little")
    extra_size = int.from_bytes(header[28:30], "little")
    start = at + _LOCAL_HEADER_SIZE + name_size + extra_size
    raw = content[start : start + member.compressed]
    if len(raw) != member.compressed:
        raise BrokenError("the zip is truncated")
    return raw
