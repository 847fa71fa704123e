"""Every rule, found by discovery, has a build it fails on; a rule without one fails here."""

# ruff: noqa: S608, ISC004 - statements of ours, on tables of ours, too long for one line
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from expectations.engine import run_suites
from expectations.rule import Rule, Scope
from expectations.suites import suites
from transforms.schemas.published import PUBLISHED_TABLES, primary_key, sql_type

ALL = [(table, rule) for table, rules in suites().items() for rule in rules]

ON = "WHERE date = '2026-03-03' AND venue = 'binance' AND symbol = 'BTCUSDT'"

# Two more venues that say in all what binance says.
CLONES = "; ".join(
    f"INSERT INTO {table} BY NAME SELECT * REPLACE ('{venue}' AS venue) FROM {table} "
    "WHERE venue = 'binance'"
    for table in ("funding_daily", "liquidations_daily", "open_interest_daily", "prices_daily")
    for venue in ("okx", "gate")
)

# Twenty more coins, so that binance has 25 instruments.
MANY = "; ".join(
    f"INSERT INTO {table} BY NAME SELECT * EXCLUDE (i) REPLACE ('ALT' || i AS symbol, "
    f"'ALT' || i AS base_asset) FROM {table}, range(20) AS r (i) WHERE symbol = 'SOLUSDT'"
    for table in ("open_interest_daily", "prices_daily")
)


def level(factor: float, where: str) -> str:
    """Open interest in coin and dollars times a factor."""
    columns = [
        f"open_interest_{unit}_{name}"
        for unit in ("coin", "usd")
        for name in ("open", "high", "low", "close", "mean")
    ]
    scaled = ", ".join(f"{column} = {column} * {factor}" for column in columns)
    return f"UPDATE open_interest_daily SET {scaled} {where}"


# A fall of 10 % that nothing came before, and liquidations of a hundred times the size.
FALL = (
    "UPDATE market_daily SET price_close = 0.9 * price_open, price_low = 0.89 * price_open, "
    "price_high = 1.01 * price_open WHERE date = '2026-03-03'; "
    "UPDATE liquidations_daily SET long_usd = 1e7, short_usd = 2e6, total_usd = 1.2e7 "
    "WHERE base_asset = 'BTC'"
)
SWAPPED = "UPDATE liquidations_daily SET long_usd = short_usd, short_usd = long_usd"

# Every hour of every day as the one at nine o'clock.
DAY_OF_HOURS = (
    "DELETE FROM liquidations_hourly WHERE hour(hour) <> 9; "
    "INSERT INTO liquidations_hourly BY NAME SELECT * EXCLUDE (i) "
    "REPLACE (date + to_hours(i) AS hour) FROM liquidations_hourly, range(24) AS r (i) WHERE i <> 9"
)
OF_BINANCE = "WHERE date = '2026-03-03' AND venue = 'binance'"

# (table, rule) → SQL that breaks it, and how many rows then break it.
BREAKS: dict[tuple[str, str], tuple[str, int]] = {
    ("funding_daily", "not_empty"): ("DELETE FROM funding_daily", 1),
    ("funding_daily", "fresh"): ("DELETE FROM funding_daily WHERE date = '2026-03-03'", 1),
    # 2 of 6 gone is a third; 1 of 6 is 17 %.
    ("funding_daily", "few_gone"): (
        "DELETE FROM funding_daily WHERE date = '2026-03-03' AND symbol IN ('SOLUSDT', 'XRPUSDT')",
        2,
    ),
    ("funding_daily", "nobody_gone"): (f"DELETE FROM funding_daily {ON}", 1),
    ("funding_daily", "rate_within_caps"): (
        f"UPDATE funding_daily SET funding_rate_max = 5, funding_rate_last = 5 {ON}",
        1,
    ),
    # Of five instruments of binance three: the median is one of them.
    ("funding_daily", "typical_rate_plausible"): (
        "UPDATE funding_daily SET funding_rate_8h = -0.0041 WHERE date = '2026-03-03' "
        "AND venue = 'binance' AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        1,
    ),
    ("funding_daily", "majors_plausible"): (
        f"UPDATE funding_daily SET funding_rate_8h = 0.0076 {ON}",
        1,
    ),
    ("funding_daily", "interval_plausible"): (
        f"UPDATE funding_daily SET interval_hours = 1.0 / 60 {ON}",
        1,
    ),
    ("funding_daily", "cumulative_plausible"): (
        f"UPDATE funding_daily SET funding_cumulative_7d = -2.001 {ON}",
        1,
    ),
    ("funding_daily", "rates_in_order"): (
        f"UPDATE funding_daily SET funding_rate_first = -0.0001 {ON}",
        1,
    ),
    # 3 settlements of at most 0.0003 make at most 0.0009.
    ("funding_daily", "sum_between_extremes"): (
        f"UPDATE funding_daily SET funding_rate_sum = 0.00091 {ON}",
        1,
    ),
    ("funding_daily", "rates_as_defined"): (
        f"UPDATE funding_daily SET funding_rate_8h = 0.0006 {ON}",
        1,
    ),
    ("funding_daily", "settlements_at_most_hourly"): (
        f"UPDATE funding_daily SET settlement_count = 25 {ON}",
        1,
    ),
    ("funding_daily", "not_more_than_due"): (
        f"UPDATE funding_daily SET settlement_count = 4 {ON}",
        1,
    ),
    ("funding_daily", "none_missing"): (f"UPDATE funding_daily SET settlement_count = 2 {ON}", 1),
    # 2 of 5 instruments are left on the last day, where 5 were usual.
    ("funding_daily", "not_halved"): (
        f"DELETE FROM funding_daily {OF_BINANCE} AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        1,
    ),
    ("funding_daily", "due_where_open"): (
        f"DELETE FROM funding_daily {OF_BINANCE} AND symbol = 'SOLUSDT'",
        1,
    ),
    ("funding_daily", "interval_not_shortened"): (
        f"UPDATE funding_daily SET interval_hours = 1 {ON}",
        1,
    ),
    # Eight times what it was and what bybit pays, at each settlement.
    ("funding_daily", "majors_rate_of_its_period"): (
        "UPDATE funding_daily SET funding_rate_8h = 0.0016, funding_rate_min = 0.0008, "
        f"funding_rate_max = 0.0024 {ON}",
        1,
    ),
    # 0.0012 is six times what it was, and the others pay what they did.
    ("funding_daily", "rates_not_moved_alone"): (
        f"{CLONES}; UPDATE funding_daily SET funding_rate_8h = 0.0012 {OF_BINANCE}",
        1,
    ),
    # 31 times 0.0002 is 0.0062.
    ("funding_daily", "typical_rate_steady"): (
        f"UPDATE funding_daily SET funding_rate_8h = -0.0062 {OF_BINANCE}",
        1,
    ),
    # The others pay 0.0002; 21 times that is 0.0042.
    ("funding_daily", "typical_rate_like_others"): (
        f"{CLONES}; UPDATE funding_daily SET funding_rate_8h = 0.0042 {OF_BINANCE}",
        1,
    ),
    # 3 of 5 paid twice where 3 were due.
    ("funding_daily", "stamps_there"): (
        f"UPDATE funding_daily SET settlement_count = 2 {OF_BINANCE} "
        "AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        1,
    ),
    # 00:00, 00:05, 08:00 and 16:00: four settlements of 8 hours in 24.
    ("funding_daily", "no_settlement_too_many"): (
        "UPDATE funding_daily SET settlement_count = 4, expected_settlement_count = 4 "
        f"{OF_BINANCE} AND symbol = 'SOLUSDT'",
        1,
    ),
    # 00:00, 08:00, 08:05 and 16:00 of one of the majors, and six of seven of most of a venue.
    ("funding_daily", "few_settlements_too_many"): (
        f"UPDATE funding_daily SET settlement_count = 4, interval_hours = 475.0 / 60 {ON}; "
        "UPDATE funding_daily SET interval_hours = 4, settlement_count = 6; "
        "UPDATE funding_daily SET settlement_count = 7 "
        "WHERE date = '2026-03-02' AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT'); "
        "UPDATE funding_daily SET settlement_count = 7 "
        "WHERE date = '2026-03-03' AND venue = 'bybit'",
        2,
    ),
    ("open_interest_daily", "not_empty"): ("DELETE FROM open_interest_daily", 1),
    ("open_interest_daily", "fresh"): (
        "DELETE FROM open_interest_daily WHERE date = '2026-03-03'",
        1,
    ),
    ("open_interest_daily", "few_gone"): (
        "DELETE FROM open_interest_daily WHERE date = '2026-03-03' AND venue = 'binance'",
        5,
    ),
    ("open_interest_daily", "nobody_gone"): (f"DELETE FROM open_interest_daily {ON}", 1),
    ("open_interest_daily", "coin_in_order"): (
        f"UPDATE open_interest_daily SET open_interest_coin_mean = 1101 {ON}",
        1,
    ),
    ("open_interest_daily", "usd_in_order"): (
        f"UPDATE open_interest_daily SET open_interest_usd_close = 1 {ON}",
        1,
    ),
    ("open_interest_daily", "not_more_samples_than_due"): (
        f"UPDATE open_interest_daily SET sample_count = 576 {ON}",
        1,
    ),
    # 90 % of 288 is 259.2.
    ("open_interest_daily", "samples_there"): (
        f"UPDATE open_interest_daily SET sample_count = 259 {ON}",
        1,
    ),
    # Both sides counted in coin but not in USD: half the price, below 0.5 × the day's low
    # (0.5 × 57,000 = 28,500) once a little more is off.
    ("open_interest_daily", "usd_fits_price"): (
        f"UPDATE open_interest_daily SET open_interest_usd_close = 1050 * 28000 {ON}",
        1,
    ),
    # 1.2 × the day's high of 63,000 is 75,600.
    ("open_interest_daily", "usd_near_price"): (
        f"UPDATE open_interest_daily SET open_interest_usd_close = 1050 * 76000 {ON}",
        1,
    ),
    ("open_interest_daily", "no_jump"): (
        f"UPDATE open_interest_daily SET open_interest_coin_close = 5251 {ON}",
        1,
    ),
    ("open_interest_daily", "no_spike"): (
        f"UPDATE open_interest_daily SET open_interest_coin_low = open_interest_coin_high / 6 {ON}",
        1,
    ),
    ("open_interest_daily", "not_halved"): (
        f"DELETE FROM open_interest_daily {OF_BINANCE} "
        "AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        1,
    ),
    # 5 of 25.
    ("open_interest_daily", "not_halved_where_many"): (
        f"{MANY}; DELETE FROM open_interest_daily {OF_BINANCE} AND symbol LIKE 'ALT%'",
        1,
    ),
    # Both sides from one day on: beside each of the days before the level is twice theirs.
    ("open_interest_daily", "level_not_stepped"): (level(2, OF_BINANCE), 1),
    # The middle of 1, 1.81, 1.81, 2.9 and 2.9 is 1.81, and they are not alike.
    ("open_interest_daily", "level_steady"): (
        "; ".join(
            level(factor, f"{OF_BINANCE} AND symbol IN ('{symbols}')")
            for factor, symbols in (
                (1.81, "BTCUSD_PERP', 'ETHUSDT"),
                (2.9, "SOLUSDT', 'XRPUSDT"),
            )
        ),
        1,
    ),
    ("open_interest_daily", "majors_level_steady"): (level(0.5, ON), 1),
    # 63 of 126 million linear are half; 126 of 189 are two thirds, 630 of 693 are 91 %.
    ("open_interest_daily", "share_steady"): (
        level(10, "WHERE date = '2026-03-03' AND venue = 'bybit'"),
        2,
    ),
    # 244 of 288 are 84.7 %, and how many are due nobody knows.
    ("open_interest_daily", "samples_as_before"): (
        "UPDATE open_interest_daily SET expected_sample_count = NULL WHERE venue = 'binance'; "
        f"UPDATE open_interest_daily SET sample_count = 244 {OF_BINANCE}",
        1,
    ),
    # 143 of 288 are 49.7 %, 28 of 288 are 9.7 %.
    ("open_interest_daily", "half_of_samples"): (
        f"UPDATE open_interest_daily SET sample_count = 143 {OF_BINANCE}",
        1,
    ),
    ("open_interest_daily", "samples_enough_for_a_day"): (
        f"UPDATE open_interest_daily SET sample_count = 28 {OF_BINANCE}",
        1,
    ),
    ("liquidations_daily", "not_empty"): ("DELETE FROM liquidations_daily", 1),
    ("liquidations_daily", "fresh"): (
        "DELETE FROM liquidations_daily WHERE date = '2026-03-03'",
        1,
    ),
    ("liquidations_daily", "total_is_both_sides"): (
        f"UPDATE liquidations_daily SET long_usd = 0 {ON}",
        1,
    ),
    ("liquidations_daily", "zero_where_none"): (
        f"UPDATE liquidations_daily SET short_count = 0 {ON}",
        1,
    ),
    ("liquidations_daily", "largest_within_total"): (
        f"UPDATE liquidations_daily SET largest_usd = 240001 {ON}",
        1,
    ),
    ("liquidations_daily", "max_24h_holds_the_day"): (
        f"UPDATE liquidations_daily SET max_24h_usd = 239999 {ON}",
        1,
    ),
    ("liquidations_daily", "max_1h_between"): (
        f"UPDATE liquidations_daily SET max_1h_usd = 119999 {ON}",
        1,
    ),
    ("liquidations_daily", "moments_on_the_day"): (
        f"UPDATE liquidations_daily SET max_24h_end = '2026-03-04 00:00:00' {ON}",
        1,
    ),
    ("liquidations_daily", "usd_fits_price"): (
        f"UPDATE liquidations_daily SET long_coin = 0.003, short_coin = 0.001 {ON}",
        1,
    ),
    # 4 coins for 4 × 60,000; 2.9 coins make 82,759 USD a coin, above 1.2 × 63,000 = 75,600.
    ("liquidations_daily", "usd_near_price"): (
        f"UPDATE liquidations_daily SET long_coin = 1.9 {ON}",
        1,
    ),
    # Sides taken the wrong way round: 10 of 12 million are shorts, on each of three instruments.
    ("liquidations_daily", "sides_fit_price"): (f"{FALL}; {SWAPPED}", 3),
    ("liquidations_daily", "sides_not_swapped"): (f"{FALL}; {SWAPPED}", 2),
    # 83 % of longs on three venues and 17 % on bybit are 0.67 apart.
    ("liquidations_daily", "sides_like_others"): (
        f"{FALL}; {CLONES}; {SWAPPED} WHERE date = '2026-03-03' AND venue = 'bybit'",
        1,
    ),
    # Of two venues either may be wrong.
    ("liquidations_daily", "sides_agree"): (
        f"{FALL}; {SWAPPED} WHERE date = '2026-03-03' AND venue = 'bybit'",
        2,
    ),
    ("liquidations_daily", "completeness_steady"): (
        f"UPDATE liquidations_daily SET completeness = 'partial' {OF_BINANCE}",
        1,
    ),
    # 1.9 of 100, while bybit stays where it was.
    ("liquidations_daily", "feed_alive"): (
        "UPDATE liquidations_daily SET total_usd = 1e6 WHERE symbol = 'BTCUSDT'; "
        f"UPDATE liquidations_daily SET total_usd = 4000 {OF_BINANCE}",
        1,
    ),
    # 12 orders of 101,000 USD, without the largest 1,000 each; before they were 21 times that.
    ("liquidations_daily", "order_size_steady"): (
        "UPDATE liquidations_daily SET long_count = 12, short_count = 0, largest_usd = 100000, "
        "total_usd = CASE WHEN date = '2026-03-03' THEN 111000 ELSE 331000 END "
        "WHERE venue = 'binance' AND symbol = 'BTCUSDT'",
        1,
    ),
    ("liquidations_hourly", "not_empty"): ("DELETE FROM liquidations_hourly", 1),
    ("liquidations_hourly", "fresh"): (
        "DELETE FROM liquidations_hourly WHERE date = '2026-03-03'",
        1,
    ),
    # An hour lost, a day without a row for its hours, and one whose hours all went.
    ("liquidations_hourly", "hours_add_up_to_the_day"): (
        f"DELETE FROM liquidations_hourly {ON} AND hour(hour) = 12; "
        "DELETE FROM liquidations_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT'; "
        "DELETE FROM liquidations_hourly WHERE date = '2026-03-02' AND symbol = 'XRPUSDT'",
        3,
    ),
    ("liquidations_hourly", "hour_on_the_day"): (
        f"UPDATE liquidations_hourly SET hour = hour + INTERVAL 12 HOURS {ON} AND hour(hour) = 12; "
        "UPDATE liquidations_hourly SET hour = hour + INTERVAL 1 MINUTE "
        "WHERE date = '2026-03-03' AND symbol = 'SOLUSDT' AND hour(hour) = 8",
        2,
    ),
    ("liquidations_hourly", "something_happened"): (
        f"UPDATE liquidations_hourly SET long_count = 0 {ON} AND hour(hour) = 12",
        1,
    ),
    ("liquidations_hourly", "total_is_both_sides"): (
        f"UPDATE liquidations_hourly SET short_usd = 1 {ON} AND hour(hour) = 9",
        1,
    ),
    ("liquidations_hourly", "zero_where_none"): (
        f"UPDATE liquidations_hourly SET short_usd = NULL {ON} AND hour(hour) = 9",
        1,
    ),
    # Shorts went while the price fell, hour by hour, at one instrument and so over its venue.
    ("liquidations_hourly", "sides_follow_price"): (
        f"{DAY_OF_HOURS}; UPDATE liquidations_hourly SET short_usd = total_usd, long_usd = 0, "
        f"short_coin = total_usd / (60000 - 100 * hour(hour)), long_coin = 0 {ON}",
        2,
    ),
    # Heard in each hour of the days before, and from 18:00 on no more: binance's linear and inverse
    # products, and bybit's.
    ("liquidations_hourly", "no_long_silence"): (
        f"{DAY_OF_HOURS}; "
        "DELETE FROM liquidations_hourly WHERE date = '2026-03-03' AND hour(hour) > 17",
        3,
    ),
    ("positioning_daily", "not_empty"): ("DELETE FROM positioning_daily", 1),
    ("positioning_daily", "fresh"): ("DELETE FROM positioning_daily WHERE date = '2026-03-03'", 1),
    ("positioning_daily", "nobody_gone"): (f"DELETE FROM positioning_daily {ON}", 1),
    ("positioning_daily", "not_halved"): (
        f"DELETE FROM positioning_daily {OF_BINANCE} "
        "AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        1,
    ),
    ("positioning_daily", "ratios_above_zero"): (
        f"UPDATE positioning_daily SET taker_buy_sell_ratio_close = 0 {ON}",
        1,
    ),
    ("positioning_daily", "ratios_believable"): (
        f"UPDATE positioning_daily SET long_short_account_ratio_mean = 1000 {ON}",
        1,
    ),
    ("positioning_daily", "holders_ratios_believable"): (
        "UPDATE positioning_daily SET long_short_account_ratio_mean = 51 "
        f"{OF_BINANCE} AND symbol = 'SOLUSDT'",
        1,
    ),
    ("positioning_daily", "majors_ratios_believable"): (
        f"UPDATE positioning_daily SET top_trader_account_ratio_close = 0.09 {ON}",
        1,
    ),
    # 5 times 1.4 is 7.
    ("positioning_daily", "ratios_steady"): (
        "UPDATE positioning_daily SET long_short_account_ratio_close = 7.1 "
        f"{OF_BINANCE} AND symbol = 'SOLUSDT'",
        1,
    ),
    # 1 ÷ 1.5 is 0.67, 1 ÷ 1.4 is 0.71: of one of the majors. 1.3 becomes 0.8 for three of five.
    ("positioning_daily", "ratios_not_turned"): (
        "UPDATE positioning_daily SET long_short_account_ratio_mean = 0.68, "
        f"long_short_account_ratio_close = 0.72 {ON}; "
        "UPDATE positioning_daily SET top_trader_account_ratio_mean = 1.3, "
        "top_trader_account_ratio_close = 1.3 WHERE date = '2026-03-02'; "
        "UPDATE positioning_daily SET top_trader_account_ratio_mean = 0.8, "
        f"top_trader_account_ratio_close = 0.8 {OF_BINANCE} "
        "AND symbol IN ('BTCUSD_PERP', 'SOLUSDT', 'XRPUSDT')",
        4,
    ),
    ("prices_daily", "not_empty"): ("DELETE FROM prices_daily", 1),
    ("prices_daily", "fresh"): ("DELETE FROM prices_daily WHERE date = '2026-03-03'", 1),
    ("prices_daily", "nobody_gone"): (f"DELETE FROM prices_daily {ON}", 1),
    ("prices_daily", "no_spike"): (
        f"UPDATE prices_daily SET price_low = price_high / 6 {ON}",
        1,
    ),
    ("prices_daily", "prices_in_order"): (f"UPDATE prices_daily SET price_close = 64000 {ON}", 1),
    ("prices_daily", "volume_both_or_neither"): (
        f"UPDATE prices_daily SET volume_usd = 0 {ON}",
        1,
    ),
    ("prices_daily", "not_halved"): (
        f"DELETE FROM prices_daily {OF_BINANCE} AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        1,
    ),
    # Dollars for coins in one inverse contract, and coins for dollars in most linear ones.
    ("prices_daily", "volume_fits_price"): (
        "UPDATE prices_daily SET volume_coin = volume_usd "
        f"{OF_BINANCE} AND margin_type = 'inverse'; "
        "UPDATE prices_daily SET volume_usd = volume_coin WHERE date = '2026-03-02' "
        "AND symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')",
        2,
    ),
    ("prices_daily", "volume_steady"): (
        f"UPDATE prices_daily SET volume_usd = volume_usd / 31 {OF_BINANCE}",
        1,
    ),
    ("prices_daily", "volume_believable"): (
        f"UPDATE prices_daily SET volume_usd = 1000 * volume_usd {OF_BINANCE}",
        1,
    ),
    # Half of the usual range of 10.5 % is no excuse: a quarter of it is 2.6 %.
    ("prices_daily", "majors_like_others"): (
        f"{CLONES}; UPDATE prices_daily SET price_close = 63001 {ON}",
        1,
    ),
    # Of two venues the one that moved: 62,000 beside 60,000 are 3.3 %.
    ("prices_daily", "majors_near_others"): (
        "UPDATE prices_daily SET price_close = 62000 WHERE date = '2026-03-03' AND venue = 'bybit'",
        1,
    ),
    # A thousand for one in both coins that others have as well.
    ("prices_daily", "like_others"): (
        f"{CLONES}; UPDATE prices_daily SET price_close = 1000 * price_close {OF_BINANCE} "
        "AND symbol IN ('SOLUSDT', 'XRPUSDT')",
        2,
    ),
    ("prices_daily", "near_others"): (
        f"{CLONES}; UPDATE prices_daily SET price_close = 0.89 * price_close {OF_BINANCE} "
        "AND symbol = 'SOLUSDT'",
        1,
    ),
    ("reference_daily", "not_empty"): ("DELETE FROM reference_daily", 1),
    ("reference_daily", "unit_of_metric"): (
        "UPDATE reference_daily SET unit = 'USD' WHERE date = '2026-03-03' "
        "AND metric = 'funding_rate'",
        1,
    ),
    ("reference_daily", "amounts_not_negative"): (
        "UPDATE reference_daily SET value = -1 WHERE date = '2026-03-03' AND metric = 'price_usd'",
        1,
    ),
    ("reference_daily", "not_more_buckets_than_fit"): (
        "UPDATE reference_daily SET bucket_count = 7 WHERE date = '2026-03-03' "
        "AND bucket_minutes = 240",
        1,
    ),
    ("reference_daily", "days_whole"): (
        "UPDATE reference_daily SET bucket_count = 5, is_partial = true "
        "WHERE date = '2026-03-03' AND bucket_minutes = 240",
        1,
    ),
    # 0.1 percent is 0.001; taken for a fraction it is 0.1.
    ("reference_daily", "rate_is_no_percent"): (
        "UPDATE reference_daily SET value = 0.1 WHERE date = '2026-03-03' "
        "AND metric = 'funding_rate'",
        1,
    ),
    # 63 million of ours to 31 of theirs is 2.03.
    ("reference_daily", "same_exchange_agrees"): (
        "UPDATE reference_daily SET value = 31e6 WHERE date = '2026-03-03' "
        "AND metric = 'open_interest_usd' AND reference_venue = 'binance'",
        1,
    ),
    # 189 million of ours to 150 of all exchanges is 1.26.
    ("reference_daily", "not_above_all_exchanges"): (
        "UPDATE reference_daily SET value = 150e6 WHERE date = '2026-03-03' "
        "AND metric = 'open_interest_usd' AND reference_venue IS NULL",
        1,
    ),
    # 60,000 ÷ 80,000 is 0.75.
    ("reference_daily", "price_agrees"): (
        "UPDATE reference_daily SET value = 80000 WHERE date = '2026-03-03' "
        "AND metric = 'price_usd'",
        1,
    ),
    # 0.0002 of ours − 0.0013 is −0.0011.
    ("reference_daily", "funding_agrees"): (
        "UPDATE reference_daily SET value = 0.0013 WHERE date = '2026-03-03' "
        "AND metric = 'funding_rate'",
        1,
    ),
    ("reserves_daily", "not_empty"): ("DELETE FROM reserves_daily", 1),
    ("reserves_daily", "not_more_buckets_than_fit"): (
        "UPDATE reserves_daily SET bucket_count = 2 WHERE date = '2026-03-03'",
        1,
    ),
    # 2 to 2.6 million coins are 30 %.
    ("reserves_daily", "no_jump"): (
        "UPDATE reserves_daily SET reserve_coin = 2.6e6 WHERE date = '2026-03-03'",
        1,
    ),
    ("instruments", "nothing_after_its_end"): (
        "UPDATE instruments SET valid_to = '2026-03-03 00:00:00' "
        "WHERE venue = 'binance' AND symbol = 'SOLUSDT'",
        1,
    ),
    ("instruments", "not_empty"): ("DELETE FROM instruments", 1),
    # Two run days in each of five daily tables and the one of hours.
    ("instruments", "all_mentioned_are_listed"): (
        "DELETE FROM instruments WHERE symbol = 'SOLUSDT'",
        12,
    ),
    ("instruments", "identity_agrees"): (
        "UPDATE instruments SET base_asset = 'WSOL' WHERE symbol = 'SOLUSDT'",
        12,
    ),
    ("instruments", "ends_after_start"): (
        "UPDATE instruments SET valid_to = valid_from WHERE symbol = 'SOLUSDT'",
        1,
    ),
    ("instruments", "listings_do_not_overlap"): (
        "INSERT INTO instruments BY NAME SELECT * REPLACE (2 AS listing) FROM instruments "
        "WHERE symbol = 'SOLUSDT'",
        1,
    ),
    ("coverage_daily", "not_empty"): ("DELETE FROM coverage_daily", 1),
    ("coverage_daily", "fresh"): ("DELETE FROM coverage_daily WHERE date = '2026-03-03'", 1),
    ("coverage_daily", "no_gap"): ("DELETE FROM coverage_daily WHERE date = '2026-03-02'", 1),
    ("coverage_daily", "nothing_where_missing"): (
        "UPDATE coverage_daily SET status = 'missing' WHERE date = '2026-03-03' "
        "AND venue = 'bybit' AND dataset = 'prices'",
        1,
    ),
    ("coverage_daily", "funding_arrived"): (
        "DELETE FROM funding_daily WHERE date = '2026-03-02' AND venue = 'bybit'",
        1,
    ),
    ("coverage_daily", "rows_arrived"): (
        "DELETE FROM open_interest_daily WHERE date = '2026-03-02' AND venue = 'bybit'",
        1,
    ),
    ("coverage_daily", "daily_rows_are_covered"): (
        "DELETE FROM coverage_daily WHERE date = '2026-03-02' AND venue = 'bybit' "
        "AND dataset = 'liquidations'",
        1,
    ),
    # All three datasets of the only day with binance, the largest by open interest, are out.
    ("coverage_daily", "largest_venue_not_taken_out"): (
        "UPDATE coverage_daily SET status = 'missing', rows = 0, instruments_present = 0, "
        "excluded_because = 'a rule' WHERE date = '2026-03-03' AND venue = 'binance'",
        3,
    ),
    ("coverage_daily", "none_taken_out"): (
        "UPDATE coverage_daily SET excluded_because = 'a rule' WHERE date = '2026-03-03' "
        "AND venue = 'bybit' AND dataset = 'funding_rates'",
        1,
    ),
    ("coverage_daily", "none_missing"): (
        "UPDATE coverage_daily SET status = 'missing' WHERE date = '2026-03-03' "
        "AND venue = 'binance'",
        5,
    ),
    ("coverage_daily", "none_partial"): (
        "UPDATE coverage_daily SET status = 'partial' WHERE date = '2026-03-03' "
        "AND venue = 'binance'",
        5,
    ),
    ("raw_files", "not_empty"): ("DELETE FROM raw_files", 1),
    ("raw_files", "rows_add_up"): (
        "UPDATE raw_files SET rows_kept = 989 WHERE dataset = 'prices' AND key LIKE '%03-03.zip%'",
        1,
    ),
    # 21 of the 2,000 records of the run's two days are 1.05 %.
    ("raw_files", "not_emptied"): (
        "UPDATE raw_files SET rows_read = 0, rows_kept = 0, rows_duplicate = 0, bytes = 100 "
        "WHERE contains(key, 'funding_rates-2026-03-03'); "
        "UPDATE raw_files SET superseded_by = replace(key, '-03-02', '-03-03') "
        "WHERE contains(key, 'funding_rates-2026-03-02')",
        1,
    ),
    ("raw_files", "hardly_any_quarantined"): (
        "UPDATE raw_files SET rows_kept = 969, rows_quarantined = 21 WHERE dataset = 'prices' "
        "AND key LIKE '%03-03.zip%'",
        1,
    ),
    # 201 of 2,000 are 10.05 %.
    ("raw_files", "few_quarantined"): (
        "UPDATE raw_files SET rows_kept = 789, rows_quarantined = 201 WHERE dataset = 'prices' "
        "AND key LIKE '%03-03.zip%'",
        1,
    ),
    ("raw_files", "label_convention_steady"): (
        "UPDATE raw_files SET label_convention = 'from_midnight' WHERE dataset = 'open_interest' "
        "AND key LIKE '%03-03.zip%'",
        1,
    ),
    ("raw_files", "hash_is_sha256"): (
        "UPDATE raw_files SET sha256 = upper(sha256) WHERE dataset = 'prices'",
        3,
    ),
    ("corrections", "all_used"): ("UPDATE corrections SET status = 'unused'", 1),
    ("corrections", "none_expired"): ("UPDATE corrections SET status = 'expired'", 1),
    ("corrections", "none_outlives_its_entry"): (
        "UPDATE corrections SET status = 'removed', reason = NULL, source = NULL, expires = NULL",
        1,
    ),
    # Applied to nothing, and on days of which it touches no row.
    ("corrections", "counts_fit_status"): (
        "INSERT INTO corrections SELECT * REPLACE ('b' AS id, 0 AS rows_changed) FROM corrections; "
        "UPDATE corrections SET first_date = NULL, last_date = NULL WHERE id <> 'b'",
        2,
    ),
    ("runs", "this_run_is_new"): ("UPDATE runs SET run_id = 'r2'", 1),
    ("runs", "none_was_blocked"): ("UPDATE runs SET verdict = 'blocked'", 1),
    ("runs", "times_in_order"): ("UPDATE runs SET last_date = '2026-02-28'", 1),
    ("runs", "hashes_known"): ("UPDATE runs SET build_sha256 = NULL", 1),
    # 3 facts in dispute of 1,000 rows on each of the two days are 0.15 %.
    ("source_conflicts", "hardly_any"): (
        "INSERT INTO source_conflicts BY NAME SELECT * EXCLUDE (i) REPLACE ("
        "DATE '2026-03-02' AS date, "
        "TIMESTAMP '2026-03-02' + to_minutes(i) AS \"at\") "
        "FROM (SELECT s.*, r.i FROM source_conflicts AS s, range(3) AS r (i)) "
        "AS numbered",
        1,
    ),
    # 21 facts in dispute of 1,000 rows on each of the two days are 1.05 %.
    ("source_conflicts", "few"): (
        "INSERT INTO source_conflicts BY NAME SELECT * EXCLUDE (i) REPLACE ("
        "DATE '2026-03-02' AS date, "
        "TIMESTAMP '2026-03-02' + to_minutes(i) AS \"at\") "
        "FROM (SELECT s.*, r.i FROM source_conflicts AS s, range(21) AS r (i)) "
        "AS numbered",
        1,
    ),
    ("source_conflicts", "few_on_a_day"): (
        "INSERT INTO source_conflicts BY NAME SELECT * EXCLUDE (i) REPLACE ("
        "DATE '2026-03-02' AS date, "
        "TIMESTAMP '2026-03-02' + to_minutes(i) AS \"at\") "
        "FROM (SELECT s.*, r.i FROM source_conflicts AS s, range(21) AS r (i)) "
        "AS numbered",
        1,
    ),
    ("source_conflicts", "contract_sizes_agree"): (
        "UPDATE source_conflicts SET date = '2026-03-03', dataset = 'open_interest', "
        "column_name = 'contract_size', kept_value = '1.0', other_value = '0.01'",
        1,
    ),
    ("source_conflicts", "values_differ"): (
        "UPDATE source_conflicts SET other_value = kept_value",
        1,
    ),
    ("restatements", "of_known_runs"): ("UPDATE restatements SET run_id = 'r9'", 1),
    ("restatements", "said_once"): (
        "INSERT INTO restatements SELECT * REPLACE (2 AS item) FROM restatements",
        1,
    ),
    ("restatements", "rows_have_no_column"): (
        "UPDATE restatements SET kind = 'appeared'",
        1,
    ),
    ("restatements", "values_differ"): ("UPDATE restatements SET new_value = old_value", 1),
    ("restatements", "cause_said"): ("UPDATE restatements SET cause = ' '", 1),
    ("column_dictionary", "not_empty"): ("DELETE FROM column_dictionary", 1),
    ("column_dictionary", "describes_the_file"): (
        "DELETE FROM column_dictionary WHERE table_name = 'runs' AND column_name = 'run_id'",
        1,
    ),
}


OF_BTC = "WHERE date = '2026-03-03' AND base_asset = 'BTC'"
ON_LAST = "WHERE date = '2026-03-03'"

# 29 more days before the three there are, all alike.
MONTH = (
    "INSERT INTO {table} BY NAME SELECT * EXCLUDE (i) REPLACE ((date - i::INTEGER) AS date) "
    "FROM (SELECT t.*, r.i FROM {table} AS t, range(1, 30) AS r (i) WHERE date = '2026-03-01') "
    "AS numbered; "
)


def _about_each_row(table: str, row: str) -> dict[tuple[str, str], tuple[str, int]]:
    """Examples for the rules both market tables have; `row` selects one of the last day."""
    update = f"UPDATE {table} SET"
    return {
        (table, name): example
        for name, example in {
            "not_empty": (f"DELETE FROM {table}", 1),
            "fresh": (f"DELETE FROM {table} {ON_LAST}", 1),
            "counts_fit": (f"{update} liquidations_venues = venues + 1 {row}", 1),
            "means_between_extremes": (
                f"{update} funding_rate_8h_volume_weighted = 0.00020001 {row}",
                1,
            ),
            "rates_known_together": (f"{update} funding_rate_8h_median = NULL {row}", 1),
            "annualised_as_defined": (
                f"{update} funding_rate_annualised_oi_weighted = 0.2191 {row}",
                1,
            ),
            # A day pays 3 × 0.0002: 7 × 0.0006 = 0.0042, 30 × 0.0006 = 0.018, 31 of them 0.0186.
            "cumulative_as_summed": (
                MONTH.format(table=table)
                + f"{update} funding_cumulative_7d = 0.0042, funding_cumulative_30d = 0.018, "
                "funding_compounded_30d = 1.0006 ** 30 - 1; "
                f"{update} funding_cumulative_30d = 0.0186 {row}; "
                f"{update} funding_compounded_30d = 0.018 {row.replace('03-03', '03-02')}",
                2,
            ),
            "margins_add_up": (f"{update} open_interest_usd_quanto = 1 {row}", 1),
            "coverage_is_a_share": (f"{update} open_interest_coverage = 1.01 {row}", 1),
            "well_covered": (f"{update} open_interest_coverage = 0.89 {row}", 1),
            "half_covered": (
                f"{update} open_interest_usd = 1.1e9 WHERE date = '2026-03-01'; "
                f"{update} open_interest_coverage = 0.49 {row}",
                1,
            ),
            "open_interest_change_usual": (
                f"{update} open_interest_change_pct = -0.31 {row}",
                1,
            ),
            "open_interest_change_plausible": (
                f"{update} open_interest_usd = 1.1e9 WHERE date = '2026-03-02'; "
                f"{update} open_interest_change_pct = 0.81 {row}",
                1,
            ),
            "liquidations_are_both_sides": (f"{update} liquidations_short_usd = NULL {row}", 1),
            "liquidations_where_there_is_a_feed": (f"{update} liquidations_venues = 0 {row}", 1),
            "max_24h_holds_the_day": (
                f"{update} liquidations_max_24h_usd = 0.99 * liquidations_total_usd {row}",
                1,
            ),
            # Twice 4 coins on two days are 8.
            "max_24h_within_two_days": (
                f"{update} liquidations_max_24h_usd = 2.01 * liquidations_total_usd {row}",
                1,
            ),
            "max_24h_ends_on_the_day": (
                f"{update} liquidations_max_24h_end = '2026-03-04 00:00:00' {row}",
                1,
            ),
            "liquidated_share_believable": (
                f"{update} liquidations_to_open_interest = 0.51 {row}",
                1,
            ),
            "completeness_of_the_weakest": (
                f"{update} liquidations_completeness = 'complete' {row}",
                1,
            ),
        }.items()
    }


GONE = "; ".join(
    f"DELETE FROM {table} WHERE date = '2026-03-03' AND venue = 'bybit'"
    for table in (
        "funding_daily",
        "open_interest_daily",
        "liquidations_daily",
        "positioning_daily",
        "prices_daily",
    )
)

BREAKS |= _about_each_row("market_daily", OF_BTC) | _about_each_row("market_total_daily", ON_LAST)
BREAKS |= {
    # One that is not there, and one that nothing stands behind.
    ("market_daily", "rows_as_due"): (
        f"UPDATE market_daily SET base_asset = 'XBT' {OF_BTC}",
        2,
    ),
    ("market_daily", "no_venue_fell_away"): (GONE, 1),
    ("market_daily", "open_interest_is_that_of_venues"): (
        f"UPDATE market_daily SET open_interest_usd = 2 * open_interest_usd {OF_BTC}; "
        "UPDATE market_daily SET open_interest_usd_inverse = NULL "
        "WHERE date = '2026-03-02' AND base_asset = 'BTC'; "
        "UPDATE market_daily SET open_interest_coin = 1 "
        "WHERE date = '2026-03-02' AND base_asset = 'ETH'",
        3,
    ),
    ("market_daily", "liquidations_are_those_of_venues"): (
        f"UPDATE market_daily SET liquidations_short_usd = 1 {OF_BTC}; "
        "UPDATE market_daily SET liquidations_venues = 1 "
        "WHERE date = '2026-03-02' AND base_asset = 'BTC'",
        2,
    ),
    # 1,050 coins of SOL at 100,000 were 105 million, of which more was liquidated.
    ("market_daily", "liquidated_share_possible"): (
        "UPDATE open_interest_daily SET open_interest_usd_close = 105e6 WHERE symbol = 'SOLUSDT'; "
        "UPDATE market_daily SET liquidations_to_open_interest = 1.01 "
        "WHERE date = '2026-03-03' AND base_asset = 'SOL'",
        1,
    ),
    ("market_daily", "prices_in_order"): (
        f"UPDATE market_daily SET price_close = price_high + 1 {OF_BTC}",
        1,
    ),
    # Another close, a symbol without a price, and a price of nobody.
    ("market_daily", "price_is_of_the_reference"): (
        f"UPDATE market_daily SET price_close = 60001 {OF_BTC}; "
        "UPDATE market_daily SET price_symbol = 'SOLBUSD' "
        "WHERE date = '2026-03-03' AND base_asset = 'SOL'; "
        "UPDATE market_daily SET price_venue = NULL, price_symbol = NULL "
        "WHERE date = '2026-03-03' AND base_asset = 'XRP'",
        3,
    ),
    ("market_daily", "majors_funding_plausible"): (
        f"UPDATE market_daily SET funding_rate_8h_oi_weighted = -0.0076 {OF_BTC}",
        1,
    ),
    ("market_daily", "funding_usual"): (
        f"UPDATE market_daily SET funding_rate_8h_oi_weighted = -0.021 {OF_BTC}",
        1,
    ),
    ("market_daily", "funding_of_one_sign"): (
        "UPDATE market_daily SET funding_rate_8h_oi_weighted = -0.0006, "
        f"funding_rate_8h_median = 0.0006 {OF_BTC}",
        1,
    ),
    ("market_total_daily", "rows_as_due"): (
        "UPDATE market_total_daily SET date = '2026-03-02' WHERE date = '2026-03-01'; "
        f"DELETE FROM market_total_daily {ON_LAST}",
        1,
    ),
    ("market_total_daily", "no_venue_fell_away"): (GONE, 1),
    ("market_total_daily", "open_interest_is_that_of_assets"): (
        "UPDATE market_total_daily SET open_interest_usd_linear = open_interest_usd_linear + 1 "
        f"{ON_LAST}",
        1,
    ),
    ("market_total_daily", "liquidations_are_those_of_assets"): (
        f"UPDATE market_total_daily SET liquidations_long_usd = NULL {ON_LAST}",
        1,
    ),
    # 1 + 1 + 1 + 2 venues of assets, the most are 2; 6 instruments of them all.
    ("market_total_daily", "counts_fit_assets"): (
        f"UPDATE market_total_daily SET venues = 6 {ON_LAST}; "
        "UPDATE market_total_daily SET instruments = 7 WHERE date = '2026-03-02'",
        2,
    ),
    ("market_total_daily", "funding_spans_assets"): (
        f"UPDATE market_total_daily SET funding_rate_8h_min = 0.0001 {ON_LAST}",
        1,
    ),
    ("market_total_daily", "max_24h_holds_assets"): (
        f"UPDATE market_total_daily SET liquidations_max_24h_usd = 899999 {ON_LAST}",
        1,
    ),
    ("market_total_daily", "liquidated_share_possible"): (
        f"UPDATE market_total_daily SET liquidations_to_open_interest = 1.01 {ON_LAST}",
        1,
    ),
    ("market_total_daily", "funding_plausible"): (
        f"UPDATE market_total_daily SET funding_rate_8h_oi_weighted = 0.02 {ON_LAST}",
        1,
    ),
    ("signals_daily", "not_empty"): ("DELETE FROM signals_daily", 1),
    ("signals_daily", "fresh"): (f"DELETE FROM signals_daily {ON_LAST}", 1),
    ("signals_daily", "rows_as_due"): (f"DELETE FROM signals_daily {OF_BTC}", 1),
    ("signals_daily", "percentiles_in_range"): (
        f"UPDATE signals_daily SET liquidations_percentile_90d = 1.01 {OF_BTC}",
        1,
    ),
    ("signals_daily", "history_within_window"): (
        f"UPDATE signals_daily SET open_interest_history_days = 91 {OF_BTC}",
        1,
    ),
    # A rank among 3 days, and one of funding without a typical rate.
    ("signals_daily", "history_long_enough"): (
        f"UPDATE signals_daily SET open_interest_percentile_90d = 0.5 {OF_BTC}; "
        "UPDATE signals_daily SET funding_history_days = 14, funding_percentile_90d = 0.5 "
        "WHERE date = '2026-03-03' AND base_asset = 'SOL'",
        2,
    ),
    ("signals_daily", "parts_in_range"): (
        f"UPDATE signals_daily SET score_long_short = 1.01 {OF_BTC}",
        1,
    ),
    # 100 × (40 × 0.5 + 20 × 0.25) ÷ 60 = 41.67, and no score where one was due.
    ("signals_daily", "score_as_defined"): (
        "UPDATE signals_daily SET score_funding = 0.5, score_open_interest = 0.25, "
        f"overheated_score = 41.6 {OF_BTC}; "
        "UPDATE signals_daily SET score_funding = 0.5, score_open_interest = 0.25 "
        "WHERE date = '2026-03-03' AND base_asset = 'SOL'",
        2,
    ),
    ("signals_daily", "deleveraged_has_cooled"): (
        f"UPDATE signals_daily SET deleveraged = true, score_leverage = 0.1 {OF_BTC}",
        1,
    ),
    # Open interest did not fall; and whether it did with liquidations unknown nobody can say.
    ("signals_daily", "deleveraged_fell"): (
        f"UPDATE signals_daily SET deleveraged = true, liquidations_percentile_90d = 1 {OF_BTC}; "
        "UPDATE signals_daily SET deleveraged = false "
        "WHERE date = '2026-03-03' AND base_asset = 'SOL'",
        2,
    ),
    # A rate of 0.0002 is 0.0001 above typical ones of 0.0001: crowded at a rank of 0.8, and not by
    # half of that; not known without a rank.
    ("signals_daily", "crowded_side_as_defined"): (
        "UPDATE signals_daily SET funding_typical_8h = 0.00005, funding_percentile_90d = 0.9, "
        f"crowded_side = 'none' {OF_BTC}; "
        "UPDATE signals_daily SET funding_typical_8h = 0.00015, funding_percentile_90d = 0.9, "
        "crowded_side = 'long' WHERE date = '2026-03-03' AND base_asset = 'ETH'; "
        "UPDATE signals_daily SET funding_typical_8h = 0.0005, funding_percentile_90d = 0.3, "
        "crowded_side = 'short' WHERE date = '2026-03-03' AND base_asset = 'SOL'; "
        "UPDATE signals_daily SET funding_typical_8h = 0.0005, crowded_side = 'short' "
        "WHERE date = '2026-03-03' AND base_asset = 'XRP'",
        4,
    ),
    # 60 of a crowd is high, of nobody none, and no longer once positions were closed.
    ("signals_daily", "squeeze_risk_as_defined"): (
        "UPDATE signals_daily SET overheated_score = 60, crowded_side = 'long', "
        f"squeeze_risk = 'building' {OF_BTC}; "
        "UPDATE signals_daily SET overheated_score = 60, crowded_side = 'none', "
        "squeeze_risk = 'high' WHERE date = '2026-03-03' AND base_asset = 'ETH'; "
        "UPDATE signals_daily SET overheated_score = 60, crowded_side = 'long', "
        "deleveraged = true, squeeze_risk = 'high' "
        "WHERE date = '2026-03-03' AND base_asset = 'SOL'; "
        "UPDATE signals_daily SET squeeze_risk = 'none' "
        "WHERE date = '2026-03-03' AND base_asset = 'XRP'",
        4,
    ),
}


def _structural_break(table: str, name: str) -> tuple[str, int | None] | None:
    """SQL that breaks a rule of the schema in any table; NULL count: rows are not counted."""
    columns = PUBLISHED_TABLES[table].columns()
    one_row = f"WHERE rowid = (SELECT min(rowid) FROM {table})"

    def first(wanted: Callable[[dy.Column], bool]) -> str:
        return next((n for n, c in reversed(columns.items()) if wanted(c)), "")

    last = next(reversed(columns))
    fixed = first(lambda c: not c.nullable)
    word = first(lambda c: bool(c.metadata and "values" in c.metadata))
    double = first(lambda c: c.dtype == pl.Float64)
    bounded = first(
        lambda c: {getattr(c, "min", None), getattr(c, "min_exclusive", None)} != {None}
    )
    return {
        "columns": (f"ALTER TABLE {table} ADD COLUMN surprise BIGINT", None),
        "types": (
            f'ALTER TABLE {table} ALTER "{last}" TYPE {_other_type(sql_type(columns[last]))}',
            1,
        ),
        "key_unique": (f"INSERT INTO {table} SELECT * FROM {table} {one_row}", 1),
        "not_null": (
            f'ALTER TABLE {table} ALTER "{fixed}" DROP NOT NULL; '
            f'UPDATE {table} SET "{fixed}" = NULL {one_row}',
            1,
        ),
        "words": (f"UPDATE {table} SET \"{word}\" = 'nonsense' {one_row}", 1),
        "finite": (f"UPDATE {table} SET \"{double}\" = 'inf' {one_row}", 1),
        "bounds": (f'UPDATE {table} SET "{bounded}" = -1 {one_row}', 1),
        "versions_of_known_runs": (f"UPDATE {table} SET published_by = 'r9' {one_row}", 1),
    }.get(name)


def _other_type(found: str) -> str:
    return "BLOB" if found == "VARCHAR" else "VARCHAR"


def _break(table: str, name: str) -> tuple[str, int | None] | None:
    return BREAKS.get((table, name)) or _structural_break(table, name)


def test_rules_were_found() -> None:
    found = suites()
    assert found.keys() == PUBLISHED_TABLES.keys()
    assert all(len(rules) >= 3 for rules in found.values())
    assert len(ALL) > 100


def test_every_rule_has_a_build_it_fails_on() -> None:
    missing = [(table, rule.name) for table, rule in ALL if _break(table, rule.name) is None]
    assert missing == []
    names = {(table, rule.name) for table, rule in ALL}
    assert BREAKS.keys() <= names, "examples for rules that are no more"


@pytest.mark.parametrize(("table", "rule"), ALL, ids=[f"{t}-{r.name}" for t, r in ALL])
def test_rule_fails_where_it_should(
    broken: Callable[[str], Path], scope: Scope, table: str, rule: Rule
) -> None:
    example = _break(table, rule.name)
    assert example is not None
    statements, failing = example
    outcomes, _ = run_suites(broken(statements), {table: [rule]}, scope)
    (outcome,) = outcomes
    assert outcome.error is None
    assert not outcome.success
    assert outcome.failing == failing


@pytest.mark.parametrize(("table", "rule"), ALL, ids=[f"{t}-{r.name}" for t, r in ALL])
def test_rule_says_what_it_asks_and_why(table: str, rule: Rule, scope: Scope) -> None:
    assert rule.reason
    assert "{" not in rule.asked_for()
    rule.arguments(scope)


def test_structural_examples_have_keys() -> None:
    assert all(primary_key(schema) for schema in PUBLISHED_TABLES.values())
