"""Rules that notice longs taken for shorts, and feeds that went quiet or changed.

A side's sign is the easiest thing to get wrong about a venue, and no sum shows it: prices do, and
other venues.
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

# Days on which it is plain which side had to go: the price went one way, at most half as far the
# other, and kept at least half of it. A spike that came back liquidates both.
_MOVES = """
moves AS (
  SELECT date, base_asset, price_close / price_open - 1 AS move,
    CASE WHEN price_close < price_open THEN 'long' ELSE 'short' END AS due
  FROM market_daily WHERE {in_run} AND abs(price_close / price_open - 1) > {min_move}
  AND CASE WHEN price_close < price_open
    THEN price_high - price_open <= (price_open - price_low) / 2
      AND price_open - price_close >= (price_open - price_low) / 2
    ELSE price_open - price_low <= (price_high - price_open) / 2
      AND price_close - price_open >= (price_high - price_open) / 2 END
), wrong AS (
  SELECT l.date, l.venue, l.symbol, l.base_asset, m.move, l.long_usd, l.short_usd, l.total_usd,
    CASE WHEN m.due = 'long' THEN l.short_usd ELSE l.long_usd END AS wrong_usd
  FROM batch AS l JOIN moves AS m ON m.date = l.date AND m.base_asset = l.base_asset
  WHERE l.{in_run} AND l.total_usd > 0
)
"""
_MIN_MOVE = {"min_move": 0.08}


def sides_fit_price() -> Rule:
    return no_rows(
        "sides_fit_price",
        f"""
        WITH {_MOVES}
        SELECT date, venue, symbol, move, long_usd, short_usd FROM wrong
        WHERE total_usd >= {{min_usd}} AND wrong_usd > {{max_share}} * total_usd
        ORDER BY total_usd DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="a fall liquidates longs and a rise shorts: sides may be swapped",
        threshold="at least a third longs where a price only fell, and shorts where it only rose, "
        "by {min_move:.0%} or more, from {min_usd:,.0f} USD up",
        limits={"min_usd": 1_000_000, "max_share": 2 / 3, **_MIN_MOVE},
        days=True,
    )


def sides_not_swapped() -> Rule:
    return no_rows(
        "sides_not_swapped",
        f"""
        WITH {_MOVES}, assets AS (
          SELECT date, venue, base_asset, sum(wrong_usd) AS wrong_usd, sum(total_usd) AS total_usd
          FROM wrong GROUP BY ALL HAVING sum(total_usd) >= {{min_usd_of_asset}}
        )
        SELECT date, venue, count(*) AS assets, sum(wrong_usd) AS wrong_usd,
          sum(total_usd) AS total_usd, arg_max(base_asset, total_usd) AS largest
        FROM assets GROUP BY date, venue
        HAVING sum(total_usd) >= {{min_usd}} AND sum(wrong_usd) > {{max_share}} * sum(total_usd)
        AND (count(*) >= {{min_assets}} OR bool_or(base_asset IN ('BTC', 'ETH')))
        ORDER BY sum(wrong_usd) DESC, date, venue
        """,
        severity=Severity.CRITICAL,
        reason="a fall liquidates longs and a rise shorts, whatever the venue: its sides are "
        "swapped",
        threshold="of assets whose price went one way, by {min_move:.0%} or more, at most "
        "{max_share:.0%} of a venue's liquidations on the other side, from {min_usd:,.0f} USD up "
        "in {min_assets} assets, or in BTC or ETH",
        limits={
            "min_usd": 10_000_000,
            "min_usd_of_asset": 1_000_000,
            "max_share": 0.8,
            "min_assets": 2,
            **_MIN_MOVE,
        },
        days=True,
        excludes=True,
    )


def sides_like_others(name: str, severity: Severity, *, min_venues: int, reason: str) -> Rule:
    """Over assets of which at least `min_venues` venues saw liquidations on the day."""
    return no_rows(
        name,
        """
        WITH assets AS (
          SELECT date, venue, base_asset, sum(long_usd) AS long_usd, sum(total_usd) AS total_usd
          FROM batch WHERE {in_run} GROUP BY ALL HAVING sum(total_usd) > 0
        ), shared AS (
          SELECT * FROM assets
          QUALIFY count(*) OVER (PARTITION BY date, base_asset) >= {min_venues}
        ), shares AS (
          SELECT date, venue, sum(total_usd) AS total_usd, sum(long_usd) / sum(total_usd) AS longs
          FROM shared GROUP BY ALL HAVING sum(total_usd) >= {min_usd}
        )
        SELECT t.date, t.venue, t.total_usd, t.longs, min(o.longs) AS lowest_of_others,
          max(o.longs) AS highest_of_others, count(*) AS others
        FROM shares AS t JOIN shares AS o ON o.date = t.date AND o.venue <> t.venue
        GROUP BY t.date, t.venue, t.total_usd, t.longs
        HAVING count(*) >= {min_venues} - 1 AND min(abs(t.longs - o.longs)) > {max_apart}
        ORDER BY t.total_usd DESC, t.date, t.venue
        """,
        severity=severity,
        reason=reason,
        threshold="the share of longs within {max_apart} of another venue's, among {min_venues} or "
        "more with {min_usd:,.0f} USD each in the assets they share",
        limits={"max_apart": 0.6, "min_usd": 10_000_000, "min_venues": min_venues},
        days=True,
        excludes=severity is Severity.CRITICAL,
    )


def completeness_steady() -> Rule:
    """A change on the first day of a documented regime is no news."""
    return no_rows(
        "completeness_steady",
        """
        SELECT t.date, t.venue, p.completeness AS was, t.completeness AS is_now,
          count(*) AS instruments, min(t.symbol) AS such_as
        FROM batch AS t JOIN batch AS p
        ON p.date = t.date - 1 AND p.venue = t.venue AND p.symbol = t.symbol
        WHERE t.{in_run} AND p.completeness <> t.completeness
        AND NOT EXISTS (SELECT 1 FROM liquidation_regimes AS r
          WHERE r.venue = t.venue AND r.valid_from BETWEEN t.date - 1 AND t.date)
        GROUP BY t.date, t.venue, p.completeness, t.completeness
        ORDER BY instruments DESC, t.date, t.venue, was, is_now
        """,
        severity=Severity.WARNING,
        reason="amounts of the two days are not comparable, and no documented change says why",
        threshold="each instrument's completeness is that of the day before, but where a "
        "documented regime begins",
        days=True,
    )


def feed_alive() -> Rule:
    return no_rows(
        "feed_alive",
        """
        WITH sums AS (
          SELECT date, venue, sum(total_usd) AS usd FROM batch
          WHERE date BETWEEN {first} - {days_back} AND {last} GROUP BY ALL
        ), beside AS (
          SELECT *, median(usd) OVER (PARTITION BY venue ORDER BY date RANGE BETWEEN
            INTERVAL {days_back} DAYS PRECEDING AND INTERVAL 1 DAYS PRECEDING) AS usual
          FROM sums
        ), others AS (
          SELECT t.date, t.venue, t.usd, t.usual, sum(o.usd) / sum(o.usual) AS others_to_usual
          FROM beside AS t LEFT JOIN beside AS o
          ON o.date = t.date AND o.venue <> t.venue AND o.usual > 0
          WHERE t.{in_run} GROUP BY ALL
        )
        SELECT * FROM others
        WHERE usual >= {min_usd} AND usd < {max_drop} * usual
        AND (others_to_usual > {others_stay} OR (others_to_usual IS NULL AND usd = 0))
        ORDER BY usual DESC, date, venue
        """,
        severity=Severity.WARNING,
        reason="a recorder that died looks like a quiet day",
        threshold="liquidations of a venue at least {max_drop:.0%} of its usual day within "
        "{days_back} days, of {min_usd:,.0f} USD or more, unless other venues went quiet as well",
        limits={"max_drop": 0.02, "others_stay": 0.2, "min_usd": 1_000_000, "days_back": 7},
        days=True,
    )
