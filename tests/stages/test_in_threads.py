"""Small tasks come back in their order, and where a network is waited for many wait at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flows.in_threads import in_threads
from flows.storage.local_store import LocalStore


@pytest.fixture
def folder(tmp_path: Path) -> LocalStore:
    return LocalStore(f"file:{tmp_path}")


@pytest.mark.parametrize("count", [0, 1, 600])
def test_results_stand_in_the_order_of_the_tasks(folder: LocalStore, count: int) -> None:
    for places in ([folder], [object()]):
        assert in_threads(places, 3, lambda n: n * 2, range(count)) == [n * 2 for n in range(count)]


def test_what_a_task_raises_is_raised(folder: LocalStore) -> None:
    for places in ([folder], [object()]):
        with pytest.raises(ZeroDivisionError):
            in_threads(places, 3, lambda n: 1 // n, [1, 0, 2])


def test_a_worker_starts_no_threads_for_folders(
    folder: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are others beside it; of a bucket it waits for many answers all the same."""

    def seen(places: list[object]) -> set[int]:
        return set(in_threads(places, 3, lambda _: threading.get_ident(), range(600)))

    here = {threading.get_ident()}
    assert here.isdisjoint(seen([folder]))
    monkeypatch.setattr("flows.in_threads.parent_process", object)
    assert seen([folder]) == here
    assert here.isdisjoint(seen([folder, object()]))


def test_a_bucket_beside_a_folder_is_waited_for_by_many(folder: LocalStore) -> None:
    """A local archive taken into a bucket."""
    together = threading.Barrier(3, timeout=30)  # passes only if three tasks run at a time
    assert len(in_threads([folder, object()], 3, lambda _: together.wait(), range(3))) == 3
