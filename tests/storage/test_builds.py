"""Builds on their way: what is kept stays."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from flows.storage import builds as module
from flows.storage.builds import Builds
from flows.storage.local_store import LocalStore
from flows.storage.object_store import ObjectStore, StoreUnavailable


def kept(store: ObjectStore, cache: Path) -> Path:
    builds = Builds(store, cache)
    path = builds.workplace("run-a", "perpmill.duckdb")
    path.write_bytes(b"a build")
    builds.keep("run-a", "perpmill.duckdb")
    return path


def test_every_name_on_the_way_to_a_build_is_on_disk(
    local_store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(module, "sync_folder", synced.append)
    kept(local_store, tmp_path / "cache")
    lake = local_store.root
    # From the file's own folder up to the one that names `builds`.
    assert synced == [lake / "builds" / "run-a", lake / "builds", lake]


def test_a_disk_that_refuses_is_told_of(
    local_store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "sync_folder", full)
    with pytest.raises(StoreUnavailable, match=r"nothing was published.*No space left"):
        kept(local_store, tmp_path / "cache")


def test_in_a_bucket_it_is_put(s3_store: ObjectStore, tmp_path: Path) -> None:
    assert kept(s3_store, tmp_path / "cache").is_relative_to(tmp_path / "cache")
    assert s3_store.get("builds/run-a/perpmill.duckdb") == b"a build"
