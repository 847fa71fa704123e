"""What must hold for prices and volume; the schema's bounds already ask for prices above 0."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.across_venues import price_like_others
from expectations.continuity import not_halved, volume_steady
from expectations.daily_rules import USD_QUOTES, fresh, nobody_gone, not_empty
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

TABLE = "prices_daily"

_QUOTES = ", ".join(f"'{quote}'" for quote in USD_QUOTES)

RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    fresh(Severity.WARNING, table=TABLE),
    nobody_gone(table=TABLE),
    not_halved(
        "not_halved",
        Severity.WARNING,
        table=TABLE,
        usual=4,
        reason="half of a venue's instruments stayed away: a file cut short, or a page not fetched",
    ),
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
        excludes=True,
    ),
    no_rows(
        "no_spike",
        """
        SELECT t.date, t.venue, t.symbol, t.price_low, t.price_high
        FROM batch AS t JOIN batch AS p
        ON p.date = t.date - 1 AND p.venue = t.venue AND p.symbol = t.symbol
        WHERE t.date BETWEEN {first} AND {last}
        AND t.price_high > {max_factor} * t.price_low
        ORDER BY t.price_high / t.price_low DESC, t.date, t.venue, t.symbol
        """,
        severity=Severity.WARNING,
        reason="an hour in another unit makes the day's high or low, and leaves its close alone",
        threshold="price_high ≤ {max_factor} × price_low within a day, of instruments that were "
        "there the day before",
        limits={"max_factor": 5},
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
    # By margin, since it is one kind of contract that is taken for another.
    no_rows(
        "volume_fits_price",
        f"""
        SELECT date, venue, margin_type, count(*) AS instruments,
          median(volume_usd / volume_coin / price_close) AS to_price
        FROM batch WHERE {{in_run}} AND volume_coin > 0 AND volume_usd > 0
        AND margin_type <> 'quanto' AND quote_asset IN ({_QUOTES})
        GROUP BY date, venue, margin_type
        HAVING median(volume_usd / volume_coin / price_close) NOT BETWEEN {{low}} AND {{high}}
        ORDER BY abs(ln(to_price)) DESC, date, venue, margin_type
        """,
        severity=Severity.CRITICAL,
        reason="contracts taken for coins, coins for dollars, or thousands for ones: weights by "
        "volume are off",
        threshold="median of volume_usd ÷ volume_coin of a venue's linear or inverse contracts "
        "between {low} and {high} × price_close",
        limits={"low": 0.5, "high": 2.0},
        days=True,
        excludes=True,
    ),
    volume_steady("volume_steady", Severity.WARNING, max_factor=30),
    volume_steady("volume_believable", Severity.CRITICAL, max_factor=300),
    price_like_others(
        "majors_like_others",
        Severity.CRITICAL,
        majors=True,
        max_off=0.05,
        reason="a coin has one price: another coin, another day, or a wrong unit",
    ),
    price_like_others(
        "majors_near_others",
        Severity.WARNING,
        majors=True,
        max_off=0.02,
        reason="a coin has one price: look at the moment the close is of, and at what a dollar is",
    ),
    price_like_others(
        "like_others",
        Severity.CRITICAL,
        majors=False,
        max_off=0.30,
        reason="a coin has one price, and yesterday they agreed: a multiplier changed, or the "
        "ticker changed hands",
    ),
    price_like_others(
        "near_others",
        Severity.WARNING,
        majors=False,
        max_off=0.10,
        reason="a coin has one price, and yesterday they agreed: a halt, a stale mark, or a "
        "multiplier",
    ),
)
