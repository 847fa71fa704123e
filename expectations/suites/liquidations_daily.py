"""What must hold for liquidations."""

from __future__ import annotations

from expectations.daily_rules import both_sides, fresh, not_empty, priced_like_market
from expectations.liquidated_hours import order_size_steady
from expectations.liquidated_sides import (
    completeness_steady,
    feed_alive,
    sides_fit_price,
    sides_like_others,
    sides_not_swapped,
)
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

TABLE = "liquidations_daily"

# Sums of the same doubles in another order differ in the last digits.
_TOLERANCE = {"tolerance": 1e-9}
_USD, _COIN = "t.total_usd", "(t.long_coin + t.short_coin)"

RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    fresh(Severity.WARNING, table=TABLE),
    *both_sides("date, venue, symbol"),
    no_rows(
        "largest_within_total",
        """
        SELECT date, venue, symbol, largest_usd, total_usd FROM batch
        WHERE {in_run} AND largest_usd > total_usd * (1 + {tolerance})
        ORDER BY largest_usd - total_usd DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="the largest order is one of those in the total",
        threshold="largest_usd ≤ total_usd",
        limits=_TOLERANCE,
        days=True,
    ),
    no_rows(
        "max_24h_holds_the_day",
        """
        SELECT date, venue, symbol, max_24h_usd, total_usd, largest_usd FROM batch
        WHERE {in_run}
        AND max_24h_usd < greatest(total_usd, largest_usd) * (1 - {tolerance})
        ORDER BY total_usd - max_24h_usd DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="the 24 hours that end at the day's last order hold the whole day",
        threshold="max_24h_usd ≥ total_usd and largest_usd",
        limits=_TOLERANCE,
        days=True,
    ),
    no_rows(
        "max_1h_between",
        """
        SELECT date, venue, symbol, largest_usd, max_1h_usd, max_24h_usd FROM batch
        WHERE {in_run} AND (max_1h_usd > max_24h_usd * (1 + {tolerance})
          OR max_1h_usd < largest_usd * (1 - {tolerance}))
        ORDER BY max_1h_usd DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="the busiest hour holds the largest order and lies within 24 hours",
        threshold="largest_usd ≤ max_1h_usd ≤ max_24h_usd",
        limits=_TOLERANCE,
        days=True,
    ),
    no_rows(
        "moments_on_the_day",
        """
        SELECT date, venue, symbol, largest_at, max_24h_end, max_1h_end FROM batch
        WHERE {in_run} AND (largest_at::DATE <> date OR max_24h_end::DATE <> date
          OR max_1h_end::DATE <> date)
        ORDER BY date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="an order belongs to the UTC day of its own time, a window to the day it ends on",
        threshold="largest_at, max_24h_end and max_1h_end on the row's date",
        days=True,
    ),
    priced_like_market("usd_fits_price", Severity.CRITICAL, usd=_USD, coin=_COIN, low=0.5, high=2),
    priced_like_market("usd_near_price", Severity.WARNING, usd=_USD, coin=_COIN, low=0.8, high=1.2),
    sides_fit_price(),
    sides_not_swapped(),
    sides_like_others(
        "sides_like_others",
        Severity.CRITICAL,
        min_venues=3,
        reason="the price liquidates the same side everywhere: this venue's sides are swapped",
    ),
    sides_like_others(
        "sides_agree",
        Severity.WARNING,
        min_venues=2,
        reason="the price liquidates the same side everywhere: one venue's sides may be swapped",
    ),
    completeness_steady(),
    feed_alive(),
    order_size_steady(),
)
