"""What must hold for open interest."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.across_venues import share_steady
from expectations.continuity import (
    level_not_stepped,
    level_steady,
    majors_level_steady,
    not_halved,
)
from expectations.daily_rules import few_gone, fresh, nobody_gone, not_empty, priced_like_market
from expectations.market_rules import OPEN_INTEREST
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


def _most_have_samples(name: str, severity: Severity, *, min_share: float, reason: str) -> Rule:
    """Traces of a day, the 00:00 of a neighbour's file, are in no total and no business here."""
    return no_rows(
        name,
        f"""
        SELECT date, venue, count(*) AS instruments,
          median(sample_count / expected_sample_count) AS share
        FROM {OPEN_INTEREST} AS o WHERE {{in_run}} AND expected_sample_count > 0
        GROUP BY date, venue
        HAVING median(sample_count / expected_sample_count) < {{min_share}}
        ORDER BY share, date, venue
        """,
        severity=severity,
        reason=reason,
        threshold="median of sample_count ÷ expected_sample_count of a venue ≥ {min_share:.0%}",
        limits={"min_share": min_share},
        days=True,
        excludes=severity is Severity.CRITICAL,
    )


def _samples_as_before() -> Rule:
    """Where nobody knows how many snapshots are due: a poll has no grid of the venue's."""
    return no_rows(
        "samples_as_before",
        f"""
        WITH own AS (
          SELECT t.date, t.venue, t.symbol, t.sample_count, median(p.sample_count) AS usual
          FROM {OPEN_INTEREST} AS t JOIN {OPEN_INTEREST} AS p
          ON p.venue = t.venue AND p.symbol = t.symbol AND p.base_asset = t.base_asset
          AND p.date BETWEEN t.date - {{days_back}} AND t.date - 1
          WHERE t.{{in_run}} AND t.expected_sample_count IS NULL
          AND p.expected_sample_count IS NULL
          AND NOT EXISTS (SELECT 1 FROM instruments AS i
            WHERE i.venue = t.venue AND i.symbol = t.symbol AND i.valid_to::DATE = t.date)
          GROUP BY ALL
        )
        SELECT date, venue, count(*) AS instruments, median(sample_count / usual) AS share,
          min(sample_count) AS fewest, median(usual) AS usual
        FROM own GROUP BY date, venue HAVING median(sample_count / usual) < {{min_share}}
        ORDER BY share, date, venue
        """,
        severity=Severity.WARNING,
        reason="polls of some hours are not there: high, low and mean of a day with a hole may "
        "miss what happened in it, and the close may be hours old",
        threshold="median over a venue's polled instruments of sample_count ÷ the middle of their "
        "{days_back} days before ≥ {min_share:.0%}",
        # Of 24 hours three and a half; a poller set to a longer interval says so for four days.
        limits={"min_share": 0.85, "days_back": 7},
        days=True,
    )


_USD, _COIN = "t.open_interest_usd_close", "t.open_interest_coin_close"

RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    fresh(Severity.WARNING, table=TABLE),
    few_gone(table=TABLE),
    nobody_gone(table=TABLE),
    not_halved(
        "not_halved",
        Severity.WARNING,
        table=TABLE,
        usual=4,
        reason="half of a venue's instruments stayed away: a file cut short, or a page not fetched",
    ),
    not_halved(
        "not_halved_where_many",
        Severity.CRITICAL,
        table=TABLE,
        usual=20,
        reason="totals would drop as if the market had, and coverage is by venue: it would not say",
        excludes=True,
    ),
    level_not_stepped(),
    level_steady(),
    majors_level_steady(),
    share_steady(),
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
    _samples_as_before(),
    _most_have_samples(
        "half_of_samples",
        Severity.WARNING,
        min_share=0.5,
        reason="for half of a venue the mean is of less than half a day, and the close may be "
        "hours old",
    ),
    _most_have_samples(
        "samples_enough_for_a_day",
        Severity.CRITICAL,
        min_share=0.1,
        reason="two hours are no day: mean, high, low and close are of a moment",
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
    no_rows(
        "no_spike",
        """
        SELECT t.date, t.venue, t.symbol, t.open_interest_coin_low AS low,
          t.open_interest_coin_high AS high, t.open_interest_usd_high AS usd_high
        FROM batch AS t JOIN batch AS p
        ON p.date = t.date - 1 AND p.venue = t.venue AND p.symbol = t.symbol
        WHERE t.date BETWEEN {first} AND {last}
        AND t.open_interest_coin_high > {max_factor} * t.open_interest_coin_low
        AND coalesce(t.open_interest_usd_high, {min_usd}) >= {min_usd}
        ORDER BY t.open_interest_usd_high DESC NULLS LAST, t.date, t.venue, t.symbol
        """,
        severity=Severity.WARNING,
        reason="a snapshot or an hour in another unit, or zeros for what was not reported, make "
        "the day's high, low and mean, and leave its close alone",
        threshold="coin_high ≤ {max_factor} × coin_low within a day, from {min_usd:,.0f} USD up, "
        "of instruments that were there the day before",
        limits={"max_factor": 5, "min_usd": 1_000_000},
        days=True,
    ),
)
