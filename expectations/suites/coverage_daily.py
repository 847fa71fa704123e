"""What must hold for coverage, and where data is missing."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import REFERENCED, not_empty
from expectations.rule import Rule, no_rows
from transforms.schemas.daily import SOURCE_DATASET
from transforms.schemas.evidence import Severity

# One table for each dataset, the first: what is finer (hours of the same events) is held against it
# in its own suite.
_TABLE_OF = {dataset: table for table, dataset in reversed(SOURCE_DATASET.items())}
_FUNDING = "funding_rates"


def _status(name: str, status: str, reason: str) -> Rule:
    """A warning about days with `status`, of venues that ever had a raw file of the dataset: what
    no source was ever configured for is missing every day, and nobody's news. Nor is it that an
    aggregator's dump ends somewhere."""
    return no_rows(
        name,
        f"""
        SELECT date, venue, dataset, instruments_expected, instruments_present, rows FROM batch
        WHERE {{in_run}} AND status = '{status}' AND dataset NOT IN ({REFERENCED})
        AND EXISTS (SELECT 1 FROM raw_files AS r
          WHERE r.venue = batch.venue AND r.dataset = batch.dataset)
        ORDER BY date DESC, instruments_expected DESC NULLS LAST, venue, dataset
        """,
        severity=Severity.WARNING,
        reason=reason,
        threshold=f"no venue-day with status {status}, where a source provides the dataset",
        days=True,
    )


def _rows_arrived(name: str, severity: Severity, datasets: list[str]) -> Rule:
    lost = " UNION ALL ".join(
        f"SELECT date, venue, dataset, rows, '{_TABLE_OF[dataset]}' AS absent_from "
        f"FROM batch AS c WHERE {{in_run}} AND dataset = '{dataset}' AND rows > 0 AND NOT EXISTS ("
        f"SELECT 1 FROM {_TABLE_OF[dataset]} AS d WHERE d.date = c.date AND d.venue = c.venue)"
        for dataset in datasets
    )
    return no_rows(
        name,
        f"SELECT * FROM ({lost}) ORDER BY rows DESC, date, venue, dataset",
        severity=severity,
        reason="rows were normalised and then lost on the way to the daily table",
        threshold="a venue-day with rows is in the daily table",
        days=True,
    )


_COVERED = " UNION ALL ".join(
    f"SELECT DISTINCT date, venue, '{dataset}' AS dataset FROM {table} WHERE {{in_run}}"
    for dataset, table in _TABLE_OF.items()
)

# The open interest a venue was last seen with, within a week, is what its day was worth: what was
# published before counts where those days were taken out as well. One whose every day is out, of
# which nothing was ever published, may have been the largest.
_LARGEST_OUT = """
WITH out AS (
  SELECT date, venue, dataset, excluded_because FROM batch
  WHERE {in_run} AND excluded_because IS NOT NULL AND dataset IN ({datasets})
), worth AS (
  SELECT d.date, i.venue, arg_max(i.usd, i.date) AS usd
  FROM (SELECT DISTINCT date FROM out) AS d JOIN (
    SELECT date, venue, sum(open_interest_usd_close) AS usd FROM open_interest_daily GROUP BY ALL
    UNION ALL
    SELECT date, venue, arg_max(usd, superseded_by) AS usd FROM (
      SELECT date, venue, superseded_by, sum(open_interest_usd_close) AS usd
      FROM history.open_interest_daily AS h
      WHERE date BETWEEN {first} - {days_back} AND {last} AND NOT EXISTS (
        SELECT 1 FROM open_interest_daily AS o WHERE o.date = h.date AND o.venue = h.venue)
      GROUP BY ALL
    ) GROUP BY ALL
  ) AS i ON i.usd IS NOT NULL AND i.date BETWEEN d.date - {days_back} AND d.date
  GROUP BY ALL
), unknown AS (
  SELECT DISTINCT out.date, out.venue FROM out JOIN batch AS c ON c.venue = out.venue
  AND c.date BETWEEN out.date - {days_back} AND out.date
  WHERE c.dataset = 'open_interest' AND c.excluded_because IS NOT NULL
  AND (out.date, out.venue) NOT IN (SELECT (date, venue) FROM worth)
), others AS (
  SELECT c.date, c.venue, c.dataset, coalesce(w.usd, 0) AS usd
  FROM batch AS c LEFT JOIN worth AS w ON w.date = c.date AND w.venue = c.venue
  WHERE c.{in_run} AND c.status IN ('ok', 'partial')
)
SELECT out.date, out.venue, out.dataset,
  CASE WHEN u.venue IS NULL THEN coalesce(w.usd, 0) END AS open_interest_usd, out.excluded_because
FROM out LEFT JOIN worth AS w ON w.date = out.date AND w.venue = out.venue
LEFT JOIN unknown AS u ON u.date = out.date AND u.venue = out.venue
WHERE u.venue IS NOT NULL OR NOT EXISTS (
  SELECT 1 FROM others AS o
  WHERE o.date = out.date AND o.dataset = out.dataset AND o.usd > coalesce(w.usd, 0))
ORDER BY open_interest_usd DESC, out.date, out.venue, out.dataset
"""

RULES = (
    not_empty(Severity.CRITICAL),
    no_rows(
        "fresh",
        "SELECT {last} AS date, 'no rows' AS finding FROM (SELECT count(*) AS n FROM batch "
        "WHERE date = {last}) WHERE n = 0",
        severity=Severity.CRITICAL,
        reason="without coverage, missing data and quiet markets look alike",
        threshold="rows on the run's last day",
        days=True,
    ),
    # A warning: a run that also takes in a late day spans days nobody ever asked for.
    no_rows(
        "no_gap",
        """
        SELECT unnest(generate_series({first}, {last}, INTERVAL 1 DAY))::DATE AS date
        EXCEPT SELECT date FROM batch ORDER BY date DESC
        """,
        severity=Severity.WARNING,
        reason="nothing is known of these days, not even that they are missing",
        threshold="a row for every day of the run",
        days=True,
    ),
    no_rows(
        "nothing_where_missing",
        """
        SELECT date, venue, dataset, status, instruments_present, rows FROM batch
        WHERE {in_run} AND status IN ('missing', 'unsupported')
        AND (rows > 0 OR instruments_present > 0)
        ORDER BY rows DESC, date, venue, dataset
        """,
        severity=Severity.CRITICAL,
        reason="data cannot be both missing and there",
        threshold="missing and unsupported have 0 rows and 0 instruments",
        days=True,
    ),
    _rows_arrived("funding_arrived", Severity.CRITICAL, [_FUNDING]),
    # A day on which every value is "not reported" has rows and rightly no daily row.
    _rows_arrived("rows_arrived", Severity.WARNING, [d for d in _TABLE_OF if d != _FUNDING]),
    no_rows(
        "daily_rows_are_covered",
        f"""
        SELECT date, venue, dataset FROM ({_COVERED}) AS d WHERE NOT EXISTS (
          SELECT 1 FROM batch AS c WHERE c.date = d.date AND c.venue = d.venue
          AND c.dataset = d.dataset AND c.status IN ('ok', 'partial'))
        ORDER BY date DESC, venue, dataset
        """,
        severity=Severity.WARNING,
        reason="the day has numbers that coverage knows nothing of",
        threshold="every venue-day of the daily tables is ok or partial here",
        days=True,
    ),
    no_rows(
        "largest_venue_not_taken_out",
        _LARGEST_OUT.replace("{datasets}", "'funding_rates', 'open_interest', 'liquidations'"),
        severity=Severity.CRITICAL,
        reason="without the largest venue a total says little of the market",
        threshold="of the venues of a dataset, one with more open interest than the one taken out "
        "is there, as last published within {days_back} days",
        limits={"days_back": 7},
        days=True,
    ),
    no_rows(
        "none_taken_out",
        """
        SELECT date, venue, dataset, excluded_because FROM batch
        WHERE {in_run} AND excluded_because IS NOT NULL ORDER BY date DESC, venue, dataset
        """,
        severity=Severity.WARNING,
        reason="the day's own data was unfit; it counts as missing until the venue replaces it or "
        "a correction mends it",
        threshold="no venue-day taken out",
        days=True,
    ),
    _status("none_missing", "missing", "data that was due is not there"),
    _status("none_partial", "partial", "some of the data that was due is not there"),
)
