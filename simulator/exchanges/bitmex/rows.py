"""BitMEX's rows, the same in its answers and in dumps of them."""

from __future__ import annotations

from typing import Any

import polars as pl

from simulator.exchanges.bitmex.listings import Snapshot, instrument, stamp
from simulator.listing import Listing

INSTRUMENT_COLUMNS = (
    "symbol",
    "sampled_at",
    "open_interest_native",
    "open_interest_usd",
    "mark_price",
    "index_price",
    "last_price",
    "premium",
)


def funding_rows(settlements: pl.DataFrame) -> list[dict[str, Any]]:
    """Settlements in the order given."""
    return [
        {
            "timestamp": stamp(settled),
            "symbol": symbol,
            "fundingInterval": f"2000-01-01T{hours:02d}:00:00.000Z",
            "fundingRate": _binary(float(rate)),
            "fundingRateDaily": float(rate) * 24 / hours,
        }
        for settled, symbol, hours, rate in settlements.select(
            "settled_at", "symbol", "interval_hours", "funding_rate"
        ).iter_rows()
    ]


def _binary(rate: float) -> float:
    """Now and then the next number but one, as sums of binary fractions come out."""
    noisy = round(rate * 1e8) % 10 == 7
    return rate * 1.0000000000000004 if noisy else rate


def instrument_rows(samples: pl.DataFrame, listings: dict[str, Listing]) -> list[dict[str, Any]]:
    """Snapshots of the instrument table in the order given."""
    return [
        instrument(
            listings[symbol],
            Snapshot(at, contracts, usd, round(mark, 8), round(index, 8), last),
            round(premium, 6),
        )
        for symbol, at, contracts, usd, mark, index, last, premium in samples.select(
            INSTRUMENT_COLUMNS
        ).iter_rows()
    ]
