"""The coins of the simulated market, largest first; each has one index price on all exchanges.

After the named ones come SYM0001, SYM0002 and so on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.noise import keys, uniforms


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin.

    price: US dollars each at the reference. open_interest: coins in linear perpetuals at an
    exchange of the size of Binance. liquidation_weight: share of what is liquidated at an exchange,
    before normalising. beta: how far it moves when BTC moves by one.
    """

    name: str
    price: float
    open_interest: float
    liquidation_weight: float
    beta: float


_NAMED = (
    Coin("BTC", 36_000.0, 70_000.0, 46.0, 1.0),
    Coin("ETH", 1_200.0, 900_000.0, 22.0, 1.25),
    Coin("SOL", 3.5, 40e6, 1.2, 1.4),
    Coin("XRP", 0.29, 900e6, 4.0, 1.2),
    Coin("BNB", 41.0, 2.5e6, 2.0, 1.1),
    Coin("PEPE", 0.0000125, 4e12, 0.9, 1.5),
    Coin("ADA", 0.31, 500e6, 2.5, 1.3),
    Coin("SHIB", 0.0000085, 5e12, 0.7, 1.5),
    Coin("AXS", 0.62, 60e6, 0.5, 1.4),
    Coin("LRC", 0.43, 70e6, 0.5, 1.4),
    Coin("DOGE", 0.0095, 6e9, 1.0, 1.3),
    Coin("LINK", 15.5, 9e6, 1.8, 1.3),
    Coin("LTC", 145.0, 1.5e6, 2.5, 1.2),
    Coin("DOT", 12.0, 15e6, 2.0, 1.4),
    Coin("AVAX", 11.0, 5e6, 0.6, 1.4),
    Coin("BCH", 490.0, 300e3, 1.6, 1.2),
    Coin("UNI", 7.5, 8e6, 0.7, 1.4),
    Coin("TRX", 0.029, 2e9, 0.6, 1.1),
)

BTC = _NAMED[0]
ETH = _NAMED[1]


def made_up(number: int) -> Coin:
    """The n-th made-up coin, from 1."""
    name = f"SYM{number:04d}"
    u = uniforms(keys(0, "made-up", [name]), np.arange(3, dtype=np.int64))
    price = round(float(10 ** (u[0] * 4 - 2)), 4)  # 0.01 to 100 dollars
    return Coin(
        name=name,
        price=price,
        open_interest=round(float(10 ** (5.5 + 1.5 * u[1])) / price),  # 0.3 to 10 million dollars
        liquidation_weight=0.005 + 0.02 * float(u[2]),
        beta=1.3,
    )


def named(name: str) -> Coin:
    """A named coin. Raises KeyError."""
    return {coin.name: coin for coin in _NAMED}[name]


def largest(count: int) -> list[Coin]:
    """The `count` first coins."""
    return [*_NAMED[:count], *(made_up(n) for n in range(1, count - len(_NAMED) + 1))]


def price_digits(price: float) -> int:
    """Decimals of a price with five or six significant digits."""
    return min(max(5 - math.floor(math.log10(price)), 1), 12)


def quantity_digits(price: float) -> int:
    """Decimals of an amount of coins: a step is worth a few dollars."""
    return min(max(math.floor(math.log10(price)), 0), 3)
