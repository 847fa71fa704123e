"""A transform on a cluster of two workers that share a lake in a bucket: the same partitions as one
process makes in a folder. In a process of its own, as Prefect's server is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl

from flows.settings import Settings
from flows.storage.ledger import Ledger
from flows.storage.object_store import open_store
from flows.storage.partitions import Layer
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.test_object_storage import s3_url, upload

__all__ = ["s3_url"]  # a fixture

REPOSITORY = Path(__file__).parents[2]
_EVERYTHING_IS_LARGE = {"DASK_DISTRIBUTED__ADMIN__LARGE_GRAPH_WARNING_THRESHOLD": "1B"}
"""As pieces of thousands of files are to Dask, which warns of them."""


def _partitions(settings: Settings) -> pl.DataFrame:
    store = open_store(settings.lake, settings.s3.options())
    ledger = Ledger(store, "test")
    layers = [Layer(store, ledger, name).current() for name in ("normalised", "daily", "market")]
    return pl.concat(layers).select("name", "venue", "date", "sha256", "rows")


def test_two_workers_and_a_bucket(milled: Lake, s3_url: str, tmp_path: Path) -> None:
    upload(s3_url, "ours", tmp_path / "nothing")
    config = tmp_path / "perpmill.toml"
    config.write_text(
        f"""
lake = "s3://ours/lake"
executor = "dask"
workers = 2
batch_days = 1

[s3]
endpoint_url = "{s3_url}"
region = "us-east-1"

[[sources]]
venue = "binance"
archive = "file:{milled.exchange}/archive/binance"
dumps = "file:{milled.exchange}/dumps/binance"
"""
    )
    days = ["--start", str(FIRST), "--end", str(LAST), "--config", str(config)]
    for command in ("ingest", "transform"):
        done = subprocess.run(
            [sys.executable, "-m", "flows", command, *days],
            cwd=REPOSITORY,
            env=os.environ | {"PREFECT_HOME": str(tmp_path / "prefect")} | _EVERYTHING_IS_LARGE,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert "Sending large graph" not in done.stderr
    assert "candidate" in done.stdout
    on_the_cluster = _partitions(
        Settings(lake="s3://ours/lake", s3={"endpoint_url": s3_url, "region": "us-east-1"})
    )
    assert on_the_cluster.height > 30
    assert on_the_cluster.equals(_partitions(milled.settings))
