"""HTX: symbols, recorded funding and contracts, golden messages, both-sided open interest."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.given import (
    DATA,
    NOW,
    asked,
    check_own,
    day_sum,
    feed_of,
    lines,
    messages,
    normalised,
    of_day,
    parsed,
    payload,
    recorded,
    steps_hours,
)
from transforms.payload import BadPayload
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Window
from transforms.venues.htx import VENUE, instrument

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not beside this checkout"
)
DAY = date(2026, 3, 18)
MIDNIGHT = 1773792000000  # 2026-03-18T00:00Z
LIQUIDATIONS = "linear-swap-api-v3-swap_liquidation_orders"


@pytest.mark.parametrize(
    ("symbol", "base", "margin", "settle", "size", "multiplier"),
    [
        ("BTC-USDT", "BTC", Margin.LINEAR, "USDT", 0.001, 1),
        ("ETH-USDT", "ETH", Margin.LINEAR, "USDT", 0.01, 1),
        ("SHIB-USDT", "SHIB", Margin.LINEAR, "USDT", None, 1),
        ("1INCH-USDT", "1INCH", Margin.LINEAR, "USDT", None, 1),
        ("1000SATS-USDT", "SATS", Margin.LINEAR, "USDT", None, 1000),
        ("BTC-USD", "BTC", Margin.INVERSE, "BTC", 100.0, 1),
        ("ETH-USD", "ETH", Margin.INVERSE, "ETH", 10.0, 1),
    ],
)
def test_swaps(
    symbol: str, base: str, margin: Margin, settle: str, size: float | None, multiplier: float
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.base_multiplier) == (base, multiplier)
    assert (found.margin_type, found.settle_asset, found.contract_size) == (margin, settle, size)
    assert found.contract_kind is ContractKind.PERPETUAL


@pytest.mark.parametrize(
    ("symbol", "size", "end"),
    [
        ("BTC-USDT-211210", 0.001, datetime(2021, 12, 10, 8, tzinfo=UTC)),
        ("BTC210924", 100.0, datetime(2021, 9, 24, 8, tzinfo=UTC)),
        ("LINK210924", 10.0, datetime(2021, 9, 24, 8, tzinfo=UTC)),
    ],
)
def test_dated(symbol: str, size: float, end: datetime) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.contract_kind, found.contract_size) == (ContractKind.DATED, size)
    assert found.valid_to == end


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "BTC_USDT", "btc-usdt", "BTC-EUR", "BTC219999", "BTC-USDT-FUTURES", ""]
)
def test_not_symbols(symbol: str) -> None:
    assert instrument(symbol) is None


@needs_data
def test_recorded_funding() -> None:
    files = recorded(VENUE, "htx")
    btc = files["linear-swap-funding/BTC-USDT.json"].rows["funding_rates"]
    eth = files["linear-swap-funding/ETH-USDT.json"].rows["funding_rates"]
    assert btc.height == eth.height == 1_637
    assert of_day(btc, date(2021, 1, 16)) == {
        "00:00": Decimal("0.001382709944005422"),
        "08:00": Decimal("0.000169968762107848"),
        "16:00": Decimal("0.000217017986906869"),
    }
    assert day_sum(btc, date(2021, 1, 16)) == Decimal("0.001769696693020139")
    # 0.000736494011012291 + 0.000512161489846894 + 0.000658022320540775
    assert day_sum(btc, date(2021, 1, 17)) == Decimal("0.00190667782139996")
    # Two are missing: 24 h. Four are two hours late: 10 and 6 h. One is additional: 3 and 5 h.
    assert list(of_day(btc, date(2021, 2, 19))) == ["00:00", "08:00"]
    assert list(of_day(btc, date(2021, 2, 20))) == ["08:00", "16:00"]
    late = {(4, 7): "18:00", (5, 6): "10:00", (5, 19): "18:00", (5, 30): "18:00"}
    for (month, day), stamp in late.items():
        assert stamp in of_day(btc, date(2021, month, day))
    assert list(of_day(btc, date(2021, 10, 28))) == ["00:00", "03:00", "08:00", "16:00"]
    odd = {hours: count for hours, count in steps_hours(btc).items() if hours != 8}
    assert odd == {3: 1, 5: 1, 6: 4, 10: 4, 24: 1}


@needs_data
def test_recorded_contracts() -> None:
    files = recorded(VENUE, "htx")
    listed = {
        name: result.rows["instruments"]
        for name, result in files.items()
        if name.startswith("instruments")
    }
    assert {name: rows.height for name, rows in listed.items()} == {
        "instruments.json": 121,
        "instruments-inverse-swap.json": 50,
        "instruments-inverse-futures.json": len(
            json.loads((DATA / "dumps/htx/instruments-inverse-futures.json").read_text())["data"]
        ),
    }
    sizes = {
        symbol: size
        for rows in listed.values()
        for symbol, size in rows.select("symbol", "contract_size").iter_rows()
    }
    assert (sizes["BTC-USDT"], sizes["ETH-USDT"]) == (0.001, 0.01)
    assert (sizes["BTC-USD"], sizes["ETH-USD"], sizes["BTC210924"]) == (100.0, 10.0, 100.0)
    for rows in listed.values():
        for row in rows.to_dicts():
            ruled = instrument(row["symbol"])
            assert ruled is not None
            assert ruled.contract_size in (None, row["contract_size"])
            assert row["valid_to"] == ruled.valid_to
    assert set(listed["instruments.json"]["observed_at"].dt.date()) == {date(2022, 2, 19)}


@needs_data
def test_golden_messages() -> None:
    native = messages("huobi-dm-linear-swap.jsonl")
    expected = messages("huobi-dm-linear-swap.expected.jsonl")
    [order] = [m for m in native if m.get("topic", "").endswith("liquidation_orders")]
    [wanted] = [r for line in expected for r in line["results"] if r["kind"] == "liquidation"]
    row = (
        parsed(VENUE, "ws-liquidation_orders/a.jsonl", lines(order))
        .rows["liquidations"]
        .row(0, named=True)
    )
    assert (row["symbol"], row["side"], row["price"]) == (
        wanted["symbol"],
        wanted["liquidated"],
        wanted["price"],
    )
    assert row["liquidated_at"] == datetime.fromisoformat(wanted["timestamp"])
    # 227 contracts of 0.001 BTC are the message's own 0.227.
    assert row["amount"] == pytest.approx(wanted["amount"] * 0.001)
    [sample] = [m for m in native if m.get("ch", "").endswith("open_interest")]
    found = parsed(VENUE, "ws-open_interest/a.jsonl", lines(sample)).rows["open_interest"]
    [volume] = {r["open_interest"] for line in expected for r in line["results"]
                if r.get("open_interest")}  # fmt: skip
    assert found["amount"].to_list() == [volume * 0.001]
    # Messages of other channels are none of these, and no numbers.
    everything = parsed(VENUE, "ws-liquidation_orders/a.jsonl", lines(*native))
    assert everything.rows["liquidations"].height == 1


def order(symbol: str, contracts: float, coins: float | None, **more: object) -> dict[str, object]:
    return {
        "contract_code": symbol, "direction": "sell", "offset": "close", "volume": contracts,
        "amount": coins, "price": 50_000, "created_at": MIDNIGHT, **more,
    }  # fmt: skip


# 2 BTC at 50,000 are 100,000 dollars: 2,000 contracts of 0.001 BTC, 1,000 of 100 dollars.
@pytest.mark.parametrize(
    ("symbol", "contracts"),
    [("BTC-USDT", 2_000), ("BTC-USDT-260327", 2_000), ("BTC-USD", 1_000), ("BTC260327", 1_000)],
)
@pytest.mark.parametrize(("direction", "side"), [("sell", "long"), ("buy", "short")])
def test_a_position_of_2_coins_is_2_coins_and_100000_dollars(
    symbol: str, contracts: int, direction: str, side: str
) -> None:
    # Open interest is told for both sides: 4 BTC of them are one side's 2.
    interest = {"contract_code": symbol, "volume": 2 * contracts, "amount": 4.0}
    if "USDT" in symbol:
        interest["value"] = 200_000.0
    liquidated = order(symbol, contracts, 2.0, direction=direction)
    files = [
        payload(VENUE, f"{LIQUIDATIONS}/a.json", {"code": 200, "data": [liquidated]}),
        payload(
            VENUE,
            "linear-swap-api-v1-swap_open_interest/a.json",
            {"status": "ok", "data": [interest], "ts": MIDNIGHT},
        ),
    ]
    found = normalised(VENUE, files, DAY)
    [event] = found["liquidations"].rows.to_dicts()
    [sample] = found["open_interest"].rows.to_dicts()
    assert event["side"] == side
    assert (event["amount_coin"], event["amount_usd"]) == (2.0, 100_000.0)
    assert (sample["open_interest_coin"], sample["open_interest_usd"]) == (2.0, 100_000.0)


def test_coins_need_no_contract_size_and_contracts_do() -> None:
    told = order("SHIB-USDT", 5, 5_000.0)
    untold = order("SHIB-USDT", 7, None)
    file = payload(VENUE, f"{LIQUIDATIONS}/a.json", {"code": 200, "data": [told, untold]})
    rows = normalised(VENUE, [file], DAY)["liquidations"].rows.sort("amount_native")
    assert rows["amount_coin"].to_list() == [None, 5_000.0]
    assert rows["amount_null_reason"].to_list() == ["contract size is not known", None]
    answer = payload(
        VENUE,
        "instruments.json",
        {"status": "ok", "data": [{"contract_code": "SHIB-USDT", "contract_size": 1000}]},
    )
    known = normalised(VENUE, [file], DAY, instruments=[answer])["liquidations"].rows
    assert known.sort("amount_native")["amount_coin"].to_list() == [7_000.0, 5_000.0]


def test_answers_and_recordings_tell_the_same_order_once() -> None:
    told = order("BTC-USDT", 227, 0.227)
    pushed = {"op": "notify", "topic": "public.BTC-USDT.liquidation_orders", "data": [told]}
    files = [
        payload(VENUE, f"{LIQUIDATIONS}/BTC-USDT.json", {"code": 200, "data": [told, told]}),
        payload(VENUE, "ws-liquidation_orders/a.jsonl", lines(pushed)),
    ]
    found = normalised(VENUE, files, DAY)["liquidations"]
    assert found.rows["amount_coin"].to_list() == [0.227]


def test_a_late_settlement_is_of_its_own_day() -> None:
    # 2026-03-17 16:00 paid nine hours late is paid on the 18th.
    late = {
        "contract_code": "BTC-USDT",
        "funding_rate": "0.1",
        "funding_time": MIDNIGHT + 3_600_000,
    }
    file = payload(
        VENUE, "linear-swap-funding/BTC-USDT.json", {"status": "ok", "data": {"data": [late]}}
    )
    [row] = normalised(VENUE, [file], DAY)["funding_rates"].rows.to_dicts()
    assert row["settled_at"] == datetime(2026, 3, 18, 1, tzinfo=UTC)
    assert normalised(VENUE, [file], DAY - timedelta(days=1)) == {}


def test_unknown_symbols_are_set_aside() -> None:
    unknown = {"code": 200, "data": [order("BTC_CW", 1, 1.0)]}
    found = normalised(VENUE, [payload(VENUE, f"{LIQUIDATIONS}/a.json", unknown)], DAY)
    assert found["liquidations"].rows.is_empty()
    assert found["liquidations"].quarantined["reason"].to_list() == ["unknown symbol BTC_CW"]


def test_archive_keys_and_broken_archives() -> None:
    [feed] = [f for f in VENUE.feeds if f.candidates is not None]
    assert feed.candidates is not None
    keys = feed.candidates("BTC-USDT", DAY, DAY + timedelta(days=1))
    root = "historical_data/futures/daily/funding-rates"
    assert len(keys) == 4
    assert keys[0] == f"{root}/BTC-USDT-PERP/BTC-USDT-PERP-fundingRates-2026-03-18.zip"
    for key in keys:
        facts = feed.facts(key)
        assert facts is not None
        assert facts.symbol == "BTC-USDT"
    assert list(feed.candidates(None, DAY, DAY)) == []
    assert list(feed.candidates("BTC-USDT-260327", DAY, DAY)) == []
    assert feed.facts(f"{root}/BTC-USDT/ETH-USDT-fundingRates-2026-03-18.zip") is None
    assert feed.facts(f"{root}/BTC-USDT/BTC-USDT-fundingRates-2026-13-18.zip") is None
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("BTC-USDT-PERP-fundingRates-2026-03-18.csv", "symbol,time,fundingRate\n")
    whole = buffer.getvalue()
    for content in (whole[:-30], b"", b"symbol,time\n", b"<html></html>"):
        with pytest.raises(BadPayload):
            feed.parse([payload(VENUE, keys[0], content, source=SourceKind.ARCHIVE)])


def window(*symbols: str, days: int = 1) -> Window:
    return Window(DAY, DAY + timedelta(days=days - 1), symbols, NOW)


def test_questions() -> None:
    symbols = ("BTC-USDT", "BTC-USD", "BTC260327", "not a symbol")
    [linear, inverse] = asked(VENUE, "api-historical_funding_rate", window(*symbols, days=2))
    assert linear.endpoint == "/linear-swap-api/v1/swap_historical_funding_rate"
    assert linear.params == {"contract_code": "BTC-USDT", "page_index": 1, "page_size": 50}
    assert inverse.endpoint == "/swap-api/v1/swap_historical_funding_rate"
    orders = asked(VENUE, "api-liquidation_orders", window("BTC-USDT"))
    assert len(orders) == 12
    assert (orders[0].params["start_time"], orders[0].params["end_time"]) == (
        MIDNIGHT,
        MIDNIGHT + 7_200_000 - 1,
    )
    found = VENUE.feed_for(SourceKind.API, orders[0].path)
    assert found is not None
    assert (found[1].first_date, found[1].last_date) == (DAY, DAY)
    assert len(asked(VENUE, "api-contract_info", window())) == 3


def test_only_orders_still_kept_are_asked_for() -> None:
    first = NOW.date() - timedelta(days=91)
    found = asked(VENUE, "api-liquidation_orders", Window(first, NOW.date(), ("BTC-USDT",), NOW))
    oldest = min(int(request.params["start_time"]) for request in found)
    assert datetime.fromtimestamp(oldest / 1000, UTC) == NOW - timedelta(days=90)


def test_funding_pages_go_back_to_the_window() -> None:
    [first] = asked(VENUE, "api-historical_funding_rate", window("BTC-USDT"))
    feed = feed_of(VENUE, SourceKind.API, first.path)
    assert feed.next_page is not None

    def page(newest: int, count: int = 50) -> bytes:
        rows = [{"funding_time": str(newest - n)} for n in range(count)]
        return json.dumps({"status": "ok", "data": {"data": rows}}).encode()

    assert feed.next_page(first, page(MIDNIGHT + 10_000, 49)) is None
    second = feed.next_page(first, page(MIDNIGHT + 10_000))
    assert second is not None
    check_own(VENUE, feed, second)
    assert second.params["page_index"] == 2
    assert second.path.endswith("-2.json")
    assert feed.next_page(second, page(MIDNIGHT + 49)) is None
    with pytest.raises(BadPayload, match="without its funding_time"):
        feed.next_page(first, json.dumps({"status": "ok", "data": {"data": [{}] * 50}}).encode())


def test_orders_are_paged_by_their_number_until_nothing_new_comes() -> None:
    first = asked(VENUE, "api-liquidation_orders", window("BTC-USDT"))[0]
    feed = feed_of(VENUE, SourceKind.API, first.path)
    assert feed.next_page is not None

    def page(*numbers: int) -> bytes:
        return json.dumps({"code": 200, "data": [{"query_id": n} for n in numbers]}).encode()

    assert feed.next_page(first, page()) is None
    second = feed.next_page(first, page(12, 11, 10))
    assert second is not None
    check_own(VENUE, feed, second)
    assert second.params["from_id"] == 10
    found = VENUE.feed_for(SourceKind.API, second.path)
    assert found is not None
    assert (found[1].symbol, found[1].first_date) == ("BTC-USDT", DAY)
    assert feed.next_page(second, page(10)) is None
    third = feed.next_page(second, page(9))
    assert third is not None
    assert third.path == first.path.replace(".json", "-9.json")


def test_nothing_is_documented_of_how_complete_liquidations_are() -> None:
    assert VENUE.regimes == ()


@pytest.mark.parametrize("path", ["ws-trade/a.jsonl", "linear-swap-api-v1-swap_price_limit/a.json"])
def test_paths_of_no_feed(path: str) -> None:
    assert VENUE.feed_for(SourceKind.DUMP, path) is None


def test_open_interest_stays_as_told_beside_its_half() -> None:
    interest = {"contract_code": "BTC-USDT", "volume": 4000, "amount": 4.0, "value": 200_000.0}
    content = {"status": "ok", "data": [interest], "ts": MIDNIGHT}
    file = payload(VENUE, "linear-swap-api-v1-swap_open_interest/a.json", content)
    rows = normalised(VENUE, [file], DAY)["open_interest"].rows
    assert rows.select("open_interest_native", "open_interest_coin").equals(
        pl.DataFrame({"open_interest_native": [4.0], "open_interest_coin": [2.0]})
    )
