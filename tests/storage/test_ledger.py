"""The ledger keeps every row in order, replaces by key, and survives a kill while compacting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.storage import ledger as ledger_module
from flows.storage.ledger import Ledger, LedgerDamaged
from flows.storage.object_store import ObjectInfo, ObjectNotFound, ObjectStore

RUN = "20261122T081000Z-3fa9c1"
LATER = "20261123T081000Z-00aa00"


def rows(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns, orient="col")


def segments(store: ObjectStore, name: str = "held") -> list[str]:
    prefix = f"ledger/{name}/"
    return [info.key.removeprefix(prefix) for info in store.entries(prefix)]


def read(store: ObjectStore) -> pl.DataFrame:
    found = Ledger(store, "reader").read("held")
    assert found is not None
    return found


def latest(store: ObjectStore, *by: str) -> pl.DataFrame:
    found = Ledger(store, "reader").latest("held", by or ("k",))
    assert found is not None
    return found


def test_nothing_recorded(store: ObjectStore) -> None:
    ledger = Ledger(store, RUN)
    assert ledger.read("held") is None
    assert ledger.latest("held", ["k"]) is None
    ledger.append("held", rows(k=["a"]).clear())
    ledger.compact("held", ["k"])
    assert segments(store) == []
    assert ledger.read("held") is None


def test_rows_come_back_in_order_with_their_segment(store: ObjectStore) -> None:
    first, second = Ledger(store, RUN), Ledger(store, LATER)
    first.append("held", rows(k=["b", "a"], v=[1, 2]))
    first.append("held", rows(k=["c"], v=[3]))
    second.append("held", rows(k=["a"], v=[4]))
    assert segments(store) == [f"{RUN}-000000.parquet", f"{RUN}-000001.parquet", f"{LATER}-000002.parquet"]  # fmt: skip  # noqa: E501
    assert read(store).rows() == [
        ("b", 1, f"{RUN}-000000"),
        ("a", 2, f"{RUN}-000000"),
        ("c", 3, f"{RUN}-000001"),
        ("a", 4, f"{LATER}-000002"),
    ]
    assert Ledger(store, RUN).read("other") is None


def test_types_survive(store: ObjectStore) -> None:
    frame = pl.DataFrame(
        {
            "k": pl.Series(["a", None], dtype=pl.Enum(["a", "b"])),
            "at": pl.Series([datetime(2026, 1, 1, tzinfo=UTC), None]).cast(
                pl.Datetime("us", "UTC")
            ),
            "d": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(20, 8)),
            "n": pl.Series([0, None], dtype=pl.UInt32),
            "l": pl.Series([["x"], []], dtype=pl.List(pl.String)),
        }
    )
    ledger = Ledger(store, RUN)
    ledger.append("held", frame)
    ledger.append("held", frame)
    assert_frame_equal(read(store).drop("recorded_by"), pl.concat([frame, frame]))


def test_latest_replaces_a_keys_rows_as_a_group(store: ObjectStore) -> None:
    ledger = Ledger(store, RUN)
    ledger.append("held", rows(k=["a", "a", "b", None], v=[1, 2, 3, 4]))
    ledger.append("held", rows(k=["c"], v=[5]))
    ledger.append("held", rows(k=["a"], v=[6]))  # two rows of a become one
    assert latest(store).select("k", "v").rows() == [("b", 3), (None, 4), ("c", 5), ("a", 6)]
    ledger.append("held", rows(k=[None, "b", "b"], v=[7, 8, 9]))  # NULL is a key like any other
    assert latest(store).select("k", "v").rows() == [
        ("c", 5), ("a", 6), (None, 7), ("b", 8), ("b", 9),
    ]  # fmt: skip
    # By both columns nothing was replaced.
    assert latest(store, "k", "v").height == 9
    with pytest.raises(ValueError, match="at least one column"):
        ledger.latest("held", [])


def test_latest_is_the_same_asked_between_appends_and_asked_once(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gave before is gone on with, so this has to come to what a new process finds."""
    keys = [["a", "b"], ["c"], ["b", "b", None], ["a"], ["d"], [None, "c"], ["d", "a"]]
    for number, some in enumerate(keys):
        Ledger(store, RUN).append("held", rows(k=some, v=[number] * len(some)))
        asked_between = latest(store)
        if number == 4:
            Ledger(store, RUN).compact("held", ["k"], above=2)
            assert len(segments(store)) == 1
            assert_frame_equal(latest(store), asked_between)
        with monkeypatch.context() as patch:
            patch.setattr(ledger_module, "_latest", {})
            assert_frame_equal(latest(store), asked_between)
    assert sorted(latest(store).select("k", "v").rows(), key=str) == [
        ("a", 6), ("b", 2), ("b", 2), ("c", 5), ("d", 6), (None, 5),
    ]  # fmt: skip


def test_two_segments_of_one_number_are_newest_together(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a broken lock lets them be; what a process read before makes no difference."""
    ledger = Ledger(store, RUN)
    ledger.append("held", rows(k=["a"], v=[1]))
    ledger.append("held", rows(k=["a"], v=[2]))
    assert latest(store)["v"].to_list() == [2]
    store.put(f"ledger/held/{LATER}-000001.parquet", store.get(f"ledger/held/{RUN}-000001.parquet"))
    asked_between = latest(store)
    assert asked_between["v"].to_list() == [2, 2]
    monkeypatch.setattr(ledger_module, "_latest", {})
    assert_frame_equal(latest(store), asked_between)


def test_newer_is_by_order_of_appending_not_by_run_id(store: ObjectStore) -> None:
    # Two runs within a second, or a clock set back: the later append has the smaller run id.
    Ledger(store, LATER).append("held", rows(k=["a"], v=[1]))
    Ledger(store, RUN).append("held", rows(k=["a"], v=[2]))
    assert latest(store).get_column("v").to_list() == [2]
    assert read(store).get_column("v").to_list() == [1, 2]


def test_order_holds_past_a_million_segments(local_store: ObjectStore) -> None:
    ledger = Ledger(local_store, RUN)
    ledger.append("held", rows(k=["a"], v=[1]))
    at_999_999 = local_store.get(f"ledger/held/{RUN}-000000.parquet")
    local_store.delete(f"ledger/held/{RUN}-000000.parquet")
    local_store.put(f"ledger/held/{RUN}-999999-compact.parquet", at_999_999)
    ledger.append("held", rows(k=["a"], v=[2]))
    assert segments(local_store)[0] == f"{RUN}-1000000.parquet"  # byte order is not the order
    assert latest(local_store).get_column("v").to_list() == [2]


def test_what_may_not_be_appended(store: ObjectStore) -> None:
    ledger = Ledger(store, RUN)
    with pytest.raises(ValueError, match="recorded_by"):
        ledger.append("held", rows(k=["a"], recorded_by=["me"]))
    ledger.append("held", rows(k=["a"], v=[1]))
    for other in (rows(k=["a"], v=["1"]), rows(k=["a"]), rows(k=["a"], v=[1], w=[1])):
        with pytest.raises(ValueError, match=r"schema differs.*columns [vw]"):
            ledger.append("held", other)
    with pytest.raises(ValueError, match="another order"):
        ledger.append("held", rows(v=[1], k=["a"]))
    assert read(store).height == 1
    for name in ("", "a/b", "../x", "Upper"):
        with pytest.raises(ValueError, match="ledger name"):
            ledger.append(name, rows(k=["a"]))
    with pytest.raises(ValueError, match="run id"):
        Ledger(store, "a/b")


def test_threads_of_one_run_append_without_loss(store: ObjectStore) -> None:
    ledger = Ledger(store, RUN)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ledger.append("held", rows(k=[n])), range(8)))
    assert sorted(read(store).get_column("k")) == list(range(8))
    assert len(segments(store)) == 8


def test_a_missing_segment_is_reported_not_skipped(store: ObjectStore) -> None:
    ledger = Ledger(store, RUN)
    for n in range(3):
        ledger.append("held", rows(k=[n]))
    store.delete(f"ledger/held/{RUN}-000001.parquet")
    for ask in (lambda: ledger.read("held"), lambda: ledger.append("held", rows(k=[9]))):
        with pytest.raises(LedgerDamaged, match="segment 000001 is missing before"):
            ask()
    store.delete(f"ledger/held/{RUN}-000000.parquet")
    with pytest.raises(LedgerDamaged, match="segment 000000 is missing"):
        ledger.read("held")


def test_a_stranger_among_the_segments_is_reported(store: ObjectStore) -> None:
    store.put("ledger/held/notes.txt", b"fine")
    assert Ledger(store, RUN).read("held") is None
    store.put("ledger/held/copy of.parquet", b"")
    with pytest.raises(LedgerDamaged, match="copy of"):
        Ledger(store, RUN).read("held")


def test_segments_are_fetched_once_per_process(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(store, RUN)
    for n in range(3):
        ledger.append("held", rows(k=[n]))
    ledger_module._cache.clear()
    fetched: list[str] = []
    whole = type(store).get

    def counting(self: ObjectStore, key: str) -> bytes:
        fetched.append(key)
        return whole(self, key)

    monkeypatch.setattr(type(store), "get", counting)
    assert Ledger(store, "one").read("held") is not None
    assert Ledger(store, "two").read("held") is not None
    assert len(fetched) == 3
    Ledger(store, LATER).append("held", rows(k=[3]))
    ledger.compact("held", ["k"], above=1)
    assert read(store).height == 4
    # What is no longer listed is no longer held.
    assert [key[1] for key in ledger_module._cache if key[0] == store.address] == [
        f"ledger/held/{LATER}-000003-compact.parquet"
    ]


def filled(store: ObjectStore) -> Ledger:
    ledger = Ledger(store, RUN)
    for n in range(6):
        ledger.append("held", rows(k=["a", f"k{n % 3}", f"k{n % 3}"], v=[n, n * 10, n * 10 + 1]))
    return ledger


def test_compaction_changes_nothing_for_readers_of_latest(store: ObjectStore) -> None:
    ledger = filled(store)
    before = latest(store)
    ledger.compact("held", ["k"], above=6)
    assert len(segments(store)) == 6  # not more than that many
    ledger.compact("held", ["k"], above=5)
    assert segments(store) == [f"{RUN}-000005-compact.parquet"]
    assert_frame_equal(latest(store), before)  # with recorded_by as it was
    ledger.compact("held", ["k"], above=0)  # one segment cannot become fewer
    assert segments(store) == [f"{RUN}-000005-compact.parquet"]

    Ledger(store, LATER).append("held", rows(k=["a"], v=[99]))
    assert segments(store)[-1] == f"{LATER}-000006.parquet"
    # n = 5 was the last of k2, 4 of k1, 3 of k0; a came with each, and now with 6.
    expected = [("k0", 30), ("k0", 31), ("k1", 40), ("k1", 41), ("k2", 50), ("k2", 51), ("a", 99)]
    assert latest(store).select("k", "v").rows() == expected
    ledger.compact("held", ["k"], above=1)
    assert segments(store) == [f"{LATER}-000006-compact.parquet"]
    assert latest(store).select("k", "v").rows() == expected


class Killed(BaseException):
    pass


@pytest.mark.parametrize("survived", range(8))  # calls that change the store, before the kill
def test_a_kill_while_compacting_changes_nothing_for_readers(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    ledger = filled(store)
    before = latest(store)
    left = [survived]
    for name in ("put", "delete"):
        whole = getattr(type(store), name)

        def dying(self: ObjectStore, *a: object, _whole: object = whole, **k: object) -> object:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return _whole(self, *a, **k)  # type: ignore[operator]

        monkeypatch.setattr(type(store), name, dying)
    # One put and six deletes; with seven the last call of all survives.
    if survived < 7:
        with pytest.raises(Killed):
            ledger.compact("held", ["k"], above=2)
    else:
        ledger.compact("held", ["k"], above=2)
    monkeypatch.undo()
    ledger_module._cache.clear()
    assert_frame_equal(latest(store), before)
    # Before the compact segment is there read() has all 18 rows, and from then on the latest 7:
    # two of each of k0, k1, k2 and one of a.
    assert read(store).height == (18 if survived == 0 else 7)
    # The next run appends behind it and clears up.
    later = Ledger(store, LATER)
    later.append("held", rows(k=["z"], v=[1]))
    assert read(store).height == (19 if survived == 0 else 8)
    later.compact("held", ["k"], above=2 if survived == 0 else 64)
    assert len(segments(store)) == (1 if survived == 0 else 2)
    assert latest(store).height == 8


def test_readers_during_appends_and_compactions(store: ObjectStore) -> None:
    """Whenever it is read, each key has the value of the append before or after, and none lacks."""
    writer = Ledger(store, RUN)
    writer.append("held", rows(k=["a", "b"], v=[0, 0]))
    done = threading.Event()

    def look() -> int:
        looks, last = 0, 0
        while not done.is_set():
            found = dict(latest(store).select("k", "v").rows())
            assert set(found) == {"a", "b"}
            assert found["a"] >= last
            assert 0 <= found["a"] - found["b"] <= 1  # a is written before b
            looks, last = looks + 1, found["a"]
        return looks

    with ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        try:
            for n in range(1, 25):
                writer.append("held", rows(k=["a"], v=[n]))
                writer.append("held", rows(k=["b"], v=[n]))
                if n % 2 == 0:
                    writer.compact("held", ["k"], above=2)
        finally:
            done.set()
        assert all(looker.result() > 0 for looker in lookers)


def test_a_listing_that_missed_a_compaction_is_not_believed(
    local_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing began before the compact segment was there and ended after the removals."""
    ledger = filled(local_store)
    before = latest(local_store)
    whole = type(local_store).entries
    torn = [True]

    def entries(self: ObjectStore, prefix: str = "") -> Iterator[ObjectInfo]:
        found = list(whole(self, prefix))
        if torn[0]:
            torn[0] = False
            ledger.compact("held", ["k"], above=2)
            found = found[:2]
        yield from found

    monkeypatch.setattr(type(local_store), "entries", entries)
    assert_frame_equal(latest(local_store), before)
    assert torn == [False]


def test_a_segment_that_is_gone_for_good_is_an_error(
    local_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(local_store)
    ledger_module._cache.clear()

    def gone(_self: ObjectStore, key: str) -> bytes:
        raise ObjectNotFound(key)

    monkeypatch.setattr(type(local_store), "get", gone)
    with pytest.raises(ObjectNotFound):
        read(local_store)


def test_what_rows_speak_of_is_settled_before_they_are_there(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[list[str]] = []
    monkeypatch.setattr(store, "settle", lambda: before.append(segments(store)))
    ledger = Ledger(store, RUN)
    ledger.append("held", rows(k=["a"]))
    ledger.append("held", rows(k=["b"]))
    assert before == [[], [f"{RUN}-000000.parquet"]]
