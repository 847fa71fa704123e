"""What must hold for known errors that are put right: somebody looks at them again."""

from __future__ import annotations

from expectations.rule import no_rows
from transforms.schemas.evidence import Severity

RULES = (
    no_rows(
        "all_used",
        """
        SELECT id, venue, dataset, action, reason FROM batch WHERE status = 'unused' ORDER BY id
        """,
        severity=Severity.WARNING,
        reason="the venue repaired its files, the days were not made anew, or the match is wrong",
        threshold="every entry touches a row",
    ),
    no_rows(
        "none_expired",
        """
        SELECT id, venue, dataset, expires, rows_changed, rows_dropped, reason FROM batch
        WHERE status = 'expired' ORDER BY expires, id
        """,
        severity=Severity.WARNING,
        reason="days made anew show the error again: look at the venue's files and put the day "
        "further, or take the entry out",
        threshold="no entry is past its day",
    ),
    no_rows(
        "none_outlives_its_entry",
        """
        SELECT id, venue, dataset, action, first_date, last_date FROM batch
        WHERE status = 'removed' ORDER BY id, venue, dataset
        """,
        severity=Severity.WARNING,
        reason="what the file no longer says is still in the numbers: backfill these days",
        threshold="no day shows a correction that was removed from the file",
    ),
    no_rows(
        "counts_fit_status",
        """
        SELECT id, venue, dataset, status, rows_changed, rows_dropped, first_date, last_date
        FROM batch
        WHERE (rows_changed + rows_dropped > 0) <> (first_date IS NOT NULL)
        OR (first_date IS NULL) <> (last_date IS NULL) OR first_date > last_date
        OR (status IN ('applied', 'removed') AND first_date IS NULL)
        OR (status = 'unused' AND first_date IS NOT NULL)
        ORDER BY id, venue, dataset
        """,
        severity=Severity.CRITICAL,
        reason="what was done to the venue's numbers is told as it was",
        threshold="rows and days where something was touched, and only there",
    ),
)
