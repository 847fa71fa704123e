"""What the rules on hours and orders of liquidations let pass, beside what they name."""

# ruff: noqa: S608 - statements of ours, on tables of ours
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.engine import Outcome, run_suites
from expectations.rule import Scope
from expectations.suites import suites
from tests.expectations.test_rules import BREAKS, DAY_OF_HOURS, OF_BINANCE, ON

HOURLY, DAILY = "liquidations_hourly", "liquidations_daily"


def outcome(build: Path, scope: Scope, table: str, name: str) -> Outcome:
    (rule,) = (rule for rule in suites()[table] if rule.name == name)
    (seen,), _ = run_suites(build, {table: [rule]}, scope)
    assert seen.error is None
    return seen


def falling(shorts: str) -> str:
    """The price falls by 100 an hour; `shorts`: in which hours shorts were liquidated."""
    return (
        f"{DAY_OF_HOURS}; UPDATE liquidations_hourly SET "
        f"short_usd = CASE WHEN {shorts} THEN total_usd ELSE 0 END, "
        f"long_usd = CASE WHEN {shorts} THEN 0 ELSE total_usd END, "
        f"short_coin = CASE WHEN {shorts} THEN total_usd / (60000 - 100 * hour(hour)) ELSE 0 END, "
        f"long_coin = CASE WHEN {shorts} THEN 0 ELSE total_usd / (60000 - 100 * hour(hour)) END "
        f"{ON}"
    )


# Of 23 moves down, each alike, the correlation is (hours with longs − hours with shorts) ÷ 23. The
# venue's other instruments did not move: of its weights, the roots of 120,000 (twice), 4,000, 200
# and 4 dollars, this one's are 0.45, and √0.45 is 0.67.
@pytest.mark.parametrize(
    ("shorts", "names"),
    [
        ("false", []),
        # (11 − 12) ÷ 23 = −0.04
        ("hour(hour) % 2 = 0 OR hour(hour) = 1", []),
        # (9 − 14) ÷ 23 = −0.22, and −0.15 of the venue
        ("hour(hour) > 9", []),
        # (7 − 16) ÷ 23 = −0.39, and −0.26 of the venue
        ("hour(hour) > 7", ["None"]),
        # (6 − 17) ÷ 23 = −0.48, and −0.32 of the venue
        ("hour(hour) > 6", ["None", "BTCUSDT"]),
    ],
)
def test_sides_that_follow_the_price_pass(
    broken: Callable[[str], Path], scope: Scope, shorts: str, names: list[str]
) -> None:
    seen = outcome(broken(falling(shorts)), scope, HOURLY, "sides_follow_price")
    assert [str(row["symbol"]) for row in seen.worst] == names
    assert all(row["follows"] < 0 for row in seen.worst)


def test_a_few_hours_say_nothing_of_sides(broken: Callable[[str], Path], scope: Scope) -> None:
    """Seven moves of eight hours that are left."""
    few = f"{falling('true')}; DELETE FROM liquidations_hourly {OF_BINANCE} AND hour(hour) > 7"
    assert outcome(broken(few), scope, HOURLY, "sides_follow_price").success


@pytest.mark.parametrize(
    ("silent", "found"),
    [
        ("hour(hour) BETWEEN 3 AND 7", []),
        ("hour(hour) BETWEEN 3 AND 8", [(3, 6)]),
        ("hour(hour) < 6", [(0, 6)]),
        ("hour(hour) % 2 = 0", []),
    ],
)
def test_a_silence_is_hours_in_a_row(
    broken: Callable[[str], Path], scope: Scope, silent: str, found: list[tuple[int, int]]
) -> None:
    gone = (
        f"{DAY_OF_HOURS}; DELETE FROM liquidations_hourly "
        f"WHERE date = '2026-03-03' AND venue = 'bybit' AND {silent}"
    )
    seen = outcome(broken(gone), scope, HOURLY, "no_long_silence")
    assert [(row["from_hour"], row["silent_hours"]) for row in seen.worst] == found


def test_a_feed_that_is_often_silent_may_be(broken: Callable[[str], Path], scope: Scope) -> None:
    """Three hours with liquidations are usual there."""
    assert outcome(broken("SELECT 1"), scope, HOURLY, "no_long_silence").success
    rare = (
        f"{DAY_OF_HOURS}; DELETE FROM liquidations_hourly WHERE hour(hour) > 17 "
        "OR (date <> '2026-03-03' AND hour(hour) % 3 = 0)"
    )
    assert outcome(broken(rare), scope, HOURLY, "no_long_silence").success


def test_one_whale_is_no_other_unit(broken: Callable[[str], Path], scope: Scope) -> None:
    sizes = BREAKS[(DAILY, "order_size_steady")][0]
    assert not outcome(broken(sizes), scope, DAILY, "order_size_steady").success
    # 220,000 USD more of the day's 331,000 are the largest order's: the others have 1,000 each
    # on all three days.
    whale = (
        f"{sizes}; UPDATE liquidations_daily SET total_usd = 111000; "
        f"UPDATE liquidations_daily SET total_usd = 331000, largest_usd = 320000 {ON}"
    )
    assert outcome(broken(whale), scope, DAILY, "order_size_steady").success


def out(venue: str) -> str:
    """All days of a venue's open interest taken out."""
    return (
        f"DELETE FROM open_interest_daily WHERE venue = '{venue}'; UPDATE coverage_daily "
        "SET status = 'missing', rows = 0, instruments_present = 0, excluded_because = 'a rule' "
        f"WHERE venue = '{venue}' AND dataset = 'open_interest'"
    )


def kept(venue: str) -> str:
    """What was published of the venue before."""
    return (
        "INSERT INTO history.open_interest_daily BY NAME SELECT *, 'r2' AS superseded_by "
        f"FROM open_interest_daily WHERE venue = '{venue}' AND date = '2026-03-01'"
    )


@pytest.mark.parametrize(
    ("statements", "blocks"),
    [
        # What it was worth is in no table of the build any more, but it was published.
        (f"{kept('binance')}; {out('binance')}", True),
        (f"{kept('bybit')}; {out('bybit')}", False),
        # Never published: it may have been the largest.
        (out("bybit"), True),
    ],
)
def test_the_largest_is_told_by_what_was_published_of_it(
    broken: Callable[[str], Path], scope: Scope, statements: str, blocks: bool
) -> None:
    seen = outcome(broken(statements), scope, "coverage_daily", "largest_venue_not_taken_out")
    assert seen.success is not blocks
