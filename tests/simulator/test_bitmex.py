"""BitMEX's files and answers: three kinds of contract, a table without times, paging."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.plan import Summary
from simulator.serve import Server
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


@pytest.fixture
def http(exchanges_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{exchanges_server.url}/api/v1") as client:
        yield client


def instruments(root: Path) -> dict[str, dict[str, Any]]:
    return {row["symbol"]: row for row in answers(root / "dumps/bitmex/instruments.json")}


def inserts(root: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(arrival in ms, order) of the orders opened."""
    for day in ("2025-02-19", "2025-02-20"):
        for line in distinct(lines(root / f"dumps/bitmex/ws-liquidation/{day}.jsonl")):
            message = line["message"]
            assert message["table"] == "liquidation"
            if message["action"] == "insert":
                for row in message["data"]:
                    yield line["arrival_ns"] // 1_000_000, row


def test_the_table_opens_empty_and_has_no_times(everywhere: tuple[Path, Summary]) -> None:
    first, *others = lines(everywhere[0] / "dumps/bitmex/ws-liquidation/2025-02-20.jsonl")
    assert (first["message"]["action"], first["message"]["data"]) == ("partial", [])
    opened = {}
    for line in distinct(others):
        for row in line["message"]["data"]:
            assert not {"timestamp", "time"} & set(row)
            if line["message"]["action"] == "insert":
                assert set(row) == {"orderID", "symbol", "side", "price", "leavesQty"}
                opened[row["orderID"]] = row["leavesQty"]
            elif line["message"]["action"] == "update" and row["orderID"] in opened:
                assert 0 < row["leavesQty"] <= opened[row["orderID"]]
    assert len(opened) > 500


def test_amounts_are_contracts(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    about = instruments(root)
    expected = true_totals(liquidations(root, "bitmex"))

    def amounts() -> Iterator[tuple[str, str, float, float]]:
        for _, row in inserts(root):
            contracts, price = row["leavesQty"], row["price"]
            position = {"Sell": "long", "Buy": "short"}[row["side"]]
            facts = about[row["symbol"]]
            if facts["isInverse"]:
                yield row["symbol"], position, contracts / price, contracts
            elif not facts["isQuanto"]:
                coins = contracts / facts["underlyingToPositionMultiplier"]
                yield row["symbol"], position, coins, coins * price

    found = summed(amounts())
    assert {"XBTUSD", "XBTUSDT", "ETHUSDT"} <= {symbol for symbol, _ in found}
    for key, amount in found.items():
        assert amount == pytest.approx(expected[key], rel=1e-9)


def test_quanto_dollars_need_the_price_of_bitcoin(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    events = liquidations(root, "bitmex").filter(symbol="ETHUSD")
    told = {at: row for at, row in inserts(root) if row["symbol"] == "ETHUSD"}
    assert len(told) > 20
    for at, quantity, price, usd in events.select(
        "at", "quantity", "average_price", "amount_usd"
    ).iter_rows():
        row = told[int(at.timestamp() * 1000)]
        assert (row["leavesQty"], row["price"]) == (quantity, price)
        # A hundred satoshis per point: contracts × 1e-6 BTC × price, and that in dollars.
        bitcoin = usd / (quantity * 100 / 1e8 * price)
        assert 33_000 < bitcoin < 39_500


def test_longs_sell_in_the_fall(everywhere: tuple[Path, Summary]) -> None:
    fall = [
        row
        for at, row in inserts(everywhere[0])
        if row["symbol"] == "XBTUSD" and ms(2025, 2, 20, 3) < at < ms(2025, 2, 20, 10)
    ]
    sold, bought = (
        sum(row["leavesQty"] for row in fall if row["side"] == side) for side in ("Sell", "Buy")
    )
    assert sold > 20 * bought


def test_open_value_is_in_satoshis_or_millionths(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    noon = datetime(2025, 2, 20, 12, tzinfo=UTC)
    polls = lines(root / "dumps/bitmex/instrument/2025-02-20.jsonl")
    assert len(polls) == 24
    rows = {row["symbol"]: row for row in polls[12]}
    assert rows["XBTUSD"]["timestamp"] == "2025-02-20T12:00:00.000Z"
    for symbol, unit in (("XBTUSD", 1e8), ("XBTUSDT", 1e6), ("ETHUSD", 1e8)):
        row, true = rows[symbol], samples(root, "bitmex", symbol, noon)
        assert row["openInterest"] == true["open_interest_native"]
        value = row["openValue"] / unit
        usd = value if symbol == "XBTUSDT" else value * rows["XBTUSD"]["markPrice"]
        # Bitcoin's index and XBTUSD's mark are a fraction of a percent apart.
        assert usd == pytest.approx(true["open_interest_usd"], rel=3e-3)
    assert (rows["ETHUSD"]["isQuanto"], rows["ETHUSD"]["multiplier"]) == (True, 100)
    assert (rows["XBTUSD"]["isInverse"], rows["XBTUSD"]["multiplier"]) == (True, -100_000_000)
    assert rows["XBTUSD"]["fundingTimestamp"] == "2025-02-20T20:00:00.000Z"


def test_funding_is_at_four_twelve_and_twenty(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    rows = answers(root / "dumps/bitmex/funding/XBTUSD.json")
    assert [row["timestamp"][11:] for row in rows[:3]] == [
        "04:00:00.000Z",
        "12:00:00.000Z",
        "20:00:00.000Z",
    ]
    assert {row["fundingInterval"] for row in rows} == {"2000-01-01T08:00:00.000Z"}
    truth = [float(rate) for rate in settlements(root, "bitmex", "XBTUSD")["funding_rate"]]
    assert [row["fundingRate"] for row in rows] == pytest.approx(truth, rel=1e-14)
    assert any(len(repr(row["fundingRate"])) > 18 for row in rows)


def test_funding_pages_by_start(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    rows, start = list[dict[str, Any]](), 0
    while True:
        query = {"symbol": "XBTUSD", "count": 25, "start": start}
        page = http.get("/funding", params=query).json()
        rows += page
        start += len(page)
        if len(page) < 25:
            break
    # Twenty days of three.
    assert len(rows) == 60
    assert rows == answers(everywhere[0] / "dumps/bitmex/funding/XBTUSD.json")
    query = {"symbol": "XBTUSD", "startTime": "2025-02-20T12:00:00.000Z", "reverse": "true"}
    newest = http.get("/funding", params=query).json()
    assert newest == rows[:-3:-1]
    everyone = http.get("/funding", params={"startTime": "2025-02-20T20:00:00Z"}).json()
    assert {"XBTUSD", "ETHUSD", "XBTUSDT"} <= {row["symbol"] for row in everyone}


def test_instruments_are_the_dump(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    dump = answers(everywhere[0] / "dumps/bitmex/instruments.json")
    assert http.get("/instrument/active").json() == dump
    assert http.get("/instrument", params={"count": 500}).json() == dump
    (own,) = http.get("/instrument", params={"symbol": "ETHUSD"}).json()
    assert own["symbol"] == "ETHUSD"


@pytest.mark.parametrize("query", [{"count": 501}, {"startTime": "soon"}, {"start": "x"}])
def test_refusals_name_the_parameter(http: httpx.Client, query: dict[str, Any]) -> None:
    answer = http.get("/funding", params={"symbol": "XBTUSD"} | query)
    assert answer.status_code == 400
    assert answer.json()["error"]["name"] == "ValidationError"


def test_unknown_symbols_have_no_rows(http: httpx.Client) -> None:
    assert http.get("/funding", params={"symbol": "NOPE"}).json() == []
    assert http.get("/nothing").status_code == 404
