"""What must hold for references, and how far they may be from our numbers.

That a reference is odd or far away is a warning: aggregators are no sources of truth. Only what
would be a fault of ours stops a publish.
"""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import not_empty
from expectations.rule import Rule, no_rows
from transforms.schemas.column import ReferenceMetric
from transforms.schemas.evidence import Severity

TABLE = "reference_daily"

_RATE = ReferenceMetric.FUNDING_RATE.value
_PLACE = "date, provider, series, metric"


_FACTOR = "abs(ln(greatest(ratio, 1e-300)))"


def _beside(
    name: str,
    wrong: str,
    reason: str,
    threshold: str,
    limits: dict[str, float],
    distance: str = _FACTOR,
) -> Rule:
    """A warning about whole days on which our number and theirs are too far apart."""
    return no_rows(
        name,
        f"""
        SELECT date, provider, series, metric, ours, theirs, ours_venues, ours_instruments
        FROM reference_reconciliation
        WHERE {{in_run}} AND NOT coalesce(theirs_is_partial, false) AND {wrong}
        ORDER BY {distance} DESC, {_PLACE}
        """,
        severity=Severity.WARNING,
        reason=reason,
        threshold=threshold,
        limits=limits,
        days=True,
    )


RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    no_rows(
        "unit_of_metric",
        f"""
        SELECT {_PLACE}, unit, value FROM batch WHERE unit <> CASE metric
          WHEN '{_RATE}' THEN 'fraction'
          WHEN '{ReferenceMetric.OPEN_INTEREST_COIN.value}' THEN 'coin' ELSE 'USD' END
        ORDER BY {_PLACE}
        """,
        severity=Severity.CRITICAL,
        reason="coins, dollars and fractions stand in one column",
        threshold="rates are fractions, open_interest_coin is coins, the rest dollars",
    ),
    no_rows(
        "amounts_not_negative",
        f"""
        SELECT {_PLACE}, value FROM batch WHERE metric <> '{_RATE}' AND value < 0
        ORDER BY value, {_PLACE}
        """,
        severity=Severity.WARNING,
        reason="only a rate has a sign: an aggregator's slip, which nothing of ours rests on",
        threshold="value ≥ 0 where it is no rate",
    ),
    no_rows(
        "not_more_buckets_than_fit",
        f"""
        SELECT {_PLACE}, bucket_count, expected_bucket_count FROM batch
        WHERE {{in_run}} AND bucket_count > expected_bucket_count
        ORDER BY bucket_count / expected_bucket_count DESC, {_PLACE}
        """,
        severity=Severity.CRITICAL,
        reason="a bucket counted twice counts twice in every sum",
        threshold="bucket_count ≤ expected_bucket_count",
        days=True,
    ),
    no_rows(
        "days_whole",
        f"""
        SELECT {_PLACE}, bucket_count, expected_bucket_count FROM batch
        WHERE {{in_run}} AND is_partial ORDER BY {_PLACE}
        """,
        severity=Severity.WARNING,
        reason="sums of such a day are too low; the last day of an answer usually is one",
        threshold="all buckets of the day are there and finished",
        days=True,
    ),
    no_rows(
        "rate_is_no_percent",
        f"""
        SELECT {_PLACE}, value FROM batch
        WHERE {{in_run}} AND metric = '{_RATE}' AND abs(value) > {{max_rate}}
        ORDER BY abs(value) DESC, {_PLACE}
        """,
        severity=Severity.WARNING,
        reason="percent taken for a fraction: no exchange lets an interval cost so much",
        threshold="|value| ≤ {max_rate}",
        limits={"max_rate": 0.05},
        days=True,
    ),
    _beside(
        "same_exchange_agrees",
        f"metric <> '{_RATE}' AND reference_venue IS NOT NULL AND ours IS NOT NULL AND theirs > 0 "
        "AND ratio NOT BETWEEN {low} AND {high}",
        "of one exchange we and the aggregator should see the same",
        "{low} ≤ ours ÷ theirs ≤ {high}, for series of one exchange",
        {"low": 0.5, "high": 2.0},
    ),
    _beside(
        "not_above_all_exchanges",
        f"metric NOT IN ('{_RATE}', '{ReferenceMetric.PRICE_USD.value}') "
        "AND reference_venue IS NULL AND ratio > {high}",
        "more than all exchanges together: something is counted twice, or in thousands",
        "ours ÷ theirs ≤ {high}, for series of all exchanges",
        {"high": 1.2},
    ),
    _beside(
        "price_agrees",
        f"metric = '{ReferenceMetric.PRICE_USD.value}' AND ratio NOT BETWEEN {{low}} AND {{high}}",
        "one coin has one price; half an hour apart it moves by less than this",
        "{low} ≤ ours ÷ theirs ≤ {high}",
        {"low": 0.8, "high": 1.25},
    ),
    _beside(
        "funding_agrees",
        f"metric = '{_RATE}' AND abs(difference) > {{max_difference}}",
        "running and settled rates differ by a little, not by a factor of 100",
        "|ours − theirs| ≤ {max_difference} per 8 h",
        {"max_difference": 0.001},
        distance="abs(difference)",
    ),
)
