"""What a correction drops does not look like a parser that lost its footing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.engine import run_suites
from expectations.rule import Scope
from expectations.suites import suites

RULES = [rule for rule in suites()["raw_files"] if rule.name.endswith("_quarantined")]
# Of the 1,000 records of each day and dataset.
SET_ASIDE = (
    "UPDATE raw_files SET rows_quarantined = 200, rows_kept = 790, rows_dropped = {dropped} "
    "WHERE dataset = 'prices'"
)


@pytest.mark.parametrize(
    ("dropped", "failing"),
    [
        ("NULL", ["hardly_any_quarantined", "few_quarantined"]),
        ("0", ["hardly_any_quarantined", "few_quarantined"]),
        ("150", ["hardly_any_quarantined"]),  # 50 are left, 5 %
        ("200", []),
    ],
)
def test_dropped_rows_do_not_count_as_quarantined(
    broken: Callable[[str], Path], scope: Scope, dropped: str, failing: list[str]
) -> None:
    assert len(RULES) == 2
    build = broken(SET_ASIDE.format(dropped=dropped))
    outcomes, _ = run_suites(build, {"raw_files": RULES}, scope)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert [o.rule.name for o in outcomes if not o.success] == failing
