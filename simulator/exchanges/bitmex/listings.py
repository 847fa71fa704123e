"""What trades on BitMEX, and its rows of the instrument table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.coins import BTC, ETH, Coin, largest, named
from simulator.listing import Listing, perpetual
from simulator.plan import Plan

SHARE = 0.05
_SCALE = SHARE / 0.40
_CHEAPEST = 0.1
_SATOSHIS = 100_000_000

# Satoshis per point of the index.
_QUANTO = {"ETH": 100, "XRP": 20_000}


def _name(coin: Coin) -> str:
    return "XBT" if coin is BTC else coin.name


def _linear_multiplier(coin: Coin) -> int:
    """Millionths of a USDT per point and contract: a contract is worth a few cents."""
    return int(10 ** max(math.floor(4.8 - math.log10(coin.price)), 0))


def listings(plan: Plan) -> list[Listing]:
    """XBTUSD, the quanto ones, then those in USDT."""
    found = [
        perpetual(
            "bitmex",
            "XBTUSD",
            BTC,
            product="inverse",
            base="XBT",
            quote="USD",
            scale=0.8 * _SCALE,
            margin="inverse",
            funding_offset=4,
        )
    ]
    for name, satoshis in _QUANTO.items():
        coin = named(name)
        found.append(
            perpetual(
                "bitmex",
                f"{name}USD",
                coin,
                product="quanto",
                quote="USD",
                scale=0.5 * _SCALE if coin is ETH else 0.2 * _SCALE,
                margin="quanto",
                contract_size=satoshis / _SATOSHIS,
                funding_offset=4,
            )
        )
    linear = [
        perpetual(
            "bitmex",
            f"{_name(coin)}USDT",
            coin,
            product="linear",
            base=_name(coin),
            quote="USDT",
            scale=0.4 * _SCALE,
            contract_size=_linear_multiplier(coin) / 1_000_000,
            contracts=True,
            funding_offset=4,
        )
        for coin in largest(plan.symbols)
        # Dearer coins only: a contract is a whole fraction of a coin.
        if coin.price >= _CHEAPEST
    ]
    return found + linear


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What changes in a row of the instrument table."""

    at: datetime
    open_interest: float
    value_usd: float
    mark: float
    index: float
    last: float


def stamp(at: datetime) -> str:
    """`2021-07-22T22:36:05.000Z`."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _sizes(listing: Listing) -> dict[str, Any]:
    if listing.margin == "inverse":
        return {
            "multiplier": -_SATOSHIS,
            "underlyingToPositionMultiplier": None,
            "underlyingToSettleMultiplier": -_SATOSHIS,
            "quoteToSettleMultiplier": None,
        }
    if listing.margin == "quanto":
        return {
            "multiplier": round(listing.contract_size * _SATOSHIS),
            "underlyingToPositionMultiplier": None,
            "underlyingToSettleMultiplier": None,
            "quoteToSettleMultiplier": 3108,
        }
    return {
        "multiplier": round(listing.contract_size * 1_000_000),
        "underlyingToPositionMultiplier": round(1 / listing.contract_size),
        "underlyingToSettleMultiplier": None,
        "quoteToSettleMultiplier": 1_000_000,
    }


def _open_value(listing: Listing, now: Snapshot) -> int:
    """Satoshis, or millionths of a USDT."""
    if listing.margin == "inverse":
        return round(now.open_interest / now.mark * _SATOSHIS)
    if listing.margin == "quanto":
        return round(now.open_interest * listing.contract_size * _SATOSHIS * now.mark)
    return round(now.open_interest * listing.contract_size * 1_000_000 * now.mark)


def instrument(listing: Listing, now: Snapshot, rate: float) -> dict[str, Any]:
    """A row of the instrument table."""
    hours = (now.at.hour - 4) // 8 * 8 + 12
    following = now.at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    started = (
        "2016-05-13T12:00:00.000Z"
        if listing.symbol == "XBTUSD"
        else stamp(datetime.combine(listing.first_day, datetime.min.time()))
    )
    return {
        "symbol": listing.symbol,
        "rootSymbol": listing.base,
        "state": "Open",
        "typ": "FFWCSX",
        "listing": started,
        "front": started,
        "expiry": None,
        "settle": None,
        "positionCurrency": {"inverse": "USD", "quanto": ""}.get(listing.margin, listing.base),
        "underlying": listing.base,
        "quoteCurrency": listing.quote,
        "underlyingSymbol": f"{listing.base}=",
        "reference": "BMEX",
        "referenceSymbol": f".B{listing.base}",
        "lotSize": 1,
        "tickSize": 10.0**-listing.price_digits,
        **_sizes(listing),
        "settlCurrency": "USDt" if listing.margin == "linear" else "XBt",
        "isQuanto": listing.margin == "quanto",
        "isInverse": listing.margin == "inverse",
        "fundingTimestamp": stamp(following),
        "fundingInterval": "2000-01-01T08:00:00.000Z",
        "fundingRate": rate,
        "indicativeFundingRate": rate,
        "lastPrice": now.last,
        "openInterest": int(now.open_interest),
        "openValue": _open_value(listing, now),
        "fairMethod": "FundingRate",
        "fairPrice": now.mark,
        "markMethod": "FairPrice",
        "markPrice": now.mark,
        "indicativeSettlePrice": now.index,
        "timestamp": stamp(now.at),
    }
