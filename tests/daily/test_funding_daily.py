"""Funding of a day, by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.daily.given import at, column, computed, day, listings, settlements
from transforms.daily.funding_daily import FUNDING_DAILY


def hours(start: str, *steps: int) -> list[str]:
    """Stamps from `start` on, `steps` hours apart."""
    moment = at(start)
    stamps = [moment]
    for step in steps:
        moment += timedelta(hours=step)
        stamps.append(moment)
    return [f"{stamp:%Y-%m-%d %H:%M}" for stamp in stamps]


def funding(stamps, first, last, **how):
    context = {k: how.pop(k) for k in ("instruments",) if k in how}
    return computed(FUNDING_DAILY, settlements(stamps, **how), first, last, **context)


def test_a_day_of_three_settlements():
    stamps = hours("2021-01-15 16:00", 8, 8, 8, 8, 8)
    rates = ["0.0002", "0.00010000", "0.00032573", "0.00068496", "0.00033109", "0.00030276"]
    daily = funding(stamps, "2021-01-16", "2021-01-16", rate=rates)
    assert daily.height == 1
    row = daily.row(0, named=True)
    assert row["settlement_count"] == 3
    # 16:00 is followed by 00:00 of the next day: nothing is missing. There are settlements the
    # day before, so this is not the first day.
    assert row["expected_settlement_count"] == 3
    assert row["interval_hours"] == 8
    assert row["hours_covered"] == 24
    # 0.00010000 + 0.00032573 + 0.00068496 = 0.00111069
    assert row["funding_rate_sum"] == 0.00111069
    # × 8 / 24 = 0.00037023
    assert row["funding_rate_8h"] == pytest.approx(0.00037023, rel=1e-15)
    # × 3 × 365 = 0.40540185
    assert row["funding_rate_annualised"] == pytest.approx(0.40540185, rel=1e-15)
    assert row["funding_rate_first"] == 0.0001
    assert row["funding_rate_last"] == 0.00068496
    assert row["funding_rate_min"] == 0.0001
    assert row["funding_rate_max"] == 0.00068496
    assert row["funding_cumulative_7d"] is None


def test_sums_are_those_of_the_decimals_not_of_doubles():
    # As doubles 0.1 + 0.2 = 0.30000000000000004, which is not the double nearest to 0.3.
    daily = funding(
        ["2021-01-16 00:00", "2021-01-16 08:00"], "2021-01-16", "2021-01-16", rate=["0.1", "0.2"]
    )
    assert daily["funding_rate_sum"].to_list() == [0.3]


def test_eight_hours_become_one_within_a_day():
    # AXSUSDT 2026-01-17: 00, 08, 16, then 17 … 23: 10 settlements. Undeclared, the 8 h step to
    # 16:00 has an hourly neighbour after it; it is a change of interval, not seven missing ones.
    stamps = hours("2026-01-16 00:00", 8, 8, 8, 8, 8, *[1] * 12)
    daily = funding(stamps, "2026-01-17", "2026-01-17")
    assert column(daily, "settlement_count") == {"2026-01-17": 10}
    assert column(daily, "expected_settlement_count") == {"2026-01-17": 10}
    # 3 × 8 + 7 × 1 = 31 hours: 00:00 pays for the eight hours before midnight
    assert column(daily, "hours_covered") == {"2026-01-17": 31}
    assert column(daily, "interval_hours") == {"2026-01-17": 1}


def test_one_hour_becomes_four_where_the_label_runs_ahead():
    # AXSUSDT 2026-01-26: hourly to 08:00, whose label already says 4, then 12, 16, 20.
    stamps = hours("2026-01-25 20:00", *[1] * 12, 4, 4, 4, 4)
    declared = [1.0] * 12 + [4.0] * 5
    assert dict(zip(stamps, declared, strict=True))["2026-01-26 08:00"] == 4
    for labels in (declared, None):
        daily = funding(stamps, "2026-01-26", "2026-01-26", declared=labels)
        assert column(daily, "settlement_count") == {"2026-01-26": 12}
        assert column(daily, "expected_settlement_count") == {"2026-01-26": 12}
        # 00 … 08 are nine of 1 h, 12, 16, 20 three of 4 h: 9 + 12 = 21
        assert column(daily, "hours_covered") == {"2026-01-26": 21}
        assert column(daily, "interval_hours") == {"2026-01-26": 4}


def test_an_odd_step_between_two_intervals_is_observed():
    # COSUSDT 2026-03-10: hourly to 17:00, then 20:00, then every 4 h: 3 h is longer than the hour
    # before but not than the four hours after.
    stamps = hours("2026-03-09 22:00", *[1] * 19, 3, 4, 4, 4)
    daily = funding(stamps, "2026-03-10", "2026-03-11")
    # 00 … 17 are 18, and 20:00
    assert column(daily, "settlement_count")["2026-03-10"] == 19
    assert column(daily, "expected_settlement_count")["2026-03-10"] == 19
    assert column(daily, "hours_covered")["2026-03-10"] == 18 + 3


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 8, 24])
def test_every_regular_interval_is_complete(step):
    stamps = hours("2026-03-01 00:00", *[step] * (5 * 24 // step))
    daily = funding(stamps, "2026-03-02", "2026-03-04")
    assert daily["settlement_count"].to_list() == [24 // step] * 3
    assert daily["expected_settlement_count"].to_list() == [24 // step] * 3
    assert daily["interval_hours"].to_list() == [step] * 3
    assert daily["hours_covered"].to_list() == [24] * 3


def test_stamps_at_4_12_20():
    stamps = hours("2021-01-15 04:00", *[8] * 8)
    daily = funding(stamps, "2021-01-16", "2021-01-16")
    assert daily["expected_settlement_count"].to_list() == [3]
    assert daily["hours_covered"].to_list() == [24]


def test_once_a_day_becomes_every_eight_hours():
    # BitMEX: 12:00 until 2016-06-04, then 04, 12, 20: the step between is 16 h, not a gap.
    stamps = hours("2016-06-01 12:00", 24, 24, 24, 16, 8, 8, 8, 8, 8)
    daily = funding(stamps, "2016-06-02", "2016-06-05")
    assert column(daily, "settlement_count") == {
        "2016-06-02": 1,
        "2016-06-03": 1,
        "2016-06-04": 1,
        "2016-06-05": 3,
    }
    assert daily["expected_settlement_count"].to_list() == [1, 1, 1, 3]
    # 16 + 8 + 8 = 32
    assert daily["hours_covered"].to_list() == [24, 24, 24, 32]


def test_a_late_settlement_is_not_a_missing_one():
    # HTX 2021-04-07: 18:00 instead of 16:00. 10 h has no room for another of 6 h or 8 h.
    stamps = [*hours("2021-04-06 00:00", 8, 8, 8, 8), "2021-04-07 18:00"]
    stamps += hours("2021-04-08 00:00", 8, 8, 8, 8)
    daily = funding(stamps, "2021-04-07", "2021-04-08")
    assert daily["expected_settlement_count"].to_list() == [3, 3]
    # 8 + 8 + 10 and 6 + 8 + 8
    assert daily["hours_covered"].to_list() == [26, 22]


def test_four_settlements_on_one_day_of_three():
    # HTX 2021-10-28: 00, 03, 08, 16.
    stamps = [*hours("2021-10-27 00:00", 8, 8, 8, 3, 5, 8, 8, 8, 8)]
    daily = funding(stamps, "2021-10-28", "2021-10-28")
    assert daily["settlement_count"].to_list() == [4]
    assert daily["expected_settlement_count"].to_list() == [4]
    assert daily["hours_covered"].to_list() == [24]


@pytest.mark.parametrize("declared", [None, 8.0])
def test_a_missing_settlement_inside_a_day(declared):
    stamps = hours("2021-01-15 00:00", 8, 8, 8, 16, 8, 8, 8)
    daily = funding(stamps, "2021-01-16", "2021-01-17", declared=declared)
    # The 16th has 00:00 and 16:00; 08:00 was due.
    assert daily["settlement_count"].to_list() == [2, 3]
    assert daily["expected_settlement_count"].to_list() == [3, 3]
    # 16:00 pays for 8 h, not for 16: 8 + 8
    assert daily["hours_covered"].to_list() == [16, 24]


def test_missing_settlements_on_both_sides_of_midnight():
    # HTX: 2021-02-19 16:00 and 2021-02-20 00:00 are missing: 24 h from 08:00 to 08:00.
    stamps = hours("2021-02-18 00:00", 8, 8, 8, 8, 24, 8, 8, 8)
    daily = funding(stamps, "2021-02-19", "2021-02-20")
    assert daily["settlement_count"].to_list() == [2, 2]
    assert daily["expected_settlement_count"].to_list() == [3, 3]


def test_two_gaps_in_a_row_do_not_vouch_for_each_other():
    stamps = hours("2021-01-15 00:00", 8, 8, 8, 16, 16, 8, 8, 8)
    # 16th: 00, 16; 17th: 08, 16
    daily = funding(stamps, "2021-01-16", "2021-01-17")
    assert daily["settlement_count"].to_list() == [2, 2]
    assert daily["expected_settlement_count"].to_list() == [3, 3]
    hourly = hours("2021-01-15 00:00", *[1] * 30, 3, 2, *[1] * 60)
    # 16th: of 24, two and one are missing
    assert column(funding(hourly, "2021-01-16", "2021-01-16"), "settlement_count") == {
        "2021-01-16": 21
    }
    assert column(funding(hourly, "2021-01-16", "2021-01-16"), "expected_settlement_count") == {
        "2021-01-16": 24
    }


def test_a_month_without_settlements_leaves_no_rows_and_no_credit():
    # Gate: after 2020-11-30 16:00 comes 2021-01-01 00:00, 752 h later.
    stamps = hours("2020-11-28 00:00", *[8] * 8, 752, *[8] * 6)
    daily = funding(stamps, "2020-11-30", "2021-01-01")
    assert daily["date"].to_list() == [day("2020-11-30"), day("2021-01-01")]
    assert daily["settlement_count"].to_list() == [3, 3]
    assert daily["expected_settlement_count"].to_list() == [3, 3]
    assert daily["hours_covered"].to_list() == [24, 24]


def test_the_newest_day_tells_what_is_missing_after_its_last_settlement():
    # 08:00 is the last there is; 16:00 was due and midnight is 16 h away.
    stamps = hours("2021-01-15 00:00", 8, 8, 8, 8)
    assert column(funding(stamps, "2021-01-16", "2021-01-16"), "expected_settlement_count") == {
        "2021-01-16": 3
    }


def test_the_newest_step_may_be_a_change_of_interval():
    # Hourly to 16:00, then 20:00, and nothing is known of what follows: 4 h may be the new
    # interval, or three are missing.
    stamps = hours("2021-01-15 00:00", *[1] * 40, 4)
    daily = funding(stamps, "2021-01-16", "2021-01-16")
    assert daily["expected_settlement_count"].to_list() == [None]
    assert daily["interval_hours"].to_list() == [4]
    # 17 hourly ones (00 … 16) and one of 4 h
    assert daily["hours_covered"].to_list() == [21]
    # Declared hourly, it is known: 17, 18, 19 and after 20:00 also 21, 22, 23.
    told = funding(stamps, "2021-01-16", "2021-01-16", declared=1.0)
    assert told["expected_settlement_count"].to_list() == [24]
    assert told["hours_covered"].to_list() == [18]


def test_first_settlement_ever():
    later = hours("2021-01-16 08:00", 8, 8, 8)
    undeclared = funding(later, "2021-01-16", "2021-01-16")
    assert undeclared["expected_settlement_count"].to_list() == [None]
    # By the distance to the next: 8 + 8
    assert undeclared["hours_covered"].to_list() == [16]
    declared = funding(later, "2021-01-16", "2021-01-16", declared=4.0)
    # 08:00 as declared, 4 h; 16:00 has room for one more of 4 h, so it pays for 4 h
    assert declared["hours_covered"].to_list() == [8]
    alone = funding(later[:1], "2021-01-16", "2021-01-16").row(0, named=True)
    assert alone["interval_hours"] is None
    assert alone["hours_covered"] is None
    assert alone["funding_rate_8h"] is None
    assert alone["funding_rate_sum"] == 0.0001


def test_listing_and_delivery_days_have_no_expectation():
    stamps = hours("2021-01-10 00:00", *[8] * 29)
    book = listings([{"valid_from": at("2021-01-12 09:00"), "valid_to": at("2021-01-15 08:00")}])
    daily = funding(stamps, "2021-01-11", "2021-01-16", instruments=book)
    assert daily["expected_settlement_count"].to_list() == [3, None, 3, 3, None, 3]


def test_last_day_is_one_after_which_only_others_go_on():
    ends = settlements(hours("2021-01-10 00:00", *[8] * 14))  # to 2021-01-14 16:00
    others = settlements(hours("2021-01-10 00:00", *[8] * 29), symbol="ETHUSDT", base_asset="ETH")
    daily = computed(FUNDING_DAILY, ends + others, "2021-01-13", "2021-01-15")
    assert column(daily, "expected_settlement_count") == {"2021-01-13": 3, "2021-01-14": None}
    assert column(daily, "expected_settlement_count", "ETHUSDT")["2021-01-15"] == 3
    alone = computed(FUNDING_DAILY, ends, "2021-01-14", "2021-01-14")
    assert column(alone, "expected_settlement_count") == {"2021-01-14": 3}


def test_cumulative_sums_need_every_day():
    stamps = hours("2021-01-01 00:00", *[8] * (3 * 40 - 1))
    whole = funding(stamps, "2021-01-01", "2021-02-09", rate="0.0001")
    # 7 days × 3 × 0.0001 = 0.0021; 30 × 3 × 0.0001 = 0.009
    week, month = column(whole, "funding_cumulative_7d"), column(whole, "funding_cumulative_30d")
    assert week["2021-01-06"] is None
    assert week["2021-01-07"] == 0.0021
    assert month["2021-01-29"] is None
    assert month["2021-01-30"] == 0.009
    assert month["2021-02-09"] == 0.009
    holed = [stamp for stamp in stamps if not stamp.startswith("2021-01-20")]
    week = column(funding(holed, "2021-01-01", "2021-02-09"), "funding_cumulative_7d")
    assert week["2021-01-19"] == 0.0021
    assert [week[f"2021-01-{d}"] for d in range(21, 27)] == [None] * 6
    assert week["2021-01-27"] == 0.0021


def test_a_reused_ticker_starts_anew():
    old = settlements(hours("2023-02-10 00:00", *[8] * 36), rate="0.0001")  # to 22nd 00:00
    new = settlements(hours("2023-02-22 12:00", *[4] * 60), rate="0.0002", listing=2)
    daily = computed(FUNDING_DAILY, old + new, "2023-02-20", "2023-03-01")
    count = column(daily, "settlement_count")
    # 00:00 of the old and 12, 16, 20 of the new
    assert count["2023-02-22"] == 4
    assert column(daily, "expected_settlement_count")["2023-02-22"] is None
    assert column(daily, "funding_rate_sum")["2023-02-22"] == float(Decimal("0.0007"))
    week = column(daily, "funding_cumulative_7d")
    assert week["2023-02-21"] == 0.0021
    assert [week[f"2023-02-{d}"] for d in range(22, 29)] == [None] * 7
    # 23 February … 1 March: 7 × 6 × 0.0002 = 0.0084
    assert week["2023-03-01"] == 0.0084


def test_no_rows_give_an_empty_table():
    daily = computed(FUNDING_DAILY, [], "2021-01-16", "2021-01-17")
    assert daily.height == 0
    assert daily.schema == FUNDING_DAILY.schema.create_empty().schema


def test_rows_outside_the_range_asked_for_are_not_published():
    stamps = hours("2021-01-10 00:00", *[8] * 29)
    daily = funding(stamps, "2021-01-13", "2021-01-13")
    assert daily["date"].unique().to_list() == [day("2021-01-13")]
    assert isinstance(daily, pl.DataFrame)
