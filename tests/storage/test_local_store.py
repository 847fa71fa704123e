"""What only a folder does: survive kills, be read-only, hold links and leftovers."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from flows.storage import local_store
from flows.storage.local_store import LocalStore, replace_link, sync_file_system
from flows.storage.object_store import PreconditionFailed, StoreUnavailable

ROOT = Path(__file__).parents[2]


def test_relative_addresses_stay_where_they_were_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = LocalStore("file:lake")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put("k", b"v")
    assert (tmp_path / "lake" / "k").read_bytes() == b"v"
    assert store.url("k") == "file:lake/k"
    assert LocalStore(f"file://{tmp_path}/lake").get("k") == b"v"


def test_opening_makes_nothing(tmp_path: Path) -> None:
    LocalStore(f"file:{tmp_path}/lake")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_can_be_read(tmp_path: Path) -> None:
    store = LocalStore(f"file:{tmp_path}/archive")
    store.put("a/b", b"v")
    assert not list(store.root.rglob(".perpmill*"))
    for folder in (store.root / "a", store.root):
        folder.chmod(0o555)
    try:
        archive = LocalStore(store.address)
        archive.check()
        assert [info.key for info in archive.entries()] == ["a/b"]
        assert archive.get("a/b") == b"v"
        archive.get_file("a/b", tmp_path / "out")
        if os.geteuid() != 0:  # root may write anyway
            with pytest.raises(StoreUnavailable, match="a/c: cannot write"):
                archive.put("a/c", b"")
        # Whoever reads it: not one name was added.
        assert sorted(p.name for p in archive.root.rglob("*")) == ["a", "b"]
    finally:
        for folder in (store.root, store.root / "a"):
            folder.chmod(0o755)


def test_leftovers_of_a_kill_are_no_objects(tmp_path: Path) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("a/k", b"v")
    (store.root / "a" / ".perpmill-0123").write_bytes(b"half")
    (store.root / "b").mkdir()
    (store.root / "b" / ".perpmill-0123").write_bytes(b"half")
    assert [info.key for info in store.entries()] == ["a/k"]
    assert store.folders("") == ["a"]


def test_a_failing_write_leaves_the_old_object_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("k", b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="lake/k: cannot write: No space left"):
        store.put("k", b"new")
    monkeypatch.undo()
    assert [path.name for path in store.root.iterdir()] == ["k"]
    assert store.get("k") == b"old"


def test_a_folder_in_the_way_is_unavailable_not_overwritten(tmp_path: Path) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("a/b", b"v")
    with pytest.raises(StoreUnavailable, match="lake/a: cannot write"):
        store.put("a", b"")
    with pytest.raises(StoreUnavailable, match="lake/a/b/c: cannot write"):
        store.put("a/b/c", b"")
    with pytest.raises(StoreUnavailable, match="lake/a/b/c/d: cannot write"):
        store.put("a/b/c/d", b"")
    store.delete("a")
    assert store.get("a/b") == b"v"


def test_links_are_followed_but_not_round_and_round(tmp_path: Path) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("a/k", b"v")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"x")
    (store.root / "linked").symlink_to(tmp_path / "outside")
    (store.root / "a" / "up").symlink_to(store.root)
    (store.root / "a" / "dangling").symlink_to("nowhere")
    assert [info.key for info in store.entries()] == ["a/k", "linked/x"]
    assert store.get("linked/x") == b"x"


def test_replace_link_replaces_anything_in_one_step(tmp_path: Path) -> None:
    link = tmp_path / "p" / "link"
    for target in ("one", "two"):
        replace_link(link, target)
        assert link.readlink() == Path(target)
    link.unlink()
    link.write_bytes(b"a file where the link belongs")
    replace_link(link, "three")
    assert link.readlink() == Path("three")
    assert [path.name for path in link.parent.iterdir()] == ["link"]


WRITER = """
import sys
from flows.storage.local_store import LocalStore
store = LocalStore(sys.argv[1])
n = 0
while True:
    n += 1
    store.put("deep/er/k", bytes([65 + n % 26]) * 2_000_000)
    if n == 1:
        print("ready", flush=True)
"""


def test_sigkill_while_writing_leaves_old_or_new_bytes(tmp_path: Path) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("deep/er/k", b"start")
    whole = {b"start", *(bytes([65 + n]) * 2_000_000 for n in range(26))}
    seen = set()
    chance = random.Random(7)  # noqa: S311 - when to kill
    for _ in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, store.address], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        with writer.stdout:
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.005, 0.12))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        data = store.get("deep/er/k")
        assert data in whole
        seen.add(data)
        assert [info.key for info in store.entries()] == ["deep/er/k"]
    assert len(seen) > 1  # it did write


def _claim(address: str, key: str, n: int) -> bool:
    try:
        LocalStore(address).put(key, str(n).encode(), if_absent=True)
    except PreconditionFailed:
        return False
    return True


def test_conditional_puts_exclude_each_other_across_processes(tmp_path: Path) -> None:
    address = f"file:{tmp_path}/lake"
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        claims = [
            [pool.submit(_claim, address, f"k{round_}", n) for n in range(6)]
            for round_ in range(10)
        ]
        for round_, futures in enumerate(claims):
            won = [future.result() for future in futures]
            assert won.count(True) == 1
            assert LocalStore(address).get(f"k{round_}") == str(won.index(True)).encode()


def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the store waits for the disk about from here on: `all`, or a file's or folder's name."""
    seen: list[str] = []
    monkeypatch.setattr(local_store, "sync_file_system", lambda _: seen.append("all") or True)
    monkeypatch.setattr(
        os, "fsync", lambda handle: seen.append(Path(f"/proc/self/fd/{handle}").resolve().name)
    )
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="names of handles are those of /proc")
def test_few_loose_objects_are_settled_with_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    seen = waits(monkeypatch)
    store.put("raw/a/x", b"1", settled=False)
    assert (store.get("raw/a/x"), seen) == (b"1", [])
    store.settle()
    assert seen[0] == "x"
    assert set(seen[1:]) == {"a", "raw", "lake", tmp_path.name}
    seen.clear()
    store.settle()
    assert seen == []


def test_many_loose_objects_are_settled_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    seen = waits(monkeypatch)
    for number in range(16):
        store.put(f"raw/{number}", b"1", settled=False)
    store.settle()
    assert seen == ["all"]


def test_a_loose_object_is_put_where_its_folder_was_taken_away(tmp_path: Path) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("raw/a", b"1", settled=False)
    shutil.rmtree(store.root / "raw")
    store.put("raw/b", b"2", settled=False)
    store.settle()
    assert [info.key for info in store.entries()] == ["raw/b"]


def test_what_could_not_be_settled_is_still_owed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("x", b"1", settled=False)
    with monkeypatch.context() as broken:

        def fail(_handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        broken.setattr(os, "fsync", fail)
        with pytest.raises(StoreUnavailable, match="cannot write: Input/output error"):
            store.settle()
    seen = waits(monkeypatch)
    store.settle()
    assert len(seen) > 1


def test_an_object_that_is_there_is_replaced_by_a_settled_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power could leave neither."""
    store = LocalStore(f"file:{tmp_path}/lake")
    store.put("x", b"1")
    seen = waits(monkeypatch)
    store.put("x", b"2", settled=False)
    assert len(seen) == 2  # the file, then its folder
    assert store.get("x") == b"2"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can sync one file system")
def test_a_file_system_is_synced(tmp_path: Path) -> None:
    assert sync_file_system(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file_system(tmp_path / "none")
