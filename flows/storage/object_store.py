"""Objects under keys, in a folder or a bucket: one interface with the same behaviour on both.

Everything Perpmill keeps goes through `ObjectStore`: the lake, and the archives and dumps it reads.
An address says where: `s3://bucket/prefix`, `file:relative/or/absolute` or `file:///absolute`.
Addresses and keys are taken literally: nothing in them is percent-decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

# Temporaries and locks of a local store; no object may be named like them, on either backend, so
# that a lake can be copied from one to the other.
RESERVED = ".perpmill"


class ObjectNotFound(LookupError):
    """No object has this key."""


class PreconditionFailed(RuntimeError):
    """A conditional put found something else than the caller had read; nothing was written."""


class StoreUnavailable(OSError):
    """The store cannot be reached, does not exist, or refuses: says nothing about the object."""


class LakeDamaged(StoreUnavailable):
    """What the lake holds is gone or is not what was written; asking again will not help."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as the store describes it.

    key: relative to the store's address.
    size: bytes.
    etag: opaque; differs whenever the content does (it may differ for equal content).
    modified: when it was last written, UTC, by the store's clock.
    """

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach an S3-compatible store. Credentials come from the AWS chain only.

    endpoint_url: None for AWS itself; otherwise addressed path-style.
    anonymous: send unsigned requests, as public buckets want them.
    pool_size: connections kept open, thus how many threads make progress at once.
    """

    endpoint_url: str | None = None
    region: str | None = None
    anonymous: bool = False
    pool_size: int = 32


class ObjectStore(Protocol):
    """What both backends do. Safe to use from many threads.

    A reader sees an object as it was before a put or as it is after, never in between. Every
    method raises `StoreUnavailable` when the store cannot answer and ValueError for a key that
    `check_key` refuses.
    """

    @property
    def address(self) -> str:
        """As configured: `file:lake`, `s3://bucket/prefix`."""

    def url(self, key: str) -> str:
        """The full address of one object, as the store's address plus the key."""

    def check(self) -> None:
        """Raise `StoreUnavailable` if the folder or bucket is missing or may not be listed.

        A local folder that is not there reads as empty everywhere else, because a lake is made by
        its first put; whoever expects to find something there asks first.
        """

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises `ObjectNotFound`."""

    def get_range(self, key: str, first: int, length: int) -> bytes:
        """`length` bytes of the object from byte `first` (from 0) on; where it ends before that,
        those there are. Raises `ObjectNotFound`, and ValueError for negative numbers."""

    def get_file(self, key: str, path: Path) -> None:
        """Copy the object to `path`, which appears only when complete. Raises `ObjectNotFound`."""

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        settled: bool = True,
    ) -> str:
        """Write the object and return its etag.

        settled: whether it outlives a loss of power from the moment this returns. If not, from
            the next `settle` on: of many small objects that is several times cheaper.

        if_match: only if the present object has this etag. if_absent: only if there is none. Of
        several conditional puts that saw the same state exactly one succeeds; the others raise
        `PreconditionFailed`. Unconditional puts and deletes are not held back by them: a key is
        written either always with conditions or never.
        """

    def settle(self) -> None:
        """Have all that was put so far outlive a loss of power."""

    def put_file(self, key: str, path: Path) -> str:
        """Write the object from a file, in parts where it is large, and return its etag."""

    def head(self, key: str) -> ObjectInfo | None:
        """The object's description, or None if there is none."""

    def entries(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with the string `prefix`, in byte order of the keys.

        `a/b` finds `a/b`, `a/bc` and `a/b/c`. Objects whose keys could not be asked for (see
        `check_key`) are passed over with a warning in the log.
        """

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders directly below the folder `prefix` that hold at least one object.

        No slashes; in byte order of their prefixes (`A-B/` before `A/` before `A_B/`).
        """

    def delete(self, key: str) -> None:
        """Remove the object; fine if there is none."""


# Nearly every key: no part is empty or begins with a dot.
_PLAIN_KEY = re.compile(r"(?:[\w@=+-][\w@=+.-]*/)*[\w@=+-][\w@=+.-]*", re.ASCII)


def check_key(key: str) -> str:
    """Return `key`, or raise ValueError if it names no object on every backend alike.

    Keys are relative and '/'-separated; empty parts, `.`, `..`, backslashes, NUL and names that
    start with `.perpmill` are refused.
    """
    if _PLAIN_KEY.fullmatch(key):
        return key
    if not key:
        raise ValueError("an object key must not be empty")
    _check_parts(key, key.split("/"), "object key")
    return key


def check_range(first: int, length: int) -> None:
    """Raise ValueError for bytes that no object has."""
    if first < 0 or length < 0:
        raise ValueError(f"there are no {length} bytes from byte {first} on")


def check_prefix(prefix: str) -> str:
    """Return `prefix`, or raise ValueError if no key can start with it. It may end in a slash."""
    if prefix:
        _check_parts(prefix, prefix.removesuffix("/").split("/"), "key prefix")
    return prefix


def _check_parts(whole: str, parts: list[str], what: str) -> None:
    reason = None
    if whole.startswith("/"):
        reason = "must be relative"
    elif "\\" in whole or "\0" in whole:
        reason = "must not hold a backslash or NUL"
    elif any(part in ("", ".", "..") for part in parts):
        reason = "must not hold empty parts, '.' or '..'"
    elif any(part.startswith(RESERVED) for part in parts):
        reason = f"must not hold names that start with {RESERVED!r}"
    else:
        try:
            whole.encode()
        except UnicodeEncodeError:
            reason = "must be valid UTF-8"
    if reason:
        raise ValueError(f"{what} {whole!r} {reason}")


def open_store(address: str, s3: S3Options | None = None) -> ObjectStore:
    """Open the store at `address` without touching it: nothing is created or asked for here.

    Raises ValueError naming an address that is neither `file:` nor `s3://`.
    """
    # Each backend is imported when it is needed: boto3 takes a third of a second, which a command
    # line on a local lake need not wait for; and both backends import this module.
    if address.startswith("s3://"):
        from flows.storage.s3_store import S3Store  # noqa: PLC0415 - see above

        return S3Store(address, s3 or S3Options())
    if address.startswith("file:"):
        from flows.storage.local_store import LocalStore  # noqa: PLC0415 - see above

        return LocalStore(address)
    raise ValueError(f"address {address!r} is neither 'file:path' nor 's3://bucket/prefix'")
