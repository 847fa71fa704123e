"""Old builds go, never the published one nor the one before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.run import Run
from flows.settings import Settings
from flows.storage.object_store import ObjectStore, open_store
from flows.storage.publication import NoSuchBuild, Publication, build_key
from flows.tidying import forget_old_builds

START = datetime(2026, 3, 1, tzinfo=UTC)
SHA = "0" * 64


class Mill:
    """A lake with builds of a byte or two."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        source = {"venue": "binance", "archive": f"file:{folder}/exchange"}
        self.settings = Settings(
            lake=f"file:{folder}/lake", cache=folder / "cache", sources=[source], **settings
        )
        self.store: ObjectStore = open_store(self.settings.lake)
        self.publication = Publication(self.store)
        self.now = START

    def candidate(self, run_id: str) -> None:
        for name in ("contents.parquet", "candidate.duckdb"):
            self.store.put(f"builds/{run_id}/{name}", b"x")

    def publish(self, run_id: str) -> None:
        self.candidate(run_id)
        self.store.put(build_key(run_id), b"build")
        self.now += timedelta(hours=1)
        self.publication.publish(run_id, build_key(run_id), sha256=SHA, size=5, now=self.now)

    def rollback(self, run_id: str | None) -> None:
        self.now += timedelta(hours=1)
        self.publication.rollback(run_id, self.now)

    def tidy(self) -> list[str]:
        return forget_old_builds(Run.begin(self.settings, "nightly"))

    @property
    def there(self) -> set[str]:
        return {info.key.split("/")[1] for info in self.store.entries("builds/")}


@pytest.fixture
def mill(tmp_path: Path) -> Callable[..., Mill]:
    return lambda **settings: Mill(tmp_path, **settings)


def test_the_newest_stay(mill: Callable[..., Mill]) -> None:
    lake = mill(keep=3)
    assert lake.tidy() == []
    for number in range(1, 6):
        lake.publish(f"r{number}")
    assert lake.tidy() == ["r1", "r2"]
    assert lake.there == {"r3", "r4", "r5"}
    assert lake.tidy() == []


def test_fourteen_by_default(mill: Callable[..., Mill]) -> None:
    lake = mill()
    for number in range(10, 30):
        lake.publish(f"r{number}")
    lake.tidy()
    assert lake.there == {f"r{number}" for number in range(16, 30)}


def test_candidates_go_once_they_are_too_old(mill: Callable[..., Mill]) -> None:
    lake = mill(keep=2)
    lake.candidate("r0-blocked")
    for number in range(1, 4):
        lake.publish(f"r{number}")
    lake.candidate("r4-blocked")
    assert lake.tidy() == ["r0-blocked", "r1"]
    assert lake.there == {"r2", "r3", "r4-blocked"}


def test_what_one_went_back_to_stays_with_the_one_before_it(mill: Callable[..., Mill]) -> None:
    lake = mill(keep=2)
    for number in range(1, 6):
        lake.publish(f"r{number}")
    lake.rollback("r2")
    lake.tidy()
    # Published: r2, before it r1; of the two newest the other is r5.
    assert lake.there == {"r1", "r2", "r5"}
    lake.rollback(None)
    pointer = lake.publication.current()
    assert pointer is not None
    assert pointer.run_id == "r1"
    with pytest.raises(NoSuchBuild, match="r5"):
        lake.rollback("r4")


def test_copies_of_a_bucket_go_too(mill: Callable[..., Mill], tmp_path: Path) -> None:
    lake = mill(keep=2)
    for number in range(1, 4):
        lake.publish(f"r{number}")
        (tmp_path / "cache" / f"r{number}").mkdir(parents=True)
        (tmp_path / "cache" / f"r{number}-000000000000.duckdb").touch()
    assert lake.tidy() == ["r1"]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "r2",
        "r2-000000000000.duckdb",
        "r3",
        "r3-000000000000.duckdb",
    ]


def test_at_least_two_are_kept(mill: Callable[..., Mill]) -> None:
    with pytest.raises(ValueError, match="keep"):
        mill(keep=1)
