"""Rows nobody thought of: whatever lies in a lake, both computations make the same of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars as pl
import pytest
import structlog

from expectations.gate import UNFIT
from flows.exclusions import exclude
from flows.reconcile import reconcile
from flows.restatements import made_of
from flows.run import Days
from tests.reconcile.lakes import begin, build, put

VENUES = ("binance", "bybit", "okx")
BEGIN = date(2026, 1, 1)
DAYS = 26
# Coins come in powers of two, so that levels come back to the very same number.
SIZES = (1.0, 2.0, 4.0, 8.0)

Record = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def _contracts() -> list[Record]:
    """Per venue and asset a linear and an inverse perpetual and a dated one."""
    return [
        {
            "venue": venue,
            "symbol": f"{asset}{quote}{tail}",
            "base_asset": asset,
            "quote_asset": quote,
            "margin_type": margin,
            "contract_kind": "dated" if tail else "perpetual",
        }
        for venue in VENUES
        for asset in ("BTC", "ETH")
        for quote, margin, tail in (
            ("USDT", "linear", ""),
            ("USD", "inverse", ""),
            ("EUR", "quanto", ""),
            ("USDT", "linear", "_260327"),
        )
    ]


def _instants(dice: Random, day: date, hours: int, minutes: int = 0) -> list[datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    every = [start + timedelta(hours=h, minutes=minutes) for h in range(0, 24, hours)]
    return [t for t in every if dice.random() > 0.08]


def _lake(dice: Random, days: int) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {
        name: []
        for name in ("funding_rates", "open_interest", "prices", "positioning", "liquidations")
    }
    for contract in _contracts():
        hours = dice.choice((1, 4, 8))
        declared = dice.choice((None, float(hours)))
        for number in range(days):
            day = BEGIN + timedelta(days=number)
            if dice.random() < 0.06:
                continue  # nothing of this contract on this day
            if dice.random() < 0.05:
                hours = dice.choice((1, 2, 4, 8))
            # A ticker used again: the day may hold both listings.
            listing = 1 + (number > days // 2 and contract["symbol"] == "ETHUSD")
            of_it = contract | {"listing": listing}
            found["funding_rates"] += [
                of_it
                | {
                    "settled_at": t,
                    "funding_rate": Decimal(dice.randint(-30, 60)) / 100_000,
                    "interval_hours_declared": declared,
                }
                for t in _instants(dice, day, hours)
                if contract["contract_kind"] == "perpetual"
            ]
            found["open_interest"] += _interest(dice, of_it, day)
            found["prices"] += _bars(dice, of_it, day)
            found["positioning"] += [
                of_it
                | {
                    "sampled_at": t,
                    "long_short_account_ratio": dice.choice((None, 0.5, 1.0, 2.5)),
                    "taker_buy_sell_ratio": dice.choice((None, 0.8, 1.2)),
                    "top_trader_account_ratio": dice.choice((None, 1.0)),
                }
                for t in _instants(dice, day, 12)
            ]
            found["liquidations"] += _events(dice, of_it, day)
    return found


def _interest(dice: Random, contract: Record, day: date) -> list[Record]:
    trace = dice.random() < 0.05
    stamps = [datetime(day.year, day.month, day.day, dice.choice((0, 15)), tzinfo=UTC)]
    found = []
    for t in stamps if trace else _instants(dice, day, 6):
        coin = dice.choice((None, 0.0, *SIZES, *SIZES))
        usd = None if coin is None or dice.random() < 0.1 else coin * 100
        found.append(
            contract
            | {
                "sampled_at": t,
                "sample_interval_minutes": 5 if trace else dice.choice((None, 360)),
                "open_interest_native": coin,
                "open_interest_coin": coin,
                "open_interest_usd": usd,
                "amount_null_reason": None if usd is not None else "no price",
            }
        )
    return found


def _bars(dice: Random, contract: Record, day: date) -> list[Record]:
    found = []
    for source in ("mark", "index", "last", "premium"):
        for minutes in (240, 360):
            if dice.random() < 0.4:
                continue
            for t in _instants(dice, day, minutes // 60, dice.choice((0, 0, 0, 30))):
                low, high = sorted((dice.uniform(-1, 100), dice.uniform(100, 200)))
                volume = dice.choice((None, 0.0, 5.0, 5.0, 7.0)) if source == "last" else None
                found.append(
                    contract
                    | {
                        "opened_at": t,
                        "interval_minutes": minutes,
                        "price_source": source,
                        "price_open": low,
                        "price_high": high,
                        "price_low": low,
                        "price_close": high,
                        "volume_coin": volume,
                        "volume_usd": volume,
                    }
                )
    return found


def _events(dice: Random, contract: Record, day: date) -> list[Record]:
    """Whole hours and few sizes, so that windows end on events and totals are often equal."""
    found = []
    for t in _instants(dice, day, 3):
        if dice.random() < 0.6:
            usd = dice.choice((None, *([0.1, 0.2, 0.3, 10.0] * 5)))
            found.append(
                contract
                | {
                    "liquidated_at": t,
                    "side": dice.choice(("long", "short")),
                    "amount_usd": usd,
                    "amount_coin": usd,
                    "amount_null_reason": None if usd is not None else "no price",
                }
            )
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_both_make_the_same_of_any_rows(seed: int, tmp_path: Path) -> None:
    dice = Random(seed)  # noqa: S311 - no secret
    run = begin(tmp_path / "lake", VENUES)
    for dataset, records in _lake(dice, DAYS).items():
        put(run, dataset, records)
    taken_out = [
        (dataset, dice.choice(VENUES), BEGIN + timedelta(days=12), "unfit")
        for dataset in ("funding_rates", "open_interest", "liquidations")
    ]
    unfit = pl.DataFrame(taken_out, schema=UNFIT, orient="row")
    assert exclude(run, unfit, made_of(run)) == 3
    # The first days lie in the lake without having been asked for.
    days = Days(BEGIN + timedelta(days=2), BEGIN + timedelta(days=DAYS - 1))
    path = build(run, days)
    found = reconcile(run, path, days)
    assert found.differences.rows() == []
    rows = (DAYS - 2) * 2
    assert found.cells["market_daily"] > rows * 30
    assert found.cells["market_total_daily"] > (DAYS - 2) * 25
    assert found.cells["signals_daily"] > rows * 5

    # Of signals too, a number or word changed in the build is seen.
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE signals_daily SET overheated_score = overheated_score + 1e-6")
        connection.execute(
            "UPDATE signals_daily SET crowded_side = 'long' WHERE base_asset = 'ETH'"
        )
    blamed = reconcile(run, path, days).differences
    assert set(blamed["table_name"]) == {"signals_daily"}
    assert set(blamed["column_name"]) == {"overheated_score", "crowded_side"}
