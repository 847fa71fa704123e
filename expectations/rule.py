"""What a rule of the gate is: an expectation, its thresholds as data, and why it is there.

Most rules are a query that selects the rows that break them, worst first: then the report can
name them. In a query `batch` is the table under audit; placeholders are `{first}` and `{last}` (the
run's UTC days as SQL dates), `{in_run}` (date is one of them), `{run_id}` (as SQL text) and the
names in `limits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from transforms.schemas.evidence import Severity


@dataclass(frozen=True, slots=True)
class Scope:
    """The run a build is audited for; days are UTC and inclusive."""

    run_id: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation on one table.

    name: unique within the table's suite; published as `expectation_results.expectation`.
    expectation: class name in `great_expectations.expectations`.
    kwargs: its arguments; placeholders in texts are filled in.
    threshold: what is asked for, in words; names in `limits` are filled in.
    days: whether it looks only at the run's days (and what they are compared with).
    excludes: whether a venue-day that breaks it is unfit by its own data: then it is taken out of
        the build as missing, and the build is judged without it. Its rows name `date` and `venue`,
        and `dataset` where the table is not made from one. Rows of other days than the run's take
        nothing out: that day was published, so that the rule blocks.
    """

    name: str
    severity: Severity
    reason: str
    threshold: str
    expectation: str
    kwargs: Mapping[str, object]
    limits: Mapping[str, float] = field(default_factory=dict)
    days: bool = False
    excludes: bool = False

    def arguments(self, scope: Scope) -> dict[str, object]:
        """`kwargs` with the run and the limits filled in, `{batch}` left to Great Expectations."""
        first, last = f"DATE '{scope.first}'", f"DATE '{scope.last}'"
        values = {
            "batch": "{batch}",
            "first": first,
            "last": last,
            "in_run": f"date BETWEEN {first} AND {last}",
            "run_id": "'" + scope.run_id.replace("'", "''") + "'",
            **self.limits,
        }
        return {
            name: value.format(**values) if isinstance(value, str) else value
            for name, value in self.kwargs.items()
        }

    def asked_for(self) -> str:
        return self.threshold.format(**self.limits)


def no_rows(
    name: str,
    query: str,
    *,
    severity: Severity,
    reason: str,
    threshold: str,
    limits: Mapping[str, float] | None = None,
    days: bool = False,
    excludes: bool = False,
) -> Rule:
    """The rule that `query`, which selects the rows that break it (worst first), finds none."""
    text = " ".join(query.split())
    # Great Expectations puts the table in brackets, with or without an alias of its own.
    head = "WITH batch AS NOT MATERIALIZED (SELECT * FROM {batch})"
    text = f"{head}, {text[5:]}" if text.startswith("WITH ") else f"{head} {text}"
    return Rule(
        name=name,
        severity=severity,
        reason=reason,
        threshold=threshold,
        expectation="UnexpectedRowsExpectation",
        kwargs={"unexpected_rows_query": text},
        limits=limits or {},
        days=days,
        excludes=excludes,
    )
