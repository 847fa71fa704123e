"""What a rule that takes venue-days out names, and what is judged once they are out."""

# ruff: noqa: S608 - statements of ours, on tables of ours
from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from expectations.engine import Outcome, run_suites
from expectations.rule import Scope
from expectations.suites import suites
from tests.expectations.conftest import FIRST, LAST
from tests.expectations.test_rules import BREAKS, OF_BINANCE, level
from transforms.schemas.daily import SOURCE_DATASET
from transforms.schemas.market import MARKET_TABLES

EXCLUDING = [(t, rule) for t, rules in suites().items() for rule in rules if rule.excludes]
DATASETS = set(SOURCE_DATASET.values())
VENUES = {"binance", "bybit"}


def outcome(build: Path, scope: Scope, table: str, name: str) -> Outcome:
    (rule,) = (rule for rule in suites()[table] if rule.name == name)
    (seen,), _ = run_suites(build, {table: [rule]}, scope)
    assert seen.error is None
    return seen


def test_there_are_such_rules_and_none_is_about_the_market() -> None:
    tables = {table for table, _ in EXCLUDING}
    assert tables == {*SOURCE_DATASET, "source_conflicts"}
    assert not tables & MARKET_TABLES.keys()
    assert all(rule.severity == "critical" for _, rule in EXCLUDING)


# A structural example breaks the first row, which is of the day before the run.
OWN = [(table, rule.name) for table, rule in EXCLUDING if (table, rule.name) in BREAKS]


@pytest.mark.parametrize(("table", "name"), OWN, ids=[f"{t}-{n}" for t, n in OWN])
def test_days_and_venues_are_named(
    broken: Callable[[str], Path], scope: Scope, table: str, name: str
) -> None:
    unfit = outcome(broken(BREAKS[(table, name)][0]), scope, table, name).unfit
    assert unfit
    assert {day for _, day, _ in unfit} <= {FIRST, LAST}
    assert {venue for _, _, venue in unfit} <= VENUES
    expected = {SOURCE_DATASET[table]} if table in SOURCE_DATASET else DATASETS
    assert {dataset for dataset, _, _ in unfit} <= expected


def test_an_old_day_that_rotted_takes_nothing_out(
    broken: Callable[[str], Path], scope: Scope
) -> None:
    """It was published: nothing about the run's files mends it, so that it blocks."""
    rotten = "UPDATE funding_daily SET funding_rate_sum = 'inf' WHERE venue = 'bybit' AND date = "
    old = outcome(broken(f"{rotten} '2026-03-01'"), scope, "funding_daily", "finite")
    assert (old.success, list(old.unfit)) == (False, [])
    both = outcome(broken(f"{rotten} '2026-03-01'; {rotten} '2026-03-02'"), scope,
                   "funding_daily", "finite")  # fmt: skip
    assert list(both.unfit) == [("funding_rates", FIRST, "bybit")]


def taken_out(dataset: str, venue: str, day: str) -> str:
    return (
        "UPDATE coverage_daily SET status = 'missing', rows = 0, instruments_present = 0, "
        f"excluded_because = 'a rule' WHERE dataset = '{dataset}' AND venue = '{venue}' "
        f"AND date = '{day}'"
    )


def test_a_venue_taken_out_is_not_gone(broken: Callable[[str], Path], scope: Scope) -> None:
    """Five of six instruments: whether the market can do without them coverage decides."""
    gone = f"DELETE FROM open_interest_daily {OF_BINANCE}"
    assert not outcome(broken(gone), scope, "open_interest_daily", "few_gone").success
    out = f"{gone}; {taken_out('open_interest', 'binance', '2026-03-03')}"
    assert outcome(broken(out), scope, "open_interest_daily", "few_gone").success


@pytest.mark.parametrize("name", ["few", "few_on_a_day"])
def test_what_was_in_dispute_on_a_day_taken_out_is_judged(
    broken: Callable[[str], Path], scope: Scope, name: str
) -> None:
    disputed = BREAKS[("source_conflicts", name)][0]
    assert not outcome(broken(disputed), scope, "source_conflicts", name).success
    out = f"{disputed}; {taken_out('funding_rates', 'binance', '2026-03-02')}"
    assert outcome(broken(out), scope, "source_conflicts", name).success


# Seven days before the three there are, all alike; the level is twice as high on some of the ten.
WEEK = (
    "INSERT INTO open_interest_daily BY NAME SELECT * EXCLUDE (i) REPLACE "
    "((date - i::INTEGER) AS date) FROM (SELECT t.*, r.i FROM open_interest_daily AS t, "
    "range(1, 8) AS r (i) WHERE date = '2026-03-01') AS numbered; "
)


def stepped(build: Path, last: date = LAST) -> list[date]:
    ten_days = Scope("r2", date(2026, 2, 22), last)
    seen = outcome(build, ten_days, "open_interest_daily", "level_not_stepped")
    assert {venue for _, _, venue in seen.unfit} <= {"binance"}
    return [day for _, day, _ in seen.unfit]


def test_a_day_at_twice_the_level_is_odd_and_the_next_is_not(
    broken: Callable[[str], Path],
) -> None:
    build = broken(WEEK + level(2, "WHERE venue = 'binance' AND date = '2026-02-28'"))
    assert stepped(build) == [date(2026, 2, 28)]


def test_a_level_is_the_new_one_after_four_days(broken: Callable[[str], Path]) -> None:
    higher = level(2, "WHERE venue = 'binance' AND date >= '2026-02-27'")
    first_four = [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
    build = broken(WEEK + higher)
    # Of the seven days before 2 March four are at the old level, of those before 3 March three.
    assert stepped(build) == first_four


def test_nor_do_days_follow_those_taken_out_for_ever(broken: Callable[[str], Path]) -> None:
    higher = level(2, "WHERE venue = 'binance' AND date >= '2026-02-27'")
    days = ("2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02")
    out = "; ".join(
        "INSERT INTO coverage_daily BY NAME SELECT * REPLACE "
        f"(DATE '{day}' AS date, 'missing' AS status, 'a rule' AS excluded_because) "
        "FROM coverage_daily WHERE date = '2026-03-03' AND venue = 'binance' "
        "AND dataset = 'open_interest'; "
        f"DELETE FROM open_interest_daily WHERE venue = 'binance' AND date = '{day}'"
        for day in days
    )
    cleared = "DELETE FROM coverage_daily WHERE date < '2026-03-03' AND venue = 'binance'"
    assert stepped(broken(f"{WEEK}{higher}; {cleared}; {out}")) == []
    three = "; INSERT".join(out.split("; INSERT")[:3])
    build = broken(f"{WEEK}{higher}; {cleared}; {three}")
    assert stepped(build, last=date(2026, 3, 2)) == [date(2026, 3, 2)]


def test_dollars_off_par_take_no_venue_out(broken: Callable[[str], Path], scope: Scope) -> None:
    """USDC at 0.88 on 2023-03-11: a BTC cost 13 % more of them, and that is what it cost."""
    clones = "; ".join(
        f"INSERT INTO prices_daily BY NAME SELECT * REPLACE ('{venue}' AS venue) "
        "FROM prices_daily WHERE venue = 'binance'"
        for venue in ("okx", "gate")
    )
    dear = "UPDATE prices_daily SET price_close = 1.13 * price_close"
    build = broken(f"{clones}; {dear}, quote_asset = 'USDC' WHERE venue = 'bybit' "
                   "AND date = '2026-03-03'")  # fmt: skip
    assert outcome(build, scope, "prices_daily", "majors_like_others").success
    assert not outcome(build, scope, "prices_daily", "majors_near_others").success


def test_a_coin_exchanged_1_to_100_on_one_venue_first_takes_no_venue_out(
    broken: Callable[[str], Path], scope: Scope
) -> None:
    clones = "; ".join(
        f"INSERT INTO prices_daily BY NAME SELECT * REPLACE ('{venue}' AS venue) "
        "FROM prices_daily WHERE venue = 'binance'"
        for venue in ("okx", "gate")
    )
    more = (
        "INSERT INTO prices_daily BY NAME SELECT * EXCLUDE (i) REPLACE ('ALT' || i AS symbol, "
        "'ALT' || i AS base_asset) FROM prices_daily, range(3) AS r (i) WHERE symbol = 'SOLUSDT'"
    )
    build = broken(f"{clones}; {more}; UPDATE prices_daily SET price_close = 100 * price_close "
                   f"{OF_BINANCE} AND symbol = 'SOLUSDT'")  # fmt: skip
    assert outcome(build, scope, "prices_daily", "like_others").success
    assert not outcome(build, scope, "prices_daily", "near_others").success
