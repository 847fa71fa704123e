"""What trades on Hyperliquid."""

from __future__ import annotations

from simulator.coins import largest
from simulator.listing import Listing, perpetual
from simulator.plan import Plan

SHARE = 0.13
_THOUSANDS = frozenset({"PEPE", "SHIB"})


def listings(plan: Plan) -> list[Listing]:
    """Perpetuals, by the name of their coin; settled hourly, stamped up to 261 ms late."""
    found = []
    for coin in largest(plan.symbols):
        thousands = coin.name in _THOUSANDS
        name = f"k{coin.name}" if thousands else coin.name
        listing = perpetual(
            "hyperliquid",
            name,
            coin,
            product="perp",
            quote="USDC",
            scale=SHARE / 0.40,
            base=name,
            multiplier=1000 if thousands else 1,
            funding_hours=1,
            jitter_ms=261,
        )
        found.append(listing)
    return found
