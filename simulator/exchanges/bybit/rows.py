"""Bybit's rows and envelopes, the same in its answers and in dumps of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from simulator.bars import bars
from simulator.numerals import plain, trimmed

SINGLE_SIDE_FROM_MS = int(datetime(2026, 6, 11, tzinfo=UTC).timestamp()) * 1000


def envelope(result: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """A successful answer."""
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}


def funding_rows(settlements: pl.DataFrame) -> list[dict[str, str]]:
    """One symbol's settlements, newest first."""
    return [
        {"symbol": symbol, "fundingRate": plain(rate), "fundingRateTimestamp": str(stamp)}
        for symbol, rate, stamp in settlements.sort("stamp_ms", descending=True)
        .select("symbol", "funding_rate", "stamp_ms")
        .iter_rows()
    ]


def open_interest_rows(samples: pl.DataFrame) -> list[dict[str, str]]:
    """One symbol's snapshots, newest first: both sides of each contract."""
    rows = []
    newest = samples.sort("stamp", descending=True)
    for one_sided, stamp in newest.select("open_interest_native", "stamp").iter_rows():
        row = {"openInterest": trimmed(2 * one_sided, 8), "timestamp": str(stamp)}
        if stamp >= SINGLE_SIDE_FROM_MS:
            row["singleOpenInterest"] = trimmed(one_sided, 8)
        rows.append(row)
    return rows


def ratio_rows(samples: pl.DataFrame) -> list[dict[str, str]]:
    """Shares of accounts that are long and short, newest first."""
    rows = []
    for symbol, ratio, stamp in (
        samples.sort("stamp", descending=True)
        .select("symbol", "accounts_ratio", "stamp")
        .iter_rows()
    ):
        buy = round(ratio / (1.0 + ratio), 4)
        rows.append(
            {
                "symbol": symbol,
                "buyRatio": trimmed(buy, 4),
                "sellRatio": trimmed(1.0 - buy, 4),
                "timestamp": str(stamp),
            }
        )
    return rows


_PRICES = ("open", "high", "low", "close")


def mark_rows(samples: pl.DataFrame, minutes: int) -> list[list[str]]:
    """Bars `[start, open, high, low, close]` of the mark, newest first."""
    newest = bars(samples, minutes, "mark_price").sort("stamp", descending=True)
    return [
        [str(stamp), *(trimmed(price, 8) for price in prices)]
        for stamp, *prices in newest.select("stamp", *_PRICES).iter_rows()
    ]


def kline_rows(samples: pl.DataFrame, minutes: int) -> list[list[str]]:
    """Bars `[start, open, high, low, close, volume, turnover]` of what was traded, newest first.

    Volume is base coins and turnover the quote (linear), or US dollars and coins (inverse).
    """
    if samples.is_empty():
        return []
    inverse = samples.item(0, "product") == "inverse"
    amounts = ("turnover", "volume") if inverse else ("volume", "turnover")
    newest = bars(samples, minutes, "last_price").sort("stamp", descending=True)
    return [
        [str(stamp), *(trimmed(number, 8) for number in numbers)]
        for stamp, *numbers in newest.select("stamp", *_PRICES, *amounts).iter_rows()
    ]
