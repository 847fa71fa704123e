"""Real references beside real funding, published: January 2021 of Binance and CryptoQuant."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from flows.settings import Settings
from flows.storage.warehouse import table_hashes
from tests.flows.driver import Done, mill_days
from transforms.schemas.evidence import Verdict

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FIRST, LAST = date(2021, 1, 15), date(2021, 1, 18)
CRYPTOQUANT = {"venue": "cryptoquant", "dumps": f"file:{DATA}/aggregators/cryptoquant"}
BINANCE = {"venue": "binance", "archive": f"file:{DATA}/archives/binance", "symbols": ["BTC*"]}

pytestmark = pytest.mark.skipif(
    not (DATA / "aggregators").is_dir(), reason="no ../shared/data beside the repo"
)


def milled(lake: Path, *sources: dict[str, object]) -> tuple[Done, Settings]:
    settings = Settings(
        lake=f"file:{lake}", sources=list(sources), batch_days=31, cache=lake.parent / "cache"
    )
    return mill_days(settings, FIRST, LAST), settings


def read(lake: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(lake / "published" / "perpmill.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_an_aggregator_alone_is_published_without_alarms(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    done, settings = milled(lake, CRYPTOQUANT)
    assert done.verdict is Verdict.PASSED
    assert read(lake, "SELECT * FROM expectation_results WHERE NOT success") == []
    assert read(lake, "SELECT DISTINCT dataset FROM coverage_daily ORDER BY ALL") == [
        ("references",),
        ("reserves",),
    ]
    assert read(lake, "SELECT count(*) FROM instruments") == [(0,)]
    assert read(
        lake, "SELECT metric, value FROM reference_daily WHERE date = '2021-01-16' ORDER BY ALL"
    ) == [
        ("funding_rate", 0.00027355453),
        ("open_interest_usd", 5643653041.0),
        ("price_usd", 36005.56769),
    ]
    # Once more: nothing is new.
    assert mill_days(settings, FIRST, LAST).pointer is None


def test_ours_and_theirs_of_the_same_days(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    done, _ = milled(lake, BINANCE, CRYPTOQUANT)
    assert done.pointer is not None
    failed = read(lake, "SELECT table_name, expectation FROM expectation_results WHERE NOT success")
    assert not [row for row in failed if row[0] in ("reference_daily", "reserves_daily")]
    rows = read(
        lake,
        "SELECT date, ours, theirs, ours_venues FROM reference_reconciliation "
        "WHERE metric = 'funding_rate' AND date BETWEEN '2021-01-16' AND '2021-01-17' ORDER BY ALL",
    )
    # 0.00111069 and 0.00073385 over 24 hours, a third of each for 8; theirs is of all exchanges.
    assert rows == [
        (date(2021, 1, 16), pytest.approx(0.00111069 / 3, rel=1e-12), 0.00027355453, "binance"),
        (date(2021, 1, 17), pytest.approx(0.00073385 / 3, rel=1e-12), 0.00016407248, "binance"),
    ]
    assert read(
        lake,
        "SELECT DISTINCT ours, ours_venues, ours_instruments FROM reference_reconciliation "
        "WHERE metric = 'open_interest_usd'",
    ) == [(None, None, 0)]


def test_references_change_no_number_of_ours(tmp_path: Path) -> None:
    alone, beside = tmp_path / "alone" / "lake", tmp_path / "beside" / "lake"
    milled(alone, BINANCE)
    milled(beside, BINANCE, CRYPTOQUANT)
    hashes = [
        table_hashes((lake / "published" / "perpmill.duckdb").resolve()) for lake in (alone, beside)
    ]
    about_references = {
        "reference_daily",
        "coverage_daily",
        "raw_files",
        "expectation_results",
        "runs",
    }
    differ = {table for table in hashes[0] if hashes[0][table] != hashes[1][table]}
    assert "reference_daily" in differ
    assert differ <= about_references
