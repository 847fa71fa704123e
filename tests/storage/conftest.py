"""An S3 server on a socket of its own, and both backends behind one fixture."""

from __future__ import annotations

import os
import posix
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from flows.storage.local_store import sync_file_system
from flows.storage.object_store import ObjectStore, S3Options, open_store

# WSGI: (environ, start_response) → body.
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]


@pytest.fixture(autouse=True)
def _waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in earnest; other tests do not (`tests/conftest.py`)."""
    monkeypatch.setattr(os, "fsync", posix.fsync)
    monkeypatch.setattr("flows.storage.local_store.sync_file_system", sync_file_system)


class S3Server:
    """moto on 127.0.0.1, with requests let in one at a time and faults on demand.

    One at a time, because moto looks at a condition and writes in two steps, where S3 does it in
    one. `fault` sees each request's environ; what it returns, if anything, answers instead.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.Lock()
        self.fault: Callable[[dict[str, Any]], tuple[str, bytes] | None] | None = None
        self.after: Callable[[dict[str, Any]], tuple[str, bytes] | None] | None = None
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        with self._turn:
            if self.fault and (instead := self.fault(environ)):
                return _error(instead, start_response)
            if not self.after:
                return list(self._moto(environ, start_response))
            started: list[tuple[Any, ...]] = []
            body = list(self._moto(environ, lambda *head: started.append(head)))
            if instead := self.after(environ):
                return _error(instead, start_response)
            start_response(*started[0][:2])
            return body


def _error(answer: tuple[str, bytes], start_response: Callable[..., Any]) -> list[bytes]:
    status, body = answer
    start_response(
        status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    )
    return [body]


def error_body(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>".encode()


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3_server(_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    yield _s3_server
    _s3_server.fault = None
    _s3_server.after = None


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """Name of a new, empty bucket."""
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    client = boto3.session.Session().client(
        "s3", endpoint_url=s3_server.url, region_name="us-east-1"
    )
    client.create_bucket(Bucket=bucket)
    client.close()
    return bucket


@pytest.fixture
def s3_store(s3_server: S3Server, s3_bucket: str) -> ObjectStore:
    """Below a prefix, as lakes often are."""
    return open_store(
        f"s3://{s3_bucket}/some/lake", S3Options(endpoint_url=s3_server.url, region="us-east-1")
    )


@pytest.fixture
def local_store(tmp_path: Path) -> ObjectStore:
    return open_store(f"file:{tmp_path / 'lake'}")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each test that asks for this runs on both backends."""
    found: ObjectStore = request.getfixturevalue(f"{request.param}_store")
    return found
