"""What trades on Bybit, and its instruments-info answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from simulator.coins import BTC, ETH, largest
from simulator.listing import Listing, perpetual
from simulator.plan import Plan

SHARE = 0.20
_SCALE = SHARE / 0.40
ALL_LIQUIDATIONS_FROM = date(2025, 2, 20)
_THROTTLED_FROM = date(2021, 9, 1)

_NAMES = {"PEPE": ("1000PEPE", 1000), "SHIB": ("SHIB1000", 1000)}
_FOUR_HOURS = frozenset({"ADA", "AXS", "TRX"})


def throttled(day: date) -> bool:
    """Whether all but one liquidation per second and symbol are dropped."""
    return _THROTTLED_FROM <= day < ALL_LIQUIDATIONS_FROM


def listings(plan: Plan) -> list[Listing]:
    """Linear ones (one in USDC), then inverse ones."""
    found = []
    for coin in largest(plan.symbols):
        base, multiplier = _NAMES.get(coin.name, (coin.name, 1))
        found.append(
            perpetual(
                "bybit",
                f"{base}USDT",
                coin,
                product="linear",
                quote="USDT",
                scale=_SCALE,
                base=base,
                multiplier=multiplier,
                funding_hours=4 if coin.name in _FOUR_HOURS else 8,
            )
        )
    found.append(
        perpetual("bybit", "BTCPERP", BTC, product="linear", quote="USDC", scale=0.05 * _SCALE)
    )
    inverse = [
        perpetual(
            "bybit",
            f"{coin.name}USD",
            coin,
            product="inverse",
            quote="USD",
            scale=0.25 * _SCALE,
            margin="inverse",
        )
        for coin in (BTC, ETH)
    ]
    return found + inverse


def instrument(listing: Listing) -> dict[str, Any]:
    """A row of instruments-info."""
    linear = listing.margin == "linear"
    first = listing.first_day
    launched = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()) * 1000
    tick = f"{10.0**-listing.price_digits:.{listing.price_digits}f}"
    step = f"{10.0**-listing.quantity_digits:.{listing.quantity_digits}f}"
    return {
        "symbol": listing.symbol,
        "contractType": "LinearPerpetual" if linear else "InversePerpetual",
        "status": "Trading",
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "launchTime": str(launched),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(listing.price_digits),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": step,
            "qtyStep": step,
            "postOnlyMaxOrderQty": "1190.000",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": listing.funding_hours * 60,
        "settleCoin": listing.quote if linear else listing.base,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
    }
