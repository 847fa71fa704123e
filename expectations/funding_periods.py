"""Rules on what period a funding rate is for, and on who owes one.

A rate of eight hours told for each hour, a day's for a settlement's, predictions among settlements:
each number is possible by itself. What tells them is the instrument's own days before together with
what other venues paid for the same asset on the same day. Thresholds were tried on the settlements
of nine venues, 2020 … 2026 (13,000 instrument-days with another venue beside them).
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.market_rules import OPEN_INTEREST
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

DAYS_BACK = 7

_BACK = {"days_back": DAYS_BACK}
_LOOKBACK = "date BETWEEN {first} - {days_back} AND {last}"


def due_where_open() -> Rule:
    return no_rows(
        "due_where_open",
        f"""
        WITH held AS (
          SELECT date, venue, symbol, open_interest_usd_close AS usd FROM {OPEN_INTEREST} AS o
          WHERE date BETWEEN {{first}} - 1 AND {{last}} AND contract_kind = 'perpetual'
          AND open_interest_coin_close > 0
        ), due AS (
          SELECT date, venue, symbol, usd FROM held AS t
          WHERE {{in_run}} AND EXISTS (SELECT 1 FROM held AS p
            WHERE p.date = t.date - 1 AND p.venue = t.venue AND p.symbol = t.symbol)
          AND NOT coalesce((SELECT bool_and(coalesce(i.valid_to < t.date + 1, false))
            FROM instruments AS i WHERE i.venue = t.venue AND i.symbol = t.symbol), false)
        ), judged AS (
          SELECT *, EXISTS (SELECT 1 FROM batch AS b WHERE b.date = due.date
            AND b.venue = due.venue AND b.symbol = due.symbol) AS paid
          FROM due
        )
        SELECT date, venue, symbol, usd, count(*) FILTER (paid) OVER venue_day AS paid_by,
          count(*) OVER venue_day AS due_of
        FROM judged WINDOW venue_day AS (PARTITION BY date, venue)
        QUALIFY NOT paid AND paid_by >= {{min_share}} * due_of
        ORDER BY usd DESC NULLS LAST, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="every perpetual settles within a day: a file without settlements is no answer, and "
        "market rates leave the instrument out",
        threshold="a perpetual with open interest on two days running has funding, where the venue "
        "publishes it for {min_share:.0%} of such",
        # Below that the venue's funding is read for chosen symbols only.
        limits={"min_share": 0.5},
        days=True,
    )


def interval_not_shortened() -> Rule:
    return no_rows(
        "interval_not_shortened",
        f"""
        WITH beside AS (
          SELECT date, venue, symbol, base_asset, interval_hours, settlement_count,
            greatest(abs(funding_rate_min), abs(funding_rate_max)) AS largest,
            lag(interval_hours) OVER own AS interval_before,
            lag(greatest(abs(funding_rate_min), abs(funding_rate_max))) OVER own AS largest_before
          FROM batch WHERE {_LOOKBACK} AND contract_kind = 'perpetual'
          WINDOW own AS (PARTITION BY venue, symbol, base_asset ORDER BY date)
        )
        SELECT date, venue, symbol, interval_before, interval_hours, settlement_count, largest
        FROM beside
        WHERE {{in_run}} AND interval_hours <= {{max_share}} * interval_before
        AND interval_before <= {{longest}} AND greatest(largest, largest_before) < {{calm}}
        ORDER BY interval_hours / interval_before, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="venues shorten an interval when a rate hits its cap, else by announcement: among "
        "calm rates it may be predictions taken for settlements, each counted in the sum",
        threshold="interval_hours above {max_share:.0%} of those of the day seen before (if at "
        "most {longest}), unless a settlement reached {calm}",
        # All twelve of Binance's changes to 1 h from January to March 2026 came with a settlement
        # at the cap of 0.02; the caps of BTC and ETH are below 0.005, so that any change is told.
        # Nobody settles less often than every 8 h since BitMEX went from 24 to 8 in 2016.
        limits={"max_share": 0.55, "calm": 0.005, "longest": 8, **_BACK},
        days=True,
    )


# Each instrument's day beside the middle of its own days before, and that beside the same of the
# other venues; per 8 h, so that intervals do not matter.
_BESIDE = f"""
WITH seen AS (
  SELECT date, venue, symbol, base_asset, interval_hours, funding_rate_8h AS rate,
    least(abs(funding_rate_min), abs(funding_rate_max)) * 8 / interval_hours AS lowest
  FROM batch WHERE {_LOOKBACK} AND contract_kind = 'perpetual' AND funding_rate_8h IS NOT NULL
), own AS (
  SELECT t.date, t.venue, t.symbol, t.base_asset, t.interval_hours, t.rate, t.lowest,
    median(p.rate) AS own_before, median(abs(p.rate)) AS size_before
  FROM seen AS t JOIN seen AS p ON p.venue = t.venue AND p.symbol = t.symbol
  AND p.base_asset = t.base_asset AND p.date BETWEEN t.date - {{days_back}} AND t.date - 1
  WHERE t.{{in_run}} GROUP BY ALL
), of_venue AS (
  SELECT date, base_asset, venue, median(rate) AS rate, median(size_before) AS size_before
  FROM own GROUP BY ALL
), others AS (
  SELECT t.date, t.base_asset, t.venue, median(o.rate) AS others,
    median(o.size_before) AS others_before
  FROM of_venue AS t JOIN of_venue AS o
  ON o.date = t.date AND o.base_asset = t.base_asset AND o.venue <> t.venue
  GROUP BY ALL
), beside AS (
  SELECT * FROM own JOIN others USING (date, base_asset, venue)
)
"""


def majors_rate_of_its_period() -> Rule:
    return no_rows(
        "majors_rate_of_its_period",
        f"""
        {_BESIDE}
        SELECT date, venue, symbol, interval_hours, rate AS rate_8h, own_before, others
        FROM beside
        WHERE base_asset IN ('BTC', 'ETH') AND rate * own_before > 0 AND rate * others > 0
        AND abs(rate) >= {{factor}} * greatest(size_before, abs(others), {{floor}})
        AND lowest >= {{factor}} / 2 * greatest(size_before, {{floor}})
        ORDER BY abs(rate) DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="arbitrage holds venues together: a rate of 8 hours told for each hour, or a day's "
        "for a settlement's",
        threshold="|rate per 8 h| of BTC and ETH below {factor} × the middle of its {days_back} "
        "days before and × the other venues' of the day, if all have one sign and every settlement "
        "of the day is that large; less than {floor} is as {floor}",
        # Of 12,500 days of BTC and ETH at nine venues fewer than ten were so, most at BitMEX and
        # KuCoin; without the conditions on sign and on every settlement 41.
        limits={"factor": 5, "floor": 0.0001, **_BACK},
        days=True,
    )


def rates_not_moved_alone() -> Rule:
    return no_rows(
        "rates_not_moved_alone",
        f"""
        {_BESIDE}, moved AS (
          SELECT date, venue, symbol,
            greatest(abs(rate), {{floor}}) / greatest(size_before, {{floor}}) AS by_itself,
            greatest(abs(others), {{floor}}) / greatest(others_before, {{floor}}) AS by_others
          FROM beside
        ), quarters AS (
          SELECT date, venue, count(*) AS instruments, median(by_itself) AS moved,
            median(by_others) AS others_moved,
            quantile_cont(by_itself / by_others, 0.25) AS low,
            quantile_cont(by_itself / by_others, 0.75) AS high
          FROM moved GROUP BY ALL HAVING count(*) >= {{min_instruments}}
        )
        SELECT date, venue, instruments, moved, others_moved, low, high FROM quarters
        WHERE low >= {{factor}} OR high <= 1 / {{factor}}
        ORDER BY greatest(low, 1 / high) DESC, date, venue
        """,
        severity=Severity.WARNING,
        reason="instruments of a venue do not all go the same way by a factor while the same "
        "assets elsewhere stay: their rates are for another period than before",
        threshold="|rate per 8 h| beside the {days_back} days before has not grown or shrunk "
        "{factor}-fold against the same of other venues, for three of four of a venue's "
        "instruments, of which {min_instruments} or more are elsewhere too; less than {floor} is "
        "as {floor}",
        limits={"factor": 5, "floor": 0.00001, "min_instruments": 5, **_BACK},
        days=True,
    )
