"""What Tardis carries: normalised sides, days of arrival, native units, sticky tickers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest

from simulator.plan import Summary
from simulator.serve import Server
from tests.simulator.reading import (
    gunzipped,
    liquidations,
    ms,
    samples,
    settlements,
    summed,
    true_totals,
)

ROOT = "archive/tardis/v1"
DAYS = ("2025/02/19", "2025/02/20")
CARRIED = {"binance-futures": "binance", "bybit": "bybit", "okex-swap": "okx"}
DAY_US = 86_400_000_000


def table(file: Path) -> list[dict[str, str]]:
    header, *rows = gunzipped(file).splitlines()
    return [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]


def forced(root: Path, exchange: str) -> list[dict[str, str]]:
    found = []
    for day in DAYS:
        for file in sorted((root / ROOT / exchange / "liquidations" / day).glob("*.csv.gz")):
            found += table(file) if gunzipped(file) else []
    return found


def ticker(root: Path, exchange: str, symbol: str, day: str = DAYS[1]) -> list[dict[str, str]]:
    return table(root / ROOT / exchange / "derivative_ticker" / day / f"{symbol}.csv.gz")


def test_headers_are_the_golden_ones(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    folder = root / ROOT / "bybit"
    assert gunzipped(folder / "derivative_ticker/2025/02/20/BTCUSDT.csv.gz").startswith(
        "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
        "predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
    )
    assert gunzipped(folder / "liquidations/2025/02/20/BTCUSDT.csv.gz").startswith(
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    )
    assert {path.name for path in (root / ROOT).iterdir()} == CARRIED.keys()


@pytest.mark.parametrize("exchange", CARRIED)
def test_days_are_those_of_arrival(everywhere: tuple[Path, Summary], exchange: str) -> None:
    root, _ = everywhere
    rows = 0
    for day in DAYS:
        start = ms(*map(int, day.split("/"))) * 1000
        for file in (root / ROOT / exchange).glob(f"*/{day}/*.csv.gz"):
            if not gunzipped(file):
                continue
            local = [int(row["local_timestamp"]) for row in table(file)]
            assert local == sorted(local)
            assert start <= local[0]
            assert local[-1] < start + DAY_US
            rows += len(local)
    assert rows > 5000


def test_some_rows_are_of_the_day_before(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    for exchange, symbol in (("bybit", "BTCUSDT"), ("okex-swap", "BTC-USDT-SWAP")):
        first, second, *_ = ticker(root, exchange, symbol)
        midnight = ms(2025, 2, 20) * 1000
        # Like bybit's file of 2025-03-01, which starts at 23:59:58.36.
        assert int(first["timestamp"]) == midnight - 1_640_000
        assert int(first["local_timestamp"]) >= midnight
        assert int(second["timestamp"]) > midnight


def test_some_rows_arrive_late(everywhere: tuple[Path, Summary]) -> None:
    late = [
        int(row["local_timestamp"]) - int(row["timestamp"])
        for exchange in CARRIED
        for row in forced(everywhere[0], exchange)
    ]
    assert min(late) > 0
    assert 1_000_000 < max(late) < 5_000_000


@pytest.mark.parametrize(("exchange", "venue"), CARRIED.items())
def test_sides_are_of_the_order_everywhere(
    everywhere: tuple[Path, Summary], exchange: str, venue: str
) -> None:
    root, _ = everywhere
    end = datetime(2025, 2, 20, 23, 59, tzinfo=UTC)
    rows = [r for r in forced(root, exchange) if int(r["timestamp"]) < end.timestamp() * 1e6]
    assert len(rows) > 500
    price = "limit_price" if venue == "binance" else "average_price"
    truth = (
        liquidations(root, venue)
        .filter(
            pl.col("at") < end,
            pl.col("symbol").is_in(sorted({row["symbol"] for row in rows})),
        )
        # Native amounts and the message's own price, as they are.
        .with_columns(amount_coin=pl.col("quantity"), amount_usd=pl.col("quantity") * pl.col(price))
    )

    def amounts() -> Iterator[tuple[str, str, float, float]]:
        for row in rows:
            amount = float(row["amount"])
            assert row["id"] == ""
            position = {"sell": "long", "buy": "short"}[row["side"]]
            yield row["symbol"], position, amount, amount * float(row["price"])

    # Rows of the day before the plan may have arrived on its first.
    opened = ms(2025, 2, 19) * 1000
    rows = [row for row in rows if int(row["timestamp"]) >= opened]
    found, expected = summed(amounts()), true_totals(truth)
    assert found.keys() == expected.keys()
    for key, amount in expected.items():
        assert found[key] == pytest.approx(amount, rel=1e-9)


def test_open_interest_is_native(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    noon = datetime(2025, 2, 20, 12, tzinfo=UTC)
    for exchange, venue, symbol, sides in (
        ("bybit", "bybit", "BTCUSDT", 2),
        ("bybit", "bybit", "BTCUSD", 2),
        ("okex-swap", "okx", "BTC-USDT-SWAP", 1),
    ):
        rows = {int(row["timestamp"]): row for row in ticker(root, exchange, symbol)}
        row = rows[int(noon.timestamp()) * 1_000_000]
        true = samples(root, venue, symbol, noon)
        assert float(row["open_interest"]) == sides * true["open_interest_native"]
        assert float(row["mark_price"]) == true["mark_price"]
    assert ticker(root, "bybit", "BTCUSDT")[0]["open_interest"] == ""


def test_the_last_rate_before_a_settlement_is_settled(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    for exchange, venue, symbol in (
        ("binance-futures", "binance", "BTCUSDT"),
        ("bybit", "bybit", "ADAUSDT"),
        ("okex-swap", "okx", "ETH-USDT-SWAP"),
    ):
        last: dict[int, str] = {}
        running = set()
        for row in ticker(root, exchange, symbol):
            assert int(row["funding_timestamp"]) > int(row["timestamp"])
            last[int(row["funding_timestamp"]) // 1_000_000] = row["funding_rate"]
            running.add(row["funding_rate"])
        assert len(running) > 50
        truth = {
            int(at.timestamp()): float(rate)
            for at, rate in settlements(root, venue, symbol)
            .select("settled_at", "funding_rate")
            .iter_rows()
        }
        # The next day's first is not in the truth.
        known = {at: rate for at, rate in last.items() if at in truth}
        assert len(known) == len(last) - 1 >= 2
        for at, rate in known.items():
            assert float(rate) == pytest.approx(truth[at], abs=1e-12)


def test_dated_contracts_are_not_carried(everywhere: tuple[Path, Summary]) -> None:
    folder = everywhere[0] / ROOT / "binance-futures/derivative_ticker/2025/02/20"
    names = {path.name.removesuffix(".csv.gz") for path in folder.iterdir()}
    assert {"BTCUSDT", "1000PEPEUSDT"} <= names
    assert not any("_" in name for name in names)


def test_files_are_served(exchanges_server: Server, everywhere: tuple[Path, Summary]) -> None:
    path = "bybit/liquidations/2025/02/20/BTCUSDT.csv.gz"
    content = (everywhere[0] / ROOT / path).read_bytes()
    with httpx.Client(base_url=exchanges_server.url) as client:
        assert client.get(f"/v1/{path}").content == content
        assert client.get(f"/tardis/v1/{path}").content == content
        tomorrow = datetime(2025, 2, 20, tzinfo=UTC) + timedelta(days=1)
        missing = f"/v1/bybit/liquidations/{tomorrow:%Y/%m/%d}/BTCUSDT.csv.gz"
        assert client.get(missing).status_code == 404
