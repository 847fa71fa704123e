"""What trades on OKX, and its rows of public/instruments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulator.coins import BTC, ETH, largest
from simulator.listing import Listing, perpetual
from simulator.numerals import trimmed
from simulator.plan import Plan

SHARE = 0.15
_SCALE = SHARE / 0.40

# Coins per contract; 1 for the others.
_CT_VAL = {
    "BTC": 0.01,
    "ETH": 0.1,
    "BNB": 0.01,
    "XRP": 100,
    "PEPE": 10_000_000,
    "ADA": 100,
    "SHIB": 1_000_000,
    "AXS": 0.1,
    "LRC": 10,
    "DOGE": 1000,
    "BCH": 0.1,
    "TRX": 1000,
}
_FOUR_HOURS = frozenset({"AXS", "PEPE", "UNI"})


def listings(plan: Plan) -> list[Listing]:
    """USDT swaps, then coin-margined ones."""
    linear = [
        perpetual(
            "okx",
            f"{coin.name}-USDT-SWAP",
            coin,
            product="SWAP",
            quote="USDT",
            scale=_SCALE,
            contract_size=_CT_VAL.get(coin.name, 1),
            contracts=True,
            funding_hours=4 if coin.name in _FOUR_HOURS else 8,
        )
        for coin in largest(plan.symbols)
    ]
    inverse = [
        perpetual(
            "okx",
            f"{coin.name}-USD-SWAP",
            coin,
            product="SWAP",
            quote="USD",
            scale=0.2 * _SCALE,
            margin="inverse",
            contract_size=100 if coin is BTC else 10,
        )
        for coin in (BTC, ETH)
    ]
    return linear + inverse


def family(listing: Listing) -> str:
    """`BTC-USDT` of `BTC-USDT-SWAP`."""
    return listing.symbol.removesuffix("-SWAP")


def instrument(listing: Listing) -> dict[str, Any]:
    """A row of public/instruments."""
    linear = listing.margin == "linear"
    first = listing.first_day
    listed = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()) * 1000
    return {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": "linear" if linear else "inverse",
        "ctVal": trimmed(listing.contract_size, 8),
        "ctValCcy": listing.coin if linear else "USD",
        "expTime": "",
        "instFamily": family(listing),
        "instId": listing.symbol,
        "instType": "SWAP",
        "lever": "100",
        "listTime": str(listed),
        "lotSz": "1",
        "maxLmtSz": "100000000",
        "maxMktSz": "20000",
        "minSz": "1",
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": listing.quote if linear else listing.coin,
        "state": "live",
        "stk": "",
        "tickSz": f"{10.0**-listing.price_digits:.{listing.price_digits}f}",
        "uly": family(listing),
    }
