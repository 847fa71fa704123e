"""What trades on Deribit, and its rows of get_instruments."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from simulator.coins import BTC, ETH, largest
from simulator.listing import Listing, perpetual, quarter_deliveries
from simulator.plan import Plan

SHARE = 0.07
_SCALE = SHARE / 0.40
_NEVER_MS = 32_503_708_800_000
_LISTED = frozenset({"BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LINK", "LTC", "DOT", "AVAX"})
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def _dated_name(coin: str, delivery: date) -> str:
    """`BTC-26MAR21`; no zero before the day."""
    return f"{coin}-{delivery.day}{_MONTHS[delivery.month - 1]}{delivery:%y}"


def listings(plan: Plan) -> list[Listing]:
    """Inverse perpetuals and futures, then perpetuals in USDC. product is the currency."""
    found = []
    for coin in (BTC, ETH):
        own = perpetual(
            "deribit",
            f"{coin.name}-PERPETUAL",
            coin,
            product=coin.name,
            quote="USD",
            scale=0.8 * _SCALE,
            margin="inverse",
            contract_size=10 if coin is BTC else 1,
            funding_hours=1,
        )
        found.append(own)
        found += [
            replace(
                own,
                symbol=_dated_name(coin.name, delivery),
                open_interest=own.open_interest * 0.2,
                liquidation_weight=own.liquidation_weight * 0.2,
                first_day=start,
                last_day=delivery,
            )
            for start, delivery in quarter_deliveries(plan.first, plan.last)
        ]
    linear = [
        perpetual(
            "deribit",
            f"{coin.name}_USDC-PERPETUAL",
            coin,
            product="USDC",
            quote="USDC",
            scale=0.2 * _SCALE,
            funding_hours=1,
        )
        for coin in largest(plan.symbols)
        if coin.name in _LISTED
    ]
    return found + linear


def _milliseconds(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1000


def instrument(listing: Listing) -> dict[str, Any]:
    """A row of get_instruments."""
    step = 10.0**-listing.quantity_digits if listing.margin == "linear" else listing.contract_size
    kind = "reversed" if listing.inverse else "linear"
    end = listing.last_day
    return {
        "price_index": f"{listing.base}_{listing.quote}".lower(),
        "kind": "future",
        "instrument_name": listing.symbol,
        "max_leverage": 50,
        "maker_commission": 0.0,
        "taker_commission": 0.0005,
        "instrument_type": kind,
        "expiration_timestamp": _NEVER_MS if end is None else _milliseconds(end, 8),
        "creation_timestamp": _milliseconds(listing.first_day, 0),
        "is_active": True,
        "tick_size": 10.0**-listing.price_digits,
        "contract_size": step,
        "min_trade_amount": step,
        "future_type": kind,
        "settlement_currency": listing.base if listing.inverse else "USDC",
        "settlement_period": "month" if listing.dated else "perpetual",
        "base_currency": listing.base,
        "counter_currency": listing.quote,
        "quote_currency": listing.quote,
    }
