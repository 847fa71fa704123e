"""The same run with lake, archive and dumps on an S3 server, over a real socket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flows.settings import Settings
from flows.storage.object_store import open_store
from flows.storage.publication import LINK_KEY, Publication
from flows.storage.warehouse import table_hashes
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.driver import mill_days


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line per request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def upload(url: str, bucket: str, folder: Path) -> int:
    """Into a new bucket whose objects anybody may read, as venues' are."""
    client = boto3.session.Session().client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        client.put_object(
            Bucket=bucket,
            Key=path.relative_to(folder).as_posix(),
            Body=path.read_bytes(),
            ACL="public-read",
        )
    client.close()
    return len(files)


def test_a_run_on_s3_gives_what_a_run_on_folders_gives(
    milled: Lake, s3_url: str, tmp_path: Path
) -> None:
    assert upload(s3_url, "venue", milled.exchange / "archive/binance") > 100
    assert upload(s3_url, "recorded", milled.exchange / "dumps/binance") > 3
    upload(s3_url, "ours", tmp_path / "nothing")
    place = {"endpoint_url": s3_url, "region": "us-east-1"}
    settings = Settings(
        lake="s3://ours/some/lake",
        s3=place,
        sources=[
            {
                "venue": "binance",
                "archive": "s3://venue",
                "archive_s3": place,
                "dumps": "s3://recorded",
            }
        ],
        batch_days=31,
        cache=tmp_path / "cache",
    )
    done = mill_days(settings, FIRST, LAST)
    assert done.pointer is not None
    store = open_store(settings.lake, settings.s3.options())
    # As another machine reads it, with nothing in its cache yet.
    build = Publication(store).local_build(tmp_path / "reader")
    assert build is not None
    assert table_hashes(build) == milled.hashes()
    assert store.head(LINK_KEY) is None  # a bucket has no links

    again = mill_days(settings, FIRST, LAST)
    assert (again.fetched, again.candidate) == (0, None)
    assert Publication(store).current() == done.pointer
