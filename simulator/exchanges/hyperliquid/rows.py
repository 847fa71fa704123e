"""Hyperliquid's rows, the same in its answers and in dumps of them."""

from __future__ import annotations

from typing import Any

import polars as pl

from simulator.listing import Listing
from simulator.numerals import plain, trimmed


def funding_rows(settlements: pl.DataFrame) -> list[dict[str, Any]]:
    """Settlements in the order given. The rate is an eighth of what the premium amounts to."""
    return [
        {
            "coin": coin,
            "fundingRate": plain(rate),
            "premium": trimmed(8 * float(rate) - 0.0001, 10),
            "time": stamp,
        }
        for coin, rate, stamp in settlements.select(
            "symbol", "funding_rate", "stamp_ms"
        ).iter_rows()
    ]


def universe(listings: list[Listing]) -> dict[str, Any]:
    """The `meta` of a list of coins."""
    return {
        "universe": [
            {"name": x.symbol, "szDecimals": x.quantity_digits, "maxLeverage": 20} for x in listings
        ]
    }


def context(row: dict[str, Any]) -> dict[str, Any]:
    """A coin's context from its snapshot (`simulator.tape.SAMPLES`)."""
    mark = row["mark_price"]
    return {
        "funding": trimmed(running_rate(row["premium"]), 10),
        "openInterest": trimmed(row["open_interest_native"], 8),
        "prevDayPx": trimmed(row["index_price"], 8),
        "dayNtlVlm": trimmed(row["volume_coin"] * mark * 288, 4),
        "premium": trimmed(row["premium"], 8),
        "oraclePx": trimmed(row["index_price"], 8),
        "markPx": trimmed(mark, 8),
        "midPx": trimmed(row["last_price"], 8),
        "impactPxs": [trimmed(mark * 0.9999, 8), trimmed(mark * 1.0001, 8)],
    }


def running_rate(premium: float) -> float:
    """The hourly rate if the premium stayed as it is."""
    return (premium + min(max(0.0001 - premium, -0.0005), 0.0005)) / 8.0
