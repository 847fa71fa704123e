"""What must hold for prices and volume; the schema's bounds already ask for prices above 0."""

from __future__ import annotations

from expectations.daily_rules import fresh, nobody_gone, not_empty
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

TABLE = "prices_daily"

RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    fresh(Severity.WARNING, table=TABLE),
    nobody_gone(),
    no_rows(
        "prices_in_order",
        """
        SELECT date, venue, symbol, price_open, price_high, price_low, price_close FROM batch
        WHERE {in_run} AND NOT (least(price_open, price_close) >= price_low
          AND greatest(price_open, price_close) <= price_high)
        ORDER BY date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="open and close are among the prices the extremes are taken of",
        threshold="low ≤ open, close ≤ high",
        days=True,
    ),
    no_rows(
        "volume_both_or_neither",
        """
        SELECT date, venue, symbol, volume_coin, volume_usd FROM batch
        WHERE {in_run} AND (volume_coin = 0) <> (volume_usd = 0)
        ORDER BY greatest(volume_coin, volume_usd) DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="what was traded in coin was traded in dollars",
        threshold="volume_coin and volume_usd are both 0 or both above",
        days=True,
    ),
)
