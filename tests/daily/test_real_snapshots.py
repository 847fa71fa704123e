"""Open interest and liquidations of real files against independent sums."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.daily.test_real_funding import DUMPS, payloads
from transforms.daily.liquidations_daily import LIQUIDATIONS_DAILY
from transforms.daily.liquidations_hourly import LIQUIDATIONS_HOURLY
from transforms.daily.open_interest_daily import OPEN_INTEREST_DAILY
from transforms.daily.table import DailyTable, Inputs
from transforms.instruments import InstrumentBook
from transforms.normalise import normalise
from transforms.regimes import regime_table
from transforms.schemas.column import SourceKind
from transforms.venue import discover

ROOT = DUMPS / "binance"

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="no ../shared/data beside the repo")


def computed(table: DailyTable, files: list[Path], first: date, last: date) -> pl.DataFrame:
    binance = discover()["binance"]
    found = normalise(
        binance,
        payloads(ROOT, files, SourceKind.DUMP),
        first - timedelta(days=table.lookback_days),
        last,
        None,
    )
    mine = [p for p in found.partitions if p.dataset == table.dataset]
    rows = pl.concat([p.rows for p in mine])
    accounting = pl.concat([p.accounting.with_columns(date=pl.lit(p.date)) for p in mine])
    book = InstrumentBook.of(binance, None, rows["symbol"].unique())
    return table.compute(
        Inputs(rows.lazy(), accounting, book.table(), regime_table(binance), "binance"),
        first,
        last,
    )


def test_open_interest_of_every_symbol_day():
    files = sorted((ROOT / "futures-data-openInterestHist" / "4h").glob("[A-L]*.json"))
    assert len(files) > 200
    samples = defaultdict(list)
    for file in files:
        for row in json.loads(file.read_text()):
            moment = datetime.fromtimestamp(row["timestamp"] / 1000, UTC)
            key = file.stem, moment.date()
            value = row["sumOpenInterest"], row["sumOpenInterestValue"]
            samples[key].append((moment, *map(float, value)))
    daily = computed(OPEN_INTEREST_DAILY, files, date(2026, 2, 20), date(2026, 3, 20))
    assert daily.height == len(samples)
    for row in daily.iter_rows(named=True):
        seen = sorted(samples[row["symbol"], row["date"]])
        assert row["sample_count"] == len(seen)
        assert row["expected_sample_count"] == 6
        coin, usd = [c for _, c, _ in seen], [u for _, _, u in seen]
        assert row["open_interest_coin_open"] == coin[0]
        assert row["open_interest_coin_high"] == max(coin)
        assert row["open_interest_usd_low"] == min(usd)
        assert row["open_interest_usd_close"] == usd[-1]
        assert row["open_interest_coin_mean"] == pytest.approx(sum(coin) / len(coin), rel=1e-12)
        before = samples.get((row["symbol"], row["date"] - timedelta(days=1)))
        change = None if before is None else coin[-1] - max(before)[1]
        assert row["open_interest_change_coin"] == change
    bitcoin = daily.filter(symbol="BTCUSDT", date=date(2026, 3, 1)).row(0, named=True)
    assert bitcoin["open_interest_coin_open"] == 77361.251
    assert bitcoin["open_interest_usd_close"] == 5206763286.093143
    assert bitcoin["sample_count"] == 6


def recording() -> tuple[list[Path], list[dict[str, Any]]]:
    """The recorded file, and its orders without exact duplicates."""
    files = sorted((ROOT / "ws-forceOrder").glob("2025-01-26*.jsonl"))
    assert len(files) == 1
    orders = {
        tuple(sorted(json.loads(line)["o"].items())) for line in files[0].read_text().splitlines()
    }
    assert len(orders) == 1837
    return files, [dict(order) for order in orders]


def test_liquidations_of_recorded_orders():
    files, orders = recording()
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for order in orders:
        day = datetime.fromtimestamp(order["T"] / 1000, UTC).date()
        side = "long" if order["S"] == "SELL" else "short"
        sums[day, side] += Decimal(order["z"]) * Decimal(order["ap"])
    daily = computed(LIQUIDATIONS_DAILY, files, date(2025, 1, 25), date(2025, 2, 7))
    # Nine whole days without any line have no rows: nothing was recorded, which is not zero.
    assert daily["date"].unique().sort().to_list() == sorted({day for day, _ in sums})
    for (day, side), total in sums.items():
        shown = daily.filter(date=day)[f"{side}_usd"].sum()
        assert shown == pytest.approx(float(total), rel=1e-12), (day, side)
    assert daily["long_usd"].sum() == pytest.approx(2835648.57046655, rel=1e-12)
    assert daily["short_usd"].sum() == pytest.approx(710713.62196159, rel=1e-12)
    assert daily["long_count"].sum() + daily["short_count"].sum() == 1837
    # No day was recorded whole.
    assert daily["completeness"].unique().to_list() == ["partial"]
    assert (daily["max_24h_usd"] >= daily["total_usd"]).all()
    assert (daily["max_1h_usd"] >= daily["largest_usd"].fill_null(0)).all()


def test_hours_of_recorded_orders():
    files, orders = recording()
    sums: dict[tuple[str, datetime, str], Decimal] = defaultdict(Decimal)
    for order in orders:
        moment = datetime.fromtimestamp(order["T"] / 1000, UTC)
        hour = moment.replace(minute=0, second=0, microsecond=0)
        side = "long" if order["S"] == "SELL" else "short"
        sums[order["s"], hour, side] += Decimal(order["z"]) * Decimal(order["ap"])
    days = date(2025, 1, 25), date(2025, 2, 7)
    hourly = computed(LIQUIDATIONS_HOURLY, files, *days)
    assert hourly.height == len({(symbol, hour) for symbol, hour, _ in sums})
    for row in hourly.iter_rows(named=True):
        for side in ("long", "short"):
            expected = float(sums.get((row["symbol"], row["hour"], side), 0))
            assert row[f"{side}_usd"] == pytest.approx(expected, rel=1e-12)
    assert hourly["long_count"].sum() + hourly["short_count"].sum() == 1837
    daily = computed(LIQUIDATIONS_DAILY, files, *days)
    assert hourly["total_usd"].sum() == pytest.approx(daily["total_usd"].sum(), rel=1e-12)
