"""Numbers that are wrong and look sound."""

# ruff: noqa: S608 - statements of ours, on tables of ours
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.engine import run_suites
from expectations.rule import Scope
from expectations.suites import suites
from tests.daily.given import at, column, computed
from tests.expectations.conftest import broken, scope, valid_build
from transforms.daily.open_interest_daily import OPEN_INTEREST_DAILY

__all__ = ["broken", "scope", "valid_build"]  # fixtures

# What a venue's table of percentages does to each column of a rate.
RATES = (
    "funding_rate_sum",
    "funding_rate_8h",
    "funding_rate_annualised",
    "funding_rate_first",
    "funding_rate_last",
    "funding_rate_min",
    "funding_rate_max",
)


def blocking(build: Path, scope: Scope, table: str) -> list[str]:
    rules = [rule for rule in suites()[table] if rule.severity == "critical"]
    outcomes, _ = run_suites(build, {table: rules}, scope)
    assert all(outcome.error is None for outcome in outcomes)
    return sorted(outcome.rule.name for outcome in outcomes if not outcome.success)


@pytest.mark.parametrize("whose", ["true", "symbol = 'BTCUSDT'"])
def test_a_percentage_taken_for_a_fraction_blocks(
    broken: Callable[[str], Path], scope: Scope, whose: str
) -> None:
    """0.02 % per 8 h as 0.02 is below the venue's cap of a single settlement (0.01 … 0.03)."""
    scaled = ", ".join(f"{rate} = {rate} * 100" for rate in RATES)
    build = broken(f"UPDATE funding_daily SET {scaled} WHERE venue = 'binance' AND {whose}")
    assert "majors_plausible" in blocking(build, scope, "funding_daily")


def test_so_does_a_venue_without_majors(broken: Callable[[str], Path], scope: Scope) -> None:
    scaled = ", ".join(f"{rate} = {rate} * 100" for rate in RATES)
    build = broken(f"UPDATE funding_daily SET {scaled}, base_asset = 'ALT' WHERE venue = 'binance'")
    assert blocking(build, scope, "funding_daily") == ["typical_rate_plausible"]


def test_a_settlement_that_stands_twice_a_minute_apart_blocks(
    broken: Callable[[str], Path], scope: Scope
) -> None:
    """3 settlements became 6, of 7 h 59 min and 1 min in turn: due, paid and hours all agree."""
    build = broken(
        "UPDATE funding_daily SET settlement_count = 6, expected_settlement_count = 6, "
        "interval_hours = 1.0 / 60, funding_rate_sum = 0.0012, funding_rate_8h = 0.0004, "
        "funding_rate_annualised = 0.438 WHERE venue = 'bybit'"
    )
    assert blocking(build, scope, "funding_daily") == ["interval_plausible"]


def day_of(start: str, coin: float, count: int) -> list[dict[str, object]]:
    """`count` samples, five minutes apart."""
    first = at(start)
    return [
        {
            "sampled_at": first + n * (at("2026-03-01 00:05") - at("2026-03-01 00:00")),
            "open_interest_coin": coin,
            "open_interest_usd": coin * 10,
            "open_interest_native": coin,
            "sample_interval_minutes": 5,
        }
        for n in range(count)
    ]


def test_the_first_sample_of_a_lost_day_is_no_close_to_compare_with() -> None:
    """The file of 1 March ends with the sample of 2 March 00:00; the file of 2 March is lost."""
    rows = [
        *day_of("2026-03-01 00:05", 100.0, 287),
        *day_of("2026-03-02 00:00", 101.0, 1),
        *day_of("2026-03-03 00:05", 150.0, 287),
        *day_of("2026-03-04 00:00", 155.0, 288),
    ]
    daily = computed(OPEN_INTEREST_DAILY, rows, "2026-03-01", "2026-03-04")
    assert list(column(daily, "sample_count").values()) == [287, 1, 287, 288]
    for name in ("coin", "usd", "pct"):
        changes = list(column(daily, f"open_interest_change_{name}").values())
        # Not +1 on the lost day and +49 (of two days) on the one after it.
        assert changes[:3] == [None, None, None], name
    assert list(column(daily, "open_interest_change_coin").values())[3] == 5.0
    assert daily["open_interest_coin_close"].to_list() == [100.0, 101.0, 150.0, 155.0]


def test_a_listing_late_in_the_day_has_a_close() -> None:
    rows = [*day_of("2026-03-01 23:50", 10.0, 2), *day_of("2026-03-02 00:00", 12.0, 288)]
    daily = computed(OPEN_INTEREST_DAILY, rows, "2026-03-01", "2026-03-02")
    assert daily["open_interest_change_coin"].to_list() == [None, 2.0]
