"""Bybit's files and answers: both sides of open interest, the position's side, paging."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from simulator.plan import Plan, Summary
from simulator.serve import Server
from simulator.simulate import simulate
from tests.simulator.reading import (
    answers,
    distinct,
    lines,
    liquidations,
    ms,
    samples,
    settlements,
    summed,
    true_totals,
)

HOUR = 3_600_000
NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)


@pytest.fixture
def http(exchanges_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{exchanges_server.url}/v5/market") as client:
        yield client


def events(dumps: Path) -> Iterator[tuple[str, str, float, float]]:
    """(symbol, position, size, price), from both topics."""
    sides = {"Buy": "long", "Sell": "short"}
    for message in distinct(lines(dumps / "ws-liquidation/2025-02-19.jsonl")):
        row = message["data"]
        assert message["topic"] == f"liquidation.{row['symbol']}"
        yield row["symbol"], sides[row["side"]], float(row["size"]), float(row["price"])
    for message in distinct(lines(dumps / "ws-allLiquidation/2025-02-20.jsonl")):
        for row in message["data"]:
            assert message["topic"] == f"allLiquidation.{row['s']}"
            assert 0 < message["ts"] - row["T"] <= 503
            yield row["s"], sides[row["S"]], float(row["v"]), float(row["p"])


def test_a_message_has_the_form_of_the_recorded_one(everywhere: tuple[Path, Summary]) -> None:
    # {"topic":"allLiquidation.ROSEUSDT","type":"snapshot","ts":1739502303204,"data":[
    #  {"T":1739502302929,"s":"ROSEUSDT","S":"Sell","v":"20000","p":"0.04499"}]}
    message = lines(everywhere[0] / "dumps/bybit/ws-allLiquidation/2025-02-20.jsonl")[0]
    assert list(message) == ["topic", "type", "ts", "data"]
    assert message["type"] == "snapshot"
    assert list(message["data"][0]) == ["T", "s", "S", "v", "p"]
    assert [type(x) for x in message["data"][0].values()] == [int, str, str, str, str]


def test_sizes_are_coins_or_dollars(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere

    def amounts() -> Iterator[tuple[str, str, float, float]]:
        for symbol, position, size, price in events(root / "dumps/bybit"):
            if symbol in {"BTCUSD", "ETHUSD"}:
                # Inverse: a contract is one US dollar.
                yield symbol, position, size / price, size
            else:
                # 1000PEPEUSDT and SHIB1000USDT count thousands.
                thousand = 1000 if "1000" in symbol else 1
                yield symbol, position, size * thousand, size * price

    found, expected = summed(amounts()), true_totals(liquidations(root, "bybit"))
    assert {"BTCUSDT", "BTCUSD", "1000PEPEUSDT", "SHIB1000USDT"} <= {key[0] for key in found}
    assert found.keys() == expected.keys()
    for key, amount in expected.items():
        assert found[key] == pytest.approx(amount, rel=1e-9)


def test_longs_are_bought_out_in_the_fall(everywhere: tuple[Path, Summary]) -> None:
    file = everywhere[0] / "dumps/bybit/ws-allLiquidation/2025-02-20.jsonl"
    # The fall is from 02:30 to 10:00. The side is the position's: Buy is a long.
    rows = [
        row
        for message in lines(file)
        for row in message["data"]
        if ms(2025, 2, 20, 3) < row["T"] < ms(2025, 2, 20, 10)
    ]
    usd = {
        side: sum(
            float(r["v"]) * float(r["p"]) for r in rows if r["S"] == side and r["s"][-1] == "T"
        )
        for side in ("Buy", "Sell")
    }
    assert usd["Buy"] > 20 * usd["Sell"] > 0


def test_one_a_second_until_all_were_told(everywhere: tuple[Path, Summary]) -> None:
    dumps = everywhere[0] / "dumps/bybit"
    old = [m["data"] for m in distinct(lines(dumps / "ws-liquidation/2025-02-19.jsonl"))]
    seconds = [(row["symbol"], row["updatedTime"] // 1000) for row in old]
    assert len(seconds) == len(set(seconds)) > 100
    new = distinct(lines(dumps / "ws-allLiquidation/2025-02-20.jsonl"))
    told = [(row["s"], row["T"] // 1000) for message in new for row in message["data"]]
    assert len(told) > len(set(told))
    assert not (dumps / "ws-allLiquidation/2025-02-19.jsonl").exists()


def test_open_interest_counts_both_sides(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    for category, symbol in (("linear", "BTCUSDT"), ("inverse", "BTCUSD")):
        file = root / f"dumps/bybit/v5-market-open-interest/{category}/1h/{symbol}.json"
        (answer,) = answers(file)
        rows = {row["timestamp"]: row for row in answer["result"]["list"]}
        row = rows[str(ms(2025, 2, 20, 12))]
        one_sided = samples(root, "bybit", symbol, NOON)["open_interest_native"]
        assert float(row["openInterest"]) == pytest.approx(2 * one_sided, rel=1e-12)
        assert "singleOpenInterest" not in row
        stamps = [int(row["timestamp"]) for row in answer["result"]["list"]]
        assert stamps == sorted(stamps, reverse=True)
        assert (stamps[0] - stamps[-1]) // HOUR + 1 == len(stamps) == 48


def test_the_single_side_stands_beside_it_later(tmp_path: Path) -> None:
    day = date(2026, 6, 10)
    simulate(Plan(day, date(2026, 6, 11), symbols=1, kline_kinds=(), venues=("bybit",)), tmp_path)
    (answer,) = answers(tmp_path / "dumps/bybit/v5-market-open-interest/linear/1h/BTCUSDT.json")
    for row in answer["result"]["list"]:
        later = int(row["timestamp"]) >= ms(2026, 6, 11)
        assert ("singleOpenInterest" in row) is later
        if later:
            both = float(row["openInterest"])
            assert both == pytest.approx(2 * float(row["singleOpenInterest"]), rel=1e-12)


def test_ratios_are_shares_of_accounts(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    file = root / "dumps/bybit/v5-market-account-ratio/linear/1h/BTCUSDT.json"
    rows = {row["timestamp"]: row for row in answers(file)[0]["result"]["list"]}
    row = rows[str(ms(2025, 2, 20, 12))]
    assert float(row["buyRatio"]) + float(row["sellRatio"]) == pytest.approx(1)
    ratio = samples(root, "bybit", "BTCUSDT", NOON)["accounts_ratio"]
    assert float(row["buyRatio"]) / float(row["sellRatio"]) == pytest.approx(ratio, abs=1e-3)


def test_funding_pages_backwards(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    truth = settlements(everywhere[0], "bybit", "ADAUSDT")
    end, rows = ms(2025, 2, 21), list[dict[str, str]]()
    while True:
        query: dict[str, Any] = {"category": "linear", "symbol": "ADAUSDT"}
        answer = http.get("/funding/history", params=query | {"endTime": end, "limit": 50}).json()
        assert answer["retCode"] == 0
        page = answer["result"]["list"]
        rows += page
        if len(page) < 50:
            break
        end = int(page[-1]["fundingRateTimestamp"]) - 1
    # Every four hours from the first of the month to the end of the 20th: 20 × 6.
    assert len(rows) == truth.height == 120
    assert [int(row["fundingRateTimestamp"]) for row in rows] == truth["stamp_ms"].to_list()[::-1]
    assert [float(row["fundingRate"]) for row in rows] == [
        float(rate) for rate in truth["funding_rate"].to_list()[::-1]
    ]
    assert set(rows[0]) == {"symbol", "fundingRate", "fundingRateTimestamp"}


def test_open_interest_pages_by_cursor(http: httpx.Client) -> None:
    stamps, cursor = list[int](), ""
    query = {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "5min", "limit": 200}
    while True:
        result = http.get("/open-interest", params=query | {"cursor": cursor}).json()["result"]
        stamps += [int(row["timestamp"]) for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break
    # Two days of 288, newest first, none twice.
    assert len(stamps) == len(set(stamps)) == 576
    assert stamps == sorted(stamps, reverse=True)


def test_answers_agree_with_dumps(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    dumps = everywhere[0] / "dumps/bybit"
    about = {"category": "inverse", "symbol": "ETHUSD"}
    for path, query, name in (
        ("/open-interest", {"intervalTime": "1h", "limit": 200}, "open-interest/inverse/1h"),
        ("/account-ratio", {"period": "1h", "limit": 500}, "account-ratio/inverse/1h"),
        ("/mark-price-kline", {"interval": "60"}, "mark-price-kline/inverse/60"),
    ):
        told = http.get(path, params=about | query).json()["result"]["list"]
        (answer,) = answers(dumps / f"v5-market-{name}/ETHUSD.json")
        assert told == answer["result"]["list"] != []


@pytest.mark.parametrize(("category", "symbol"), [("linear", "BTCUSDT"), ("inverse", "ETHUSD")])
def test_klines_have_volume_in_the_units_of_their_category(
    http: httpx.Client, everywhere: tuple[Path, Summary], category: str, symbol: str
) -> None:
    """Hourly bars of the 20th: base coins and quote if linear, dollars and coins if inverse."""
    query = {"category": category, "symbol": symbol, "interval": "60", "limit": 1000}
    span = {"start": ms(2025, 2, 20), "end": ms(2025, 2, 21) - 1}
    answer = http.get("/kline", params=query | span).json()["result"]
    assert (answer["symbol"], answer["category"]) == (symbol, category)
    stamps = [int(row[0]) for row in answer["list"]]
    # Newest first.
    assert stamps == [ms(2025, 2, 20, hour) for hour in range(23, -1, -1)]
    file = everywhere[0] / "truth/bybit/samples-2025-02-20.parquet"
    noon = pl.read_parquet(file).filter(
        pl.col("symbol") == symbol, pl.col("sampled_at").dt.hour() == 12
    )
    assert noon.height == 12
    last, coins = noon["last_price"].to_list(), noon["volume_coin"].sum()
    dollars = (noon["volume_coin"] * noon["last_price"]).sum()
    row = [float(text) for text in answer["list"][11]]
    assert row[1:5] == pytest.approx([last[0], max(last), min(last), last[-1]], rel=1e-9)
    amounts = [coins, dollars] if category == "linear" else [dollars, coins]
    assert row[5:] == pytest.approx(amounts, rel=1e-9)


def test_bars_are_of_the_interval_asked_for(
    http: httpx.Client, everywhere: tuple[Path, Summary]
) -> None:
    query = {"category": "linear", "symbol": "BTCUSDT", "interval": "5", "limit": 3}
    span = {"start": ms(2025, 2, 20), "end": ms(2025, 2, 20, 12)}
    rows = http.get("/mark-price-kline", params=query | span).json()["result"]["list"]
    # The newest three of those that start within the window, both ends inside.
    assert [int(row[0]) for row in rows] == [ms(2025, 2, 20, 12) - n * 300_000 for n in range(3)]
    mark = samples(everywhere[0], "bybit", "BTCUSDT", NOON)["mark_price"]
    assert [float(text) for text in rows[0][1:]] == pytest.approx([mark] * 4, rel=1e-9)


def test_instruments_page(http: httpx.Client) -> None:
    names, cursor = list[str](), ""
    while True:
        query = {"category": "linear", "limit": 4, "cursor": cursor}
        result = http.get("/instruments-info", params=query).json()["result"]
        names += [row["symbol"] for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break
    # Eight coins, and one in USDC.
    assert len(names) == len(set(names)) == 9
    assert {"SHIB1000USDT", "1000PEPEUSDT", "BTCPERP"} <= set(names)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/funding/history", {"symbol": "BTCUSDT", "startTime": 1}),
        ("/funding/history", {"symbol": "BTCUSDT", "limit": 201}),
        ("/funding/history", {"symbol": "BTCUSDT", "category": "inverse"}),
        ("/funding/history", {"symbol": "NOPE"}),
        ("/open-interest", {"symbol": "BTCUSDT"}),
        ("/open-interest", {"symbol": "BTCUSDT", "intervalTime": "1h", "limit": 201}),
        ("/account-ratio", {"symbol": "BTCUSDT", "period": "1h", "limit": "x"}),
        ("/instruments-info", {"category": "option"}),
        ("/kline", {"symbol": "BTCUSDT"}),
        ("/kline", {"symbol": "NOPE", "interval": "60"}),
        ("/mark-price-kline", {"symbol": "BTCUSDT", "interval": "7"}),
        ("/mark-price-kline", {"symbol": "BTCUSDT", "interval": "5", "limit": 1001}),
    ],
)
def test_refusals_have_a_code(http: httpx.Client, path: str, query: dict[str, Any]) -> None:
    answer = http.get(path, params={"category": "linear"} | query)
    assert answer.status_code == 200
    assert answer.json()["retCode"] == 10001
    assert answer.json()["result"] == {}


def test_the_venues_name_may_stand_before_its_paths(exchanges_server: Server) -> None:
    query = {"category": "linear", "symbol": "BTCUSDT"}
    with httpx.Client(base_url=exchanges_server.url) as client:
        bare, named = (
            client.get(f"{prefix}/v5/market/funding/history", params=query).json()
            for prefix in ("", "/bybit")
        )
    assert bare == named
    assert bare["result"]["list"]
