"""Ratios of a day, by hand."""

from __future__ import annotations

from tests.daily.given import at, computed
from transforms.daily.positioning_daily import POSITIONING_DAILY


def test_means_and_closes_are_over_what_is_reported():
    daily = computed(
        POSITIONING_DAILY,
        [
            {
                "sampled_at": at("2026-03-01 00:00"),
                "long_short_account_ratio": 1.0,
                "taker_buy_sell_ratio": 0.5,
            },
            {
                "sampled_at": at("2026-03-01 00:05"),
                "long_short_account_ratio": 1.5,
            },
            {
                "sampled_at": at("2026-03-01 00:10"),
                "long_short_account_ratio": 2.0,
                "taker_buy_sell_ratio": 1.0,
                "top_trader_account_ratio": 3.0,
            },
            {"sampled_at": at("2026-03-01 00:15")},
        ],
        "2026-03-01",
        "2026-03-01",
    )
    row = daily.row(0, named=True)
    # The last row reports nothing.
    assert row["sample_count"] == 3
    # (1 + 1.5 + 2) / 3; (0.5 + 1) / 2
    assert row["long_short_account_ratio_mean"] == 1.5
    assert row["long_short_account_ratio_close"] == 2.0
    assert row["taker_buy_sell_ratio_mean"] == 0.75
    assert row["taker_buy_sell_ratio_close"] == 1.0
    assert row["top_trader_account_ratio_close"] == 3.0
    assert row["top_trader_position_ratio_mean"] is None
    assert row["top_trader_position_ratio_close"] is None


def test_a_day_that_reports_nothing_has_no_row():
    daily = computed(
        POSITIONING_DAILY, [{"sampled_at": at("2026-03-01 00:00")}], "2026-03-01", "2026-03-01"
    )
    assert daily.height == 0
    assert daily.schema == POSITIONING_DAILY.schema.create_empty().schema
