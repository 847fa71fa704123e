"""Funding of real files against sums taken with csv and Decimal."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tests.daily.given import column
from transforms.daily.funding_daily import FUNDING_DAILY
from transforms.daily.table import Inputs
from transforms.instruments import InstrumentBook
from transforms.normalise import normalise
from transforms.payload import Payload
from transforms.regimes import regime_table
from transforms.schemas.column import SourceKind
from transforms.venue import discover

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ARCHIVE = DATA / "archives" / "binance"
ARCHIVED = ARCHIVE / "data" / "futures" / "um" / "monthly" / "fundingRate"
DUMPS = DATA / "dumps"

pytestmark = pytest.mark.skipif(not ARCHIVED.is_dir(), reason="no ../shared/data beside the repo")

Settlements = dict[str, list[tuple[datetime, Decimal]]]


def payloads(root: Path, files: Sequence[Path], source: SourceKind) -> list[Payload]:
    binance = discover()["binance"]
    found = []
    for file in files:
        path = file.relative_to(root).as_posix()
        claimed = binance.feed_for(source, path)
        assert claimed is not None, path
        found.append(
            Payload(
                f"raw/binance/{path}",
                path,
                file.read_bytes(),
                source,
                claimed[1],
                datetime(2026, 9, 1, tzinfo=UTC),
            )
        )
    return found


def funding(read: list[Payload], first: date, last: date) -> pl.DataFrame:
    """`funding_daily` of Binance from raw files, with all context there is."""
    binance = discover()["binance"]
    begin = first - timedelta(days=FUNDING_DAILY.lookback_days)
    end = last + timedelta(days=FUNDING_DAILY.lookahead_days)
    partitions = [p for p in normalise(binance, read, begin, end, None).partitions if p.rows.height]
    rows = pl.concat([p.rows for p in partitions if p.dataset == "funding_rates"])
    accounting = pl.concat([p.accounting.with_columns(date=pl.lit(p.date)) for p in partitions])
    book = InstrumentBook.of(binance, None, rows["symbol"].unique())
    return FUNDING_DAILY.compute(
        Inputs(rows.lazy(), accounting, book.table(), regime_table(binance), "binance"),
        first,
        last,
    )


def minute_of(milliseconds: int) -> datetime:
    """The nearest minute; settlements are up to 47 ms late."""
    return datetime.fromtimestamp(round(milliseconds / 60_000) * 60, UTC)


@cache
def archived(*symbols: str) -> pl.DataFrame:
    files = [f for s in symbols for f in sorted((ARCHIVED / s).glob("*.zip"))]
    assert files
    return funding(
        payloads(ARCHIVE, files, SourceKind.ARCHIVE), date(2020, 1, 1), date(2026, 6, 30)
    )


def independently(files: Sequence[Path]) -> Settlements:
    """Settlements per symbol of archive files, read with csv and Decimal."""
    found: Settlements = defaultdict(list)
    for file in files:
        with zipfile.ZipFile(file) as archive:
            (member,) = archive.namelist()
            for row in csv.DictReader(io.StringIO(archive.read(member).decode())):
                rate = Decimal(row["last_funding_rate"])
                found[file.parent.name].append((minute_of(int(row["calc_time"])), rate))
    return found


def by_day(settlements: Settlements) -> dict[tuple[str, str], list[Decimal]]:
    days: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for symbol, paid in settlements.items():
        for moment, rate in sorted(paid):
            days[symbol, f"{moment:%Y-%m-%d}"].append(rate)
    return days


def assert_agrees(daily: pl.DataFrame, days: dict[tuple[str, str], list[Decimal]]) -> None:
    assert daily.height == len(days)
    for row in daily.iter_rows(named=True):
        rates = days[row["symbol"], str(row["date"])]
        assert row["settlement_count"] == len(rates), row
        assert row["funding_rate_sum"] == float(sum(rates)), row
        assert row["funding_rate_first"] == float(rates[0]), row
        assert row["funding_rate_last"] == float(rates[-1]), row
        assert row["funding_rate_min"] == float(min(rates)), row
        assert row["funding_rate_max"] == float(max(rates)), row


def test_known_days():
    daily = archived("BTCUSDT", "ETHUSDT")
    bitcoin = column(daily, "funding_rate_sum")
    assert bitcoin["2021-01-16"] == 0.00111069
    assert bitcoin["2021-01-17"] == 0.00073385
    assert bitcoin["2020-03-13"] == -0.00381451
    assert bitcoin["2020-12-31"] == 0.00150381
    assert bitcoin["2021-02-01"] == 0.00118341
    ether = column(daily, "funding_rate_sum", "ETHUSDT")
    assert ether["2021-01-16"] == 0.00221535
    assert ether["2022-09-15"] == -0.00529317
    row = daily.filter(symbol="BTCUSDT", date=date(2021, 1, 16)).row(0, named=True)
    assert row["settlement_count"] == row["expected_settlement_count"] == 3
    assert row["hours_covered"] == 24
    assert row["funding_rate_first"] == 0.0001
    assert row["funding_rate_last"] == 0.00068496


def test_years_without_a_gap_have_none():
    bitcoin = archived("BTCUSDT", "ETHUSDT").filter(symbol="BTCUSDT")
    # 2020-01-01 … 2026-06-30: 5 × 365 + 366 + 366 … = 2373 days; 7119 settlements = 3 a day
    assert bitcoin.height == 2373
    assert bitcoin["settlement_count"].sum() == 7119
    assert bitcoin["settlement_count"].unique().to_list() == [3]
    assert bitcoin["hours_covered"].unique().to_list() == [24]
    expected = bitcoin["expected_settlement_count"].to_list()
    assert expected[0] is None  # the first day there is
    assert set(expected[1:]) == {3}
    # Cumulative sums from the seventh and the thirtieth day on.
    assert bitcoin["funding_cumulative_7d"].null_count() == 6
    assert bitcoin["funding_cumulative_30d"].null_count() == 29


def test_interval_changes_of_axs():
    daily = archived("AXSUSDT")
    for day, count, total in (
        ("2026-01-17", 10, -0.04092171),
        ("2026-01-18", 24, -0.05254182),
        ("2026-01-26", 12, -0.02472737),
    ):
        assert column(daily, "settlement_count", "AXSUSDT")[day] == count
        assert column(daily, "expected_settlement_count", "AXSUSDT")[day] == count
        assert column(daily, "funding_rate_sum", "AXSUSDT")[day] == total
    hours = column(daily, "hours_covered", "AXSUSDT")
    # 00, 08, 16 of 8 h and seven of 1 h; nine of 1 h (00 … 08, the last labelled 4) and three of 4
    assert hours["2026-01-17"] == 31
    assert hours["2026-01-26"] == 21


def test_every_archived_day_equals_an_independent_decimal_sum():
    files = sorted(ARCHIVED.glob("*/*.zip"))
    assert len(files) == 217
    daily = archived(*sorted({file.parent.name for file in files}))
    assert_agrees(daily, by_day(independently(files)))
    # An archive that declares intervals and lacks nothing.
    known = daily.filter(pl.col("expected_settlement_count").is_not_null())
    assert (known["expected_settlement_count"] == known["settlement_count"]).all()


def test_every_dumped_day_equals_an_independent_decimal_sum():
    root = DUMPS / "binance"
    files = sorted((root / "fapi-v1-fundingRate").glob("*.json"))
    assert len(files) == 293
    daily = funding(payloads(root, files, SourceKind.DUMP), date(2026, 1, 12), date(2026, 3, 20))
    paid = {
        file.stem: [
            (minute_of(row["fundingTime"]), Decimal(row["fundingRate"]))
            for row in json.loads(file.read_text())
        ]
        for file in files
    }
    assert sum(len(rows) for rows in paid.values()) == 58_330
    assert_agrees(daily, by_day(paid))
    sums, counts = (
        {s: column(daily, name, s) for s in ("COSUSDT", "ALICEUSDT", "BNBUSDT")}
        for name in ("funding_rate_sum", "settlement_count")
    )
    assert (counts["COSUSDT"]["2026-03-10"], sums["COSUSDT"]["2026-03-10"]) == (19, -0.00222212)
    assert (counts["ALICEUSDT"]["2026-02-28"], sums["ALICEUSDT"]["2026-02-28"]) == (
        24,
        -0.03485856,
    )
    assert sums["BNBUSDT"]["2026-01-16"] == 0.0
    # Nothing is declared here and intervals change in dozens of files; before the last, unfinished
    # day none of it reads as a missing settlement.
    judged = daily.filter(
        pl.col("date") < date(2026, 3, 20), pl.col("expected_settlement_count").is_not_null()
    )
    assert judged.height > 10_000
    wrong = judged.filter(pl.col("expected_settlement_count") != pl.col("settlement_count"))
    assert wrong.height == 0, wrong.select(
        "date", "symbol", "settlement_count", "expected_settlement_count"
    )
