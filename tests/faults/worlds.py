"""The simulated exchanges nights are run at, each made once for the tests of a module."""

from __future__ import annotations

from pathlib import Path

from tests.faults.world import World


def pair(folder: Path) -> World:
    """Binance, the larger, and Bybit."""
    plan = {"kline_kinds": ("klines", "markPriceKlines")}
    return World(("binance", "bybit"), folder, plan=plan)


def okx_and_deribit(folder: Path) -> World:
    """Beside Binance; with what CryptoQuant says of reserves."""
    return World(("binance", "okx", "deribit", "cryptoquant"), folder, plan=_SMALL)


def bitmex_and_others(folder: Path) -> World:
    """BitMEX, Hyperliquid, and Bybit as Tardis carries it, beside Binance."""
    venues = ("binance", "bitmex", "hyperliquid", "bybit")
    return World(venues, folder, carried=("bybit",), plan=_SMALL)


def binance_alone(folder: Path) -> World:
    return World(("binance",), folder, plan=_SMALL)


_SMALL = {"symbols": 1, "kline_kinds": ("markPriceKlines",), "products": ("um",)}
