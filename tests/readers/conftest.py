"""A small lake of hand-written builds, published one after another at moments of the test's choice.

Run `r16` knew 16 January; `r17` brought the 17th and put Binance's funding of the 16th right, from
2 to 3 bp per 8 hours.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from flows.storage.build_file import connect
from flows.storage.object_store import S3Options, open_store
from flows.storage.publication import Pointer, Publication, build_key
from tests.queries.given import (
    BEFORE,
    BINANCE,
    BYBIT,
    ETHER,
    Tables,
    at,
    empty_build,
    filled_build,
    funding,
    hour,
    market,
)
from tests.s3_server import s3_server

EVENING = datetime(2021, 1, 17, 2, tzinfo=UTC)
MORNING = datetime(2021, 1, 18, 2, tzinfo=UTC)


def ran(run_id: str, finished: str) -> dict[str, object]:
    return {"run_id": run_id, "verdict": "passed", "finished_at": at(finished)}


FIRST_NIGHT: Tables = {
    "runs": [ran("r16", "2021-01-17T01:59")],
    "market_daily": [market(day=BEFORE, open_interest_usd=5e9)],
    "funding_daily": [funding(BINANCE, 0.0002, BEFORE), funding(ETHER, 0.0001, BEFORE)],
}
SECOND_NIGHT: Tables = {
    "runs": [*FIRST_NIGHT["runs"], ran("r17", "2021-01-18T01:59")],
    "market_daily": [
        # Not in the order of the key.
        market("ETH", open_interest_usd=3e9, liquidations_max_24h_end=at("2021-01-17T09:30")),
        market(open_interest_usd=6e9),
        market(day=BEFORE, open_interest_usd=5e9),
    ],
    "funding_daily": [
        funding(BYBIT, None),
        funding(ETHER, 0.0001, BEFORE),
        funding(BINANCE, 0.0004),
        funding(BINANCE, 0.0003, BEFORE),
    ],
    "liquidations_hourly": [hour(BINANCE, "2021-01-17T05:00", 1e6, 0.0)],
}
SECOND_PAST = (
    """UPDATE funding_daily SET published_by = 'r16'
       WHERE date = '2021-01-16' AND base_asset = 'ETH'""",
    """INSERT INTO history.funding_daily BY NAME
       SELECT * REPLACE (0.0002 AS funding_rate_8h, 'r16' AS published_by), 'r17' AS superseded_by
       FROM funding_daily WHERE date = '2021-01-16' AND base_asset = 'BTC'""",
)
"""What r17 keeps of r16."""


@dataclass(frozen=True)
class Shelf:
    """A lake in a folder, and builds put into it."""

    root: Path
    empty: Path

    def publish(
        self, run_id: str, tables: Tables, when: datetime, past: Sequence[str] = ()
    ) -> Pointer:
        key = build_key(run_id)
        build = self.root / key
        build.parent.mkdir(parents=True, exist_ok=True)
        filled_build(self.empty, build, tables)
        connection = connect(build)
        connection.execute("UPDATE funding_daily SET published_by = ?", [run_id])
        for statement in past:
            connection.execute(statement)
        connection.close()
        return self.point_at(run_id, when)

    def point_at(self, run_id: str, when: datetime) -> Pointer:
        build = self.root / build_key(run_id)
        return Publication(open_store(f"file:{self.root}")).publish(
            run_id,
            build_key(run_id),
            sha256=hashlib.sha256(build.read_bytes()).hexdigest(),
            size=build.stat().st_size,
            now=when,
        )

    @property
    def link(self) -> Path:
        return self.root / "published" / "perpmill.duckdb"


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build without a row. Not to be written to."""
    return empty_build(tmp_path_factory.mktemp("empty") / "build.duckdb")


@pytest.fixture(scope="session")
def shelf(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two nights, published. Not to be written to."""
    found = Shelf(tmp_path_factory.mktemp("shelf") / "lake", empty)
    found.publish("r16", FIRST_NIGHT, EVENING)
    found.publish("r17", SECOND_NIGHT, MORNING, SECOND_PAST)
    return found


@pytest.fixture
def own(shelf: Shelf, tmp_path: Path) -> Shelf:
    """A copy of both nights, to publish into."""
    return Shelf(
        Path(shutil.copytree(shelf.root, tmp_path / "own" / "lake", symlinks=True)), shelf.empty
    )


@pytest.fixture
def config(shelf: Shelf, tmp_path: Path) -> Path:
    """A configuration of the shared lake."""
    return _configured(tmp_path, shelf)


def _configured(folder: Path, shelf: Shelf) -> Path:
    path = folder / "perpmill.toml"
    path.write_text(f'lake = "file:{shelf.root}"\n')
    return path


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[Shelf], Path]:
    """A configuration of any lake."""
    return lambda shelf: _configured(tmp_path, shelf)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Put a lake's folder into a bucket of a server on a socket; its configuration."""
    with s3_server(monkeypatch) as url:

        def put(root: Path) -> Path:
            client = boto3.session.Session().client("s3", endpoint_url=url, region_name="us-east-1")
            client.create_bucket(Bucket="ours")
            client.close()
            theirs = open_store(f"file:{root}")
            store = open_store("s3://ours/lake", S3Options(endpoint_url=url, region="us-east-1"))
            for info in theirs.entries(""):
                if not (root / info.key).is_symlink():
                    store.put(info.key, theirs.get(info.key))
            config = tmp_path / "bucket.toml"
            config.write_text(
                f'lake = "s3://ours/lake"\n[s3]\nendpoint_url = "{url}"\nregion = "us-east-1"\n'
            )
            return config

        yield put
