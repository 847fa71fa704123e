"""The gate: runs every suite on a closed build and says whether it may be published.

`critical` failing blocks, `warning` failing is published and shown, and a rule that could not be
judged counts as a critical failure, never as success. Importing this module is cheap; the first
`audit` imports Great Expectations, or `warm_up` does so earlier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from expectations.engine import Outcome, Row, load, run_suites
from expectations.rule import Rule, Scope
from expectations.suites import suites as all_suites
from transforms.schemas.evidence import ExpectationResults, Severity, Verdict
from transforms.schemas.published import PUBLISHED_TABLES

WORST_ROWS = 5

UNFIT: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "venue": pl.String(),
    "date": pl.Date(),
    "reason": pl.String(),
}
"""One row per venue-day of a dataset to be taken out, with the rules it broke and a row of each."""


class NothingChecked(RuntimeError):
    """A table went through the gate without a single expectation on it."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the gate saw.

    results: ExpectationResults, one row per expectation, passed or not.
    unfit: venue-days whose own data broke a rule that takes them out (`UNFIT`).
    outcomes: the same with all that Great Expectations had to say, for `expectations.data_docs`.
    """

    results: pl.DataFrame
    verdict: Verdict
    unfit: pl.DataFrame
    outcomes: Sequence[Outcome] = field(default=(), repr=False, compare=False)

    def joined_by(self, results: pl.DataFrame) -> Audit:
        """With what another judge said of the same build (ExpectationResults)."""
        both = pl.concat([self.results, results]).sort("table_name", "expectation")
        return replace(self, results=both, verdict=verdict_of(both))


def warm_up() -> None:
    """Import what an audit needs (5 to 14 s), such as in a thread while files are fetched."""
    load()


def audit(
    build: Path,
    *,
    run_id: str,
    first: date,
    last: date,
    suites: Mapping[str, Sequence[Rule]] | None = None,
) -> Audit:
    """Run the suites on the build file, read-only, for a run over UTC days `first` to `last`.

    Raises FileNotFoundError without a file, ValueError if it was not closed or the days are in
    the wrong order, NothingChecked if a table of the file or of the schemas met no expectation.
    """
    if not build.is_file():
        raise FileNotFoundError(f"{build}: there is no build to audit")
    if Path(f"{build}.wal").exists():
        raise ValueError(f"{build}: was not closed, there is a write-ahead log beside it")
    if last < first:
        raise ValueError(f"a run from {first} to {last} has no days")
    scope = Scope(run_id, first, last)
    outcomes, in_file = run_suites(build, all_suites() if suites is None else suites, scope)
    checked = {outcome.table for outcome in outcomes}
    if unchecked := sorted((in_file | PUBLISHED_TABLES.keys()) - checked):
        raise NothingChecked(f"{build}: no expectation ran on {', '.join(unchecked)}")
    results = _results(outcomes, run_id)
    return Audit(results, verdict_of(results), _unfit(outcomes), outcomes)


def verdict_of(results: pl.DataFrame) -> Verdict:
    """What results of expectations (ExpectationResults) amount to."""
    failed = results.filter(~pl.col("success"))["severity"].to_list()
    if Severity.CRITICAL in failed:
        return Verdict.BLOCKED
    return Verdict.WARNED if failed else Verdict.PASSED


def _results(outcomes: Sequence[Outcome], run_id: str) -> pl.DataFrame:
    rows = [
        {
            "run_id": run_id,
            "table_name": outcome.table,
            "expectation": outcome.rule.name,
            "severity": (Severity.CRITICAL if outcome.error else outcome.rule.severity).value,
            "date": outcome.date,
            "venue": outcome.venue,
            "success": outcome.success,
            "observed": _observed(outcome),
            "threshold": outcome.rule.asked_for(),
            "detail": None if outcome.success else _detail(outcome),
        }
        for outcome in outcomes
    ]
    schema = {name: column.dtype for name, column in ExpectationResults.columns().items()}
    return ExpectationResults.validate(
        pl.DataFrame(rows, schema=schema).sort("table_name", "expectation")
    )


def _unfit(outcomes: Sequence[Outcome]) -> pl.DataFrame:
    rows = [
        (dataset, venue, day, f"{o.table}.{o.rule.name}{_example(o, day, venue)}")
        for o in outcomes
        for dataset, day, venue in o.unfit
    ]
    return (
        pl.DataFrame(rows, schema=UNFIT, orient="row")
        .group_by("dataset", "venue", "date")
        .agg(pl.col("reason").unique().sort().str.join("; "))
        .sort("dataset", "venue", "date")
    )


def _example(outcome: Outcome, day: date, venue: str) -> str:
    """The worst row of a venue-day, if it is among those the outcome shows."""
    shown = (row for row in outcome.worst if (row["date"], row["venue"]) == (day, venue))
    return next((f" ({row_text(row)})" for row in shown), "")


def _observed(outcome: Outcome) -> str | None:
    if outcome.error is not None:
        return None
    of = f"{outcome.looked_at} rows{' of the run' if outcome.rule.days else ''}"
    return of if outcome.failing is None else f"{outcome.failing} failing, {of}"


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.10g}"
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def row_text(row: Row) -> str:
    """A failing row in one line: where it is, then its other columns by name."""
    place = [_shown(row[name]) for name in ("date", "venue", "symbol") if name in row]
    rest = [
        _shown(value) if name == "finding" else f"{name}={_shown(value)}"
        for name, value in row.items()
        if name not in ("date", "venue", "symbol")
    ]
    return " ".join(place + rest)


def _detail(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"could not be judged: {' '.join(outcome.error.split())}"
    worst = [row_text(row) for row in outcome.worst[:WORST_ROWS]]
    if outcome.failing is not None and outcome.failing > len(worst):
        worst.append(f"and {outcome.failing - len(worst)} more")
    found = "; ".join(worst) if worst else outcome.other or "it did not hold"
    return f"{found} ({outcome.rule.reason})"


def failing(audit: Audit) -> pl.DataFrame:
    """The expectations that did not hold, critical ones first; columns of ExpectationResults."""
    return audit.results.filter(~pl.col("success")).sort(
        pl.col("severity") != Severity.CRITICAL.value, "table_name", "expectation"
    )


def summary(audit: Audit) -> str:
    """For a terminal: what failed, on which venue-day, what was asked for, and the worst rows."""
    lines = []
    for row in failing(audit).iter_rows(named=True):
        place = " ".join(str(row[name]) for name in ("date", "venue") if row[name] is not None)
        where = f" ({place})" if place else ""
        seen = f": {row['observed']}" if row["observed"] else ""
        lines += [
            f"{row['severity'].upper()} {row['table_name']}.{row['expectation']}{where}{seen}",
            f"  asked: {row['threshold']}",
            f"  found: {row['detail']}",
        ]
    held = audit.results["success"].sum()
    return "\n".join([*lines, f"{audit.verdict}: {held} of {audit.results.height} held"])
