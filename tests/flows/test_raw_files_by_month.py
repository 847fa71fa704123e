"""A build's `raw_files`, brought on month by month, is what a lake milled at once has."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.inventory import LAYER, NO_DAY
from flows.settings import Settings
from flows.storage.builds import Builds
from flows.storage.object_store import open_store
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.conftest import Lake, lake_settings
from tests.flows.driver import build_days, mill_days

DAY = timedelta(days=1)
FIRST = date(2021, 1, 29)
MID, LAST = FIRST + DAY, FIRST + 2 * DAY
BOTH = ("binance", "bybit")


class TwoVenues(Lake):
    def only(self, *venues: str) -> Settings:
        binance = lake_settings(self.root, self.exchange).model_dump()["sources"][0]
        bybit = {"venue": "bybit", "dumps": f"file:{self.exchange}/dumps/bybit"}
        sources = [each for each in (binance, bybit) if each["venue"] in venues]
        return lake_settings(self.root, self.exchange, sources=sources)

    def raw_files(self) -> str:
        return self.hashes()["raw_files"]

    def months(self) -> set[tuple[str, str]]:
        folder = self.root / LAYER
        return {(path.parts[-3], path.parts[-2]) for path in folder.rglob("rows.parquet")}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exchange")
    simulate(Plan(FIRST, LAST, symbols=2, venues=BOTH), out)
    return out


@pytest.fixture(scope="module")
def at_once(exchange: Path, tmp_path_factory: pytest.TempPathFactory) -> TwoVenues:
    lake = TwoVenues(tmp_path_factory.mktemp("at_once") / "lake", exchange)
    assert mill_days(lake.only(*BOTH), FIRST, LAST).pointer is not None
    return lake


def test_venues_and_days_one_after_the_other(at_once: TwoVenues, tmp_path: Path) -> None:
    lake = TwoVenues(tmp_path / "lake", at_once.exchange)
    for venues, first, last in (
        (("binance",), FIRST, MID),
        (BOTH, FIRST, MID),
        (BOTH, LAST, LAST),
        (BOTH, FIRST, LAST),  # the days between, now that their neighbours are there
    ):
        mill_days(lake.only(*venues), first, last)
    assert {venue for venue, _ in lake.months()} == {"venue=binance", "venue=bybit"}
    assert {month for _, month in lake.months()} >= {"date=2021-01-01", f"date={NO_DAY}"}
    assert lake.raw_files() == at_once.raw_files()
    ((rows, keys),) = lake.sql("SELECT count(*), count(DISTINCT (dataset, key)) FROM raw_files")
    assert rows == keys > 20


def test_a_venue_that_is_left_out_is_told_of_no_more(at_once: TwoVenues, tmp_path: Path) -> None:
    """Though the gate misses its instruments then: the candidate has none of its files."""
    lake = TwoVenues(shutil.copytree(at_once.root, tmp_path / "lake"), at_once.exchange)
    build = build_days(lake.only("binance"), [(FIRST, LAST)])
    with duckdb.connect(str(build), read_only=True) as candidate:
        assert candidate.sql("SELECT DISTINCT venue FROM raw_files").fetchall() == [("binance",)]
    # The last build has all of them, and the months of the other venue are made anew.
    mill_days(lake.only(*BOTH), FIRST, LAST)
    assert lake.raw_files() == at_once.raw_files()


def test_a_lake_from_before_there_were_months_goes_on(at_once: TwoVenues, tmp_path: Path) -> None:
    """Its build was made of the whole table, which nothing stands behind any more."""
    lake = TwoVenues(shutil.copytree(at_once.root, tmp_path / "lake"), at_once.exchange)
    settings = lake.only(*BOTH)
    store = open_store(settings.lake, settings.s3.options())
    key = Builds.key(lake.pointer["run_id"], "contents.parquet")
    path = lake.root / key
    contents = pl.read_parquet(path)
    own = pl.col("name") == "raw_files"
    assert contents.filter(own).height >= 4
    whole = contents.filter(own).head(1).with_columns(venue=pl.lit(""), date=pl.lit(None, pl.Date))
    pl.concat([contents.filter(~own), whole]).write_parquet(path)
    for place in (LAYER, f"ledger/{LAYER}"):
        found = list(store.entries(f"{place}/"))
        assert found
        for info in found:
            store.delete(info.key)
    before = lake.pointer["run_id"]
    assert mill_days(settings, FIRST, LAST).pointer is not None
    assert lake.pointer["run_id"] != before
    assert lake.hashes()["raw_files"] == at_once.raw_files()
    assert mill_days(settings, FIRST, LAST).pointer is None, "nothing new"
