"""Archives that venues publish in bulk, alike over S3, HTTP or in a folder of the same layout."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from flows.storage.http import NOT_MODIFIED, Answer, HttpClient, HttpError, NotFound
from flows.storage.object_store import (
    ObjectInfo,
    ObjectNotFound,
    S3Options,
    StoreUnavailable,
    check_key,
    check_prefix,
    open_store,
)

_logger = logging.getLogger(__name__)

KNOWN_LISTINGS = {
    # The CDN in front of the bucket serves objects, and an HTML page where a listing is asked.
    "https://data.binance.vision": ("https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"),
}
"""Where an archive is listed, if not at the address that serves its files."""

PUBLIC_BUCKETS = {
    "data.binance.vision": "ap-northeast-1",
    "public.bitmex.com": "eu-west-1",
}
"""Buckets that anybody may read without credentials, and their regions."""

_PAGE_KEYS = 1000
"""Keys a page; S3 gives no more."""


class Archive(Protocol):
    """A venue's files, read only: what of an `ObjectStore` an archive can do, with its meaning.

    Every method raises StoreUnavailable when the archive cannot answer, and ValueError for a path
    that could be no key.
    """

    @property
    def address(self) -> str:
        """As configured."""

    def check(self) -> None:
        """Raise StoreUnavailable if there is no such archive, or it may not be listed."""

    def entries(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every file whose path starts with the string `prefix`, in byte order of the paths."""

    def folders(self, prefix: str) -> list[str]:
        """Names, without slashes, of the folders directly below the folder `prefix`."""

    def get(self, path: str) -> bytes:
        """A file's exact bytes. Raises ObjectNotFound where the venue has no such file."""

    def url(self, path: str) -> str:
        """The full address of a file."""


def open_archive(
    address: str,
    *,
    s3: S3Options | None,
    http: HttpClient | None = None,
    listing: str | None = None,
) -> Archive:
    """Open the archive at `address` without asking for anything yet.

    s3: for `s3://` addresses; None reads the buckets of `PUBLIC_BUCKETS` anonymously, and others
        with the credentials of the AWS chain. The region of a public bucket need not be given.
    http: for `http(s)://` addresses; None makes a client of its own.
    listing: the address of the bucket that lists an `http(s)://` archive; None takes the one of
        `KNOWN_LISTINGS`, else the archive's own.
    Raises ValueError for an address of another kind.
    """
    if address.startswith("s3://"):
        region = PUBLIC_BUCKETS.get(address.removeprefix("s3://").partition("/")[0])
        if region is not None and s3 is None:
            s3 = S3Options(region=region, anonymous=True)
        elif region is not None and s3 is not None and not (s3.endpoint_url or s3.region):
            s3 = replace(s3, region=region)
        return open_store(address, s3)
    if address.startswith("file:"):
        return open_store(address)
    if address.startswith(("http://", "https://")):
        return HttpArchive(address, http or HttpClient(), listing=listing)
    raise ValueError(
        f"archive {address!r} is none of 's3://bucket/prefix', 'https://host/…' and 'file:path'"
    )


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file's exact bytes, and how the server tells this version from others, if it does."""

    content: bytes
    etag: str | None


class HttpArchive:
    """Files below an address, listed by the S3 protocol for buckets (both of its versions).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """

    def __init__(self, address: str, http: HttpClient, *, listing: str | None = None) -> None:
        self.address = address
        self._base = _plain(address)
        self._http = http
        if listing is None:
            self._bucket, self._within = _known_listing(self._base)
        else:
            self._bucket, self._within = _plain(listing), ""

    def __repr__(self) -> str:
        return f"HttpArchive({self.address!r})"

    def url(self, path: str) -> str:
        return f"{self._base}/{quote(check_key(path), safe='/-_.~')}"

    def get(self, path: str) -> bytes:
        address = self.url(path)
        try:
            return self._http.get(address, stored=True).content
        except NotFound as error:
            raise ObjectNotFound(f"{address}: no such file") from error
        except HttpError as error:
            raise StoreUnavailable(str(error)) from error

    def get_unless(self, path: str, etag: str | None) -> Fetched | None:
        """A file's exact bytes; None if it is still the one of this entity tag.

        A server that knows no entity tags gives the bytes each time. Raises as `get` does.
        """
        address = self.url(path)
        try:
            answer = self._http.get(address, stored=True, unless=etag)
        except NotFound as error:
            raise ObjectNotFound(f"{address}: no such file") from error
        except HttpError as error:
            raise StoreUnavailable(str(error)) from error
        if answer.status == NOT_MODIFIED:
            return None
        return Fetched(answer.content, answer.headers.get("etag"))

    def check(self) -> None:
        self._page({"list-type": "2", "max-keys": "1", "prefix": self._within})

    def entries(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        return self._entries(self._within + prefix)

    def folders(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        below = self._within + (f"{prefix.removesuffix('/')}/" if prefix else "")
        names = [
            folder[len(below) :].removesuffix("/")
            for page in self._pages(below, delimiter="/")
            for folder in page.prefixes
        ]
        return [name for name in names if self._nameable(name)]

    def _entries(self, prefix: str) -> Iterator[ObjectInfo]:
        for page in self._pages(prefix):
            for entry in page.entries:
                key = entry.key[len(self._within) :]
                # Consoles mark an empty folder with an object whose key ends in a slash.
                if not key.endswith("/") and self._nameable(key):
                    yield ObjectInfo(key, entry.size, entry.etag, entry.modified)

    def _nameable(self, key: str) -> bool:
        try:
            check_key(key)
        except ValueError as error:
            _logger.warning("%s: passed over: %s", self.address, error)
            return False
        return True

    def _pages(self, prefix: str, *, delimiter: str = "") -> Iterator[_Page]:
        asked = {"prefix": prefix, "max-keys": str(_PAGE_KEYS), "encoding-type": "url"}
        if delimiter:
            asked["delimiter"] = delimiter
        place = {"list-type": "2"}
        seen = ""
        while True:
            page = self._page(asked | place)
            names = sorted([entry.key for entry in page.entries] + page.prefixes)
            if any(not name.startswith(prefix) for name in names):
                raise self._unusable(f"asked for {prefix!r}, it lists other keys")
            if [entry.key for entry in page.entries] != sorted(e.key for e in page.entries) or (
                names and names[0] <= seen
            ):
                raise self._unusable(f"does not go on in byte order after {seen!r}")
            seen = names[-1] if names else seen
            yield page
            if not page.truncated:
                return
            following = {"list-type": "2", "continuation-token": page.token}
            if not page.token:
                # A server that knows the first version only has passed over `list-type`; it
                # names the next marker only where folders were asked for.
                following = {"marker": page.next_marker or seen}
            if following in (place, {"marker": ""}):
                raise self._unusable(f"repeats its page after {seen!r}")
            place = following

    def _page(self, params: dict[str, str]) -> _Page:
        try:
            answer = self._http.get(self._bucket, params)
        except NotFound as error:
            raise self._unusable("there is no bucket") from error
        except HttpError as error:
            raise StoreUnavailable(str(error)) from error
        try:
            return _read_page(answer.content)
        except _NoListing as error:
            raise self._unusable(f"{_kind(answer)}: {error}") from error

    def _unusable(self, reason: str) -> StoreUnavailable:
        where = "" if self._bucket == self._base else f" at {self._bucket}"
        return StoreUnavailable(
            f"{self.address} does not list its files{where}; {reason} (the archive needs the "
            "address of a bucket, or of a listing beside it)"
        )


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a listing; `truncated` if more follow. Keys count from the bucket's root."""

    entries: list[ObjectInfo]
    prefixes: list[str]
    truncated: bool
    token: str
    next_marker: str


class _NoListing(ValueError):
    """Bytes that are no page of a bucket's listing."""


def _read_page(content: bytes) -> _Page:
    root = _tree(content)
    if root.tag != "ListBucketResult":
        raise _NoListing(f"the document is <{root.tag}>, not <ListBucketResult>")
    encoded = root.findtext("EncodingType") == "url"

    def name(element: Element, tag: str) -> str:
        text = element.findtext(tag) or ""
        return unquote_plus(text, errors="strict") if encoded else text

    try:
        entries = [
            ObjectInfo(
                key=name(found, "Key"),
                size=int(found.findtext("Size") or ""),
                etag=(found.findtext("ETag") or "").strip('"'),
                modified=_utc(found.findtext("LastModified") or ""),
            )
            for found in root.findall("Contents")
        ]
        # Not the <Prefix> at the top: that one echoes the question.
        prefixes = [name(found, "Prefix") for found in root.findall("CommonPrefixes")]
        return _Page(
            entries=entries,
            prefixes=prefixes,
            truncated=root.findtext("IsTruncated") == "true",
            token=root.findtext("NextContinuationToken") or "",
            next_marker=name(root, "NextMarker"),
        )
    except ValueError as error:
        raise _NoListing(f"an entry cannot be read: {error}") from error


def _tree(content: bytes) -> Element:
    """The document without namespaces. Raises _NoListing for other text, and for any DTD.

    No listing has a document type; one could define entities that grow without bound, or that
    name files of this machine.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")

    def refuse(*_: object) -> None:
        raise _NoListing("the document has a document type")

    def start(tag: str, _: dict[str, str]) -> None:
        builder.start(tag.rpartition(" ")[2], {})

    def end(tag: str) -> None:
        builder.end(tag.rpartition(" ")[2])

    def text(data: str) -> None:
        builder.data(data)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise _NoListing(f"no XML document: {error}") from error
    return builder.close()


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found.astimezone(UTC)


def _kind(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    return f"it answered with {kind}"


def _known_listing(base: str) -> tuple[str, str]:
    """The bucket that lists the archive at `base`, and the key prefix of `base` in it."""
    for address, bucket in KNOWN_LISTINGS.items():
        if base == address:
            return bucket, ""
        if base.startswith(f"{address}/"):
            return bucket, base.removeprefix(f"{address}/") + "/"
    return base, ""


def _plain(address: str) -> str:
    """An address without a closing slash, to which a path can be added."""
    parts = urlsplit(address)
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"archive {address!r} must be a host with a path, and nothing after it")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"archive at {parts.hostname}: an address must not hold credentials")
    return address.rstrip("/")
