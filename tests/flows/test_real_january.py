"""January 2021 of the real archive, published, against the files read with csv and Decimal.

Sums are compared exactly: the published double has to be the one nearest to the decimal sum.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from flows.settings import Settings
from tests.flows.conftest import Lake
from tests.flows.driver import build_days

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ARCHIVE = DATA / "archives" / "binance"
FUNDING = ARCHIVE / "data/futures/um/monthly/fundingRate"

pytestmark = pytest.mark.skipif(not FUNDING.is_dir(), reason="no ../shared/data beside the repo")

Day = tuple[date, str]


class Archived(Lake):
    """A lake over the real archive alone."""

    @property
    def settings(self) -> Settings:
        return Settings(
            lake=f"file:{self.root}",
            sources=[{"venue": "binance", "archive": f"file:{ARCHIVE}"}],
            batch_days=31,
        )


def settled(files: Iterable[Path]) -> dict[Day, list[Decimal]]:
    """Rates per UTC day of the settlement's minute and symbol, as they stand in the files."""
    found: dict[Day, list[Decimal]] = defaultdict(list)
    for file in files:
        with zipfile.ZipFile(file) as archive:
            (name,) = archive.namelist()
            rows = csv.DictReader(io.TextIOWrapper(archive.open(name), encoding="ascii"))
            for row in rows:
                minute = round(int(row["calc_time"]) / 60_000) * 60
                day = datetime.fromtimestamp(minute, UTC).date()
                found[day, file.parent.name].append(Decimal(row["last_funding_rate"]))
    return found


def funding(build: Path) -> dict[Day, tuple[int, float]]:
    with duckdb.connect(str(build), read_only=True) as connection:
        rows = connection.execute(
            "SELECT date, symbol, settlement_count, funding_rate_sum FROM funding_daily"
        ).fetchall()
    return {(day, symbol): (count, total) for day, symbol, count, total in rows}


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Archived(tmp_path_factory.mktemp("january") / "lake", ARCHIVE)
    done = lake.mill(date(2021, 1, 1), date(2021, 1, 31))
    assert done.pointer is not None
    return lake


def test_the_day_before_the_squeeze(january: Lake) -> None:
    # 0.00050655 + 0.00038369 + 0.00022045, settled at 00:00, 08:00 and 16:00
    assert funding(january.build)[date(2021, 1, 16), "BTCUSDT"] == (3, 0.00111069)


def test_every_symbol_and_day_is_the_files_own_sum(january: Lake) -> None:
    files = sorted(FUNDING.glob("*/*-fundingRate-2021-01.zip"))
    expected = {
        key: (len(rates), float(sum(rates, Decimal(0)))) for key, rates in settled(files).items()
    }
    assert len({symbol for _, symbol in expected}) == 26
    assert len(expected) == 26 * 31
    assert funding(january.build) == expected


def test_the_archive_is_raw_files_with_matching_checksums(january: Lake) -> None:
    rows = january.sql("SELECT DISTINCT venue_checksum, rows_quarantined FROM raw_files")
    assert rows == [("match", 0)]


@pytest.fixture(scope="module")
def other_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days of other months, in a build nobody audited: they lack all but funding."""
    lake = Archived(tmp_path_factory.mktemp("other") / "lake", ARCHIVE)
    days = [date(2020, 3, 13), date(2020, 12, 31), date(2021, 2, 1), date(2022, 9, 15)]
    january = (date(2026, 1, 1), date(2026, 1, 31))
    return build_days(lake.settings, [*((day, day) for day in days), january])


@pytest.mark.parametrize(
    ("day", "symbol", "expected"),
    [
        ("2020-03-13", "BTCUSDT", -0.00381451),
        ("2020-12-31", "BTCUSDT", 0.00150381),
        ("2021-02-01", "BTCUSDT", 0.00118341),
        ("2022-09-15", "ETHUSDT", -0.00529317),
    ],
)
def test_days_of_other_months(other_months: Path, day: str, symbol: str, expected: float) -> None:
    assert funding(other_months)[date.fromisoformat(day), symbol] == (3, expected)


def test_intervals_that_change_within_a_month(other_months: Path) -> None:
    """AXSUSDT 2026-01: 8-hourly, hourly from the 17th on, 4-hourly from the 26th on."""
    expected = {
        key: (len(rates), float(sum(rates, Decimal(0))))
        for key, rates in settled([FUNDING / "AXSUSDT/AXSUSDT-fundingRate-2026-01.zip"]).items()
    }
    assert len(expected) == 31
    found = {
        key: row
        for key, row in funding(other_months).items()
        if key[1] == "AXSUSDT" and key[0].year == 2026
    }
    assert found == expected
    assert found[date(2026, 1, 17), "AXSUSDT"] == (10, -0.04092171)
    assert found[date(2026, 1, 18), "AXSUSDT"] == (24, -0.05254182)
    assert found[date(2026, 1, 26), "AXSUSDT"] == (12, -0.02472737)
    with duckdb.connect(str(other_months), read_only=True) as connection:
        intervals = connection.execute(
            "SELECT day(date), interval_hours, expected_settlement_count FROM funding_daily "
            "WHERE symbol = 'AXSUSDT' AND day(date) IN (16, 18, 30) ORDER BY date"
        ).fetchall()
    assert intervals == [(16, 8, 3), (18, 1, 24), (30, 4, 6)]
