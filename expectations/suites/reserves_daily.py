"""What must hold for exchange reserves; the schema's bounds already ask for amounts from 0 on."""

from __future__ import annotations

from expectations.daily_rules import not_empty
from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

TABLE = "reserves_daily"

RULES = (
    not_empty(Severity.WARNING, table=TABLE),
    no_rows(
        "not_more_buckets_than_fit",
        """
        SELECT date, provider, series, bucket_count, expected_bucket_count FROM batch
        WHERE {in_run} AND bucket_count > expected_bucket_count ORDER BY date, provider, series
        """,
        severity=Severity.CRITICAL,
        reason="a bucket is there twice",
        threshold="bucket_count ≤ expected_bucket_count",
        days=True,
    ),
    no_rows(
        "no_jump",
        """
        SELECT b.date, b.provider, b.series, b.reserve_coin, a.reserve_coin AS before
        FROM batch AS b JOIN batch AS a
        ON a.date = b.date - 1 AND a.provider = b.provider AND a.series = b.series
        WHERE b.{in_run} AND a.reserve_coin > 0
        AND abs(b.reserve_coin / a.reserve_coin - 1) > {max_change}
        ORDER BY abs(b.reserve_coin / a.reserve_coin - 1) DESC, b.date, b.provider, b.series
        """,
        severity=Severity.WARNING,
        reason="wallets were added to the count, or dollars were taken for coins",
        threshold="a change of at most {max_change:.0%} from one day to the next",
        limits={"max_change": 0.25},
        days=True,
    ),
)
