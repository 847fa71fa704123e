"""Faults of Binance's bars: mark prices and volume."""

from __future__ import annotations

from tests.faults.binance_files import (
    BTC_PRICES,
    KLINES,
    MARK,
    B,
    H,
    Q,
    T,
    W,
    cell,
    rows,
    swapped,
    times,
)
from tests.faults.fault import Fault
from tests.faults.moments import of_night

FAULTS = (
    Fault(
        "binance-price-tenfold",
        "Binance, markPriceKlines of BTCUSDT",
        "prices × 10 all day",
        rows(
            MARK, lambda row: row | {c: times(10)(row[c]) for c in ("open", "high", "low", "close")}
        ),
        B,
        ("open_interest_daily.usd_fits_price",),
    ),
    Fault(
        "binance-price-tenfold-hour",
        "Binance, markPriceKlines of BTCUSDT",
        "prices × 10 for an hour",
        rows(
            MARK,
            lambda row: (
                row | {c: times(10)(row[c]) for c in ("open", "high", "low", "close")}
                if of_night(row, 8)
                else row
            ),
        ),
        W,
        ("prices_daily.no_spike",),
        (BTC_PRICES,),
    ),
    Fault(
        "binance-price-zero",
        "Binance, markPriceKlines of BTCUSDT",
        "zeros for an hour",
        rows(
            MARK,
            lambda row: (
                row | dict.fromkeys(("open", "high", "low", "close"), "0")
                if of_night(row, 8)
                else row
            ),
        ),
        H,
        why="a price of zero is no price",
    ),
    Fault(
        "binance-price-low-above-high",
        "Binance, markPriceKlines of BTCUSDT",
        "high and low swapped",
        rows(MARK, swapped("high", "low")),
        T,
        ("prices_daily.prices_in_order",),
        ("prices_daily/binance/*",),
    ),
    Fault(
        "binance-volume-columns-swapped",
        "Binance, klines of BTCUSDT",
        "volumes in coins and in dollars swapped",
        rows(KLINES, swapped("volume", "quote_volume")),
        T,
        ("prices_daily.volume_fits_price",),
        ("prices_daily/binance/*",),
    ),
    Fault(
        "binance-volume-negative",
        "Binance, klines of BTCUSDT",
        "negative volume for an hour",
        cell(KLINES, "volume", lambda v: f"-{v}", hour=8),
        Q,
        (),
        (BTC_PRICES,),
        why="one record is below the share that warns; it is counted in raw_files",
    ),
)
