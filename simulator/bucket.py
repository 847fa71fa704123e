"""A folder as an S3 bucket: objects and S3 listings (versions 1 and 2).

Listing: namespace and elements as in the S3 API (ListObjects, ListObjectsV2); keys in byte order,
keys and common prefixes counted together, at most 1000 a page. Only `/` is a delimiter, as on the
real one. Nothing is kept in memory but digests, so that files may come and go.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
PAGE = 1000


class BadListing(ValueError):
    """A listing request S3 would refuse."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its file, or (file None) a common prefix."""

    key: str
    file: Path | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A listing request: where it starts, how much it takes, how names are written."""

    second: bool
    prefix: str
    delimiter: str
    size: int
    encoded: bool
    after: str
    token: str | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Read a query. Raises BadListing."""
        second, token = query.get("list-type") == "2", query.get("continuation-token")
        delimiter, size = query.get("delimiter", ""), query.get("max-keys", str(PAGE))
        if delimiter not in {"", "/"}:
            raise BadListing("only / is a delimiter")
        if not size.isdecimal():
            raise BadListing("max-keys is not a number")
        after = query.get("start-after", "") if second else query.get("marker", "")
        if second and token is not None:
            after = _key_of(token)
        return cls(
            second=second,
            prefix=query.get("prefix", ""),
            delimiter=delimiter,
            size=min(int(size), PAGE),
            encoded=query.get("encoding-type") == "url",
            after=after,
            token=token if second else None,
        )

    def text(self, value: str) -> str:
        """A key as the answer writes it."""
        return quote(value, safe="/") if self.encoded else escape(value)

    def facts(self, name: str, page: list[Entry], *, more: bool) -> list[tuple[str, str]]:
        """The elements above the contents."""
        facts = [("Name", name), ("Prefix", self.text(self.prefix))]
        if self.second:
            facts.append(("KeyCount", str(len(page))))
            if self.token is not None:
                facts.append(("ContinuationToken", escape(self.token)))
            if more:
                facts.append(("NextContinuationToken", _token_of(page[-1].key)))
        else:
            facts.append(("Marker", self.text(self.after)))
            # Without a delimiter the next marker is the last key, and S3 does not repeat it.
            if more and self.delimiter:
                facts.append(("NextMarker", self.text(page[-1].key)))
        facts.append(("MaxKeys", str(self.size)))
        if self.delimiter:
            facts.append(("Delimiter", self.delimiter))
        if self.encoded:
            facts.append(("EncodingType", "url"))
        return [*facts, ("IsTruncated", str(more).lower())]


class Bucket:
    """The objects below `root`, as the bucket of that name."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self._digests: dict[tuple[str, int, int], str] = {}

    def file(self, key: str) -> Path | None:
        """The file of a key; None if there is no such object."""
        parts = key.split("/")
        if any(part in {"", ".", ".."} or "\0" in part or "\\" in part for part in parts):
            return None
        path = self.root.joinpath(*parts)
        return path if path.is_file() else None

    def etag(self, file: Path, stat: os.stat_result) -> str:
        """The MD5 of the content in quotes, as S3 has it for objects put in one go."""
        key = (str(file), stat.st_mtime_ns, stat.st_size)
        if key not in self._digests:
            digest = md5(file.read_bytes(), usedforsecurity=False).hexdigest()
            self._digests[key] = f'"{digest}"'
        return self._digests[key]

    def entries(self, prefix: str, delimiter: str, after: str) -> Iterator[Entry]:
        """Keys (and common prefixes) beyond `after` in byte order."""
        return self._walk(self.root, "", prefix, delimiter, after)

    def _walk(
        self, folder: Path, base: str, prefix: str, delimiter: str, after: str
    ) -> Iterator[Entry]:
        try:
            with os.scandir(folder) as found:
                names = [(entry.name + "/" * entry.is_dir(), entry.path) for entry in found]
        except FileNotFoundError:
            return
        for name, path in sorted(names):
            key = base + name
            if not name.endswith("/"):
                if key.startswith(prefix) and key > after:
                    yield Entry(key, Path(path))
            elif key.startswith(prefix) and key != prefix and delimiter:
                if key > after:
                    yield Entry(key, None)
            elif (key.startswith(prefix) or prefix.startswith(key)) and (
                key >= after or after.startswith(key)
            ):
                yield from self._walk(Path(path), key, prefix, delimiter, after)

    def listing(self, query: Mapping[str, str]) -> bytes:
        """The XML of ListObjects, or of ListObjectsV2 for `list-type=2`.

        Raises BadListing for what S3 answers with 400.
        """
        asked = Asked.of(query)
        found = self.entries(asked.prefix, asked.delimiter, asked.after)
        page = list(itertools.islice(found, asked.size + 1))
        more = len(page) > asked.size > 0
        page = page[: asked.size]
        facts = asked.facts(self.name, page, more=more)
        body = "".join(f"<{name}>{value}</{name}>" for name, value in facts)
        for entry in page:
            if entry.file is not None:
                body += self._contents(entry.file, asked.text(entry.key))
        for entry in page:
            if entry.file is None:
                prefix = asked.text(entry.key)
                body += f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>"
        return f'{_HEAD}<ListBucketResult xmlns="{_NAMESPACE}">{body}</ListBucketResult>'.encode()

    def _contents(self, file: Path, key: str) -> str:
        stat = file.stat()
        changed = datetime.fromtimestamp(stat.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        etag = escape(self.etag(file, stat), {'"': "&quot;"})
        return (
            f"<Contents><Key>{key}</Key><LastModified>{changed}</LastModified>"
            f"<ETag>{etag}</ETag><Size>{stat.st_size}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )


def error(code: str, message: str, key: str = "") -> bytes:
    """An S3 error body."""
    return (
        f"{_HEAD}<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<Key>{escape(key)}</Key><RequestId>SIMULATED</RequestId></Error>"
    ).encode()


def _token_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadListing("the continuation token provided is incorrect") from None
