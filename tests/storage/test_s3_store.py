"""What only a bucket does: faults on the wire, refusals, stores that know no conditions."""

from __future__ import annotations

from typing import Any

import pytest

from flows.storage.object_store import (
    ObjectNotFound,
    ObjectStore,
    PreconditionFailed,
    S3Options,
    StoreUnavailable,
    open_store,
)
from tests.storage.conftest import S3Server, error_body


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's pauses between attempts, without the pause."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


def _is(environ: dict[str, Any], method: str) -> bool:
    return bool(environ["REQUEST_METHOD"] == method)


def test_keys_are_below_the_prefix(s3_server: S3Server, s3_bucket: str) -> None:
    options = S3Options(endpoint_url=s3_server.url, region="us-east-1")
    whole = open_store(f"s3://{s3_bucket}", options)
    below = open_store(f"s3://{s3_bucket}/some/lake/", options)
    below.put("k", b"v")
    whole.put("some/lake2/k", b"not ours")
    assert [i.key for i in whole.entries()] == ["some/lake/k", "some/lake2/k"]
    assert [i.key for i in below.entries()] == ["k"]
    assert below.url("k") == f"s3://{s3_bucket}/some/lake/k"
    assert whole.folders("some") == ["lake", "lake2"]


def test_a_missing_bucket_is_not_a_missing_object(s3_server: S3Server) -> None:
    store = open_store("s3://no-such-bucket-here", S3Options(endpoint_url=s3_server.url))
    for ask in (
        store.check,
        lambda: store.get("k"),
        lambda: store.head("k"),
        lambda: store.put("k", b""),
        lambda: store.delete("k"),
        lambda: list(store.entries()),
        lambda: store.folders(""),
    ):
        with pytest.raises(StoreUnavailable, match=r"s3://no-such-bucket-here.*NoSuchBucket"):
            ask()


def test_nobody_listening(s3_server: S3Server) -> None:
    store = open_store("s3://bucket/lake", S3Options(endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(StoreUnavailable, match=r"s3://bucket/lake/k: cannot read.*127\.0\.0\.1:9"):
        store.get("k")


def test_no_credentials_is_said_so(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = open_store("s3://bucket", S3Options(endpoint_url=s3_server.url))
    with pytest.raises(StoreUnavailable, match="credentials"):
        store.get("k")


def test_anonymous_requests_are_unsigned(
    s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(f"s3://{s3_bucket}", S3Options(endpoint_url=s3_server.url)).put("k", b"v")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    signatures = []
    s3_server.fault = lambda environ: signatures.append(environ.get("HTTP_AUTHORIZATION"))
    store = open_store(f"s3://{s3_bucket}", S3Options(endpoint_url=s3_server.url, anonymous=True))
    assert [info.key for info in store.entries()] == ["k"]
    assert signatures == [None]


def test_passing_faults_are_tried_again(s3_server: S3Server, s3_store: ObjectStore) -> None:
    s3_store.put("k", b"v")
    left = [3]

    def stumble(_environ: dict[str, Any]) -> tuple[str, bytes] | None:
        left[0] -= 1
        return ("503 Slow Down", error_body("SlowDown")) if left[0] >= 0 else None

    s3_server.fault = stumble
    assert s3_store.get("k") == b"v"
    assert left[0] == -1


def test_lasting_faults_and_refusals_are_unavailable(
    s3_server: S3Server, s3_store: ObjectStore
) -> None:
    s3_server.fault = lambda _environ: ("500 Internal Server Error", error_body("InternalError"))
    with pytest.raises(StoreUnavailable, match=r"some/lake/k: cannot read.*InternalError"):
        s3_store.get("k")
    s3_server.fault = lambda _environ: ("403 Forbidden", error_body("AccessDenied"))
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        s3_store.get("k")
    with pytest.raises(StoreUnavailable, match=r"cannot list.*AccessDenied"):
        list(s3_store.entries("k"))
    with pytest.raises(StoreUnavailable, match=r"cannot write.*AccessDenied"):
        s3_store.put("k", b"")
    with pytest.raises(StoreUnavailable, match="403"):
        s3_store.put("k", b"", if_absent=True)


def test_a_body_that_breaks_off_is_read_again(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ResponseStreamingError  # noqa: PLC0415 - only here
    from botocore.response import StreamingBody  # noqa: PLC0415 - only here

    s3_store.put("k", b"v")
    whole = StreamingBody.read
    left = [3]

    def breaking(self: StreamingBody, amt: int | None = None) -> bytes:
        left[0] -= 1
        if left[0] >= 0:
            raise ResponseStreamingError(error="connection broken")
        return whole(self, amt)

    monkeypatch.setattr(StreamingBody, "read", breaking)
    assert s3_store.get("k") == b"v"
    left[0] = 3
    assert s3_store.get_range("k", 0, 1) == b"v"
    left[0] = 4
    with pytest.raises(StoreUnavailable, match="connection broken"):
        s3_store.get("k")
    left[0] = 4
    with pytest.raises(StoreUnavailable, match="connection broken"):
        s3_store.get_range("k", 0, 1)


def test_a_store_that_knows_no_ranges_gives_them_too(
    s3_server: S3Server, s3_store: ObjectStore
) -> None:
    """HTTP lets a server pass over `Range` and answer with everything."""
    s3_store.put("k", bytes(range(100)))
    asked: list[str] = []
    s3_server.fault = lambda environ: asked.append(environ.pop("HTTP_RANGE", ""))
    assert s3_store.get_range("k", 10, 3) == bytes([10, 11, 12])
    assert s3_store.get_range("k", 97, 10) == bytes([97, 98, 99])
    assert s3_store.get_range("k", 200, 1) == b""
    assert asked == ["bytes=10-12", "bytes=97-106", "bytes=200-200"]


def test_a_store_without_conditions_is_compared_with_first(
    s3_server: S3Server, s3_store: ObjectStore
) -> None:
    refused = []

    def refuse(environ: dict[str, Any]) -> tuple[str, bytes] | None:
        if "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ:
            refused.append(environ["PATH_INFO"])
            return "501 Not Implemented", error_body("NotImplemented")
        return None

    s3_server.fault = refuse
    _conditions_hold(s3_store)
    assert len(refused) == 2


def test_a_store_that_ignores_conditions_is_compared_with_first(
    s3_server: S3Server, s3_store: ObjectStore
) -> None:
    def ignore(environ: dict[str, Any]) -> None:
        environ.pop("HTTP_IF_MATCH", None)
        environ.pop("HTTP_IF_NONE_MATCH", None)

    s3_server.fault = ignore
    _conditions_hold(s3_store)


def _conditions_hold(store: ObjectStore) -> None:
    etag = store.put("k", b"1", if_absent=True)
    with pytest.raises(PreconditionFailed):
        store.put("k", b"2", if_absent=True)
    store.put("k", b"3", if_match=etag)
    with pytest.raises(PreconditionFailed):
        store.put("k", b"4", if_match=etag)
    assert store.get("k") == b"3"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("412 Precondition Failed", "PreconditionFailed"),
        ("409 Conflict", "ConditionalRequestConflict"),
    ],
)
def test_a_conflict_the_store_reports(
    s3_server: S3Server, s3_store: ObjectStore, status: str, code: str
) -> None:
    s3_server.fault = lambda e: (status, error_body(code)) if _is(e, "PUT") else None
    with pytest.raises(PreconditionFailed, match="some/lake/k"):
        s3_store.put("k", b"1", if_absent=True)


def test_a_conditional_put_whose_answer_got_lost_is_ours(
    s3_server: S3Server, s3_store: ObjectStore
) -> None:
    lost = [1]

    def lose(environ: dict[str, Any]) -> tuple[str, bytes] | None:
        if _is(environ, "PUT") and lost[0]:
            lost[0] -= 1
            return "500 Internal Server Error", error_body("InternalError")
        return None

    s3_server.after = lose
    etag = s3_store.put("k", b"mine", if_absent=True)
    assert lost == [0]
    info = s3_store.head("k")
    assert info is not None
    assert info.etag == etag
    # The same, but what is there after the repeat is another's.
    lost[0] = 1
    s3_server.fault = lambda e: (
        ("412 Precondition Failed", error_body("PreconditionFailed"))
        if _is(e, "PUT") and not lost[0]
        else None
    )
    with pytest.raises(PreconditionFailed):
        s3_store.put("k", b"mine", if_match="0" * 32)


def test_deleting_what_is_not_there(s3_server: S3Server, s3_store: ObjectStore) -> None:
    s3_server.fault = lambda _environ: ("404 Not Found", error_body("NoSuchKey"))
    s3_store.delete("k")
    with pytest.raises(ObjectNotFound):
        s3_store.get("k")
