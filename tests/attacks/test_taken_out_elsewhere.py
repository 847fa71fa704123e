"""Venue-days taken out beside the days of the run, and by the wrong hand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from flows import reporting
from flows.exclusions import exclude, excluded
from flows.failures import GateBlocked
from flows.run import Days, Run
from flows.stages import market
from flows.stages.aggregate import plan as aggregate_plan
from flows.stages.audit import audit_candidate
from flows.stages.build import build_candidate
from flows.stages.ingest.sources import ingest
from flows.storage.builds import Candidate
from flows.transform import transform
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.driver import mill_days
from tests.flows.test_taken_out import (
    COVERAGE,
    UNFIT,
    TwoVenues,
    bybit_rate,
    days_of,
)
from tests.flows.test_taken_out import exchanges as exchanges  # noqa: PLC0414 - a fixture
from tests.flows.test_taken_out import lake as lake  # noqa: PLC0414 - a fixture
from transforms.schemas.evidence import Verdict


@pytest.fixture
def _months_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no day of the fixture were in reach of another."""
    for stage in (aggregate_plan, market):
        monkeypatch.setattr(stage, "REACH", timedelta(0))


def candidate_of(lake: Lake) -> Candidate:
    """By hand: ingest and transform of the first two days, a build nobody audited."""
    run = Run.begin(lake.settings, "transform")
    days = Days(FIRST, UNFIT)
    ingest(run, days, reporting.current())
    transform(run, days.each(), reporting.current())
    candidate = build_candidate(run, days, reporting.current())
    assert candidate is not None
    return candidate


@pytest.mark.usefixtures("_months_apart")
def test_a_run_over_other_days_takes_out_what_a_killed_one_left(
    lake: TwoVenues, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back = bybit_rate(lake, "5.0")

    def killed(run: Run, unfit: pl.DataFrame, inputs: pl.DataFrame) -> None:
        exclude(run, unfit, inputs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("flows.stages.audit.exclude", killed)
        with pytest.raises(KeyboardInterrupt):
            mill_days(lake.settings, FIRST, UNFIT)

    done = mill_days(lake.settings, LAST, LAST)
    assert done.verdict is Verdict.WARNED
    assert days_of(lake, "bybit") == [FIRST, LAST]

    put_back()
    mill_days(lake.settings, FIRST, UNFIT)
    assert days_of(lake, "bybit") == [FIRST, UNFIT, LAST]


@pytest.mark.usefixtures("_months_apart")
def test_days_of_a_transform_by_hand_are_taken_out_by_a_run_over_others(lake: TwoVenues) -> None:
    bybit_rate(lake, "5.0")
    candidate_of(lake)
    assert mill_days(lake.settings, LAST, LAST).verdict is Verdict.WARNED
    assert days_of(lake, "bybit") == [FIRST, LAST]


@pytest.mark.usefixtures("_months_apart")
def test_a_day_is_judged_anew_under_new_rules_whichever_day_the_run_is_about(
    lake: TwoVenues, monkeypatch: pytest.MonkeyPatch
) -> None:
    bybit_rate(lake, "5.0")
    mill_days(lake.settings, FIRST, UNFIT)
    assert days_of(lake, "bybit") == [FIRST]
    monkeypatch.setattr("flows.exclusions.expectations_digest", lambda: "other rules")
    assert mill_days(lake.settings, LAST, LAST).pointer is not None
    assert {day: status for day, status, _ in lake.sql(COVERAGE, "bybit")}[UNFIT] == "missing"
    assert days_of(lake, "bybit") == [FIRST, LAST]


def test_the_audit_of_an_old_candidate_takes_nothing_out_of_a_repaired_day(
    lake: TwoVenues,
) -> None:
    """Somebody asks why a run was blocked, days after the venue put a sound file in its place."""
    put_back = bybit_rate(lake, "5.0")
    old = candidate_of(lake)
    put_back()
    mill_days(lake.settings, FIRST, LAST)
    asked = Run.begin(lake.settings, "audit")
    with pytest.raises(GateBlocked) as blocked:
        audit_candidate(asked, old)
    assert "rate_within_caps" in str(blocked.value)
    assert blocked.value.taken_out == 0
    assert excluded(asked).is_empty()
    assert mill_days(lake.settings, FIRST, LAST).pointer is None
    assert days_of(lake, "bybit") == [FIRST, UNFIT, LAST]
