"""Weeks of untidy normalised rows, the same for the same seed: gaps, changes of interval, reused
tickers, unpriced amounts, several bar lengths. Run as a module it writes all tables to a file.
"""

# ruff: noqa: S311  nothing here is secret

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from tests.daily.given import files, listings, regimes, rows
from transforms.daily.catalogue import DAILY
from transforms.daily.table import DailyTable, Inputs

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 75
FIRST, LAST = date(2026, 2, 8), date(2026, 3, 8)
SYMBOLS = {"BTCUSDT": "BTC", "ETHUSDT": "ETH", "BNXUSDT": "BNX"}
RELISTED_AT = datetime(2026, 2, 20, 12, tzinfo=UTC)

Record = dict[str, Any]


def _facts(symbol: str, moment: datetime) -> Record:
    second = symbol == "BNXUSDT" and moment >= RELISTED_AT
    return {"symbol": symbol, "base_asset": SYMBOLS[symbol], "listing": 2 if second else 1}


def _funding(symbol: str, dice: Random) -> list[Record]:
    records, moment, hours = [], START + timedelta(hours=dice.randrange(9)), 8
    declares = dice.random() < 0.5
    while moment < START + timedelta(days=DAYS):
        if dice.random() < 0.04:
            hours = dice.choice([1, 2, 3, 4, 6, 8])
        gone_for = dice.choice([1, 1, 1, 2, 5]) if dice.random() < 0.02 else 0
        if symbol == "ETHUSDT" and dice.random() < 0.002:
            gone_for = 100
        if not gone_for:
            records.append(
                {
                    "settled_at": moment,
                    "funding_rate": Decimal(dice.randrange(-(10**6), 10**6)).scaleb(-10),
                    "interval_hours_declared": float(hours) if declares else None,
                    **_facts(symbol, moment),
                }
            )
        moment += timedelta(hours=hours * max(gone_for, 1))
    return records


def _open_interest(symbol: str, dice: Random) -> list[Record]:
    return [
        {
            "sampled_at": moment,
            "sample_interval_minutes": 240,
            "open_interest_coin": None if dice.random() < 0.05 else dice.uniform(10, 1e6),
            "open_interest_usd": None if dice.random() < 0.1 else dice.uniform(10, 1e9),
            "amount_null_reason": "untidy",
            **_facts(symbol, moment),
        }
        for n in range(DAYS * 6)
        if (moment := START + timedelta(hours=4 * n)) and dice.random() > 0.25
    ]


def _liquidations(symbol: str, dice: Random) -> list[Record]:
    moments = [START + timedelta(seconds=dice.randrange(DAYS * 86400)) for _ in range(900)]
    keys = {(m, dice.choice(["long", "short"]), o) for m in moments for o in (1, 2)}
    return [
        {
            "liquidated_at": moment,
            "side": side,
            "event_ordinal": ordinal,
            "amount_usd": None if dice.random() < 0.01 else dice.uniform(0, 1e5),
            "amount_coin": dice.uniform(0, 1e3),
            "amount_null_reason": "untidy",
            "price_kind": dice.choice(["average", "limit"]),
            "raw_key": dice.choice(["raw/ws", f"raw/{symbol}"]),
            **_facts(symbol, moment),
        }
        for moment, side, ordinal in sorted(keys)
    ]


def _positioning(symbol: str, dice: Random) -> list[Record]:
    return [
        {
            "sampled_at": moment,
            "long_short_account_ratio": None if dice.random() < 0.3 else dice.uniform(0.1, 5),
            "taker_buy_sell_ratio": None if dice.random() < 0.3 else dice.uniform(0.1, 5),
            **_facts(symbol, moment),
        }
        for n in range(DAYS * 24)
        if (moment := START + timedelta(hours=n)) and dice.random() > 0.3
    ]


def _prices(symbol: str, dice: Random) -> list[Record]:
    records = []
    for n in range(DAYS):
        for source in ("mark", "index", "last", "premium"):
            for minutes in (240, 1440):
                if dice.random() < 0.2:
                    continue
                for k in range(1440 // minutes):
                    moment = START + timedelta(days=n, minutes=k * minutes)
                    low, opened, closed, high = sorted(dice.uniform(1, 9) for _ in range(4))
                    traded = source == "last"
                    records.append(
                        {
                            "opened_at": moment,
                            "interval_minutes": minutes,
                            "price_source": source,
                            "price_open": opened,
                            "price_high": high,
                            "price_low": low,
                            "price_close": closed,
                            "volume_coin": dice.uniform(0, 1e6) if traded else None,
                            "volume_usd": dice.uniform(0, 1e6) if traded else None,
                            **_facts(symbol, moment),
                        }
                    )
    return records


_MAKERS: dict[str, Callable[[str, Random], list[Record]]] = {
    "funding_rates": _funding,
    "open_interest": _open_interest,
    "liquidations": _liquidations,
    "positioning": _positioning,
    "prices": _prices,
}


def normalised(dataset: str, seed: int) -> pl.DataFrame:
    """Rows of all symbols; those of one symbol do not depend on the others."""
    return rows(
        dataset,
        [
            record
            for symbol in SYMBOLS
            for record in _MAKERS[dataset](symbol, Random(f"{seed} {dataset} {symbol}"))
        ],
    )


def given(table: DailyTable, frame: pl.DataFrame, seed: int) -> Inputs:
    dice = Random(f"{seed} files")
    covered = [
        {"date": (START + timedelta(days=n)).date(), "symbol": symbol, "raw_key": f"raw/{symbol}"}
        for n in range(DAYS)
        for symbol in SYMBOLS
        if dice.random() < 0.5
    ] + [
        {"date": (START + timedelta(days=n)).date(), "raw_key": "raw/ws", "rows_read": 1}
        for n in range(DAYS)
        if dice.random() < 0.5
    ]
    book = [
        {"symbol": "BTCUSDT", "valid_from": datetime(2026, 2, 10, tzinfo=UTC)},
        {"symbol": "ETHUSDT", "base_asset": "ETH"},
        {"symbol": "BNXUSDT", "base_asset": "BNX", "valid_to": RELISTED_AT},
        {"symbol": "BNXUSDT", "base_asset": "BNX", "listing": 2, "valid_from": RELISTED_AT},
    ]
    changed = date(2026, 2, 15)
    return Inputs(
        rows=frame.lazy(),
        accounting=files(covered),
        instruments=listings(book),
        regimes=regimes(
            [
                {"valid_from": FIRST, "valid_to": changed, "completeness": "complete"},
                {"valid_from": changed, "completeness": "throttled"},
            ]
        ),
        venue="examplex",
    )


def main(out: Path, seed: int) -> None:
    """Writes every table's bytes to `out`, one after the other, each as CSV with all digits."""
    with out.open("wb") as stream:
        for table in DAILY:
            inputs = given(table, normalised(table.dataset, seed), seed)
            table.compute(inputs, FIRST, LAST).write_csv(stream)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
