"""What must hold for open interest."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import few_gone, fresh, nobody_gone, not_empty, priced_like_market
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

TABLE = "open_interest_daily"


def _bars_in_order(unit: str) -> Rule:
    column = f"open_interest_{unit}"
    return no_rows(
        f"{unit}_in_order",
        f"""
        SELECT date, venue, symbol, {column}_open, {column}_high, {column}_low, {column}_close,
          {column}_mean
        FROM batch WHERE {{in_run}} AND NOT (
          least({column}_open, {column}_close, {column}_mean) >= {column}_low * (1 - {{tolerance}})
          AND greatest({column}_open, {column}_close, {column}_mean)
            <= {column}_high * (1 + {{tolerance}}))
        ORDER BY date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="open, close and mean are of the snapshots the extremes are taken of",
        threshold="low ≤ open, close, mean ≤ high",
        limits={"tolerance": 1e-9},
        days=True,
    )


_USD, _COIN = "t.open_interest_usd_close", "t.open_interest_coin_close"

RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    fresh(Severity.WARNING, table=TABLE),
    few_gone(),
    nobody_gone(),
    _bars_in_order("coin"),
    _bars_in_order("usd"),
    no_rows(
        "not_more_samples_than_due",
        """
        SELECT date, venue, symbol, sample_count, expected_sample_count FROM batch
        WHERE {in_run} AND sample_count > expected_sample_count
        ORDER BY sample_count - expected_sample_count DESC, date, venue, symbol
        """,
        severity=Severity.CRITICAL,
        reason="more snapshots than the series has are duplicates, or another day's",
        threshold="sample_count ≤ expected_sample_count",
        days=True,
        excludes=True,
    ),
    no_rows(
        "samples_there",
        """
        SELECT date, venue, symbol, sample_count, expected_sample_count FROM batch
        WHERE {in_run} AND sample_count < {min_share} * expected_sample_count
        ORDER BY sample_count / expected_sample_count, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="high, low and mean of a day with a hole may miss what happened in it",
        threshold="at least {min_share:.0%} of expected_sample_count",
        limits={"min_share": 0.90},
        days=True,
    ),
    priced_like_market("usd_fits_price", Severity.CRITICAL, usd=_USD, coin=_COIN, low=0.5, high=2),
    priced_like_market("usd_near_price", Severity.WARNING, usd=_USD, coin=_COIN, low=0.8, high=1.2),
    no_rows(
        "no_jump",
        """
        SELECT t.date, t.venue, t.symbol, p.open_interest_coin_close AS coin_before,
          t.open_interest_coin_close AS coin, t.open_interest_usd_close AS usd
        FROM batch AS t JOIN batch AS p
        ON p.date = t.date - 1 AND p.venue = t.venue AND p.symbol = t.symbol
        WHERE t.date BETWEEN {first} AND {last}
        AND p.open_interest_coin_close > 0
        AND NOT (t.open_interest_coin_close BETWEEN p.open_interest_coin_close / {max_factor}
          AND p.open_interest_coin_close * {max_factor})
        AND coalesce(greatest(t.open_interest_usd_close, p.open_interest_usd_close),
          {min_usd}) >= {min_usd}
        ORDER BY greatest(t.open_interest_usd_close, p.open_interest_usd_close) DESC NULLS LAST,
          t.date, t.venue, t.symbol
        """,
        severity=Severity.WARNING,
        reason="a change of unit or sidedness looks like this; small alts may do it by themselves",
        threshold="coin within 1/{max_factor} … {max_factor} of the day before, "
        "from {min_usd:,.0f} USD up",
        limits={"max_factor": 5, "min_usd": 1_000_000},
        days=True,
    ),
)
