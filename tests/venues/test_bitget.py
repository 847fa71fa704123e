"""Bitget: symbols of three generations, recorded messages, what a position comes to, questions."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.venues.given import (
    DATA,
    NOW,
    asked,
    check_own,
    feed_of,
    lines,
    messages,
    normalised,
    parsed,
    payload,
    recorded,
)
from transforms.payload import BadPayload
from transforms.schemas.column import Completeness, ContractKind, Margin, SourceKind
from transforms.venue import Window
from transforms.venues.bitget import VENUE, instrument

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not beside this checkout"
)
DAY = date(2026, 3, 18)
MIDNIGHT = 1773792000000  # 2026-03-18T00:00Z


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "multiplier", "margin", "settle"),
    [
        ("BTCUSDT", "BTC", "USDT", 1, Margin.LINEAR, "USDT"),
        ("BTCPERP", "BTC", "USDC", 1, Margin.LINEAR, "USDC"),
        ("BTCUSDC", "BTC", "USDC", 1, Margin.LINEAR, "USDC"),
        ("BTCUSD", "BTC", "USD", 1, Margin.INVERSE, "BTC"),
        ("PERPUSDT", "PERP", "USDT", 1, Margin.LINEAR, "USDT"),
        ("1000BONKUSDT", "BONK", "USDT", 1000, Margin.LINEAR, "USDT"),
        ("1MBABYDOGEUSDT", "BABYDOGE", "USDT", 1e6, Margin.LINEAR, "USDT"),
        ("1INCHUSDT", "1INCH", "USDT", 1, Margin.LINEAR, "USDT"),
    ],
)
def test_symbols(
    symbol: str, base: str, quote: str, multiplier: float, margin: Margin, settle: str
) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.quote_asset, found.settle_asset) == (base, quote, settle)
    assert (found.base_multiplier, found.contract_size) == (multiplier, 1.0)
    assert (found.margin_type, found.contract_kind) == (margin, ContractKind.PERPETUAL)


@pytest.mark.parametrize(
    ("symbol", "day"),
    [("BTCUSDH26", 27), ("BTCUSD_260327", 27), ("BTCUSDTH26", 27)],
)
def test_dated(symbol: str, day: int) -> None:
    found = instrument(symbol)
    assert found is not None
    assert (found.base_asset, found.contract_kind) == ("BTC", ContractKind.DATED)
    assert found.valid_to == datetime(2026, 3, day, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "symbol", ["BTC-USDT", "BTC_USDT", "btcusdt", "SBTCSUSDT_SUMCBL", "BTCUSD_269999", "USDT", ""]
)
def test_not_symbols(symbol: str) -> None:
    assert instrument(symbol) is None


@needs_data
def test_recorded_instruments() -> None:
    files = recorded(VENUE, "bitget")
    linear = files["instruments.json"].rows["instruments"]
    inverse = files["instruments-dmcbl.json"].rows["instruments"]
    listed = json.loads((DATA / "dumps/bitget/instruments.json").read_text())["data"]
    assert linear.height == len(listed)
    assert inverse.height == 8
    for rows, margin in ((linear, "linear"), (inverse, "inverse")):
        assert set(rows["margin_type"]) == {margin}
        assert set(rows["observed_at"].dt.date()) == {date(2022, 4, 7)}
        for row in rows.to_dicts():
            ruled = instrument(row["symbol"])
            assert ruled is not None
            assert (row["base_asset"], row["quote_asset"], row["settle_asset"]) == (
                ruled.base_asset,
                ruled.quote_asset,
                ruled.settle_asset,
            )


@needs_data
def test_recorded_tickers() -> None:
    content = (DATA / "messages" / "bitget-mix-v1.jsonl").read_bytes()
    result = parsed(VENUE, "ws-ticker/mix-v1.jsonl", content)
    rows = result.rows["open_interest"]
    assert (rows.height, result.rejected.height) == (217, 0)
    assert dict(rows["symbol"].value_counts().iter_rows()).keys() == {"DASHUSDT", "UNIUSDT"}
    # Coins: an amount has the decimals its contract trades with, 2 of DASH and 0 of UNI.
    places = {
        row["symbol"].removesuffix("_UMCBL"): int(row["volumePlace"])
        for row in json.loads((DATA / "dumps/bitget/instruments.json").read_text())["data"]
    }
    for message in messages("bitget-mix-v1.jsonl"):
        for row in message["data"]:
            _, _, decimals = row["holding"].partition(".")
            assert len(decimals) <= places[row["instId"]]
    first = rows.row(0, named=True)
    assert (first["symbol"], first["amount"], first["price"]) == ("DASHUSDT", 21957.17, 113.381)
    found = normalised(VENUE, [payload(VENUE, "ws-ticker/mix-v1.jsonl", content)], date(2022, 4, 7))
    sample = found["open_interest"].rows.filter(pl.col("symbol") == "DASHUSDT").row(0, named=True)
    assert sample["open_interest_usd"] == pytest.approx(21957.17 * 113.381)


def liquidation(
    symbol: str = "ROSEUSDT", side: str = "buy", price: str = "0.1649", amount: str = "13.70319"
) -> dict[str, object]:
    row = {"symbol": symbol, "side": side, "price": price, "amount": amount, "ts": f"{MIDNIGHT}"}
    arg = {"instType": "usdt-futures", "topic": "liquidation"}
    return {"action": "update", "arg": arg, "data": [row], "ts": MIDNIGHT}


@pytest.mark.parametrize(
    ("price", "amount", "coins"),
    [("0.1649", "13.70319", 83.1), ("0.500280739469", "143.330431857868", 286.5)],
)
def test_recorded_amounts_are_quote(price: str, amount: str, coins: float) -> None:
    recording = lines(liquidation(price=price, amount=amount))
    file = payload(VENUE, "ws-liquidation/a.jsonl", recording)
    [order] = normalised(VENUE, [file], DAY)["liquidations"].rows.to_dicts()
    assert order["amount_coin"] == pytest.approx(coins, rel=1e-9)
    assert order["amount_usd"] == float(amount)


@pytest.mark.parametrize(("side", "liquidated"), [("buy", "long"), ("sell", "short")])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTCUSD", "BTCPERP"])
def test_a_position_of_2_coins_is_2_coins_and_100000_dollars(
    symbol: str, side: str, liquidated: str
) -> None:
    # 2 × 50,000 = 100,000
    ticker = {"symbol": symbol, "holdingAmount": "2", "markPrice": "50000", "ts": str(MIDNIGHT)}
    recording = lines(liquidation(symbol, side, "50000", "100000"))
    files = [
        payload(VENUE, "ws-liquidation/a.jsonl", recording),
        payload(VENUE, "mix-market-tickers/x/a.json", {"code": "00000", "data": [ticker]}),
    ]
    found = normalised(VENUE, files, DAY)
    [order] = found["liquidations"].rows.to_dicts()
    [sample] = found["open_interest"].rows.to_dicts()
    assert order["side"] == liquidated
    assert (order["amount_coin"], order["amount_usd"]) == (2.0, 100_000.0)
    assert (sample["open_interest_coin"], sample["open_interest_usd"]) == (2.0, 100_000.0)


def test_a_thousand_bonk_are_bonk() -> None:
    recording = lines(liquidation("1000BONKUSDT", price="0.02", amount="100"))
    file = payload(VENUE, "ws-liquidation/a.jsonl", recording)
    [order] = normalised(VENUE, [file], DAY)["liquidations"].rows.to_dicts()
    # 100 ÷ 0.02 = 5,000 thousands
    assert (order["base_asset"], order["amount_coin"]) == ("BONK", 5_000_000.0)


def test_open_interest_is_priced_by_mark_bars() -> None:
    size = {"openInterestList": [{"symbol": "BTCUSDT", "size": "2"}], "ts": MIDNIGHT + 900_000}
    bar = [str(MIDNIGHT), "1", "1", "1", "50000"]
    files = [
        payload(VENUE, "mix-market-open-interest/x/BTCUSDT.json", {"code": "00000", "data": size}),
        payload(
            VENUE,
            "mix-market-history-mark-candles/usdt-futures/15m/BTCUSDT.json",
            {"code": "00000", "data": [bar]},
        ),
    ]
    [sample] = normalised(VENUE, files, DAY)["open_interest"].rows.to_dicts()
    assert (sample["open_interest_coin"], sample["open_interest_usd"]) == (2.0, 100_000.0)
    [alone] = normalised(VENUE, files[:1], DAY)["open_interest"].rows.to_dicts()
    assert (alone["open_interest_coin"], alone["open_interest_usd"]) == (2.0, None)


def settlements(*stamps: int, rate: str = "0.0001") -> dict[str, object]:
    rows = [
        {"symbol": "BTCUSDT", "fundingRate": rate, "fundingTime": str(stamp)} for stamp in stamps
    ]
    return {"code": "00000", "data": rows}


def test_pages_that_overlap_and_old_names_count_once() -> None:
    hours8 = 8 * 3_600_000
    folder = "mix-market-history-fund-rate/usdt-futures"
    files = [
        payload(VENUE, f"{folder}/BTCUSDT.json", settlements(MIDNIGHT + hours8, MIDNIGHT)),
        payload(VENUE, f"{folder}/BTCUSDT_UMCBL.json", settlements(MIDNIGHT)),
    ]
    rows = normalised(VENUE, files, DAY)["funding_rates"].rows
    assert rows["symbol"].to_list() == ["BTCUSDT", "BTCUSDT"]
    assert sum(rows["funding_rate"], Decimal()) == Decimal("0.0002")


def test_unknown_symbols_are_set_aside() -> None:
    recording = lines(liquidation("SBTCSUSDT_SUMCBL"))
    found = normalised(VENUE, [payload(VENUE, "ws-liquidation/a.jsonl", recording)], DAY)
    assert found["liquidations"].rows.is_empty()
    assert found["liquidations"].quarantined["reason"].to_list() == [
        "unknown symbol SBTCSUSDT_SUMCBL"
    ]


def test_bybits_liquidations_are_not_bitgets() -> None:
    other = {"topic": "allLiquidation.ROSEUSDT", "data": [{"s": "ROSEUSDT", "S": "Sell"}]}
    result = parsed(VENUE, "ws-liquidation/a.jsonl", lines(other))
    assert result.rows["liquidations"].is_empty()
    assert result.rejected["reason"].to_list() == ["not a message of this kind"]


def window(*symbols: str, days: int = 1) -> Window:
    return Window(DAY, DAY + timedelta(days=days - 1), symbols, NOW)


def test_questions() -> None:
    symbols = ("BTCUSDT", "BTCUSD", "BTCUSDH26", "not a symbol")
    [linear, inverse] = asked(VENUE, "api-history-fund-rate", window(*symbols, days=2))
    assert linear.params == {
        "symbol": "BTCUSDT", "productType": "usdt-futures", "pageSize": 100, "pageNo": 1
    }  # fmt: skip
    assert inverse.params["productType"] == "coin-futures"
    found = VENUE.feed_for(SourceKind.API, linear.path)
    assert found is not None
    # The newest page says nothing of the window's days as a whole.
    assert (found[1].symbol, found[1].first_date) == ("BTCUSDT", None)
    bars = asked(VENUE, "api-history-candles", window("BTCUSDT", days=2))
    assert [bar.params["startTime"] for bar in bars] == [MIDNIGHT]
    assert bars[0].params["endTime"] == MIDNIGHT + 2 * 86_400_000 - 1
    products = [r.params["productType"] for r in asked(VENUE, "api-contracts", window())]
    assert products == ["coin-futures", "usdc-futures", "usdt-futures"]


def test_funding_pages_go_back_to_the_window() -> None:
    [first] = asked(VENUE, "api-history-fund-rate", window("BTCUSDT"))
    feed = feed_of(VENUE, SourceKind.API, first.path)
    assert feed.next_page is not None

    def page(newest: int, count: int = 100) -> bytes:
        return json.dumps(settlements(*range(newest, newest - count, -1))).encode()

    assert feed.next_page(first, page(MIDNIGHT + 10_000, 99)) is None
    second = feed.next_page(first, page(MIDNIGHT + 10_000))
    assert second is not None
    check_own(VENUE, feed, second)
    assert second.params["pageNo"] == 2
    assert second.path == first.path.replace("-1.json", "-2.json")
    third = feed.next_page(second, page(MIDNIGHT + 200))
    assert third is not None
    assert third.params["pageNo"] == 3
    assert feed.next_page(third, page(MIDNIGHT + 99)) is None
    with pytest.raises(BadPayload, match="without its time"):
        feed.next_page(first, json.dumps({"code": "00000", "data": [{}] * 100}).encode())
    with pytest.raises(BadPayload, match="40034"):
        feed.next_page(first, b'{"code":"40034","msg":"no"}')


def test_liquidations_are_the_largest_of_a_second() -> None:
    [regime] = VENUE.regimes
    assert regime.completeness is Completeness.THROTTLED
    assert regime.source


@pytest.mark.parametrize("path", ["ws-trade/a.jsonl", "mix-market-depth/BTCUSDT.json", "x.json"])
def test_paths_of_no_feed(path: str) -> None:
    assert VENUE.feed_for(SourceKind.DUMP, path) is None
