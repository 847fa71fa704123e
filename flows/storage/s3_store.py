"""A bucket, or a prefix in one, as an object store: AWS S3 and whatever speaks its protocol.

Conditional puts use If-Match and If-None-Match. A store that answers 501 to them, or ignores them,
is still compared with before each put, which leaves a gap of one round trip: best effort.

Anonymous reading of a bucket that may not be listed cannot tell a missing object (S3 answers 403)
from a refused one; both are `StoreUnavailable`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from flows.storage.local_store import make_folders, sync_folder
from flows.storage.object_store import (
    RESERVED,
    ObjectInfo,
    ObjectNotFound,
    PreconditionFailed,
    S3Options,
    StoreUnavailable,
    check_key,
    check_prefix,
    check_range,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_logger = logging.getLogger(__name__)

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_CONFLICT = frozenset({"412", "409", "PreconditionFailed", "ConditionalRequestConflict"})
_UNSUPPORTED = frozenset({"501", "NotImplemented"})
_BEYOND = frozenset({"416", "InvalidRange"})  # a range that begins where the object has ended
# Answers whose body broke off are not repeated by botocore.
_READ_ATTEMPTS = 4
_PART_BYTES = 16 << 20
_TRANSFER = TransferConfig(
    multipart_threshold=2 * _PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4
)
_UNREACHABLE = (BotoCoreError, HTTPClientError, Boto3Error)


class S3Store:
    """The bucket and prefix of an `s3://` address. One client, used by all threads."""

    def __init__(self, address: str, options: S3Options) -> None:
        self.address = address
        self._bucket, self._below = _bucket_and_prefix(address)
        self._options = options
        self._client = _client(options)
        self._bucket_seen = threading.Event()

    def __repr__(self) -> str:
        return f"S3Store({self.address!r})"

    def __reduce__(self) -> tuple[type[S3Store], tuple[str, S3Options]]:
        return S3Store, (self.address, self._options)

    def url(self, key: str) -> str:
        return f"{self.address.rstrip('/')}/{check_key(key)}"

    def check(self) -> None:
        with self._asking("list", ""):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._below, MaxKeys=1)
        self._bucket_seen.set()

    def get(self, key: str) -> bytes:
        return self._read(key)[0]

    def get_range(self, key: str, first: int, length: int) -> bytes:
        check_range(first, length)
        # No range is empty: one that ends before it begins is passed over, and all is sent.
        read, whole = self._read(key, Range=f"bytes={first}-{first + max(length, 1) - 1}")
        return read[first : first + length] if whole else read[:length]

    def _read(self, key: str, **asked: Any) -> tuple[bytes, bool]:
        """Bytes of an object, and whether they are all of it: a store may not know ranges."""
        full = self._full(key)
        attempt = 1
        while True:
            with self._asking("read", key):
                try:
                    answer = self._client.get_object(Bucket=self._bucket, Key=full, **asked)
                except ClientError as error:
                    if _code(error) in _BEYOND:
                        return b"", False
                    raise
                try:
                    return answer["Body"].read(), "ContentRange" not in answer
                except (BotoCoreError, HTTPClientError):
                    if attempt == _READ_ATTEMPTS:
                        raise
            attempt += 1

    def get_file(self, key: str, path: Path) -> None:
        full = self._full(key)
        make_folders(path.parent)
        temporary = path.parent / f"{RESERVED}-{uuid.uuid4().hex}"
        try:
            with self._asking("read", key):
                self._client.download_file(self._bucket, full, str(temporary), Config=_TRANSFER)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        settled: bool = True,  # noqa: ARG002 - what a bucket has accepted it keeps
    ) -> str:
        if if_match is not None and if_absent:
            raise ValueError("if_match and if_absent exclude each other")
        full = self._full(key)
        if if_match is None and not if_absent:
            with self._asking("write", key):
                answer = self._client.put_object(Bucket=self._bucket, Key=full, Body=data)
            return _bare(answer["ETag"])
        return self._put_conditionally(key, full, data, if_match)

    def settle(self) -> None:
        """Nothing to do: what a bucket has accepted it keeps."""

    def _put_conditionally(self, key: str, full: str, data: bytes, if_match: str | None) -> str:
        """Put if the present etag is `if_match`, or if nothing is there and that is None."""
        # Some stores ignore the condition, so it is looked at here too, as far as that goes.
        present = self.head(key)
        if (present.etag if present else None) != if_match:
            raise self._conflict(key)
        condition: dict[str, Any] = (
            {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": f'"{if_match}"'}
        )
        with self._asking("write", key):
            try:
                answer = self._client.put_object(
                    Bucket=self._bucket, Key=full, Body=data, **condition
                )
            except ClientError as error:
                code = _code(error)
                if code in _UNSUPPORTED:
                    answer = self._client.put_object(Bucket=self._bucket, Key=full, Body=data)
                elif code in _CONFLICT or code in _ABSENT:
                    etag = self._own_earlier_attempt(key, data, error)
                    if etag is None:
                        raise self._conflict(key) from error
                    return etag
                else:
                    raise
        return _bare(answer["ETag"])

    def _own_earlier_attempt(self, key: str, data: bytes, error: ClientError) -> str | None:
        """The etag of our own object, if the conflict is with our own first attempt.

        botocore repeats a put whose answer got lost; when the first had arrived, the second finds
        its work and is told of a conflict.
        """
        if not error.response["ResponseMetadata"].get("RetryAttempts"):
            return None
        present = self.head(key)
        with contextlib.suppress(ObjectNotFound):
            if present and self.get(key) == data:
                return present.etag
        return None

    def put_file(self, key: str, path: Path) -> str:
        full = self._full(key)
        with path.open("rb") as stream, self._asking("write", key):
            if os.fstat(stream.fileno()).st_size < _TRANSFER.multipart_threshold:
                answer = self._client.put_object(Bucket=self._bucket, Key=full, Body=stream)
                return _bare(answer["ETag"])
            self._client.upload_fileobj(stream, self._bucket, full, Config=_TRANSFER)
            return _bare(self._client.head_object(Bucket=self._bucket, Key=full)["ETag"])

    def head(self, key: str) -> ObjectInfo | None:
        full = self._full(key)
        try:
            with self._asking("read", key):
                answer = self._client.head_object(Bucket=self._bucket, Key=full)
        except ObjectNotFound:
            # HEAD has no body to tell a missing bucket from a missing object.
            if not self._bucket_seen.is_set():
                self.check()
            return None
        return ObjectInfo(
            key=key,
            size=answer["ContentLength"],
            etag=_bare(answer["ETag"]),
            modified=answer["LastModified"].astimezone(UTC),
        )

    def entries(self, prefix: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._below + prefix
        )
        with self._asking("list", prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._below)
                    # Consoles mark an empty folder with an object whose key ends in a slash.
                    if key.endswith("/") or not key or not self._nameable(key):
                        continue
                    yield ObjectInfo(
                        key=key,
                        size=found["Size"],
                        etag=_bare(found["ETag"]),
                        modified=found["LastModified"].astimezone(UTC),
                    )

    def folders(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        below = self._below + (f"{prefix.removesuffix('/')}/" if prefix else "")
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=below, Delimiter="/"
        )
        with self._asking("list", prefix):
            names = [
                common["Prefix"].removeprefix(below).removesuffix("/")
                for page in pages
                for common in page.get("CommonPrefixes", ())
            ]
        return [name for name in names if self._nameable(name)]

    def delete(self, key: str) -> None:
        full = self._full(key)
        with contextlib.suppress(ObjectNotFound), self._asking("delete", key):
            self._client.delete_object(Bucket=self._bucket, Key=full)

    def _full(self, key: str) -> str:
        return self._below + check_key(key)

    def _nameable(self, key: str) -> bool:
        try:
            check_key(key)
        except ValueError as error:
            _logger.warning("%s: passed over: %s", self.address, error)
            return False
        return True

    def _conflict(self, key: str) -> PreconditionFailed:
        return PreconditionFailed(
            f"{self.url(key)} is no longer what was read before it was put; nothing was written"
        )

    @contextlib.contextmanager
    def _asking(self, verb: str, key: str) -> Iterator[None]:
        """Say in our own words what went wrong between us and the store."""
        where = f"{self.address.rstrip('/')}/{key}" if key else self.address
        at = f" at {self._options.endpoint_url}" if self._options.endpoint_url else ""
        try:
            yield
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise ObjectNotFound(f"{where}: no such object{at}") from error
            detail = error.response.get("Error", {})
            raise StoreUnavailable(
                f"{where}: cannot {verb}{at}: {detail.get('Code', 'error')}:"
                f" {detail.get('Message', error)}"
            ) from error
        except _UNREACHABLE as error:
            raise StoreUnavailable(f"{where}: cannot {verb}{at}: {error}") from error


def _client(options: S3Options) -> S3Client:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=options.pool_size,
        tcp_keepalive=True,
    )
    if options.anonymous:
        config = config.merge(Config(signature_version=UNSIGNED))
    if options.endpoint_url is not None:
        # Stores other than AWS often know neither a bucket's own host name nor the checksum
        # trailers that newer clients send unasked.
        config = config.merge(
            Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
        )
    try:
        # A session of its own: the default one is not safe to use from several threads.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=options.endpoint_url,
            region_name=options.region,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise ValueError(f"cannot set up S3 with {options}: {error}") from error


def _bucket_and_prefix(address: str) -> tuple[str, str]:
    """`s3://bucket/a/b/` → `bucket`, `a/b/`; the prefix is empty or ends in a slash."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not bucket:
        raise ValueError(f"address {address!r} names no bucket")
    prefix = prefix.removesuffix("/")
    if not prefix:
        return bucket, ""
    try:
        return bucket, check_key(prefix) + "/"
    except ValueError as error:
        raise ValueError(f"address {address!r}: {error}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _bare(etag: str) -> str:
    return etag.strip('"')
