"""A published lake in a bucket, read where it is, over a real socket: what `docs/s3.md` says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from pyarrow.fs import S3FileSystem
from pyarrow.parquet import read_table

from flows.exports.manifest import manifest_of
from flows.settings import Settings
from flows.storage.object_store import ObjectStore, open_store
from flows.storage.publication import Pointer
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.driver import mill_days
from tests.s3_server import s3_server

ROOT = Path(__file__).parents[2]
ATTACHED = Path(__file__).with_name("attached.py")
OWN = ROOT / ".venv-httpfs/bin/python"
"""Where `make httpfs` puts a DuckDB and its httpfs."""


@dataclass(frozen=True)
class Bucket:
    """A lake in a bucket of a server. pointer: what it published."""

    endpoint: str
    store: ObjectStore
    pointer: Pointer
    cache: Path

    def block(self, number: int) -> str:
        """A Python block of the document, told of this server in the place of the example's."""
        text = (ROOT / "docs/s3.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        assert len(blocks) == 2
        told = str(blocks[number]).replace("127.0.0.1:9000", self.endpoint.removeprefix("http://"))
        assert self.endpoint.removeprefix("http://") in told
        return told


@pytest.fixture(scope="module")
def bucket(milled: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """The three days of `milled` in `s3://bucket/prefix`."""
    root = tmp_path_factory.mktemp("bucket")
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as endpoint:
        client = boto3.session.Session().client(
            "s3", endpoint_url=endpoint, region_name="us-east-1"
        )
        client.create_bucket(Bucket="bucket")
        client.close()
        place = {"endpoint_url": endpoint, "region": "us-east-1"}
        settings = Settings(
            **milled.settings.model_dump()
            | {"lake": "s3://bucket/prefix", "s3": place, "cache": root / "cache"}
        )
        done = mill_days(settings, FIRST, LAST)
        assert done.pointer is not None
        store = open_store(settings.lake, settings.s3.options())
        yield Bucket(endpoint, store, done.pointer, settings.cache)


def test_the_tables_are_in_the_bucket_and_nowhere_else(bucket: Bucket, milled: Lake) -> None:
    said = manifest_of(bucket.store, bucket.pointer.run_id)
    assert said is not None
    assert said.build_sha256 == bucket.pointer.sha256
    folder = f"builds/{bucket.pointer.run_id}/tables/"
    sizes = {e.key.removeprefix(folder): e.size for e in bucket.store.entries(folder)}
    assert sizes.pop("manifest.json") > 0
    assert sizes == {table.file: table.bytes for table in said.tables}
    assert bucket.store.head("published/tables") is None  # a bucket has no links
    assert list(bucket.cache.rglob("*.parquet")) == []
    # From the same files, so the same numbers as in a folder.
    content = bucket.store.get(f"{folder}funding_daily.parquet")
    there = pl.read_parquet(content).drop("published_by")
    here = pl.read_parquet(milled.root / "published/tables/funding_daily.parquet")
    assert there.equals(here.drop("published_by"))


def test_the_block_for_polars(bucket: Bucket) -> None:
    names: dict[str, Any] = {}
    exec(bucket.block(1), names)  # noqa: S102 - the document's
    market = names["market"]
    said = manifest_of(bucket.store, bucket.pointer.run_id)
    assert said is not None
    assert market.height == said.table("market_daily").rows > 0
    assert "funding_rate_8h_oi_weighted" in market.columns


def test_pyarrow_reads_them_too(bucket: Bucket) -> None:
    files = S3FileSystem(
        access_key="test",
        secret_key="test",
        region="us-east-1",
        scheme="http",
        endpoint_override=bucket.endpoint.removeprefix("http://"),
    )
    path = f"bucket/prefix/builds/{bucket.pointer.run_id}/tables/market_daily.parquet"
    found = pl.from_arrow(read_table(path, filesystem=files))
    content = bucket.store.get(path.removeprefix("bucket/prefix/"))
    assert isinstance(found, pl.DataFrame)
    assert found.equals(pl.read_parquet(content))


def _with_httpfs() -> tuple[Path, str] | None:
    """A Python whose DuckDB can load httpfs, and the package that carries it (`-`: none needed)."""
    probe = subprocess.run([sys.executable, ATTACHED, "probe"], capture_output=True, check=False)
    if probe.returncode == 0:
        return Path(sys.executable), "-"
    return (OWN, "duckdb_extension_httpfs") if OWN.exists() else None


def test_the_build_is_attached_where_it_is(bucket: Bucket, milled: Lake) -> None:
    found = _with_httpfs()
    if found is None:
        pytest.skip("DuckDB has no httpfs here; `make httpfs` makes an environment that has")
    python, package = found
    told = subprocess.run(
        [python, ATTACHED, package],
        input=bucket.block(0),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    *shown, last = told.stdout.splitlines()
    # Three days of 2021, as the block prints them.
    assert [day for day in ("2021-01-29", "2021-01-30", "2021-01-31") if day in "".join(shown)]
    said = json.loads(last)
    ((rows, settlements),) = milled.sql("SELECT count(*), sum(settlement_count) FROM funding_daily")
    assert rows > 0
    assert [int(value) for value in said["funding"]] == [rows, settlements]
    ((heat,),) = milled.sql("SELECT count(*) FROM funding_heatmap('2021-01-29', '2021-01-31')")
    assert said["macro_rows"] == heat > 0
    assert "read-only mode" in said["refusal"]
