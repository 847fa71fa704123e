"""Readers see one build or the other, through any swap, race or kill."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.storage.object_store import (
    ObjectNotFound,
    ObjectStore,
    PreconditionFailed,
    open_store,
)
from flows.storage.publication import (
    LINK_KEY,
    POINTER_KEY,
    BuildCorrupt,
    NoSuchBuild,
    Pointer,
    Publication,
    build_key,
)

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 8, 10, tzinfo=UTC)


def local_build(publication: Publication, cache: Path) -> Path | None:
    found = publication.local(cache)
    return None if found is None else found[1]


def content(run_id: str) -> bytes:
    return f"build of {run_id}\n".encode() * 50


def build(store: ObjectStore, run_id: str) -> str:
    key = build_key(run_id)
    store.put(key, content(run_id))
    return key


def publish(store: ObjectStore, run_id: str, now: datetime = NOW) -> Pointer:
    data = content(run_id)
    return Publication(store).publish(
        run_id,
        build(store, run_id),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        now=now,
    )


def link_of(store: ObjectStore) -> Path:
    return Path(store.address.removeprefix("file:")) / LINK_KEY


def test_nothing_published(store: ObjectStore, tmp_path: Path) -> None:
    publication = Publication(store)
    assert publication.current() is None
    assert publication.history() == []
    assert local_build(publication, tmp_path / "cache") is None
    publication.repair()
    with pytest.raises(NoSuchBuild, match="nothing has been published"):
        publication.rollback(None, NOW)
    assert list(store.entries()) == []


def test_publish(store: ObjectStore, tmp_path: Path) -> None:
    first = publish(store, "run-a")
    # "build of run-a" has 14 letters; with a newline 15; times 50 = 750 bytes.
    assert first == Pointer(
        run_id="run-a",
        build="builds/run-a/perpmill.duckdb",
        sha256=hashlib.sha256(content("run-a")).hexdigest(),
        bytes=750,
        published_at=NOW,
        previous=None,
    )
    second = publish(store, "run-b", NOW + timedelta(days=1))
    assert second.previous == "run-a"
    publication = Publication(store)
    assert publication.current() == second
    assert publication.history() == [first, second]
    path = local_build(publication, tmp_path / "cache")
    assert path is not None
    assert path.read_bytes() == content("run-b")


def test_the_pointer_is_canonical_json(store: ObjectStore) -> None:
    publish(store, "run-a", NOW + timedelta(microseconds=5))
    text = store.get(POINTER_KEY).decode()
    assert text == (
        "{\n"
        '  "build": "builds/run-a/perpmill.duckdb",\n'
        '  "bytes": 750,\n'
        '  "previous": null,\n'
        '  "published_at": "2026-11-22T08:10:00.000005Z",\n'
        '  "run_id": "run-a",\n'
        f'  "sha256": "{hashlib.sha256(content("run-a")).hexdigest()}"\n'
        "}\n"
    )
    assert [info.key for info in store.entries("published/history/")] == [
        "published/history/20261122T081000.000005Z-run-a.json"
    ]


def test_what_may_not_be_published(store: ObjectStore) -> None:
    kept = publish(store, "run-a")
    publication = Publication(store)
    sha = hashlib.sha256(content("run-b")).hexdigest()
    with pytest.raises(NoSuchBuild, match=r"run-b/perpmill\.duckdb: no object of 750 bytes"):
        publication.publish("run-b", build_key("run-b"), sha256=sha, size=750, now=NOW)
    key = build(store, "run-b")
    with pytest.raises(NoSuchBuild, match="no object of 751 bytes"):
        publication.publish("run-b", key, sha256=sha, size=751, now=NOW)
    with pytest.raises(ValueError, match="no time zone"):
        publication.publish(
            "run-b",
            key,
            sha256=sha,
            size=750,
            now=datetime(2026, 1, 1),  # noqa: DTZ001 - refused
        )
    with pytest.raises(ValueError, match="SHA-256"):
        publication.publish("run-b", key, sha256="abc", size=750, now=NOW)
    with pytest.raises(ValueError, match="run id"):
        publication.publish("run/b", key, sha256=sha, size=750, now=NOW)
    with pytest.raises(ValueError, match="already published, with another build"):
        publication.publish("run-a", key, sha256=sha, size=750, now=NOW)
    assert publication.current() == kept
    assert publication.history() == [kept]


def test_publishing_again_changes_nothing(store: ObjectStore) -> None:
    first = publish(store, "run-a")
    assert publish(store, "run-a", NOW + timedelta(hours=1)) == first
    assert Publication(store).history() == [first]


def test_who_publishes_meanwhile_is_not_overwritten(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "run-a")
    build(store, "run-c")
    whole = Publication._is_there
    others: list[Pointer] = []

    def meanwhile(self: Publication, pointer: Pointer) -> bool:
        if pointer.run_id == "run-b" and not others:
            others.append(publish(store, "run-c"))
        return whole(self, pointer)

    monkeypatch.setattr(Publication, "_is_there", meanwhile)
    with pytest.raises(PreconditionFailed, match=POINTER_KEY):
        publish(store, "run-b")
    assert Publication(store).current() == others[0]
    assert [p.run_id for p in Publication(store).history()] == ["run-a", "run-c"]


def test_rollback(store: ObjectStore, tmp_path: Path) -> None:
    day = timedelta(days=1)
    pointers = {
        run: publish(store, run, NOW + n * day) for n, run in enumerate(("run-a", "run-b", "run-c"))
    }
    publication = Publication(store)
    back = publication.rollback(None, NOW + 3 * day)
    assert (back.run_id, back.previous, back.published_at) == ("run-b", "run-a", NOW + 3 * day)
    assert (back.build, back.sha256) == (pointers["run-b"].build, pointers["run-b"].sha256)
    assert publication.current() == back
    path = local_build(publication, tmp_path / "cache")
    assert path is not None
    assert path.read_bytes() == content("run-b")
    # Once more goes one further back, not forth again.
    assert publication.rollback(None, NOW + 4 * day).run_id == "run-a"
    with pytest.raises(NoSuchBuild, match=r"before run-a, the first run.*run-a, run-b, run-c"):
        publication.rollback(None, NOW + 5 * day)
    # By name one may go anywhere, also forth.
    assert publication.rollback("run-c", NOW + 5 * day).previous == "run-b"
    assert publication.rollback("run-c", NOW + 6 * day).published_at == NOW + 5 * day
    assert [p.run_id for p in publication.history()] == [
        "run-a", "run-b", "run-c", "run-b", "run-a", "run-c",
    ]  # fmt: skip


def test_rollback_to_what_is_gone_or_never_was(store: ObjectStore) -> None:
    publish(store, "run-a")
    current = publish(store, "run-b", NOW + timedelta(days=1))
    build(store, "never-published")
    store.delete(build_key("run-a"))
    publication = Publication(store)
    for target in (None, "run-a", "never-published"):
        with pytest.raises(NoSuchBuild, match=r"that still exist: run-b$"):
            publication.rollback(target, NOW + timedelta(days=2))
    assert publication.current() == current


def test_an_unreadable_pointer_is_named(store: ObjectStore) -> None:
    for data in (b"{", b"[]", b'{"run_id": "x"}', b"\xff"):
        store.put(POINTER_KEY, data)
        with pytest.raises(ValueError, match=f"{store.address}/{POINTER_KEY}"):
            Publication(store).current()


def test_the_local_link_is_relative_and_follows(local_store: ObjectStore, tmp_path: Path) -> None:
    publish(local_store, "run-a")
    link = link_of(local_store)
    assert link.readlink() == Path("../builds/run-a/perpmill.duckdb")
    publish(local_store, "run-b")
    assert link.read_bytes() == content("run-b")
    Publication(local_store).rollback(None, NOW + timedelta(days=1))
    assert link.read_bytes() == content("run-a")
    # The lake may be moved as a whole.
    (tmp_path / "lake").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / LINK_KEY).read_bytes() == content("run-a")


@pytest.mark.parametrize("damage", ["stale", "missing", "a file", "dangling"])
@pytest.mark.parametrize("by", ["repair", "publishing again", "rolling back to the same"])
def test_a_link_left_behind_is_repaired(local_store: ObjectStore, damage: str, by: str) -> None:
    publish(local_store, "run-a")
    publish(local_store, "run-b")
    link = link_of(local_store)
    link.unlink()
    if damage == "stale":
        link.symlink_to("../builds/run-a/perpmill.duckdb")
    elif damage == "a file":
        link.write_bytes(b"copied")
    elif damage == "dangling":
        link.symlink_to("nowhere")
    local_store.delete(f"published/history/{NOW:%Y%m%dT%H%M%S.%fZ}-run-b.json")
    publication = Publication(local_store)
    if by == "repair":
        publication.repair()
    elif by == "publishing again":
        publish(local_store, "run-b")
    else:
        publication.rollback("run-b", NOW)
    assert link.read_bytes() == content("run-b")
    assert [p.run_id for p in publication.history()] == ["run-a", "run-b"]


def test_a_swap_that_was_not_recorded_is_known_all_the_same(store: ObjectStore) -> None:
    """A kill between the swap and the history's last entry."""
    first = publish(store, "run-a")
    second = publish(store, "run-b", NOW + timedelta(days=1))
    store.delete(f"published/history/{second.published_at:%Y%m%dT%H%M%S.%fZ}-run-b.json")
    publication = Publication(store)
    assert publication.at(second.published_at) == second
    assert publication.at(second.published_at - timedelta(microseconds=1)) == first
    assert publication.at(NOW - timedelta(microseconds=1)) is None


def test_a_local_build_is_the_build_itself(local_store: ObjectStore, tmp_path: Path) -> None:
    publish(local_store, "run-a")
    path = local_build(Publication(local_store), tmp_path / "cache")
    assert path == tmp_path / "lake" / "builds" / "run-a" / "perpmill.duckdb"
    assert not (tmp_path / "cache").exists()
    local_store.delete(build_key("run-a"))
    with pytest.raises(ObjectNotFound, match="the build is gone"):
        local_build(Publication(local_store), tmp_path / "cache")


def test_a_bucket_build_is_fetched_once_and_verified(
    s3_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = publish(s3_store, "run-a")
    cache = tmp_path / "cache"
    path = local_build(Publication(s3_store), cache)
    assert path == cache / f"run-a-{pointer.sha256[:12]}.duckdb"
    fetched: list[str] = []
    whole = type(s3_store).get_file

    def counting(self: ObjectStore, key: str, target: Path) -> None:
        fetched.append(key)
        whole(self, key, target)

    monkeypatch.setattr(type(s3_store), "get_file", counting)
    assert local_build(Publication(s3_store), cache) == path
    assert fetched == []
    path.write_bytes(b"cut sh")  # another's accident: another size is fetched again
    assert local_build(Publication(s3_store), cache) == path
    assert fetched == [build_key("run-a")]
    assert path.read_bytes() == content("run-a")

    path.unlink()
    s3_store.put(build_key("run-a"), content("run-X"))  # of the same size
    with pytest.raises(BuildCorrupt, match=r"run-a/perpmill\.duckdb has the SHA-256"):
        local_build(Publication(s3_store), cache)
    s3_store.delete(build_key("run-a"))
    with pytest.raises(ObjectNotFound):
        local_build(Publication(s3_store), cache)
    assert list(cache.iterdir()) == []


def test_a_build_replaced_while_it_is_fetched(
    s3_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(s3_store, "run-a")
    whole = type(s3_store).get_file

    def replaced(self: ObjectStore, key: str, target: Path) -> None:
        if key == build_key("run-a"):
            publish(s3_store, "run-b", NOW + timedelta(days=1))
            self.delete(key)
        whole(self, key, target)

    monkeypatch.setattr(type(s3_store), "get_file", replaced)
    path = local_build(Publication(s3_store), tmp_path / "cache")
    assert path is not None
    assert path.read_bytes() == content("run-b")


def test_readers_through_200_swaps(store: ObjectStore, tmp_path: Path) -> None:
    publish(store, "run-a")
    publish(store, "run-b", NOW + timedelta(seconds=1))
    whole = {"run-a": content("run-a"), "run-b": content("run-b")}
    local = store.address.startswith("file:")
    done = threading.Event()
    swaps = 200 if local else 20

    def look(n: int) -> set[str]:
        publication = Publication(store)
        seen = set()
        while not done.is_set():
            pointer = publication.current()
            assert pointer is not None
            assert pointer.sha256 == hashlib.sha256(whole[pointer.run_id]).hexdigest()
            seen.add(pointer.run_id)
            path = local_build(publication, tmp_path / f"cache{n}")
            assert path is not None
            assert path.read_bytes() in whole.values()
            if local:
                assert link_of(store).read_bytes() in whole.values()
        return seen

    with ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look, n) for n in range(2)]
        try:
            for n in range(swaps):
                target = "run-a" if n % 2 == 0 else "run-b"
                now = NOW + timedelta(minutes=n + 1)
                assert Publication(store).rollback(target, now).run_id == target
        finally:
            done.set()
        assert [looker.result() for looker in lookers] == [{"run-a", "run-b"}] * 2
    # 2 publishes and every swap are on record.
    assert len(Publication(store).history()) == swaps + 2


SWAPPER = """
import sys
from datetime import UTC, datetime
from flows.storage.object_store import open_store
from flows.storage.publication import Publication
publication = Publication(open_store(sys.argv[1]))
n = 0
while True:
    n += 1
    publication.rollback("run-a" if n % 2 else "run-b", datetime.now(UTC))
    if n == 2:
        print("ready", flush=True)
"""


def test_sigkill_leaves_before_or_after(local_store: ObjectStore) -> None:
    publish(local_store, "run-a")
    publish(local_store, "run-b", NOW + timedelta(seconds=1))
    whole = {run: content(run) for run in ("run-a", "run-b")}
    publication = Publication(local_store)
    chance = random.Random(11)  # noqa: S311 - when to kill
    swaps = 2
    for _ in range(8):
        swapper = subprocess.Popen(
            [sys.executable, "-c", SWAPPER, local_store.address], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert swapper.stdout is not None
        with swapper.stdout:
            assert swapper.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.003, 0.1))
            swapper.send_signal(signal.SIGKILL)
            swapper.wait()
        pointer = publication.current()
        assert pointer is not None
        assert pointer.run_id in whole
        assert link_of(local_store).read_bytes() in whole.values()
        publication.repair()
        assert link_of(local_store).read_bytes() == whole[pointer.run_id]
        history = publication.history()
        assert history[-1] == pointer
        assert len(history) >= swaps
        swaps = len(history)
    assert swaps > 2  # it did swap
    for info in local_store.entries("published/history/"):
        assert json.loads(local_store.get(info.key))["run_id"] in whole


def test_the_link_is_swapped_without_a_moment_of_absence(tmp_path: Path) -> None:
    """Where the lake's address is relative, too."""
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        store = open_store("file:lake")
        publish(store, "run-a")
    finally:
        os.chdir(here)
    publish(store, "run-b")
    assert (tmp_path / "lake" / LINK_KEY).readlink() == Path("../builds/run-b/perpmill.duckdb")
