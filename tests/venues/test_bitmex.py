"""BitMEX: symbols, recorded files and messages, contract maths."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.recorded import needs_data
from tests.venues.written import (
    lines,
    messages,
    normalised,
    parse,
    payload,
    recorded_payloads,
    settlements,
)
from transforms import amounts
from transforms.instruments import InstrumentBook
from transforms.payload import BadPayload
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venues.bitmex import CLOSED, VENUE, instrument

DAY = date(2021, 7, 22)


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "settled", "margin", "size"),
    [
        ("XBTUSD", "BTC", "USD", "BTC", Margin.INVERSE, 1),
        ("XBTU21", "BTC", "USD", "BTC", Margin.INVERSE, 1),
        ("XBTEUR", "BTC", "EUR", "BTC", Margin.INVERSE, 1),
        ("XBTUSDT", "BTC", "USDT", "USDT", Margin.LINEAR, 1e-6),
        ("ETHUSDT", "ETH", "USDT", "USDT", Margin.LINEAR, 1e-5),
        ("XBTUSDTZ22", "BTC", "USDT", "USDT", Margin.LINEAR, 1e-6),
        ("ETHU21", "ETH", "BTC", "BTC", Margin.LINEAR, 1),
        ("ETHUSD", "ETH", "USD", "BTC", Margin.QUANTO, 1e-6),  # 100 ÷ 1e8
        ("XRPUSD", "XRP", "USD", "BTC", Margin.QUANTO, 2e-4),  # 20,000 ÷ 1e8
        ("ETHUSDU21", "ETH", "USD", "BTC", Margin.QUANTO, 1e-6),
        ("SOLUSDT", "SOL", "USDT", "USDT", Margin.LINEAR, None),  # only answers say
        ("APEUSD", "APE", "USD", "BTC", Margin.QUANTO, None),
    ],
)
def test_symbols(
    symbol: str, base: str, quote: str, settled: str, margin: Margin, size: float | None
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, settled)
    assert (found.margin_type, found.contract_size) == (margin, size)
    assert found.base_multiplier == 1


def test_futures_are_delivered_on_the_last_friday() -> None:
    ends = {
        "XBTU21": datetime(2021, 9, 24, 12, tzinfo=UTC),
        "XBTZ21": datetime(2021, 12, 31, 12, tzinfo=UTC),  # itself a Friday
        "ETHM19": datetime(2019, 6, 28, 12, tzinfo=UTC),
        "XBTEURU21": datetime(2021, 9, 24, 12, tzinfo=UTC),
    }
    for symbol, end in ends.items():
        found = instrument(symbol)
        assert found is not None
        assert (found.contract_kind, found.valid_to) == (ContractKind.DATED, end)


def test_perpetuals_end_with_the_venue() -> None:
    found = instrument("XBTUSD")
    assert found is not None
    assert (found.contract_kind, found.valid_to) == (ContractKind.PERPETUAL, CLOSED)
    assert datetime(2026, 9, 23, 4, tzinfo=UTC) == CLOSED


@pytest.mark.parametrize("symbol", ["", ".BXBT", "XBT_USDT", "XBTUSD_ETH", "xbtusd", "USD", "XBT"])
def test_what_is_no_symbol(symbol: str) -> None:
    assert instrument(symbol) is None


@pytest.mark.parametrize(
    ("path", "feed", "symbol"),
    [
        ("funding/XBTUSD.json", "dump-funding", "XBTUSD"),
        ("api-v1-funding/all.jsonl.zst", "dump-funding", None),
        ("instruments-XBTUSD-2025.json", "dump-instrument", None),
        ("instrument/2021-07-22.jsonl", "dump-instrument", None),
        ("v1-instrument-active/x.json", "dump-instrument", None),
        ("ws-liquidation/2019/06/01.jsonl.gz", "dump-liquidation", None),
    ],
)
def test_paths(path: str, feed: str, symbol: str | None) -> None:
    found = VENUE.feed_for(SourceKind.DUMP, path)
    assert found is not None
    assert (found[0].name, found[1].symbol) == (feed, symbol)


@pytest.mark.parametrize("path", ["liquidation/XBTUSD.json", "trade/20210101.csv.gz", "funding/"])
def test_what_no_feed_reads(path: str) -> None:
    # /liquidation lists what is open now, without any time: nothing can be made of a dump of it.
    assert VENUE.feed_for(SourceKind.DUMP, path) is None


def test_a_closed_venue_is_not_asked_and_documents_no_regime() -> None:
    assert {feed.source for feed in VENUE.feeds} == {SourceKind.DUMP}
    assert VENUE.regimes == ()


# ---- Recorded files -----------------------------------------------------------------------------


@needs_data
def test_recorded_settlements() -> None:
    payloads = recorded_payloads(VENUE, "funding")
    parsed = parse(VENUE, *payloads)
    assert parsed.rejected.height == 0
    assert dict(parsed.read.select("raw_key", "rows_read").iter_rows()) == {
        "raw/dump/funding/XBTUSD.json": 8_547,
        "raw/dump/funding/XBTUSDT.json": 3_422,
    }
    assert parsed.rows["funding_rates"].height == 8_547 + 3_422
    written = {
        row["timestamp"]: Decimal(str(row["fundingRate"]))
        for row in json.loads(payloads[0].content, parse_float=str)
    }
    read = settlements(parsed, "XBTUSD")
    # 20 decimals; the noise of 1.4999999999999985e-05 reaches beyond.
    off = [abs(r - w) for r, w in zip(read["funding_rate"], written.values(), strict=True)]
    assert max(off) <= Decimal("5e-21")
    assert sum(o == 0 for o in off) > 8_000


@needs_data
def test_recorded_days_exactly() -> None:
    read = settlements(parse(VENUE, *recorded_payloads(VENUE, "funding")), "XBTUSD")
    by_day = {
        day: {at.hour: rate for at, rate in rows.select("settled_at", "funding_rate").iter_rows()}
        for (day,), rows in read.group_by(pl.col("settled_at").dt.date())
    }
    january = by_day[date(2021, 1, 16)]
    assert january == {4: Decimal("0.000216"), 12: Decimal("0.0001"), 20: Decimal("0.0001")}
    assert sum(january.values()) == Decimal("0.000416")
    assert by_day[date(2021, 1, 17)][4] == Decimal("0.000167")
    # Once a day until 2016-06-04, where the settlement at 20:00 is the first after 8 hours.
    assert {tuple(sorted(by_day[day])) for day in by_day if day < date(2016, 6, 4)} == {(12,)}
    assert sorted(by_day[date(2016, 6, 4)]) == [12, 20]
    assert sorted(by_day[date(2016, 6, 5)]) == [4, 12, 20]
    declared = dict(read.select("settled_at", "interval_hours_declared").iter_rows())
    assert declared[datetime(2016, 6, 4, 12, tzinfo=UTC)] is None
    assert declared[datetime(2016, 6, 4, 20, tzinfo=UTC)] == 8


@needs_data
def test_recorded_instruments() -> None:
    [single, whole] = [
        parse(VENUE, p)
        for p in recorded_payloads(VENUE)
        if p.path in ("instruments.json", "instruments-XBTUSD-2025.json")
    ]
    assert single.rows["instruments"].select("symbol", "contract_size").rows() == [("XBTUSD", 1)]
    assert single.rows["open_interest"]["amount"].to_list() == [411_647_400]
    listed = whole.rows["instruments"]
    assert listed.height == 34
    # Contracts of XBTEUR and XBTEURU21 count euros.
    assert whole.rows["open_interest"].height == 32
    assert set(whole.rejected["dataset"]) == {"open_interest"}
    for row in listed.iter_rows(named=True):
        ruled = instrument(row["symbol"])
        assert ruled is not None
        assert (row["base_asset"], row["quote_asset"]) == (ruled.base_asset, ruled.quote_asset)
        if row["quote_asset"] == "USDT":  # quanto then, linear since the end of that year
            assert row["margin_type"] == Margin.QUANTO
            continue
        assert row["margin_type"] == ruled.margin_type
        assert row["contract_size"] == pytest.approx(ruled.contract_size, rel=1e-15)
        assert row["valid_to"] == (ruled.valid_to if row["contract_kind"] == "dated" else None)


@needs_data
def test_recorded_open_interest_in_coin_and_dollars() -> None:
    files = [p for p in recorded_payloads(VENUE) if p.path == "instruments.json"]
    rows = {r["symbol"]: r for r in normalised(VENUE, "open_interest", DAY, *files).to_dicts()}
    inverse, quanto, cross = rows["XBTUSD"], rows["ETHUSD"], rows["ETHU21"]
    assert inverse["open_interest_usd"] == 574_264_600
    assert inverse["open_interest_coin"] == pytest.approx(574_264_600 / 32_184.89)
    # 1,403,475 × 0.000001 × 2,003.93 points is 2,812.466 XBT (the venue's openValue: 2,812.4657),
    # at 32,184.89 dollars each.
    assert quanto["open_interest_usd"] == pytest.approx(2_812.46566 * 32_184.89, rel=1e-6)
    assert cross["open_interest_coin"] == 5_582
    assert cross["open_interest_usd"] is None


# ---- Recorded messages --------------------------------------------------------------------------


@needs_data
def test_recorded_liquidation_messages() -> None:
    told = [(m, e) for m, e in messages("bitmex") if m.get("table") == "liquidation"]
    assert [m["action"] for m, _ in told] == ["insert", "delete"]
    arrivals = [datetime.fromisoformat(str(e["arrival"])) for _, e in told]
    stamped = [
        {"arrival_ns": (a - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000,
         "message": m}
        for a, (m, _) in zip(arrivals, told, strict=True)
    ]  # fmt: skip
    rows = parse(VENUE, payload(VENUE, "ws-liquidation/x.jsonl", lines(*stamped))).rows
    published = [r for _, e in told for r in e["results"]]
    assert [
        (r["symbol"], r["side"], r["price"], r["amount"], r["liquidated_at"])
        for r in rows["liquidations"].to_dicts()
    ] == [
        (p["symbol"], p["liquidated"], p["price"], p["amount"],
         datetime.fromisoformat(p["timestamp"]))
        for p in published
    ]  # fmt: skip
    assert rows["liquidations"]["side"].to_list() == ["short"]


@needs_data
def test_recorded_instrument_messages_are_no_liquidations() -> None:
    others = [m for m, _ in messages("bitmex") if m.get("table") == "instrument"]
    assert others
    parsed = parse(VENUE, payload(VENUE, "ws-liquidation/x.jsonl", lines(*others)))
    assert parsed.rows["liquidations"].height == 0
    assert parsed.rejected.height == len(others)


# ---- Contract maths -----------------------------------------------------------------------------


def _inserted(second: int, symbol: str, price: float, contracts: int) -> object:
    row = {"orderID": symbol, "symbol": symbol, "side": "Sell", "price": price,
           "leavesQty": contracts}  # fmt: skip
    at = datetime(2021, 7, 22, 12, 0, second, tzinfo=UTC)
    return {
        "arrival_ns": int(at.timestamp()) * 10**9,
        "message": {"table": "liquidation", "action": "insert", "data": [row]},
    }


def test_one_position_in_each_kind_of_contract() -> None:
    """60,000 dollars: 2 BTC at 30,000; 30 ETH at 2,000."""
    price_of_xbt = {
        "symbol": "XBTUSD", "typ": "FFWCSX", "underlying": "XBT", "quoteCurrency": "USD",
        "settlCurrency": "XBt", "multiplier": -100_000_000, "isInverse": True, "isQuanto": False,
        "openInterest": 60_000, "markPrice": 30_000, "timestamp": "2021-07-22T11:59:59.000Z",
    }  # fmt: skip
    told = payload(VENUE, "instrument/x.json", json.dumps([price_of_xbt]))
    heard = payload(
        VENUE,
        "ws-liquidation/x.jsonl",
        lines(
            _inserted(1, "XBTUSD", 30_000, 60_000),  # a dollar each
            _inserted(2, "XBTUSDT", 30_000, 2_000_000),  # a millionth of a coin each
            _inserted(3, "ETHUSD", 2_000, 1_000),  # × 0.000001 × 2,000 × 30,000
            _inserted(4, "ETHU21", 0.0667, 30),  # a coin each, priced in XBT
        ),
    )
    rows = normalised(VENUE, "liquidations", DAY, told, heard).sort("liquidated_at")
    assert rows["amount_coin"].to_list() == pytest.approx([2, 2, 30, 30])
    assert rows["amount_usd"].to_list()[:3] == pytest.approx([60_000] * 3)
    assert rows["amount_usd"][3] is None
    assert rows["base_asset"].to_list() == ["BTC", "BTC", "ETH", "ETH"]
    assert set(rows["side"]) == {"long"}
    interest = normalised(VENUE, "open_interest", DAY, told)
    assert interest.select("open_interest_coin", "open_interest_usd").rows() == [(2, 60_000)]


def test_amounts_of_a_size_nobody_told_are_unknown() -> None:
    """100,000 contracts of 1 ÷ 10,000 SOL at 25 dollars: 10 SOL, 250 dollars."""
    heard = payload(VENUE, "ws-liquidation/x.jsonl", lines(_inserted(1, "SOLUSDT", 25, 100_000)))
    listed = {
        "symbol": "SOLUSDT", "typ": "FFWCSX", "underlying": "SOL", "quoteCurrency": "USDT",
        "settlCurrency": "USDt", "multiplier": 100, "underlyingToPositionMultiplier": 10_000,
        "isInverse": False, "isQuanto": False, "timestamp": "2021-07-22T11:59:59.000Z",
    }  # fmt: skip
    told = payload(VENUE, "instrument/x.json", json.dumps([listed]))
    columns = ("amount_native", "amount_coin", "amount_usd", "amount_null_reason")
    bare = normalised(VENUE, "liquidations", DAY, heard)
    assert bare.select(columns).rows() == [(100_000, None, None, amounts.NO_SIZE)]
    known = normalised(VENUE, "liquidations", DAY, heard, told)
    assert known.select(columns).rows() == [(100_000, 10, 250, None)]


def test_no_size_is_made_up_for_the_published_table() -> None:
    symbols = ["APEUSD", "SOLUSDT", "XBTUSD"]
    table = InstrumentBook.of(VENUE, None, symbols).table()
    assert table.select("symbol", "contract_size").rows() == [
        ("APEUSD", None), ("SOLUSDT", None), ("XBTUSD", 1.0)
    ]  # fmt: skip


# ---- Bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["funding/XBTUSD.json", "instrument/x.json"])
@pytest.mark.parametrize(
    "content", ["", "<html>", "[{", '{"error":{"message":"no","name":"HTTPError"}}', '"text"', "7"]
)
def test_what_is_no_answer(path: str, content: str) -> None:
    with pytest.raises(BadPayload, match="bitmex") as raised:
        parse(VENUE, payload(VENUE, path, content))
    assert raised.value.path == path


def test_another_venues_rows_are_set_aside() -> None:
    binance = [{"symbol": "BTCUSDT", "fundingTime": 1, "fundingRate": "0.0001"}]
    parsed = parse(VENUE, payload(VENUE, "funding/x.json", json.dumps(binance)))
    assert parsed.rows["funding_rates"].height == 0
    assert parsed.rejected["reason"].to_list() == ["timestamp is empty"]


def test_unknown_symbols_are_never_numbers() -> None:
    row = {"timestamp": "2021-01-16T04:00:00.000Z", "symbol": ".XBTBON8H", "fundingRate": 0.0003}
    file = payload(VENUE, "funding/x.json", json.dumps([row]))
    assert normalised(VENUE, "funding_rates", date(2021, 1, 16), file).height == 0


@pytest.mark.parametrize(
    ("hours", "rate", "daily", "kept"),
    [
        (8, 0.0001, 0.0003, True),  # three settlements a day
        (8, 0.0001, 0.00030000000000000003, True),
        (24, 0.0003, 0.0003, True),  # one a day, until June 2016
        (8, 0.0003, 0.0003, False),  # the day's rate for the settlement's
        (8, 0.01, 0.0003, False),  # one of the two in percent
        (8, 0, 0, True),
        (8, 0.0001, None, True),  # nothing to hold it against
        (0, 0.0003, 0.0003, True),
    ],
)
def test_the_two_rates_of_a_settlement_fit(
    hours: int, rate: float, daily: float | None, kept: bool
) -> None:
    row = {
        "timestamp": "2021-01-16T04:00:00.000Z",
        "symbol": "XBTUSD",
        "fundingInterval": f"2000-01-0{1 + hours // 24}T{hours % 24:02d}:00:00.000Z",
        "fundingRate": rate,
        "fundingRateDaily": daily,
    }
    parsed = parse(VENUE, payload(VENUE, "funding/XBTUSD.json", json.dumps([row])))
    assert parsed.rows["funding_rates"].height == kept
    assert ["fundingRateDaily" in reason for reason in parsed.rejected["reason"]] == [True] * (
        not kept
    )


def test_overlapping_pages_count_once() -> None:
    row = {"timestamp": "2021-01-16T04:00:00.000Z", "symbol": "XBTUSD", "fundingRate": 0.000216}
    files = [payload(VENUE, f"funding/{n}.json", json.dumps([row, row])) for n in "ab"]
    rows = normalised(VENUE, "funding_rates", date(2021, 1, 16), *files)
    assert rows["funding_rate"].to_list() == [Decimal("0.000216")]
