"""Rules on what a venue's day is beside the venue's own days before.

They look `DAYS_BACK` days back and compare with the middle of what is there: a single odd day
before does not make the next, sound one look odd. Only perpetuals: dated contracts come and go.
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.market_rules import OPEN_INTEREST
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

DAYS_BACK = 7

_LOOKBACK = "date BETWEEN {first} - {days_back} AND {last}"
_DAYS_BEFORE = (
    "ORDER BY date RANGE BETWEEN INTERVAL {days_back} DAYS PRECEDING AND INTERVAL 1 DAYS PRECEDING"
)
_BACK = {"days_back": DAYS_BACK}


def not_halved(
    name: str, severity: Severity, *, table: str, usual: int, reason: str, excludes: bool = False
) -> Rule:
    """usual: venues that have fewer instruments than this are left alone."""
    source = OPEN_INTEREST if table == "open_interest_daily" else "batch"
    return no_rows(
        name,
        f"""
        WITH counted AS (
          SELECT date, venue, count(*) AS instruments FROM {source} AS s
          WHERE {_LOOKBACK} AND contract_kind = 'perpetual' GROUP BY ALL
        ), beside AS (
          SELECT *, median(instruments) OVER (PARTITION BY venue {_DAYS_BEFORE}) AS usual
          FROM counted
        ), ended AS (
          SELECT b.date, b.venue, count(*) AS ended FROM beside AS b JOIN instruments AS i
          ON i.venue = b.venue AND i.valid_to >= b.date - {{days_back}} AND i.valid_to < b.date + 1
          WHERE i.contract_kind = 'perpetual' GROUP BY ALL
        )
        SELECT date, venue, instruments, usual, coalesce(ended, 0) AS ended
        FROM beside LEFT JOIN ended USING (date, venue)
        WHERE {{in_run}} AND usual >= {{usual}}
        AND instruments + coalesce(ended, 0) < {{min_share}} * usual
        ORDER BY instruments / usual, date, venue
        """,
        severity=severity,
        reason=reason,
        threshold="at least {min_share:.0%} of the perpetuals a venue of {usual} or more usually "
        "had within {days_back} days, those that ended left out",
        limits={"min_share": 0.5, "usual": usual, **_BACK},
        days=True,
        excludes=excludes,
    )


def typical_rate_steady() -> Rule:
    return no_rows(
        "typical_rate_steady",
        f"""
        WITH typical AS (
          SELECT date, venue, count(*) AS instruments, median(abs(funding_rate_8h)) AS typical_8h
          FROM batch WHERE {_LOOKBACK} AND contract_kind = 'perpetual'
          AND funding_rate_8h IS NOT NULL
          GROUP BY ALL HAVING count(*) >= {{min_instruments}}
        ), beside AS (
          SELECT *, median(typical_8h) OVER (PARTITION BY venue {_DAYS_BEFORE}) AS usual_8h
          FROM typical
        )
        SELECT * FROM beside WHERE {{in_run}}
        AND greatest(typical_8h, usual_8h)
          > {{max_factor}} * greatest(least(typical_8h, usual_8h), {{floor}})
        ORDER BY greatest(typical_8h, usual_8h) DESC, date, venue
        """,
        severity=Severity.WARNING,
        reason="the middle of a venue does not move so far in a day: percent for a fraction, a "
        "year's rate for a day's, or rates that stopped coming and stand at zero",
        threshold="median |rate per 8 h| of a venue of at least {min_instruments} instruments "
        "within a factor of {max_factor} of its {days_back} days before; below {floor} "
        "is as {floor}",
        limits={"max_factor": 30, "min_instruments": 5, "floor": 0.00001, **_BACK},
        days=True,
    )


def volume_steady(name: str, severity: Severity, *, max_factor: float) -> Rule:
    return no_rows(
        name,
        f"""
        WITH beside AS (
          SELECT date, venue, volume_usd / median(volume_usd) OVER (
            PARTITION BY venue, symbol, base_asset {_DAYS_BEFORE}) AS to_usual
          FROM batch WHERE {_LOOKBACK} AND contract_kind = 'perpetual' AND volume_usd > 0
        )
        SELECT date, venue, count(*) AS instruments, median(to_usual) AS to_usual
        FROM beside WHERE {{in_run}} AND to_usual IS NOT NULL GROUP BY date, venue
        HAVING count(*) >= {{min_instruments}}
        AND median(to_usual) NOT BETWEEN 1 / {{max_factor}} AND {{max_factor}}
        ORDER BY abs(ln(median(to_usual))) DESC, date, venue
        """,
        severity=severity,
        reason="half of a venue trades a multiple at once: thousands for ones, coins or contracts "
        "for dollars, or an hour taken for a day",
        threshold="median of volume_usd ÷ that of the {days_back} days before between "
        "1/{max_factor} and {max_factor}, over at least {min_instruments} instruments of a venue",
        limits={"max_factor": max_factor, "min_instruments": 5, **_BACK},
        days=True,
        excludes=severity is Severity.CRITICAL,
    )


# Every day beside each of its days before: one row per pair, with the middle of the instruments'
# ratios, and how far the instruments are apart in it. (Unnested: joined by lag it takes fifteen
# times as long.)
_PAIRS = f"""
WITH seen AS (
  SELECT date, venue, symbol, base_asset, open_interest_coin_close AS coin,
    open_interest_usd_close AS usd
  FROM {OPEN_INTEREST} AS o
  WHERE {_LOOKBACK} AND contract_kind = 'perpetual' AND open_interest_coin_close > 0
), back AS (
  SELECT *, date - unnest(range(1, {{days_back}} + 1))::INTEGER AS before FROM seen WHERE {{in_run}}
), ratios AS (
  SELECT t.date, t.venue, t.before, count(*) AS instruments,
    quantile_cont(t.coin / p.coin, [0.25, 0.5, 0.75]) AS quarters,
    max(t.coin / p.coin) / min(t.coin / p.coin) AS extremes_apart,
    coalesce(greatest(sum(t.usd), sum(p.usd)), {{min_usd}}) AS usd
  FROM back AS t JOIN seen AS p ON p.date = t.before AND p.venue = t.venue
  AND p.symbol = t.symbol AND p.base_asset = t.base_asset
  GROUP BY ALL
), pairs AS (
  SELECT date, venue, before, instruments, quarters[2] AS ratio, usd,
    CASE WHEN instruments < {{few}} THEN extremes_apart ELSE quarters[3] / quarters[1] END AS apart
  FROM ratios
)
"""


def level_not_stepped() -> Rule:
    """All of a venue's open interest in another unit, or of both sides where it was of one.

    A level that stood for four of the days before is the new one. So is one whose older days are
    gone because they were taken out: then nobody is left to say which of the two is wrong.
    """
    return no_rows(
        "level_not_stepped",
        f"""
        {_PAIRS}, alike AS (
          SELECT *, usd >= {{min_usd}} AND instruments > 1
            AND apart <= CASE WHEN instruments < {{few}} THEN {{max_apart_of_few}}
              ELSE {{max_apart}} END AS together
          FROM pairs
        ), levels AS (
          SELECT date, venue, median(ratio) AS level,
            max(before) FILTER (together AND ratio >= {{up}}) AS lower_on,
            max(before) FILTER (together AND ratio <= {{down}}) AS higher_on
          FROM alike GROUP BY ALL
        ), out AS (
          SELECT l.date, l.venue, count(*) AS days FROM levels AS l JOIN coverage_daily AS c
          ON c.venue = l.venue AND c.date BETWEEN l.date - {{days_back}} AND l.date - 1
          WHERE c.dataset = 'open_interest' AND c.excluded_because IS NOT NULL GROUP BY ALL
        )
        SELECT date, venue, level, coalesce(lower_on, higher_on) AS beside, instruments, ratio,
          apart, usd
        FROM levels JOIN alike USING (date, venue) LEFT JOIN out USING (date, venue)
        WHERE coalesce(out.days, 0) < {{settled_days}}
        AND ((level >= sqrt({{up}}) AND before = lower_on)
          OR (level <= sqrt({{down}}) AND before = higher_on))
        ORDER BY usd DESC, date, venue
        """,
        severity=Severity.CRITICAL,
        reason="instruments of a venue move apart, even in a crash; what moves them all by one "
        "factor is a change of unit or sidedness",
        threshold="the coins of a venue's perpetuals have not all moved to {up} × or {down} × of a "
        "day of the {days_back} before (half of them within a factor of {max_apart}, fewer than "
        "{few} all within {max_apart_of_few}), from {min_usd:,.0f} USD up; a level {settled_days} "
        "days old is the new one",
        limits={
            "up": 1.9,
            "down": 0.53,
            "max_apart": 1.25,
            "max_apart_of_few": 1.02,
            "few": 5,
            "min_usd": 1_000_000,
            "settled_days": 4,
            **_BACK,
        },
        days=True,
        excludes=True,
    )


def level_steady() -> Rule:
    return no_rows(
        "level_steady",
        f"""
        {_PAIRS}, last_seen AS (
          SELECT * FROM pairs QUALIFY before = max(before) OVER (PARTITION BY date, venue)
        )
        SELECT date, venue, before AS beside, instruments, ratio, apart, usd FROM last_seen
        WHERE instruments >= {{few}} AND usd >= {{min_usd}}
        AND (ratio >= {{up}} OR ratio <= {{down}})
        ORDER BY usd DESC, date, venue
        """,
        severity=Severity.WARNING,
        reason="half of a venue's instruments doubled or halved: a crash, a venue that just began, "
        "or a change of unit or sidedness",
        threshold="median of coin ÷ coin when last seen within {days_back} days between {down} and "
        "{up}, over at least {few} perpetuals of a venue and from {min_usd:,.0f} USD up",
        limits={"up": 1.8, "down": 0.55, "few": 5, "min_usd": 1_000_000, **_BACK},
        days=True,
    )


def majors_level_steady() -> Rule:
    return no_rows(
        "majors_level_steady",
        f"""
        WITH beside AS (
          SELECT date, venue, symbol, open_interest_coin_close AS coin,
            open_interest_usd_close AS usd,
            lag(open_interest_coin_close) OVER own AS coin_before,
            lag(open_interest_usd_close) OVER own AS usd_before
          FROM {OPEN_INTEREST} AS o
          WHERE {_LOOKBACK} AND contract_kind = 'perpetual' AND base_asset IN ('BTC', 'ETH')
          WINDOW own AS (PARTITION BY venue, symbol ORDER BY date)
        )
        SELECT date, venue, symbol, coin_before, coin, usd FROM beside
        WHERE {{in_run}} AND greatest(usd, usd_before) >= {{min_usd}}
        AND coin_before > 0 AND coin / coin_before NOT BETWEEN {{down}} AND {{up}}
        ORDER BY usd DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="the largest two hardly double or halve in a day: a change of unit or sidedness",
        threshold="coins of BTC and ETH between {down} and {up} × those when last seen within "
        "{days_back} days, from {min_usd:,.0f} USD up",
        limits={"up": 1.8, "down": 0.55, "min_usd": 10_000_000, **_BACK},
        days=True,
    )


# A settlement that stands twice within the day leaves the hours as they are: only the count and the
# hours an interval has tell it, and so does a change of interval there and back within a day.
_ONE_TOO_MANY = f"""
WITH beside AS (
  SELECT date, venue, symbol, base_asset, settlement_count, interval_hours, hours_covered,
    lag(interval_hours) OVER (PARTITION BY venue, symbol ORDER BY date) AS interval_before
  FROM batch WHERE {_LOOKBACK}
), judged AS (
  SELECT *, coalesce(settlement_count - hours_covered / interval_hours >= {{one_more}}
    AND interval_hours / interval_before BETWEEN 0.9 AND 1.1, false) AS too_many
  FROM beside WHERE {{in_run}}
)
"""


def no_settlement_too_many() -> Rule:
    return no_rows(
        "no_settlement_too_many",
        f"""
        {_ONE_TOO_MANY}
        SELECT date, venue, symbol, settlement_count, interval_hours, hours_covered FROM judged
        WHERE too_many ORDER BY settlement_count DESC, date, venue, symbol
        """,
        severity=Severity.WARNING,
        reason="a settlement stands twice under two stamps and is counted twice in the sum, or the "
        "interval changed and changed back within the day",
        threshold="settlement_count × interval_hours ≤ hours_covered and a trifle, where the "
        "interval is that of the day before",
        limits={"one_more": 0.8, **_BACK},
        days=True,
    )


def few_settlements_too_many() -> Rule:
    return no_rows(
        "few_settlements_too_many",
        f"""
        {_ONE_TOO_MANY}
        SELECT date, venue, count(*) AS instruments, count(*) FILTER (too_many) AS with_too_many,
          min(symbol) FILTER (too_many) AS such_as
        FROM judged GROUP BY date, venue
        HAVING count(*) FILTER (too_many) > {{max_share}} * count(*)
        OR count(*) FILTER (too_many AND base_asset IN ('BTC', 'ETH')) > 0
        ORDER BY with_too_many / instruments DESC, date, venue
        """,
        severity=Severity.CRITICAL,
        reason="intervals of half a venue, or of BTC and ETH, do not change there and back within "
        "a day: settlements stand twice under two stamps and are counted twice in the sums",
        threshold="settlement_count × interval_hours ≤ hours_covered and a trifle, for at least "
        "half of a venue's instruments and for BTC and ETH",
        limits={"one_more": 0.8, "max_share": 0.5, **_BACK},
        days=True,
        excludes=True,
    )
