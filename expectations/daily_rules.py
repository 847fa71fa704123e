"""Rules all daily tables share: not empty, fresh, nobody vanished, amounts agree with prices.

A table whose dataset no configured source provides is rightly empty. A dataset counts as provided
once there is a raw file for it.
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.rule import Rule, no_rows
from transforms.schemas.daily import SOURCE_DATASET
from transforms.schemas.evidence import Severity
from transforms.schemas.references import REFERENCE_DATASET

USD_QUOTES = ("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "USDD", "USDE", "DAI", "UST")
"""Quote assets counted as US dollars at par."""


REFERENCED = ", ".join(f"'{dataset}'" for dataset in REFERENCE_DATASET.values())
"""Datasets of aggregators, in SQL: nobody owes them, and they stop no publish."""


def about(severity: Severity) -> str:
    """Which datasets a rule on raw rows is about: a critical one leaves references alone."""
    return f"dataset NOT IN ({REFERENCED})" if severity is Severity.CRITICAL else "true"


def _has_source(dataset: str) -> str:
    return f"EXISTS (SELECT 1 FROM raw_files WHERE dataset = '{dataset}')"


def not_empty(severity: Severity, *, table: str | None = None) -> Rule:
    """The table has rows; for a daily `table`, only if a source provides its dataset."""
    dataset_of = SOURCE_DATASET | REFERENCE_DATASET
    provided = "true" if table is None else _has_source(dataset_of[table])
    return no_rows(
        "not_empty",
        "SELECT 'no rows' AS finding FROM (SELECT count(*) AS n FROM batch) "
        f"WHERE n = 0 AND {provided}",
        severity=severity,
        reason="every other rule holds on an empty table",
        threshold="at least one row, where a source provides the dataset"
        if table
        else "at least one row",
    )


def fresh(severity: Severity, *, table: str) -> Rule:
    """The run's last day has rows, where a source provides the dataset and coverage does not say
    that every venue leaves it `unsupported` on that day."""
    dataset = SOURCE_DATASET[table]
    covered = f"SELECT 1 FROM coverage_daily WHERE dataset = '{dataset}' AND date = {{last}}"
    return no_rows(
        "fresh",
        "SELECT {last} AS date, 'no rows' AS finding "
        "FROM (SELECT count(*) AS n FROM batch WHERE date = {last}) "
        f"WHERE n = 0 AND {_has_source(dataset)} "
        f"AND (EXISTS ({covered} AND status <> 'unsupported') OR NOT EXISTS ({covered}))",
        severity=severity,
        reason="yesterday's page must not be published as today's",
        threshold="rows on the run's last day",
        days=True,
    )


# An instrument that ended by the last day is gone by right; so is every dated contract sometime. Of
# a venue-day taken out coverage tells, and whether the market can do without it.
_GONE = """
WITH before AS (
  SELECT symbol, venue FROM batch WHERE date = {{last}} - 1 AND contract_kind = 'perpetual'
  AND venue NOT IN (SELECT venue FROM coverage_daily WHERE date = {{last}}
    AND dataset = '{dataset}' AND excluded_because IS NOT NULL)
), due AS (
  SELECT venue, symbol FROM before WHERE NOT coalesce((
    SELECT bool_and(i.valid_to IS NOT NULL AND i.valid_to < {{last}} + 1) FROM instruments AS i
    WHERE i.venue = before.venue AND i.symbol = before.symbol), false)
), gone AS (
  SELECT venue, symbol FROM due
  WHERE (venue, symbol) NOT IN (SELECT (venue, symbol) FROM batch WHERE date = {{last}})
)
SELECT {{last}} AS date, venue, symbol, (SELECT count(*) FROM gone) AS gone,
  (SELECT count(*) FROM due) AS were_there
FROM gone
WHERE (SELECT count(*) FROM gone) > {{max_share_gone}} * (SELECT count(*) FROM due)
ORDER BY venue, symbol
"""


def nobody_gone(*, table: str) -> Rule:
    return no_rows(
        "nobody_gone",
        _GONE.format(dataset=SOURCE_DATASET[table]),
        severity=Severity.WARNING,
        reason="an instrument went missing without an end being known",
        threshold="no perpetual of the day before is missing on the last day",
        limits={"max_share_gone": 0},
        days=True,
    )


def few_gone(*, table: str) -> Rule:
    return no_rows(
        "few_gone",
        _GONE.format(dataset=SOURCE_DATASET[table]),
        severity=Severity.CRITICAL,
        reason="a venue or a source fell away: totals would drop as if the market had",
        threshold="at most {max_share_gone:.0%} of the perpetuals of the day before are missing",
        limits={"max_share_gone": 0.20},
        days=True,
    )


def priced_like_market(
    name: str, severity: Severity, *, usd: str, coin: str, low: float, high: float
) -> Rule:
    """`usd` ÷ `coin` lies between `low` × the day's low and `high` × its high.

    Only where the instrument itself has a price on the day, quoted in dollars, and is not quanto
    (whose dollars come from another asset's price).
    """
    quotes = ", ".join(f"'{quote}'" for quote in USD_QUOTES)
    return no_rows(
        name,
        f"""
        SELECT t.date, t.venue, t.symbol, {usd} / {coin} AS usd_per_coin, p.price_low, p.price_high
        FROM batch AS t JOIN prices_daily AS p
        ON p.date = t.date AND p.venue = t.venue AND p.symbol = t.symbol
        WHERE t.{{in_run}} AND t.margin_type <> 'quanto' AND t.quote_asset IN ({quotes})
        AND {coin} > 0 AND {usd} IS NOT NULL
        AND NOT ({usd} / {coin} BETWEEN {{low}} * p.price_low AND {{high}} * p.price_high)
        ORDER BY abs(ln(greatest({usd}, 1e-300) / {coin} / p.price_close)) DESC, t.venue, t.symbol
        """,
        severity=severity,
        reason="contracts taken for coins, thousands for ones, both sides for one, a wrong price",
        threshold="{low} × the day's low price ≤ USD ÷ coin ≤ {high} × its high price",
        limits={"low": low, "high": high},
        days=True,
        excludes=severity is Severity.CRITICAL,
    )


def both_sides(key: str) -> tuple[Rule, ...]:
    """What a long and a short amount with their counts have to do with their total; `key` names
    the rows."""
    return (
        no_rows(
            "total_is_both_sides",
            f"""
            SELECT {key}, long_usd, short_usd, total_usd FROM batch
            WHERE {{in_run}} AND (
              abs(total_usd - (long_usd + short_usd)) > {{tolerance}} * greatest(abs(total_usd), 1)
              OR (total_usd IS NULL) <> (long_usd IS NULL OR short_usd IS NULL))
            ORDER BY total_usd DESC NULLS FIRST, {key}
            """,
            severity=Severity.CRITICAL,
            reason="the total is the longs and the shorts",
            threshold="total_usd = long_usd + short_usd",
            # Sums of the same doubles in another order differ in the last digits.
            limits={"tolerance": 1e-9},
            days=True,
        ),
        no_rows(
            "zero_where_none",
            f"""
            SELECT {key}, long_count, long_usd, short_count, short_usd FROM batch
            WHERE {{in_run}} AND ((long_count = 0 AND long_usd IS DISTINCT FROM 0)
              OR (short_count = 0 AND short_usd IS DISTINCT FROM 0))
            ORDER BY {key}
            """,
            severity=Severity.CRITICAL,
            reason="nothing liquidated is a known zero, and only that is",
            threshold="a side without orders has 0 USD",
            days=True,
        ),
    )
