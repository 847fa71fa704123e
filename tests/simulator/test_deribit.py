"""Deribit's files and answers: flags on trades, hourly interest, dollars or coins, paging."""

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
    lines,
    liquidations,
    ms,
    samples,
    settlements,
    summed,
    true_totals,
)

TRADES = "dumps/deribit/public-get_last_trades_by_instrument_and_time"
FUNDING = "dumps/deribit/public-get_funding_rate_history"
OTHER = {"buy": "sell", "sell": "buy"}


@pytest.fixture
def http(exchanges_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{exchanges_server.url}/api/v2/public") as client:
        yield client


def trades(root: Path, pattern: str = "*") -> list[dict[str, Any]]:
    """Each trade once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in sorted((root / TRADES).glob(f"{pattern}.json")):
        for answer in answers(file):
            for row in answer["result"]["trades"]:
                found[row["instrument_name"], row["trade_id"]] = row
    return list(found.values())


def forced(row: dict[str, Any]) -> list[str]:
    """The positions a trade liquidated: the taker's, the maker's, or both."""
    flag = row.get("liquidation", "")
    orders = [row["direction"]] * ("T" in flag) + [OTHER[row["direction"]]] * ("M" in flag)
    return ["long" if order == "sell" else "short" for order in orders]


def test_flags_tell_whose_order_was_forced(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    found = trades(root)
    flags = {row.get("liquidation") for row in found}
    assert flags == {None, "T", "M", "MT"}

    def amounts() -> Iterator[tuple[str, str, float, float]]:
        for row in found:
            for position in forced(row):
                # US dollars of inverse contracts, coins of those in USDC.
                if "USDC" in row["instrument_name"]:
                    coins, usd = row["amount"], row["amount"] * row["price"]
                else:
                    coins, usd = row["amount"] / row["price"], row["amount"]
                yield row["instrument_name"], position, coins, usd

    total, expected = summed(amounts()), true_totals(liquidations(root, "deribit"))
    assert {"BTC-PERPETUAL", "BTC-28MAR25", "SOL_USDC-PERPETUAL"} <= {name for name, _ in total}
    assert total.keys() == expected.keys()
    for key, amount in expected.items():
        assert total[key] == pytest.approx(amount, rel=1e-9)


def test_bitcoins_amounts_are_tens_of_dollars(everywhere: tuple[Path, Summary]) -> None:
    rows = trades(everywhere[0], "BTC-PERPETUAL-*")
    assert len(rows) > 500
    assert all(row["amount"] % 10 == 0 for row in rows)
    assert all(row["contracts"] * 10 == row["amount"] for row in rows)


def test_longs_are_forced_in_the_fall(everywhere: tuple[Path, Summary]) -> None:
    rows = trades(everywhere[0], "BTC-PERPETUAL-2025-02-20")
    fall = [row for row in rows if ms(2025, 2, 20, 3) < row["timestamp"] < ms(2025, 2, 20, 10)]
    longs, shorts = (
        sum(row["amount"] * forced(row).count(position) for row in fall)
        for position in ("long", "short")
    )
    # One in fifty orders is forced on both sides.
    assert longs > 10 * shorts > 0


def test_eight_hours_are_the_sum_of_eight(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    (answer,) = answers(root / f"{FUNDING}/BTC-PERPETUAL.json")
    rows = answer["result"]
    assert list(answer) == ["jsonrpc", "id", "result", "usIn", "usOut", "usDiff", "testnet"]
    assert set(rows[0]) == {
        "timestamp",
        "index_price",
        "prev_index_price",
        "interest_8h",
        "interest_1h",
    }
    # Twenty days of twenty-four.
    assert len(rows) == 480
    last = rows[-1]
    assert last["interest_8h"] == pytest.approx(sum(row["interest_1h"] for row in rows[-8:]))
    assert last["prev_index_price"] == rows[-2]["index_price"]
    truth = settlements(root, "deribit", "BTC-PERPETUAL")["funding_rate"]
    assert [row["interest_1h"] for row in rows] == [float(rate) for rate in truth]


def test_summaries_are_dollars_or_coins(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    noon = datetime(2025, 2, 20, 12, tzinfo=UTC)
    for currency, name in (("BTC", "BTC-PERPETUAL"), ("USDC", "SOL_USDC-PERPETUAL")):
        folder = root / "dumps/deribit/public-get_book_summary_by_currency"
        polls = lines(folder / currency / "2025-02-20.jsonl")
        assert len(polls) == 24
        rows = {row["instrument_name"]: row for row in polls[12]["result"]}
        true = samples(root, "deribit", name, noon)
        unit = "usd" if currency == "BTC" else "coin"
        assert rows[name]["open_interest"] == true[f"open_interest_{unit}"]
        assert rows[name]["creation_timestamp"] == ms(2025, 2, 20, 12)


def test_trades_page_by_time(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    found: dict[str, Any] = {}
    start, end = ms(2025, 2, 19), ms(2025, 2, 21)
    while True:
        result = http.get(
            "/get_last_trades_by_instrument_and_time",
            params={
                "instrument_name": "ETH-PERPETUAL",
                "start_timestamp": start,
                "end_timestamp": end,
                "count": 300,
                "sorting": "asc",
            },
        ).json()["result"]
        found |= {row["trade_id"]: row for row in result["trades"]}
        if not result["has_more"]:
            break
        start = result["trades"][-1]["timestamp"]
    assert list(found.values()) == trades(everywhere[0], "ETH-PERPETUAL-*")
    newest = http.get(
        "/get_last_trades_by_instrument_and_time",
        params={
            "instrument_name": "ETH-PERPETUAL",
            "start_timestamp": ms(2025, 2, 19),
            "end_timestamp": end,
        },
    ).json()["result"]
    assert newest["has_more"]
    assert newest["trades"] == list(found.values())[:-11:-1]


def test_funding_is_asked_for_by_window(http: httpx.Client) -> None:
    query = {
        "instrument_name": "BTC-PERPETUAL",
        "start_timestamp": ms(2025, 2, 19),
        "end_timestamp": ms(2025, 2, 19, 23),
    }
    rows = http.get("/get_funding_rate_history", params=query).json()["result"]
    assert [row["timestamp"] for row in rows] == [ms(2025, 2, 19, hour) for hour in range(24)]


def test_instruments_and_summaries_answer_by_currency(
    http: httpx.Client, everywhere: tuple[Path, Summary]
) -> None:
    names = {}
    for currency in ("BTC", "USDC", "any"):
        query = {"currency": currency, "kind": "future"}
        rows = http.get("/get_instruments", params=query).json()["result"]
        names[currency] = {row["instrument_name"]: row for row in rows}
    assert names["BTC"].keys() == {"BTC-PERPETUAL", "BTC-28MAR25"}
    assert names["BTC"]["BTC-PERPETUAL"]["contract_size"] == 10
    assert names["any"].keys() > names["BTC"].keys() | names["USDC"].keys()
    (dump,) = answers(everywhere[0] / "dumps/deribit/instruments-BTC.json")
    assert list(names["BTC"].values()) == dump["result"]
    query = {"currency": "BTC", "kind": "future"}
    rows = http.get("/get_book_summary_by_currency", params=query).json()["result"]
    assert {row["instrument_name"] for row in rows} == names["BTC"].keys()


@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        ("get_nothing", {}, -32601),
        ("get_funding_rate_history", {"instrument_name": "BTC-PERPETUAL"}, -32602),
        (
            "get_funding_rate_history",
            {"instrument_name": "NOPE", "start_timestamp": 1, "end_timestamp": 2},
            -32602,
        ),
        (
            "get_last_trades_by_instrument_and_time",
            {
                "instrument_name": "BTC-PERPETUAL",
                "start_timestamp": 1,
                "end_timestamp": 2,
                "count": 10_001,
            },
            -32602,
        ),
        ("get_instruments", {"currency": "DOGE"}, -32602),
        ("get_book_summary_by_currency", {"currency": "DOGE"}, -32602),
    ],
)
def test_refusals_are_json_rpc(
    http: httpx.Client, method: str, query: dict[str, Any], code: int
) -> None:
    answer = http.get(f"/{method}", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
