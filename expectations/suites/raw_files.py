"""What must hold for the raw files the numbers rest on."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import about, not_empty
from expectations.rule import Rule, no_rows
from transforms.schemas.evidence import Severity

# The day a daily file's name gives; NULL for monthly files and answers of an API.
_DAY = "try_cast(regexp_extract(key, '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]') AS DATE)"
# The name without its days and version: equal for all files of a series.
_SERIES = (
    "regexp_replace(regexp_replace(key, '@[0-9a-f]+$', ''), "
    "'[0-9][0-9][0-9][0-9]-[0-9][0-9](-[0-9][0-9])?', '*', 'g')"
)
# Both look through each name, and of years there are hundreds of thousands: so the rules leave out
# beforehand, which is what MATERIALIZED is for, datasets in which nothing of the kind happened.


def _quarantined(name: str, severity: Severity, max_share: float, spared: int) -> Rule:
    # What a correction dropped is no surprise: somebody looked at it. A month's file names no day,
    # so that there is none to take out: many records set aside stop the publish.
    return no_rows(
        name,
        f"""
        WITH files AS (
          SELECT * REPLACE (rows_quarantined - coalesce(rows_dropped, 0) AS rows_quarantined)
          FROM batch WHERE superseded_by IS NULL AND {about(severity)}
        ), concerned AS (
          SELECT DISTINCT venue, dataset FROM files WHERE rows_quarantined > 0
        ), looked_at AS MATERIALIZED (
          SELECT * FROM files SEMI JOIN concerned USING (venue, dataset)
        )
        SELECT venue, dataset, sum(rows_quarantined)::BIGINT AS quarantined,
          sum(rows_read)::BIGINT AS records, arg_max(key, rows_quarantined) AS worst_key
        FROM looked_at WHERE coalesce({_DAY} BETWEEN {{first}} AND {{last}}, true)
        GROUP BY venue, dataset
        HAVING sum(rows_quarantined) > greatest({{max_share}} * sum(rows_read), {{spared}})
        ORDER BY quarantined / greatest(records, 1) DESC, venue, dataset
        """,
        severity=severity,
        reason="a venue changed its format, or a parser lost its footing",
        threshold="at most {spared} records, or {max_share:.0%} of a venue's records of a dataset; "
        "files of other days than the run's, and what corrections dropped, left out",
        limits={"max_share": max_share, "spared": spared},
        days=True,
    )


RULES = (
    not_empty(Severity.CRITICAL),
    no_rows(
        "rows_add_up",
        """
        SELECT venue, dataset, key, rows_read, rows_kept, rows_duplicate, rows_quarantined
        FROM batch
        WHERE (rows_kept + rows_duplicate + rows_quarantined) IS DISTINCT FROM rows_read
        ORDER BY abs(rows_read - rows_kept - rows_duplicate - rows_quarantined) DESC NULLS FIRST,
          venue, dataset, key
        """,
        severity=Severity.CRITICAL,
        reason="no record may get lost without a word",
        threshold="rows_read = kept + duplicate + quarantined, or all NULL",
    ),
    no_rows(
        "not_emptied",
        """
        SELECT new.venue, new.dataset, new.key, old.key AS replaced, old.bytes AS bytes_before,
          new.bytes
        FROM batch AS new JOIN batch AS old ON old.superseded_by = new.key
        AND old.venue = new.venue AND old.dataset = new.dataset
        WHERE new.superseded_by IS NULL AND new.rows_read = 0 AND old.bytes > new.bytes
        ORDER BY old.bytes DESC, new.venue, new.dataset, new.key
        """,
        severity=Severity.WARNING,
        reason="what the file before it said is taken back from all its days, and no day before "
        "or after it shows that",
        threshold="a file without records replaces no larger one",
    ),
    _quarantined("hardly_any_quarantined", Severity.WARNING, 0.01, spared=0),
    _quarantined("few_quarantined", Severity.CRITICAL, 0.10, spared=3),
    # A stray row at the other midnight, or a hole at one, is no convention.
    no_rows(
        "label_convention_steady",
        f"""
        WITH labelled AS (
          SELECT venue, dataset, key, label_convention FROM batch WHERE superseded_by IS NULL
          AND label_convention NOT IN ('both_midnights', 'no_midnight')
        ), concerned AS (
          SELECT venue, dataset FROM labelled GROUP BY ALL
          HAVING min(label_convention) <> max(label_convention)
        ), files AS (
          SELECT *, {_DAY} AS day, {_SERIES} AS series
          FROM labelled SEMI JOIN concerned USING (venue, dataset)
        ), steps AS (
          SELECT *, lag(label_convention) OVER (PARTITION BY venue, dataset, series ORDER BY key)
            AS label_before FROM files
        )
        SELECT day AS date, venue, dataset, key, label_before, label_convention FROM steps
        WHERE label_before <> label_convention
        AND coalesce(day BETWEEN {{first}} AND {{last}}, true)
        ORDER BY day DESC, venue, dataset, key
        """,
        severity=Severity.WARNING,
        reason="the venue changed what its labels mark: around the change look twice",
        threshold="the label convention of the file before",
        days=True,
    ),
    no_rows(
        "hash_is_sha256",
        """
        SELECT venue, dataset, key, sha256 FROM batch
        WHERE NOT (length(sha256) = 64 AND translate(sha256, '0123456789abcdef', '') = '')
        ORDER BY venue, dataset, key
        """,
        severity=Severity.CRITICAL,
        reason="the way back to the bytes goes through this hash",
        threshold="64 hexadecimal digits",
    ),
)
