"""Small files of an archive come home in packs; what is made of them does not show it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import botocore.client
import polars as pl
import pytest

from flows.reporting import LoggingReporter
from flows.run import Days, Run
from flows.settings import Settings
from flows.stages.ingest import from_archive
from flows.stages.ingest.outcome import Outcome
from flows.stages.ingest.sources import ingest
from flows.storage import packs, raw_shelf
from flows.transform import transform
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.test_object_storage import upload
from tests.flows.test_raw_faults import rezip
from tests.raw_files import newest, versions
from tests.s3_server import s3_server

FIRST, LAST = date(2021, 1, 8), date(2021, 1, 10)
DAYS = Days(FIRST, LAST)
NOW = datetime(2021, 2, 1, tzinfo=UTC)
LAYERS = ("normalised", "accounting", "quarantine", "conflicts", "daily", "market")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be written to."""
    root = tmp_path_factory.mktemp("exchange")
    simulate(Plan(FIRST, LAST, symbols=3), root)
    return root / "archive" / "binance"


@pytest.fixture
def own(exchange: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exchange, tmp_path / "archive"))


def run_of(archive: Path, lake: Path) -> Run:
    sources = [{"venue": "binance", "archive": f"file:{archive}"}]
    settings = Settings(lake=f"file:{lake}", sources=sources, batch_days=1, workers=1)
    return Run.begin(settings, "test", lambda: NOW)


def ingested(archive: Path, lake: Path, days: Days = DAYS) -> Outcome:
    return ingest(run_of(archive, lake), days, LoggingReporter())


def transformed(archive: Path, lake: Path) -> dict[str, str]:
    """Digests of the partitions."""
    transform(run_of(archive, lake), DAYS.each(), LoggingReporter())
    return {
        path.relative_to(lake).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for layer in LAYERS
        for path in (lake / layer).rglob("*.parquet")
    }


def held(lake: Path) -> pl.DataFrame:
    ledger = run_of(lake, lake).ledger
    return packs.placed(ledger, raw_shelf.current(ledger, "binance"))


def objects(lake: Path) -> list[str]:
    return sorted(p.relative_to(lake).as_posix() for p in (lake / "raw").rglob("*") if p.is_file())


def test_all_are_in_one_pack_by_day(exchange: Path, tmp_path: Path) -> None:
    count = len(ingested(exchange, tmp_path).fetched)
    files = held(tmp_path)
    assert files.height == count > packs.FEWEST
    (pack,) = files["pack"].unique()
    assert objects(tmp_path) == [pack]
    by_place = files.sort("at")
    assert by_place["first_date"].is_sorted()
    assert (by_place["at"].diff().drop_nulls() > 0).all()
    run = run_of(exchange, tmp_path)
    for payload in raw_shelf.load_many(run.store, files):
        assert payload.content == (exchange / payload.path).read_bytes()


def test_few_files_and_large_ones_are_objects_of_their_own(
    exchange: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = sorted(path.stat().st_size for path in exchange.rglob("*.zip"))
    limit = sizes[len(sizes) // 2]
    monkeypatch.setattr(from_archive, "SMALL", limit)
    ingested(exchange, tmp_path / "large")
    files = held(tmp_path / "large")
    assert files.filter(pl.col("bytes") > limit)["pack"].null_count() > 3
    assert (files["pack"].is_null() == (files["bytes"] > limit)).all()
    monkeypatch.undo()

    monkeypatch.setattr(packs, "FEWEST", files.height + 1)
    ingested(exchange, tmp_path / "few")
    assert held(tmp_path / "few")["pack"].null_count() == files.height
    assert objects(tmp_path / "few") == sorted(files["key"])


def test_a_full_pack_is_put_before_the_next_begins(
    exchange: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = sum(path.stat().st_size for path in exchange.rglob("*.zip"))
    monkeypatch.setattr(packs, "MOST_BYTES", total // 2)
    monkeypatch.setattr(packs, "FEWEST", 2)
    fetched = ingested(exchange, tmp_path).fetched
    files = held(tmp_path)
    assert files.height == len(fetched)
    assert files["pack"].n_unique() >= 2
    loaded = raw_shelf.load_many(run_of(exchange, tmp_path).store, files)
    assert len(loaded) == files.height


def as_objects(archive: Path, lake: Path, monkeypatch: pytest.MonkeyPatch, days: Days) -> None:
    """As all lakes were before there were packs: no such ledger."""
    with monkeypatch.context() as patched:
        patched.setattr(packs, "FEWEST", 10**6)
        ingested(archive, lake, days)
    assert not (lake / "ledger" / "packs").exists()


def test_packed_old_and_mixed_lakes_give_the_same_bytes(
    exchange: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingested(exchange, tmp_path / "packed")
    assert held(tmp_path / "packed")["pack"].null_count() == 0
    wanted = transformed(exchange, tmp_path / "packed")
    assert len(wanted) > 30

    as_objects(exchange, tmp_path / "old", monkeypatch, DAYS)
    assert transformed(exchange, tmp_path / "old") == wanted

    as_objects(exchange, tmp_path / "mixed", monkeypatch, Days(FIRST, FIRST))
    monkeypatch.setattr(packs, "FEWEST", 2)
    ingested(exchange, tmp_path / "mixed")
    assert 0 < held(tmp_path / "mixed")["pack"].null_count() < held(tmp_path / "mixed").height
    assert transformed(exchange, tmp_path / "mixed") == wanted

    monkeypatch.setattr(from_archive, "RECORDED_TOGETHER", 5)
    ingested(exchange, tmp_path / "pieces")
    assert held(tmp_path / "pieces")["pack"].n_unique() > 3
    assert transformed(exchange, tmp_path / "pieces") == wanted


def test_packs_unzipped_over_a_lake_are_an_old_lake(exchange: Path, tmp_path: Path) -> None:
    """A pack's members are called by their raw keys: the way back needs nothing of ours."""
    ingested(exchange, tmp_path / "lake")
    wanted = transformed(exchange, tmp_path / "lake")
    back = tmp_path / "back"
    shutil.copytree(tmp_path / "lake" / "ledger" / "raw", back / "ledger" / "raw")
    for pack in objects(tmp_path / "lake"):
        shutil.unpack_archive(tmp_path / "lake" / pack, back)
    assert held(back)["pack"].null_count() == held(back).height
    assert transformed(exchange, back) == wanted


def test_a_replaced_file_lies_in_a_later_pack_and_both_stay(own: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    ingested(own, lake)
    replaced = sorted(own.rglob("*-metrics-*.zip"))
    old = {path.name: path.read_bytes() for path in replaced}
    before = {path.name: newest(lake, path.name) for path in replaced}
    for path in replaced:
        rezip(path, lambda text: text + text.splitlines()[-1].replace(",", ",0", 1) + "\n")
    assert len(replaced) >= packs.FEWEST
    assert len(ingested(own, lake).fetched) == len(replaced)
    assert len(objects(lake)) == 2
    for path in replaced:
        both = versions(lake, path.name)
        assert before[path.name] in both
        assert {each.content for each in both} == {old[path.name], path.read_bytes()}
        assert len({each.file for each in both}) == 2


def touched(archive: Path) -> None:
    """The same bytes, another etag."""
    for path in archive.rglob("*.zip"):
        os.utime(path, ns=(path.stat().st_mtime_ns + 1, path.stat().st_mtime_ns + 1))


def test_files_touched_at_their_source_take_no_more_room(own: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    count = len(ingested(own, lake).fetched)
    there, before = objects(lake), held(lake)
    some = sorted(own.rglob("*-metrics-*.zip"))
    for path in some:
        os.utime(path)
    again = ingested(own, lake)
    assert (again.fetched, again.unchanged) == ([], count)
    assert objects(lake) == there
    assert held(lake).drop("etag").equals(before.drop("etag"))
    assert not held(lake).equals(before)
    # And by what is now written down they are known: nothing is fetched.
    assert ingested(own, lake).unchanged == count


def test_a_damaged_pack_is_mended_by_fetching_again(own: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    ingested(own, lake)
    hurt = newest(lake, min(own.rglob("*-metrics-*.zip")).name)
    hurt.flip()
    touched(own)
    ingested(own, lake)
    mended = newest(lake, hurt.key)
    assert hashlib.sha256(mended.content).hexdigest()[:12] == hurt.key[-12:]
    # The rest was sound where it lay, and one file is no pack.
    assert (mended.packed, mended.file) == (False, lake / hurt.key)
    assert held(lake)["pack"].null_count() == 1


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3_server(monkeypatch) as url:
        yield url


def test_a_bucket_is_asked_a_few_questions(
    exchange: Path, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(s3_url, "ours", tmp_path / "nothing")
    settings = Settings(
        lake="s3://ours/lake",
        s3={"endpoint_url": s3_url, "region": "us-east-1"},
        sources=[{"venue": "binance", "archive": f"file:{exchange}"}],
        batch_days=31,
        workers=1,
    )
    asked: Counter[tuple[str, str]] = Counter()
    call = botocore.client.BaseClient._make_api_call

    def counted(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        asked[operation, parameters.get("Key", "").removeprefix("lake/").split("/")[0]] += 1
        return call(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
    run = Run.begin(settings, "test", lambda: NOW)
    files = len(ingest(run, DAYS, LoggingReporter()).fetched)
    assert files > 20
    assert asked["PutObject", "raw"] == 1  # the pack
    assert asked["PutObject", "ledger"] == 2  # of packs, of raw files
    assert asked["GetObject", "raw"] == 0
    transform(run, DAYS.each(), LoggingReporter())
    assert asked["GetObject", "raw"] == 1  # all that lies between what is wanted is near

    ingested(exchange, tmp_path / "lake")
    transform(run_of(exchange, tmp_path / "lake"), DAYS.each(), LoggingReporter())
    local = run_of(exchange, tmp_path / "lake").store
    keys = [info.key for layer in LAYERS for info in run.store.entries(f"{layer}/")]
    assert len(keys) > 30
    assert [run.store.get(key) for key in keys] == [local.get(key) for key in keys]
