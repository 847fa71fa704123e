"""Open interest of a day, by hand."""

from __future__ import annotations

import pytest

from tests.daily.given import at, column, computed
from transforms.daily.open_interest_daily import OPEN_INTEREST_DAILY


def sample(stamp, coin, usd=None, interval=240, **facts):
    return {
        "sampled_at": at(stamp),
        "open_interest_coin": coin,
        "open_interest_usd": usd,
        "open_interest_native": coin,
        "sample_interval_minutes": interval,
        **facts,
    }


def test_a_day_of_snapshots():
    daily = computed(
        OPEN_INTEREST_DAILY,
        [
            sample("2026-03-01 00:00", 100.0, 1000.0),
            sample("2026-03-01 04:00", 130.0, 1200.0),
            sample("2026-03-01 20:00", 85.0, 950.0),
        ],
        "2026-03-01",
        "2026-03-01",
    )
    row = daily.row(0, named=True)
    assert row["sample_count"] == 3
    # 1440 / 240
    assert row["expected_sample_count"] == 6
    assert [row[f"open_interest_coin_{w}"] for w in ("open", "high", "low", "close")] == [
        100.0,
        130.0,
        85.0,
        85.0,
    ]
    # (100 + 130 + 85) / 3 = 105; (1000 + 1200 + 950) / 3 = 1050
    assert row["open_interest_coin_mean"] == 105.0
    assert row["open_interest_usd_mean"] == 1050.0
    assert row["open_interest_usd_high"] == 1200.0
    assert row["open_interest_change_coin"] is None


def test_change_is_from_the_close_of_the_day_before_and_in_coin():
    daily = computed(
        OPEN_INTEREST_DAILY,
        [
            sample("2026-03-01 20:00", 80.0, 800.0),
            sample("2026-03-02 20:00", 100.0, 1500.0),
            # the third is missing
            sample("2026-03-04 20:00", 90.0, 1400.0),
        ],
        "2026-03-02",
        "2026-03-04",
    )
    assert column(daily, "open_interest_change_coin") == {"2026-03-02": 20.0, "2026-03-04": None}
    assert column(daily, "open_interest_change_usd") == {"2026-03-02": 700.0, "2026-03-04": None}
    # 20 / 80, although USD nearly doubled
    assert column(daily, "open_interest_change_pct") == {"2026-03-02": 0.25, "2026-03-04": None}


def test_what_is_not_reported_is_no_sample_and_what_has_no_price_no_usd():
    why = {"amount_null_reason": "no price"}
    daily = computed(
        OPEN_INTEREST_DAILY,
        [
            sample("2026-03-01 00:00", None, None, **why),
            sample("2026-03-01 04:00", 0.0, 0.0),
            sample("2026-03-01 08:00", 10.0, 20.0),
            sample("2026-03-01 12:00", 14.0, None, **why),
            sample("2026-03-02 00:00", None, None, **why),
        ],
        "2026-03-01",
        "2026-03-02",
    )
    assert daily.height == 1
    row = daily.row(0, named=True)
    assert row["sample_count"] == 3
    # A known zero is a value: (0 + 10 + 14) / 3 = 8 and (0 + 20) / 2 = 10
    assert row["open_interest_coin_mean"] == 8.0
    assert row["open_interest_usd_mean"] == 10.0
    assert row["open_interest_coin_open"] == 0.0
    assert row["open_interest_coin_close"] == 14.0
    assert row["open_interest_usd_close"] == 20.0


def test_a_close_of_zero_has_no_percentage_after_it():
    daily = computed(
        OPEN_INTEREST_DAILY,
        [sample("2026-03-01 20:00", 0.0, 0.0), sample("2026-03-02 20:00", 5.0, 9.0)],
        "2026-03-02",
        "2026-03-02",
    )
    assert daily["open_interest_change_coin"].to_list() == [5.0]
    assert daily["open_interest_change_pct"].to_list() == [None]


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [((5, 240), 288), ((240, 240), 6), ((None, None), None), ((None, 5), None)],
)
def test_due_are_the_snapshots_of_the_finest_series(intervals, expected):
    daily = computed(
        OPEN_INTEREST_DAILY,
        [
            sample("2026-03-01 00:00", 1.0, interval=intervals[0]),
            sample("2026-03-01 00:05", 1.0, interval=intervals[1]),
        ],
        "2026-03-01",
        "2026-03-01",
    )
    assert daily["expected_sample_count"].to_list() == [expected]


def test_a_reused_ticker_is_compared_with_nothing_and_not_mixed():
    daily = computed(
        OPEN_INTEREST_DAILY,
        [
            sample("2023-02-21 20:00", 100.0),
            sample("2023-02-22 00:00", 90.0),
            sample("2023-02-22 12:00", 9000.0, listing=2),
            sample("2023-02-23 12:00", 9900.0, listing=2),
        ],
        "2023-02-22",
        "2023-02-23",
    )
    assert column(daily, "open_interest_coin_low")["2023-02-22"] == 9000.0
    assert column(daily, "open_interest_change_coin") == {"2023-02-22": None, "2023-02-23": 900.0}


def test_no_rows_give_an_empty_table():
    daily = computed(OPEN_INTEREST_DAILY, [], "2026-03-01", "2026-03-02")
    assert daily.schema == OPEN_INTEREST_DAILY.schema.create_empty().schema
    assert daily.height == 0
