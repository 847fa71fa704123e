"""A rule's query runs once, and what is said of its rows does not hang on how many were fetched."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from expectations.engine import Outcome, load, run_suites
from expectations.rule import Rule, Scope, no_rows
from transforms.schemas.evidence import Severity

MARK = "asked_by_this_test"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries Great Expectations runs for the rule of this test."""
    engine = load().execution_engine.SqlAlchemyExecutionEngine
    run = engine.execute_query
    seen: list[str] = []

    def noted(self: Any, query: Any) -> Any:
        if MARK in str(query):
            seen.append(str(query))
        return run(self, query)

    monkeypatch.setattr(engine, "execute_query", noted)
    return seen


def _judged(build: Path, scope: Scope, rule: Rule) -> Outcome:
    ((outcome,), _) = run_suites(build, {"funding_daily": [rule]}, scope)
    return outcome


def _rule(query: str) -> Rule:
    return no_rows(
        "asks",
        query,
        severity=Severity.WARNING,
        reason="because",
        threshold="none",
        excludes=True,
    )


# Great Expectations hands back 200 rows at most: from there on their number is not the count.
@pytest.mark.parametrize(
    ("rows", "queries", "handed_back"), [(0, 1, 0), (1, 1, 1), (199, 1, 199), (200, 2, 200),
                                         (250, 2, 200)]
)  # fmt: skip
def test_query_runs_again_only_where_not_all_rows_were_fetched(
    valid_build: Path,
    scope: Scope,
    asked: list[str],
    rows: int,
    queries: int,
    handed_back: int,
) -> None:
    query = (
        f"SELECT DATE '2026-03-03' AS date, 'bybit' AS venue, i AS {MARK} "  # noqa: S608 - ours
        f"FROM range({rows}) AS r (i) ORDER BY i"
    )
    outcome = _judged(valid_build, scope, _rule(query))
    assert outcome.error is None
    assert outcome.success is (rows == 0)
    assert (outcome.failing, len(outcome.worst)) == (rows, handed_back)
    assert len(asked) == queries


@pytest.mark.parametrize("copies", [1, 100])
@pytest.mark.parametrize(
    ("where", "agreed_date", "agreed_venue"),
    [
        ("venue = 'bybit'", None, "bybit"),
        ("date = '2026-03-02'", date(2026, 3, 2), None),
        ("venue = 'bybit' AND date = '2026-03-01'", date(2026, 3, 1), "bybit"),
        ("true", None, None),
    ],
)
def test_where_and_what_is_unfit_is_the_same_for_few_rows_and_for_many(
    valid_build: Path,
    scope: Scope,
    copies: int,
    where: str,
    agreed_date: date | None,
    agreed_venue: str | None,
) -> None:
    """The build holds three days of two venues; the first of the days is not of the run."""
    query = (
        f"SELECT date, venue FROM (SELECT DISTINCT date, venue FROM batch WHERE {where}), "  # noqa: S608 - ours
        f"range({copies})"
    )
    outcome = _judged(valid_build, scope, _rule(query))
    assert (outcome.date, outcome.venue) == (agreed_date, agreed_venue)
    days = [d for d in (date(2026, 3, 2), date(2026, 3, 3)) if agreed_date in (None, d)]
    venues = [v for v in ("binance", "bybit") if agreed_venue in (None, v)]
    assert list(outcome.unfit) == [
        ("funding_rates", day, venue) for day in days for venue in venues
    ]


def test_of_rows_without_a_venue_nothing_is_agreed(valid_build: Path, scope: Scope) -> None:
    query = "SELECT NULL AS venue, DATE '2026-03-03' AS date FROM range({n})"
    for count in (3, 300):
        rule = no_rows(
            "asks",
            query,
            severity=Severity.WARNING,
            reason="because",
            threshold="none",
            limits={"n": count},
        )
        outcome = _judged(valid_build, scope, rule)
        assert (outcome.date, outcome.venue) == (date(2026, 3, 3), None)
