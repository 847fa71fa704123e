"""A pack is an ordinary zip, the same for the same files, and each is found by its place."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import zipfile
from pathlib import Path

import polars as pl
import pytest

from flows.storage import packs
from flows.storage.ledger import Ledger
from flows.storage.object_store import ObjectStore
from flows.storage.packs import Place, Stretch, pack_key, packed, placed, stretches
from flows.storage.raw_shelf import raw_key
from transforms.schemas.column import SourceKind

MEMBERS = [
    ("raw/binance/archive/a/BTCUSDT.zip@0123456789ab", b"PK\x03\x04 what a venue served"),
    ("raw/binance/archive/a/empty.csv@e3b0c44298fc", b""),
    ("raw/binance/archive/ü/名.zip@ba9876543210", bytes(range(256)) * 3),
]


def test_any_zip_reader_gives_back_the_exact_bytes() -> None:
    content, places = packed(MEMBERS)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == MEMBERS
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    for (_, member), at in zip(MEMBERS, places, strict=True):
        assert content[at : at + len(member)] == member


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_does_too(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(packed(MEMBERS)[0])
    subprocess.run(["unzip", "-q", "pack.zip", "-d", "out"], cwd=tmp_path, check=True)
    for key, member in MEMBERS[:2]:  # the third only where names are UTF-8
        assert (tmp_path / "out" / key).read_bytes() == member


def test_the_same_files_are_the_same_pack() -> None:
    content, _ = packed(MEMBERS)
    assert packed(list(MEMBERS))[0] == content
    assert packed(MEMBERS[::-1])[0] != content
    key = pack_key("binance", SourceKind.ARCHIVE, content)
    assert key.startswith("raw/binance/archive/packs/")
    assert len(key.removesuffix(".zip").rpartition("/")[2]) == 20


def test_no_raw_file_is_called_like_a_pack() -> None:
    pack = pack_key("binance", SourceKind.ARCHIVE, b"")
    path = pack.removeprefix("raw/binance/archive/")
    assert raw_key("binance", SourceKind.ARCHIVE, path, "0" * 64) == f"{pack}@{'0' * 12}"


def test_a_pack_has_an_end() -> None:
    with pytest.raises(ValueError, match="at most 2000 files"):
        packed([("k", b"")] * (packs.MOST + 1))
    with pytest.raises(ValueError, match="at most"):
        packed([("k", bytes(packs.MOST_BYTES // 2 + 1))] * 2)
    content, places = packed([(f"k{n:04}", b"") for n in range(packs.MOST)])
    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == len(places) == packs.MOST


def test_what_lies_close_together_is_read_at_once() -> None:
    wanted = [
        (Place("p", 100), 50),  # to 150
        (Place("p", 150 + 65_535), 10),  # 65,535 bytes further: as near as can be; to 65,695
        (Place("p", 65_695 + 65_536), 7),  # one more is too far
        (Place("q", 0), 3),
        (Place("p", 120), 0),  # an empty file within the first
    ]
    expected = [
        # 65,695 - 100
        Stretch("p", 100, 65_595, (0, 4, 1)),
        Stretch("p", 131_231, 7, (2,)),
        Stretch("q", 0, 3, (3,)),
    ]
    assert stretches(wanted) == expected
    assert stretches([]) == []
    for _ in range(10):
        order = random.sample(range(len(wanted)), len(wanted))
        found = stretches([wanted[n] for n in order])
        assert [(s.pack, s.first, s.length) for s in found] == [
            (s.pack, s.first, s.length) for s in expected
        ]
        assert [[order[n] for n in s.files] for s in found] == [list(s.files) for s in expected]


def said(ledger: Ledger, *keys: str) -> list[Place | None]:
    found = placed(ledger, pl.DataFrame({"key": keys}))
    assert found["key"].to_list() == list(keys)
    return [packs.place(*row) for row in found.select("pack", "at").iter_rows()]


def test_the_newest_place_counts(store: ObjectStore) -> None:
    ledger = Ledger(store, "run-1")
    assert said(ledger, "a") == [None]
    packs.record(ledger, [("alone", None)])  # as all files of old lakes are: nothing to say
    assert ledger.read(packs.LEDGER) is None
    packs.record(ledger, [("a", Place("p", 0)), ("b", Place("p", 9)), ("alone", None)])
    assert said(ledger, "b", "a", "never", "a") == [
        Place("p", 9), Place("p", 0), None, Place("p", 0),
    ]  # fmt: skip
    packs.record(ledger, [("a", Place("q", 4)), ("b", None)])
    assert said(ledger, "a", "b") == [Place("q", 4), None]
    packs.record(ledger, [("b", Place("q", 40))])
    assert said(ledger, "b") == [Place("q", 40)]


def test_objects_of_their_own_are_written_down_only_where_that_is_news(store: ObjectStore) -> None:
    ledger = Ledger(store, "run-1")
    packs.record(ledger, [("a", Place("p", 1)), ("b", Place("p", 5)), ("c", None)])
    for _ in range(2):
        packs.record(ledger, [("a", None), ("c", None)])
    rows = ledger.read(packs.LEDGER)
    assert rows is not None
    assert rows.select("key", "pack").rows() == [("a", "p"), ("b", "p"), ("a", None)]


def test_places_outlive_compaction(store: ObjectStore) -> None:
    ledger = Ledger(store, "run-1")
    for n in range(5):
        packs.record(ledger, [("a", Place(f"p{n}", n)), (f"b{n}", Place(f"p{n}", 2 * n))])
    keys = ("a", *(f"b{n}" for n in range(5)))
    before = said(ledger, *keys)
    assert before[0] == Place("p4", 4)
    ledger.compact(packs.LEDGER, by=("key",), above=1)
    assert said(Ledger(store, "run-2"), *keys) == before
    rows = ledger.read(packs.LEDGER)
    assert rows is not None
    assert rows.height == len(keys)
