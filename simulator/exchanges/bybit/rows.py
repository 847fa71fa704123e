"""Bybit's rows and envelopes, the same in its answers and in dumps of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

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


def mark_rows(samples: pl.DataFrame) -> list[list[str]]:
    """Hourly bars `[start, open, high, low, close]` of the mark, newest first."""
    bars = (
        samples.with_columns(hour=pl.col("stamp") // 3_600_000)
        .group_by("hour", maintain_order=True)
        .agg(
            pl.col("mark_price").first().alias("open"),
            pl.col("mark_price").max().alias("high"),
            pl.col("mark_price").min().alias("low"),
            pl.col("mark_price").last().alias("close"),
        )
        .sort("hour", descending=True)
    )
    return [
        [str(hour * 3_600_000), *(trimmed(price, 8) for price in prices)]
        for hour, *prices in bars.iter_rows()
    ]
