"""What the signals say of markets whose story is known: calm, a long squeeze, a deleveraging."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from simulator.plan import Plan, Scenario
from tests.market.simulated import by_days, market_and_signals

BREAK = date(2021, 1, 17)
"""Of the scenarios, and any day for the calm."""

BEFORE = 104
"""Fourteen days that make a history, and ninety to look at."""

ASSETS = {"BTC", "ETH", "SOL"}


def told(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    plan = Plan(
        BREAK - timedelta(days=BEFORE),
        BREAK + timedelta(days=3),
        symbols=3,
        scenario=scenario,
        break_day=BREAK,
        # Prices are taken from the truth.
        kline_kinds=(),
    )
    found = market_and_signals(plan, tmp_path_factory.mktemp(scenario))
    assert set(found["base_asset"]) == ASSETS
    assert found.height == len(ASSETS) * (BEFORE + 4)
    return found


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return told("calm", tmp_path_factory)


@pytest.fixture(scope="module")
def squeeze(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return told("long-squeeze", tmp_path_factory)


@pytest.fixture(scope="module")
def deleveraging(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return told("deleveraging", tmp_path_factory)


@pytest.mark.parametrize("asset", ["BTC", "ETH"])
def test_a_squeeze_is_seen_coming(squeeze: pl.DataFrame, asset: str) -> None:
    days = by_days(BREAK, squeeze, asset)
    assert days[-1]["overheated_score"] > days[-10]["overheated_score"] + 20
    assert days[-1]["crowded_side"] == "long"
    assert days[-1]["squeeze_risk"] in ("building", "high")


@pytest.mark.parametrize("asset", ["BTC", "ETH"])
def test_the_risk_stays_high_while_positions_are_not_closed(
    squeeze: pl.DataFrame, asset: str
) -> None:
    """Half a billion was liquidated and open interest has not fallen: nothing is over."""
    today = by_days(BREAK, squeeze, asset)[0]
    assert today["open_interest_change_pct"] > 0
    assert today["liquidations_percentile_90d"] >= 0.9
    assert today["crowded_side"] == "long"
    assert today["deleveraged"] is False
    assert today["squeeze_risk"] == "high"


@pytest.mark.parametrize("asset", sorted(ASSETS))
def test_after_a_deleveraging_there_is_nothing_left_to_squeeze(
    deleveraging: pl.DataFrame, asset: str
) -> None:
    days = by_days(BREAK, deleveraging, asset)
    today = days[0]
    assert today["open_interest_change_pct"] < -0.3
    assert today["deleveraged"] is True
    assert today["squeeze_risk"] == "none"
    assert today["overheated_score"] < days[-1]["overheated_score"]
    for after in (1, 2, 3):
        assert days[after]["overheated_score"] < 20
        assert days[after]["squeeze_risk"] == "none"
        assert days[after]["deleveraged"] is False


def test_the_two_part_on_the_day_of_the_break(
    squeeze: pl.DataFrame, deleveraging: pl.DataFrame
) -> None:
    """Only open interest differs between them, and it is told apart from the day on."""
    before = pl.col("date") < BREAK
    signals = ["overheated_score", "crowded_side", "squeeze_risk", "deleveraged"]
    assert (
        squeeze.filter(before).select(signals).equals(deleveraging.filter(before).select(signals))
    )
    for asset in ("BTC", "ETH"):
        held, closed = (by_days(BREAK, x, asset)[0] for x in (squeeze, deleveraging))
        assert held["score_funding"] == closed["score_funding"] > 0.9
        assert held["overheated_score"] > closed["overheated_score"] + 20


def test_calm_raises_no_alarm(calm: pl.DataFrame) -> None:
    days = calm.filter(
        pl.col("date").is_between(BREAK - timedelta(days=86), BREAK + timedelta(days=3))
    )
    assert days.height == 90 * len(ASSETS)
    assert days["squeeze_risk"].null_count() == 0
    risks = dict(days["squeeze_risk"].value_counts().iter_rows())
    assert risks.get("high", 0) == 0
    assert risks.get("building", 0) < 0.03 * days.height
    median = days["overheated_score"].median()
    assert isinstance(median, float)
    assert median < 20
