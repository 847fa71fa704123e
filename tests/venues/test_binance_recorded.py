"""Binance's parsers over recorded files, against what their catalogue says of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from transforms.coded import in_words
from transforms.payload import Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.venues.binance import VENUE, instrument

DATA = Path(__file__).parents[3] / "shared" / "data"
ROOTS = {
    SourceKind.ARCHIVE: DATA / "archives" / "binance",
    SourceKind.DUMP: DATA / "dumps" / "binance",
}
FEEDS = {feed.name: feed for feed in VENUE.feeds}
EXPECTED = {  # files, rows
    "um-monthly-fundingRate": (217, 20_089),
    "dump-fundingRate": (293, 58_330),
    "dump-openInterestHist": (585, 57_178),
    "dump-exchangeInfo": (2, 158),
    "dump-forceOrder": (5, 3_510 + 456 + 385 + 445 + 453),
}

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not beside this checkout"
)


@cache
def payloads() -> dict[str, list[Payload]]:
    found: dict[str, list[Payload]] = {}
    for source, root in ROOTS.items():
        for file in sorted(root.rglob("*.*")):
            path = file.relative_to(root).as_posix()
            match = VENUE.feed_for(source, path)
            if match is None:
                assert path.endswith(".CHECKSUM"), f"no feed reads {path}"
                continue
            feed, facts = match
            now = datetime(2026, 9, 1, tzinfo=UTC)
            payload = Payload(path, path, file.read_bytes(), source, facts, now)
            found.setdefault(feed.name, []).append(payload)
    return found


@cache
def parsed(feed: str) -> Parsed:
    return FEEDS[feed].parse(payloads()[feed])


def test_every_file_is_read_by_a_feed() -> None:
    assert {name: len(files) for name, files in payloads().items()} == {
        name: files for name, (files, _) in EXPECTED.items()
    }


@pytest.mark.parametrize("feed", EXPECTED)
def test_rows_and_rejected_are_what_was_read(feed: str) -> None:
    result = parsed(feed)
    [(dataset, rows)] = result.rows.items()
    assert rows.height == EXPECTED[feed][1]
    assert result.rejected.height == 0
    counted = in_words(rows).group_by("raw_key").agg(kept=pl.len().cast(pl.Int64))
    joined = result.read.filter(dataset=dataset).join(counted, on="raw_key", how="left")
    assert joined.height == EXPECTED[feed][0]
    assert joined.filter(pl.col("rows_read") != pl.col("kept").fill_null(0)).height == 0


@pytest.mark.parametrize("feed", EXPECTED)
def test_symbols_are_known(feed: str) -> None:
    [rows] = parsed(feed).rows.values()
    assert [s for s in rows["symbol"].unique() if instrument(s) is None] == []


def settlements(symbol: str, day: date) -> dict[int, Decimal]:
    rows = parsed("um-monthly-fundingRate").rows["funding_rates"]
    rows = rows.filter(pl.col("symbol") == symbol, pl.col("settled_at").dt.date() == day)
    return {at.hour: rate for at, rate in rows.select("settled_at", "funding_rate").iter_rows()}


def test_january_2021_exactly() -> None:
    assert settlements("BTCUSDT", date(2021, 1, 16)) == {
        0: Decimal("0.00010000"),
        8: Decimal("0.00032573"),
        16: Decimal("0.00068496"),
    }
    assert settlements("BTCUSDT", date(2021, 1, 17)) == {
        0: Decimal("0.00033109"),
        8: Decimal("0.00030276"),
        16: Decimal("0.00010000"),
    }
    assert sum(settlements("ETHUSDT", date(2021, 1, 16)).values()) == Decimal("0.00221535")


@pytest.mark.parametrize(
    ("symbol", "day", "count", "total"),
    [
        ("BTCUSDT", date(2020, 3, 13), 3, "-0.00381451"),
        ("ETHUSDT", date(2022, 9, 15), 3, "-0.00529317"),
        ("AXSUSDT", date(2026, 1, 17), 10, "-0.04092171"),
        ("AXSUSDT", date(2026, 1, 18), 24, "-0.05254182"),
        ("AXSUSDT", date(2026, 1, 26), 12, "-0.02472737"),
    ],
)
def test_days(symbol: str, day: date, count: int, total: str) -> None:
    found = settlements(symbol, day)
    assert len(found) == count
    assert sum(found.values()) == Decimal(total)


def test_zero_and_exponents() -> None:
    assert settlements("XRPUSDT", date(2020, 12, 12))[8] == 0
    assert settlements("XRPUSDT", date(2022, 3, 4))[0] == Decimal("-4.9E-7")


def test_archive_and_api_agree_where_they_overlap() -> None:
    key = ["symbol", "settled_at"]
    archive = parsed("um-monthly-fundingRate").rows["funding_rates"]
    dump = parsed("dump-fundingRate").rows["funding_rates"]
    both = archive.join(dump, on=key, suffix="_dump")
    # AXSUSDT is in both, but its dump of 200 settlements begins after its archived month.
    assert set(both["symbol"]) == {"BTCUSDT", "ETHUSDT"}
    assert both.filter(pl.col("funding_rate") != pl.col("funding_rate_dump")).height == 0


def test_open_interest_of_a_day() -> None:
    rows = parsed("dump-openInterestHist").rows["open_interest"].sort("sampled_at")
    day = rows.filter(
        pl.col("symbol") == "BTCUSDT",
        pl.col("sample_interval_minutes") == 240,
        pl.col("sampled_at").dt.date() == date(2026, 3, 1),
    )
    assert day.height == 6
    assert day["amount"][0] == 77361.251
    assert day["value_usd"][-1] == 5206763286.093143
    assert set(rows["unit"]) == {"coin"}


def test_forced_orders() -> None:
    rows = parsed("dump-forceOrder").rows["liquidations"]
    events = rows.drop("raw_key", "raw_row").columns
    by_file = {
        key: rows.filter(pl.col("raw_key") == f"ws-forceOrder/{key}.jsonl")
        for key in ("2025-01-26_2025-02-06", "2025-06-23-a", "2025-06-23-a-big")
    }
    longest = by_file["2025-01-26_2025-02-06"]
    distinct = longest.unique(events)
    assert distinct.height == 1_837
    sums = distinct.group_by("side").agg((pl.col("amount") * pl.col("price")).sum())
    totals = dict(sums.iter_rows())
    assert totals["long"] == pytest.approx(2835648.57046655, rel=1e-12)
    assert totals["short"] == pytest.approx(710713.62196159, rel=1e-12)
    # No event of 2025-06-23 has an average price.
    assert set(by_file["2025-06-23-a"]["price_kind"]) == {"limit"}
    assert set(longest["price_kind"]) == {"average"}
    small, big = (by_file[key].select(events).unique() for key in list(by_file)[1:])
    assert small.join(big, on=events, how="anti", nulls_equal=True).height == 0


def test_instruments_of_2021() -> None:
    rows = parsed("dump-exchangeInfo").rows["instruments"]
    sizes = dict(rows.select("symbol", "contract_size").iter_rows())
    assert (sizes["BTCUSD_PERP"], sizes["ETHUSD_PERP"], sizes["BTCUSDT"]) == (100.0, 10.0, 1.0)
    for symbol, base, quote, settle, margin, kind, size, end in rows.select(
        "symbol", "base_asset", "quote_asset", "settle_asset", "margin_type", "contract_kind",
        "contract_size", "valid_to",
    ).iter_rows():  # fmt: skip
        ruled = instrument(symbol)
        assert ruled is not None
        assert base.endswith(ruled.base_asset)  # 1000SHIB is what the venue calls its base
        assert (quote, settle) == (ruled.quote_asset, ruled.settle_asset)
        assert (margin, kind, size) == (ruled.margin_type, ruled.contract_kind, ruled.contract_size)
        assert end == ruled.valid_to
