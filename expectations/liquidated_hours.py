"""Rules that hold a venue's liquidations against themselves, hour by hour and order by order.

They need no other venue and no large move: on the calmest day longs go when the price just fell and
shorts when it just rose, something is liquidated in most hours, and orders are about as large as
they were yesterday.
"""

from __future__ import annotations

from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity


def sides_follow_price() -> Rule:
    """Prices are those the orders were valued at, an hour's average; its move is from the hour with
    orders before it. `follows` is the correlation, through zero, of that move with the share of
    shorts less that of longs, weighted by the root of the hour's dollars, so that no single cascade
    decides. In Binance's recordings of 2024 and 2025 it lies between 0.3 and 0.9 over 5, 15 and 60
    minutes. An instrument alone has fewer orders, so that more is asked of it.
    """
    return no_rows(
        "sides_follow_price",
        """
        WITH hours AS (
          SELECT date, venue, symbol, hour, total_usd,
            ln(total_usd / (long_coin + short_coin)) AS price,
            (short_usd - long_usd) / total_usd AS lean
          FROM batch WHERE {in_run} AND total_usd > 0 AND long_coin + short_coin > 0
        ), steps AS (
          SELECT *, price - lag(price) OVER own AS move, hour - lag(hour) OVER own AS since
          FROM hours WINDOW own AS (PARTITION BY date, venue, symbol ORDER BY hour)
        ), followed AS (
          SELECT date, venue, symbol, count(DISTINCT hour) AS hours, sum(total_usd) AS total_usd,
            sum(sqrt(total_usd) * move * lean) / nullif(sqrt(sum(sqrt(total_usd) * move * move)
              * sum(sqrt(total_usd) * lean * lean)), 0) AS follows
          FROM steps WHERE since <= INTERVAL 2 HOURS
          GROUP BY GROUPING SETS ((date, venue), (date, venue, symbol))
        )
        SELECT date, venue, symbol, follows, hours, total_usd FROM followed
        WHERE hours >= {min_hours} AND total_usd >= {min_usd}
        AND follows < CASE WHEN symbol IS NULL THEN {venue_below} ELSE {symbol_below} END
        ORDER BY symbol IS NOT NULL, total_usd DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="longs are liquidated when the price just fell and shorts when it just rose: sides "
        "may be swapped",
        threshold="what is liquidated in an hour goes with the price: a correlation of at least "
        "{venue_below} over a venue and {symbol_below} of an instrument, from {min_hours} hours "
        "and {min_usd:,.0f} USD up",
        limits={
            "venue_below": -0.2,
            "symbol_below": -0.4,
            "min_hours": 8,
            "min_usd": 100_000,
        },
        days=True,
    )


def no_long_silence() -> Rule:
    """Over all instruments of a venue and margin type, since linear and inverse products have feeds
    of their own; days before that are not there say nothing."""
    return no_rows(
        "no_long_silence",
        """
        WITH heard AS (
          SELECT DISTINCT date, venue, margin_type, hour(hour) AS hour FROM batch
          WHERE date BETWEEN {first} - {days_back} AND {last} AND long_count + short_count > 0
        ), days AS (
          SELECT date, venue, margin_type, count(*) / 24 AS share FROM heard GROUP BY ALL
        ), usual AS (
          SELECT t.date, t.venue, t.margin_type, avg(p.share) AS share
          FROM days AS t JOIN days AS p
          ON p.venue = t.venue AND p.margin_type = t.margin_type
          AND p.date BETWEEN t.date - {days_back} AND t.date - 1
          WHERE t.{in_run} GROUP BY ALL
        ), edges AS (
          SELECT date, venue, margin_type, hour FROM heard WHERE {in_run}
          UNION ALL SELECT date, venue, margin_type, unnest([-1, 24]) FROM usual
        ), silences AS (
          SELECT date, venue, margin_type, lag(hour) OVER own + 1 AS from_hour,
            hour - lag(hour) OVER own - 1 AS hours
          FROM edges WINDOW own AS (PARTITION BY date, venue, margin_type ORDER BY hour)
        )
        SELECT date, venue, margin_type, max(hours) AS silent_hours,
          arg_max(from_hour, hours) AS from_hour, usual.share AS usual_share
        FROM silences JOIN usual USING (date, venue, margin_type)
        GROUP BY date, venue, margin_type, usual.share
        HAVING max(hours) >= {min_hours} AND usual.share >= {min_share}
        ORDER BY silent_hours DESC, date, venue, margin_type
        """,
        severity=Severity.WARNING,
        reason="a recorder that died looks like a quiet market, and what it missed is in no sum",
        threshold="less than {min_hours} hours in a row without a liquidation, of a venue's "
        "products of a margin type that have them in {min_share:.0%} of the hours of the "
        "{days_back} days before",
        # Hours at random, one in ten of them silent, are six in a row once in 50,000 days.
        limits={"min_hours": 6, "min_share": 0.9, "days_back": 7},
        days=True,
    )


def order_size_steady() -> Rule:
    """Of `liquidations_daily`. The largest order is left out: one whale is no other unit."""
    return no_rows(
        "order_size_steady",
        """
        WITH sizes AS (
          SELECT date, venue, symbol, long_count + short_count AS orders,
            (total_usd - largest_usd) / nullif(long_count + short_count - 1, 0) AS order_usd
          FROM batch WHERE date BETWEEN {first} - {days_back} AND {last}
          AND long_count + short_count >= {min_orders}
        ), beside AS (
          SELECT t.date, t.venue, t.symbol, t.orders, t.order_usd, median(p.order_usd) AS usual_usd
          FROM sizes AS t JOIN sizes AS p ON p.venue = t.venue AND p.symbol = t.symbol
          AND p.date BETWEEN t.date - {days_back} AND t.date - 1
          WHERE t.{in_run} GROUP BY ALL
        )
        SELECT date, venue, symbol, orders, order_usd, usual_usd FROM beside
        WHERE greatest(order_usd, usual_usd) >= {min_usd}
        AND (order_usd >= {times} * usual_usd OR order_usd <= usual_usd / {times})
        ORDER BY greatest(order_usd, usual_usd) DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="totals go up and down a hundredfold, the orders they are made of do not: contracts "
        "taken for coins, coins for contracts, or a contract of another size",
        threshold="the mean order, without the largest, less than {times} times and more than a "
        "{times}th of its median over the {days_back} days before, where the larger is "
        "{min_usd:,.0f} USD or more, of instruments with {min_orders} orders or more",
        limits={"times": 20, "min_orders": 10, "min_usd": 1_000, "days_back": 7},
        days=True,
    )
