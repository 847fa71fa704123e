"""The three settlements of 16 January 2021, down to the lines of Binance's own file."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from flows.explain.said import explain
from tests.flows.conftest import Lake
from tests.flows.test_real_january import ARCHIVE, FUNDING, Archived

pytestmark = pytest.mark.skipif(not FUNDING.is_dir(), reason="no ../shared/data beside the repo")

FILE = FUNDING / "BTCUSDT/BTCUSDT-fundingRate-2021-01.zip"


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Archived(tmp_path_factory.mktemp("january") / "lake", ARCHIVE)
    assert lake.mill(date(2021, 1, 15), date(2021, 1, 17)).pointer is not None
    return lake


def test_the_settlements_are_lines_of_the_venue_s_file(january: Lake) -> None:
    said = explain(
        january.settings, "funding_daily", ["2021-01-16", "binance", "BTCUSDT"], raw_rows=0
    )
    # 0.00010000 + 0.00032573 + 0.00068496, settled at 00:00, 08:00 and 16:00
    assert said["row"]["funding_rate_sum"] == 0.00111069
    assert [(row["settled_at"].hour, row["funding_rate"]) for row in said["rows"]] == [
        (0, Decimal("0.00010000")),
        (8, Decimal("0.00032573")),
        (16, Decimal("0.00068496")),
    ]
    assert all(each["equal"] for each in said["recomputed"])

    (file,) = said["raw_files"]
    assert FILE.name in file["key"]
    assert file["sha256"] == hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert (file["found"], file["venue_checksum"]) == ("same bytes", "match")
    with zipfile.ZipFile(FILE) as archive:
        (member,) = archive.namelist()
        lines = archive.read(member).decode().splitlines()
    assert [record["line"] for record in said["records"]] == [47, 48, 49]
    assert file["records"] == [46, 47, 48]  # the header is no record
    for record, rate in zip(
        said["records"], ("0.00010000", "0.00032573", "0.00068496"), strict=True
    ):
        assert record["text"] == lines[record["line"] - 1]
        assert record["text"].endswith(rate)
        assert record["reread"]


def test_the_file_s_counts_are_those_of_the_file(january: Lake) -> None:
    said = explain(january.settings, "funding_daily", ["2021-01-16", "binance", "BTCUSDT"])
    (file,) = said["raw_files"]
    assert file["of_the_day"] == {
        "rows_read": 3,
        "rows_kept": 3,
        "rows_duplicate": 0,
        "rows_quarantined": 0,
    }
