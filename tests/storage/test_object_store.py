"""Both backends behave the same: one suite, run on a folder and on a bucket."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.storage.object_store import (
    ObjectNotFound,
    ObjectStore,
    PreconditionFailed,
    StoreUnavailable,
    open_store,
)


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.entries(prefix)]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "lake",
        "/lake",
        "http://host/x",
        "gs://bucket",
        "file:",
        "file://host/x",
        "s3://",
        "s3:///x",
        "s3://b//x",
        "s3://b/a/../c",
    ],
)
def test_other_addresses_are_refused_by_name(address: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        open_store(address)
    assert repr(address) in str(caught.value)


def test_address_and_url(store: ObjectStore) -> None:
    assert store.address.startswith(("file:", "s3://"))
    assert store.url("a/b c.txt") == f"{store.address}/a/b c.txt"


def test_put_get_head_delete(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    etag = store.put("a/ü/x.bin", b"one\0")
    assert store.get("a/ü/x.bin") == b"one\0"
    info = store.head("a/ü/x.bin")
    assert info is not None
    assert (info.key, info.size, info.etag) == ("a/ü/x.bin", 4, etag)
    assert info.modified.tzinfo is UTC
    assert before <= info.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert list(store.entries()) == [info]
    store.delete("a/ü/x.bin")
    assert store.head("a/ü/x.bin") is None
    assert keys(store) == []
    store.delete("a/ü/x.bin")  # absent is fine
    store.delete("never/was")


def test_etag_changes_with_content_of_equal_size(store: ObjectStore) -> None:
    seen = [store.put("k", bytes([65 + n])) for n in range(20)]
    assert len(set(seen)) == 20


def test_a_range_is_what_there_is_of_it(store: ObjectStore) -> None:
    store.put("k", bytes(range(100)))
    assert store.get_range("k", 0, 100) == bytes(range(100))
    assert store.get_range("k", 10, 3) == bytes([10, 11, 12])
    assert store.get_range("k", 97, 10) == bytes([97, 98, 99])
    assert store.get_range("k", 100, 1) == b""
    assert store.get_range("k", 5, 0) == b""
    store.put("empty", b"")
    assert store.get_range("empty", 0, 1) == b""
    with pytest.raises(ObjectNotFound, match="never"):
        store.get_range("never", 0, 1)
    for first, length in ((-1, 5), (5, -1)):
        with pytest.raises(ValueError, match="there are no"):
            store.get_range("k", first, length)


def test_empty_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    store.get_file("empty", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b""


def test_missing_object_is_named(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b", b"x")
    for key in ("gone", "a", "a/b/c"):  # nothing, a folder, below an object
        assert store.head(key) is None
        with pytest.raises(ObjectNotFound, match=f"{store.address}/{key}"):
            store.get(key)
        with pytest.raises(ObjectNotFound, match=f"{store.address}/{key}"):
            store.get_file(key, tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == []
    assert not list(tmp_path.glob(".perpmill*"))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a//b",
        "a/",
        "..",
        "a/../b",
        "a/./b",
        ".",
        "a\\b",
        "a\0b",
        ".perpmill.lock",
        "a/.perpmill-x",
        "a\udc80",
    ],
)
@pytest.mark.parametrize("method", ["get", "head", "delete", "url", "put", "put_file", "get_file"])
def test_keys_that_name_nothing_are_refused(
    local_store: ObjectStore, tmp_path: Path, key: str, method: str
) -> None:
    call: Callable[..., object] = getattr(local_store, method)
    rest: tuple[object, ...] = ()
    if method == "put":
        rest = (b"x",)
    elif method in ("put_file", "get_file"):
        (tmp_path / "f").write_bytes(b"x")
        rest = (tmp_path / "f",)
    with pytest.raises(ValueError, match="key"):
        call(key, *rest)


@pytest.mark.parametrize("key", ["", "/a", "a/../b", "a\\b"])
def test_s3_refuses_the_same_keys(s3_store: ObjectStore, key: str) -> None:
    for call in (s3_store.get, s3_store.head, s3_store.delete, s3_store.url):
        with pytest.raises(ValueError, match="key"):
            call(key)
    with pytest.raises(ValueError, match="key"):
        s3_store.put(key, b"")


@pytest.mark.parametrize("prefix", ["/", "a//", "../a", "a/..", "a\\"])
def test_prefixes_no_key_can_have_are_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        list(store.entries(prefix))
    with pytest.raises(ValueError, match="prefix"):
        store.folders(prefix)


# In byte order: '-' 2d, '.' 2e, '/' 2f, '0' 30, '_' 5f; upper before lower case; ASCII before 'é'.
TREE = [
    "d/BTCUSDT-x/1",
    "d/BTCUSDT.txt",
    "d/BTCUSDT/a.zip",
    "d/BTCUSDT/a.zip.CHECKSUM",
    "d/BTCUSDT/sub/deep",
    "d/BTCUSDT0",
    "d/BTCUSDT_240628/a.zip",
    "d/ETH",
    "d/btc",
    "d/é",
    "e",
]


def test_entries_are_in_byte_order_and_prefixes_are_strings(store: ObjectStore) -> None:
    assert sorted(TREE, key=str.encode) == TREE
    for key in reversed(TREE):
        store.put(key, key.encode())
    assert keys(store) == TREE
    for prefix in (
        "d/",
        "d",
        "d/BTCUSDT",
        "d/BTCUSDT/",
        "d/BTCUSDT/a.zip",
        "d/BTCUSDT/s",
        "e",
        "x",
    ):
        assert keys(store, prefix) == [key for key in TREE if key.startswith(prefix)], prefix
    assert keys(store, "e/") == []
    assert keys(store, "d/BTCUSDT/a.zip/") == []


def test_folders(store: ObjectStore) -> None:
    for key in TREE:
        store.put(key, b"")
    assert store.folders("") == ["d"]
    assert store.folders("d") == ["BTCUSDT-x", "BTCUSDT", "BTCUSDT_240628"]
    assert store.folders("d/") == store.folders("d")
    assert store.folders("d/BTCUSDT") == ["sub"]
    assert store.folders("e") == []
    assert store.folders("nothing/here") == []


def test_a_folder_is_gone_with_its_last_object(store: ObjectStore) -> None:
    store.put("a/b/c", b"")
    store.delete("a/b/c")
    assert store.folders("") == []
    assert store.folders("a") == []


def test_more_than_a_page_of_keys_and_folders(store: ObjectStore) -> None:
    names = [f"{n:04d}" for n in range(1103)]  # a page of S3 holds 1000
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(f"many/{name}/x", b"x"), names))
    assert keys(store, "many/") == [f"many/{name}/x" for name in names]
    assert store.folders("many") == names


@pytest.mark.parametrize("size", [10, 40 << 20])  # below and above one part
def test_files_round_trip(store: ObjectStore, tmp_path: Path, size: int) -> None:
    data = (hashlib.sha256(b"seed").digest() * (size // 32 + 1))[:size]
    (tmp_path / "in").write_bytes(data)
    etag = store.put_file("big/file", tmp_path / "in")
    info = store.head("big/file")
    assert info is not None
    assert (info.size, info.etag) == (size, etag)
    out = tmp_path / "new" / "folder" / "out"
    store.get_file("big/file", out)
    assert out.read_bytes() == data
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert store.get("big/file") == data


def test_get_file_replaces_what_was_there(store: ObjectStore, tmp_path: Path) -> None:
    store.put("k", b"new")
    (tmp_path / "out").write_bytes(b"something older and longer")
    store.get_file("k", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"new"


def test_conditional_puts(store: ObjectStore) -> None:
    first = store.put("c/k", b"1", if_absent=True)
    with pytest.raises(PreconditionFailed, match=f"{store.address}/c/k"):
        store.put("c/k", b"2", if_absent=True)
    second = store.put("c/k", b"3", if_match=first)
    with pytest.raises(PreconditionFailed):
        store.put("c/k", b"4", if_match=first)
    with pytest.raises(PreconditionFailed):
        store.put("c/absent", b"5", if_match=second)
    assert store.head("c/absent") is None
    assert store.get("c/k") == b"3"
    with pytest.raises(ValueError, match="if_absent"):
        store.put("c/k", b"6", if_match=second, if_absent=True)
    store.delete("c/k")
    store.put("c/k", b"7", if_absent=True)
    assert keys(store) == ["c/k"]  # no lock file among the objects


@pytest.mark.parametrize("how", ["if_absent", "if_match"])
def test_of_racing_conditional_puts_exactly_one_wins(store: ObjectStore, how: str) -> None:
    racers = 8
    for round_ in range(5):
        key = f"race/{round_}"
        condition: dict[str, object] = {"if_absent": True}
        if how == "if_match":
            condition = {"if_match": store.put(key, b"start")}
        barrier = threading.Barrier(racers)

        def race(n: int, key: str = key, condition: dict[str, object] = condition) -> bool:
            barrier.wait()  # noqa: B023 - used up within this round
            try:
                store.put(key, f"racer {n}".encode(), **condition)  # type: ignore[arg-type]
            except PreconditionFailed:
                return False
            return True

        with ThreadPoolExecutor(racers) as pool:
            won = list(pool.map(race, range(racers)))
        assert won.count(True) == 1
        assert store.get(key) == f"racer {won.index(True)}".encode()


def test_readers_never_see_a_put_half_done(store: ObjectStore) -> None:
    blocks = [bytes([65 + n]) * 300_000 for n in range(4)]
    store.put("k", blocks[0])
    done = threading.Event()

    def read() -> int:
        seen = 0
        while not done.is_set():
            assert store.get("k") in blocks
            seen += 1
        return seen

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for n in range(40):
            store.put("k", blocks[n % 4])
        done.set()
        assert all(reader.result() > 0 for reader in readers)


def test_check(store: ObjectStore) -> None:
    store.put("k", b"")
    store.check()


def test_a_pickled_store_is_the_same_store(store: ObjectStore) -> None:
    store.put("k", b"v")
    other: ObjectStore = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own
    assert other.address == store.address
    assert other.get("k") == b"v"
    other.put("k2", b"", if_absent=True)


def test_objects_one_could_not_ask_for_are_passed_over_with_a_warning(
    store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("a/good", b"")
    if hasattr(store, "root"):
        (store.root / "a" / "back\\slash").write_bytes(b"")
        (store.root / "we\\ird").mkdir()
        (store.root / "we\\ird" / "x").write_bytes(b"")
    else:
        client = store._client
        for key in ("a/back\\slash", "we\\ird/x"):
            client.put_object(Bucket=store._bucket, Key=f"some/lake/{key}", Body=b"")
        # A console's mark for an empty folder is nothing to warn of.
        client.put_object(Bucket=store._bucket, Key="some/lake/a/", Body=b"")
    assert keys(store) == ["a/good"]
    assert "back\\\\slash" in caplog.text
    assert store.folders("") == ["a"]
    assert store.head("a/good") is not None


def test_unreachable_and_missing_stores(tmp_path: Path) -> None:
    missing = open_store(f"file:{tmp_path / 'not there'}")
    assert keys(missing) == []
    assert missing.folders("") == []
    assert missing.head("k") is None
    with pytest.raises(StoreUnavailable, match="not there"):
        missing.check()
    assert not (tmp_path / "not there").exists()  # looking makes nothing
