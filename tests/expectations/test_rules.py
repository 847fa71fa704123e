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
    ("positioning_daily", "not_empty"): ("DELETE FROM positioning_daily", 1),
    ("positioning_daily", "fresh"): ("DELETE FROM positioning_daily WHERE date = '2026-03-03'", 1),
    ("positioning_daily", "nobody_gone"): (f"DELETE FROM positioning_daily {ON}", 1),
    ("positioning_daily", "ratios_above_zero"): (
        f"UPDATE positioning_daily SET taker_buy_sell_ratio_close = 0 {ON}",
        1,
    ),
    ("positioning_daily", "ratios_believable"): (
        f"UPDATE positioning_daily SET long_short_account_ratio_mean = 1000 {ON}",
        1,
    ),
    ("prices_daily", "not_empty"): ("DELETE FROM prices_daily", 1),
    ("prices_daily", "fresh"): ("DELETE FROM prices_daily WHERE date = '2026-03-03'", 1),
    ("prices_daily", "nobody_gone"): (f"DELETE FROM prices_daily {ON}", 1),
    ("prices_daily", "prices_in_order"): (f"UPDATE prices_daily SET price_close = 64000 {ON}", 1),
    ("prices_daily", "volume_both_or_neither"): (
        f"UPDATE prices_daily SET volume_usd = 0 {ON}",
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
    ("instruments", "not_empty"): ("DELETE FROM instruments", 1),
    # Two run days in each of five daily tables.
    ("instruments", "all_mentioned_are_listed"): (
        "DELETE FROM instruments WHERE symbol = 'SOLUSDT'",
        10,
    ),
    ("instruments", "identity_agrees"): (
        "UPDATE instruments SET base_asset = 'WSOL' WHERE symbol = 'SOLUSDT'",
        10,
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
