"""Rules on what a venue says beside what other venues say of the same assets on the same day.

One venue of three can be told to be wrong; of two only the one that also broke with its own day
before. Dollars count at par, so that only USD and USDT decide about a venue.
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import USD_QUOTES
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

_ALL_DOLLARS = ", ".join(f"'{quote}'" for quote in USD_QUOTES)
_DOLLARS = "'USD', 'USDT'"


def price_like_others(
    name: str,
    severity: Severity,
    *,
    majors: bool,
    max_off: float,
    reason: str,
) -> Rule:
    """max_off: fraction by which a close may be off; on a day with a wide range, a quarter of the
    range, since marks are not taken at the very same moment.

    Other assets than BTC and ETH are looked at on the day they come apart: tickers of two coins
    under one name are apart every day. One of them says nothing of the venue's day: a coin
    exchanged 1:100 takes its new unit on one venue after the other (BNX, Binance, 2023-02-22).
    """
    critical = severity is Severity.CRITICAL
    quotes = _DOLLARS if critical else _ALL_DOLLARS
    assets = f"base_asset {'' if majors else 'NOT '}IN ('BTC', 'ETH')"
    of_venue = (
        "(n_off > n_compared / 2 OR (n_off >= 3 AND n_off >= 0.05 * n_compared))"
        if critical and not majors
        else "true"
    )
    near_before = "true" if majors else "off_before <= 1 + {max_off} / 3"
    return no_rows(
        name,
        f"""
        WITH closes AS (
          SELECT date, venue, symbol, base_asset, price_close, price_high / price_low AS span
          FROM prices_daily WHERE date BETWEEN {{first}} - 1 AND {{last}} AND {assets}
          AND contract_kind = 'perpetual' AND quote_asset IN ({quotes})
        ), of_venue AS (
          SELECT date, base_asset, venue, median(price_close) AS price, median(span) AS span
          FROM closes GROUP BY ALL
        ), market AS (
          SELECT date, base_asset, count(*) AS venues, median(price) AS typical,
            sum(price) AS summed, median(span) AS span
          FROM of_venue GROUP BY ALL HAVING count(*) >= 2
        ), beside AS (
          SELECT c.*, m.venues, m.span AS span_of_all,
            CASE WHEN m.venues = 2 THEN m.summed - v.price ELSE m.typical END AS others
          FROM closes AS c JOIN market AS m USING (date, base_asset)
          JOIN of_venue AS v USING (date, base_asset, venue)
        ), judged AS (
          SELECT t.*, greatest(t.price_close / t.others, t.others / t.price_close) AS off,
            greatest(p.price_close / p.others, p.others / p.price_close) AS off_before,
            abs(ln(t.price_close / p.price_close)) > abs(ln(t.others / p.others)) AS broke
          FROM beside AS t LEFT JOIN beside AS p ON p.date = t.date - 1 AND p.venue = t.venue
          AND p.symbol = t.symbol AND p.base_asset = t.base_asset
        ), apart AS (
          SELECT j.*, coalesce(off > 1 + greatest({{max_off}}, (span_of_all - 1) / 4)
            AND {near_before} AND (venues >= 3 OR broke), false)
            AND NOT EXISTS (SELECT 1 FROM instruments AS i WHERE i.venue = j.venue
              AND i.symbol = j.symbol AND i.valid_to < j.date + 2) AS is_off
          FROM judged AS j WHERE j.{{in_run}}
        ), counted AS (
          SELECT *, count(*) FILTER (is_off) OVER venue_day AS n_off,
            count(*) OVER venue_day AS n_compared
          FROM apart WINDOW venue_day AS (PARTITION BY date, venue)
        )
        SELECT date, venue, symbol, base_asset, price_close, others, venues, n_off, n_compared
        FROM counted WHERE is_off AND {of_venue}
        ORDER BY off DESC, date, venue, symbol
        """,
        severity=severity,
        reason=reason,
        threshold="a close within {max_off:.0%} of the other venues', or a quarter of the day's "
        "range"
        + ("" if majors else "; only where it was near the day before")
        + (" (in USD and USDT)" if critical else "")
        + (", by one in twenty and at least three, or most" if critical and not majors else ""),
        limits={"max_off": max_off},
        days=True,
        excludes=critical,
    )


def funding_like_others() -> Rule:
    return no_rows(
        "typical_rate_like_others",
        """
        WITH typical AS (
          SELECT date, venue, median(funding_rate_8h) AS typical_8h, count(*) AS instruments
          FROM batch WHERE {in_run} AND contract_kind = 'perpetual' AND funding_rate_8h IS NOT NULL
          GROUP BY ALL HAVING count(*) >= {min_instruments}
        ), beside AS (
          SELECT t.date, t.venue, t.instruments, t.typical_8h, median(o.typical_8h) AS others_8h
          FROM typical AS t JOIN typical AS o ON o.date = t.date AND o.venue <> t.venue
          GROUP BY ALL HAVING count(*) >= 2
        )
        SELECT * FROM beside
        WHERE abs(typical_8h) > {min_rate} AND abs(typical_8h) > {max_factor} * abs(others_8h)
        ORDER BY abs(typical_8h) DESC, date, venue
        """,
        severity=Severity.WARNING,
        reason="arbitrage holds venues together: percent for a fraction, a day's rate for 8 hours'",
        threshold="median rate per 8 h of a venue of at least {min_instruments} instruments at "
        "most {max_factor} × the other venues', where it exceeds {min_rate}",
        limits={"max_factor": 20, "min_rate": 0.001, "min_instruments": 5},
        days=True,
    )


def share_steady() -> Rule:
    return no_rows(
        "share_steady",
        """
        WITH held AS (
          SELECT date, base_asset, venue, sum(open_interest_usd_close) AS usd FROM batch
          WHERE date BETWEEN {first} - 1 AND {last} AND contract_kind = 'perpetual' GROUP BY ALL
        ), beside AS (
          SELECT t.date, t.venue, t.base_asset, p.usd AS usd_before, t.usd,
            p.usd / sum(p.usd) OVER of_all AS share_before, t.usd / sum(t.usd) OVER of_all AS share,
            least(sum(p.usd) OVER of_all, sum(t.usd) OVER of_all) AS of_all_venues
          FROM held AS t JOIN held AS p
          ON p.date = t.date - 1 AND p.base_asset = t.base_asset AND p.venue = t.venue
          WHERE t.{in_run} WINDOW of_all AS (PARTITION BY t.date, t.base_asset)
        )
        SELECT * FROM beside
        WHERE of_all_venues >= {min_usd} AND abs(share - share_before) > {max_moved}
        ORDER BY usd DESC, date, venue, base_asset
        """,
        severity=Severity.WARNING,
        reason="traders do not move that fast: one venue's unit, sidedness or price changed",
        threshold="a venue's share of an asset's open interest moved by at most {max_moved:.0%} in "
        "a day, among the venues of both days and from {min_usd:,.0f} USD up",
        limits={"max_moved": 0.30, "min_usd": 10_000_000},
        days=True,
    )
