"""A file is what was taken in, or an error names it, and the pack it lies in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from flows.storage import packs, raw_shelf
from flows.storage.ledger import Ledger
from flows.storage.object_store import ObjectStore
from flows.storage.raw_bytes import RawDamaged, RawGone
from flows.storage.raw_shelf import RawRecord
from transforms.payload import Facts
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict

CONTENTS = {f"f{n:02}.csv": f"content {n}\n".encode() * n for n in range(packs.FEWEST + 4)}


def described(path: str, content: bytes) -> RawRecord:
    return raw_shelf.described(
        venue="examplex",
        source=SourceKind.ARCHIVE,
        path=path,
        content=content,
        source_url=f"https://example.org/{path}",
        checksum=ChecksumVerdict.ABSENT,
        etag="1",
        fetched_at=datetime(2026, 3, 1, tzinfo=UTC),
        feed="lines",
        facts=Facts(symbol=path[:3], labels={"interval": "5m"}),
    )


def shelved(store: ObjectStore, *, alone: int = 2) -> Ledger:
    """The first ones objects of their own, the others in a pack."""
    ledger = Ledger(store, "run-1")
    files = [(described(path, content), content) for path, content in CONTENTS.items()]
    put = [raw_shelf.shelve(store, *file) for file in files[:alone]]
    put += raw_shelf.shelve_together(store, files[alone:], concurrency=4)
    raw_shelf.record(ledger, put)
    return ledger


def current(ledger: Ledger) -> pl.DataFrame:
    return packs.placed(ledger, raw_shelf.current(ledger, "examplex"))


def test_files_come_back_in_the_order_of_the_rows(store: ObjectStore) -> None:
    rows = current(shelved(store))
    assert rows["pack"].null_count() == 2
    assert rows["pack"].drop_nulls().n_unique() == 1
    for asked in (rows, rows.reverse(), rows[5:9], rows.sample(fraction=1, shuffle=True)):
        payloads = raw_shelf.load_many(store, asked, concurrency=4)
        assert [each.path for each in payloads] == asked["path"].to_list()
        assert [each.raw_key for each in payloads] == asked["key"].to_list()
        assert all(each.content == CONTENTS[each.path] for each in payloads)
        assert all(each.facts.symbol == each.path[:3] for each in payloads)
        assert all(each.facts.labels == {"interval": "5m"} for each in payloads)
    assert raw_shelf.load_many(store, rows.clear()) == []


def test_what_is_kept_to_load_files_is_all_that_loading_needs(store: ObjectStore) -> None:
    ledger = shelved(store)
    rows = raw_shelf.current(ledger, "examplex")
    slim = raw_shelf.to_load(ledger, rows)
    assert raw_shelf.load_many(store, slim) == raw_shelf.load_many(store, current(ledger))
    assert slim["pack"].null_count() == 2
    assert raw_shelf.to_load(ledger, rows.clear()).schema.names() == slim.columns


def test_what_is_let_go_of_is_read_again(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = shelved(store)
    before = current(ledger)
    raw_shelf.let_go(ledger)
    read: list[str] = []
    whole = type(store).get

    def counting(self: ObjectStore, key: str) -> bytes:
        read.append(key.rpartition("/")[0])
        return whole(self, key)

    monkeypatch.setattr(type(store), "get", counting)
    for _ in range(2):
        assert current(ledger).equals(before)
    assert sorted(read) == ["ledger/packs", "ledger/raw"]


def test_one_row_is_loaded_as_many_are(store: ObjectStore) -> None:
    ledger = shelved(store)
    rows = packs.placed(ledger, raw_shelf.history(ledger))
    many = raw_shelf.load_many(store, rows)
    assert [raw_shelf.load(store, row) for row in rows.iter_rows(named=True)] == many
    found = raw_shelf.find(ledger, rows["key"][7])
    assert found is not None
    assert raw_shelf.load(store, found) == many[7]
    assert raw_shelf.find(ledger, "never") is None
    assert raw_shelf.find(Ledger(store, "x"), "never") is None


def test_neighbours_are_one_question(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = current(shelved(store))
    asked: list[tuple[int, int]] = []
    get_range = type(store).get_range

    def counted(self: ObjectStore, key: str, first: int, length: int) -> bytes:
        asked.append((first, length))
        return get_range(self, key, first, length)

    monkeypatch.setattr(type(store), "get_range", counted)
    raw_shelf.load_many(store, rows)
    assert len(asked) == 1


def test_too_few_are_objects_of_their_own(store: ObjectStore) -> None:
    files = [(described(path, content), content) for path, content in CONTENTS.items()]
    put = raw_shelf.shelve_together(store, files[: packs.FEWEST - 1], concurrency=2)
    assert [each.place for each in put] == [None] * (packs.FEWEST - 1)
    assert [each.key for each in put] == [info.key for info in store.entries()]
    assert raw_shelf.shelve_together(store, [], concurrency=2) == []


def flipped(store: ObjectStore, pack: str, at: int) -> None:
    content = bytearray(store.get(pack))
    content[at + 3] ^= 0x01
    store.put(pack, bytes(content))


def cut(store: ObjectStore, pack: str, at: int) -> None:
    store.put(pack, store.get(pack)[: at + 3])


def emptied(store: ObjectStore, pack: str, at: int) -> None:
    store.put(pack, b"")


def removed(store: ObjectStore, pack: str, at: int) -> None:
    store.delete(pack)


@pytest.mark.parametrize("damage", [flipped, cut, emptied, removed])
def test_damage_to_a_pack_names_the_file_and_the_pack(
    store: ObjectStore, damage: Callable[[ObjectStore, str, int], None]
) -> None:
    rows = current(shelved(store))
    hurt = rows.filter(pl.col("path") == "f09.csv").row(0, named=True)
    sound = raw_shelf.load(store, hurt)
    assert hashlib.sha256(sound.content).hexdigest() == hurt["sha256"]
    damage(store, hurt["pack"], hurt["at"])
    kind = RawGone if damage is removed else RawDamaged
    with pytest.raises(kind) as refused:
        raw_shelf.load(store, hurt)
    assert store.url(hurt["key"]) in str(refused.value)
    assert store.url(hurt["pack"]) in str(refused.value)
    assert "bring it back" in str(refused.value)
    with pytest.raises(kind):
        raw_shelf.load_many(store, rows)
    if damage in {flipped, cut}:  # what lies before it in the pack is as it was
        before = rows.filter(pl.col("at").is_null() | (pl.col("at") < hurt["at"]))
        assert len(raw_shelf.load_many(store, before)) == before.height > 5


def test_a_file_shelved_alone_again_is_read_there(store: ObjectStore) -> None:
    """Its pack may be lost; then it is mended by what is fetched again."""
    ledger = shelved(store)
    (hurt,) = current(ledger).filter(pl.col("path") == "f09.csv").to_dicts()
    store.delete(hurt["pack"])
    file = described("f09.csv", CONTENTS["f09.csv"])
    raw_shelf.record(ledger, [raw_shelf.shelve(store, file, CONTENTS["f09.csv"])])
    row = raw_shelf.find(ledger, hurt["key"])
    assert row is not None
    assert row["pack"] is None
    assert raw_shelf.load(store, row).content == CONTENTS["f09.csv"]
    assert raw_shelf.history(ledger).height == len(CONTENTS)
