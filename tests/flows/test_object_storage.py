"""The same run with lake, archive and dumps on an S3 server, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from flows.settings import Settings
from flows.storage.object_store import open_store
from flows.storage.publication import LINK_KEY, Publication
from flows.storage.warehouse import table_hashes
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.driver import mill_days
from tests.s3_server import s3_server


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3_server(monkeypatch) as url:
        yield url


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
    found = Publication(store).local(tmp_path / "reader")
    assert found is not None
    assert table_hashes(found[1]) == milled.hashes()
    assert store.head(LINK_KEY) is None  # a bucket has no links

    again = mill_days(settings, FIRST, LAST)
    assert (again.fetched, again.candidate) == (0, None)
    assert Publication(store).current() == done.pointer
