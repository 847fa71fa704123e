"""The gate's verdicts, and what it does with builds and rules that are themselves unfit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from expectations.gate import Audit, NothingChecked, audit, failing, summary
from expectations.rule import Rule, Scope, no_rows
from expectations.structure import structure_rules
from expectations.suites import suites
from flows.storage.warehouse import table_hashes
from tests.expectations.market_of import market_of, replace_market
from transforms.schemas.evidence import Severity, Verdict
from transforms.schemas.market import MARKET_TABLES
from transforms.schemas.published import PUBLISHED_TABLES

REPOSITORY = Path(__file__).parents[2]


def _audit(build: Path, scope: Scope, tables: dict[str, list[Rule]] | None = None) -> Audit:
    """An audit by these suites; on other tables by one rule that always holds."""
    if tables is None:
        return audit(build, run_id=scope.run_id, first=scope.first, last=scope.last)
    chosen = {table: [_rule("holds", "SELECT 1 WHERE false")] for table in PUBLISHED_TABLES}
    return audit(
        build, run_id=scope.run_id, first=scope.first, last=scope.last, suites=chosen | tables
    )


def _rule(name: str, query: str, severity: Severity = Severity.WARNING) -> Rule:
    return no_rows(name, query, severity=severity, reason="because", threshold="none")


def _suite(*tables: str) -> dict[str, list[Rule]]:
    return {table: list(suites()[table]) for table in tables}


def _failed(result: Audit) -> set[tuple[str, str]]:
    return set(failing(result).select("table_name", "expectation").iter_rows())


@pytest.fixture(scope="module")
def valid_audit(valid_build: Path, scope: Scope) -> Audit:
    return _audit(valid_build, scope)


def test_valid_build_passes(valid_audit: Audit) -> None:
    assert _failed(valid_audit) == set()
    assert valid_audit.verdict is Verdict.PASSED
    count = valid_audit.results.height
    assert summary(valid_audit) == f"passed: {count} of {count} held"


def test_every_rule_is_reported_with_what_it_saw(valid_audit: Audit) -> None:
    reported = set(valid_audit.results.select("table_name", "expectation").iter_rows())
    assert reported == {(table, rule.name) for table, rules in suites().items() for rule in rules}
    assert valid_audit.results["observed"].null_count() == 0
    # Two run days of six instruments.
    caps = valid_audit.results.row(
        by_predicate=pl.col("expectation") == "rate_within_caps", named=True
    )
    assert caps["observed"] == "0 failing, 12 rows of the run"
    assert caps["threshold"] == "|rate of a settlement| ≤ 0.05"


def test_funding_rate_of_5_blocks_and_is_named(broken: Callable[[str], Path], scope: Scope) -> None:
    build = broken(
        "UPDATE funding_daily SET funding_rate_max = 5 WHERE date = '2026-03-02' "
        "AND venue = 'bybit'"
    )
    result = _audit(build, scope, _suite("funding_daily"))
    assert result.verdict is Verdict.BLOCKED
    worst = failing(result).row(0, named=True)
    assert worst["expectation"] == "rate_within_caps"
    assert (worst["date"], worst["venue"]) == (date(2026, 3, 2), "bybit")
    assert worst["detail"].startswith("2026-03-02 bybit BTCUSDT funding_rate_min=0.0001 ")
    assert "largest=5" in worst["detail"]


def test_warning_is_published(broken: Callable[[str], Path], scope: Scope) -> None:
    # Two instruments of binance's five and the one of bybit, on both days: less than half a venue.
    build = broken(
        "UPDATE funding_daily SET settlement_count = 2 "
        "WHERE date >= '2026-03-02' AND symbol IN ('BTCUSDT', 'ETHUSDT')"
    )
    result = _audit(build, scope, _suite("funding_daily"))
    assert result.verdict is Verdict.WARNED
    (row,) = failing(result).iter_rows(named=True)
    assert row["observed"] == "6 failing, 12 rows of the run"
    assert (row["date"], row["venue"]) == (None, None)
    assert "and 1 more" in row["detail"]
    first, asked, found, verdict = summary(result).splitlines()
    assert first == "WARNING funding_daily.none_missing: 6 failing, 12 rows of the run"
    assert asked == "  asked: settlement_count = expected_settlement_count where that is known"
    assert found.startswith("  found: 2026-03-02 binance BTCUSDT settlement_count=2 ")
    assert verdict.startswith("warned: ")


def test_agreement_counts_rows_beyond_those_fetched(valid_build: Path, scope: Scope) -> None:
    # 400 rows of one venue, then one of another: more than Great Expectations hands back.
    many = _rule(
        "many",
        "SELECT DATE '2026-03-03' AS date, CASE WHEN i = 400 THEN 'bybit' ELSE 'binance' END "
        "AS venue FROM range(401) AS r (i) ORDER BY i",
    )
    result = _audit(valid_build, scope, {"runs": [many]})
    row = failing(result).row(0, named=True)
    assert row["observed"].startswith("401 failing")
    assert (row["date"], row["venue"]) == (date(2026, 3, 3), None)


@pytest.mark.parametrize("table", sorted(PUBLISHED_TABLES))
def test_missing_table_blocks(broken: Callable[[str], Path], scope: Scope, table: str) -> None:
    result = _audit(broken(f"DROP TABLE {table}"), scope, _suite(table))
    assert result.verdict is Verdict.BLOCKED
    failed = failing(result).filter(pl.col("table_name") == table)
    assert failed.height == len(suites()[table])
    assert set(failed["severity"]) == {"critical"}


def test_exception_in_a_warning_blocks(valid_build: Path, scope: Scope) -> None:
    rules = [_rule("asks", "SELECT no_such_column FROM batch"), _rule("fine", "FROM batch LIMIT 0")]
    result = _audit(valid_build, scope, {"runs": rules})
    assert result.verdict is Verdict.BLOCKED
    (row,) = failing(result).iter_rows(named=True)
    assert (row["expectation"], row["severity"]) == ("asks", "critical")
    assert row["detail"].startswith("could not be judged: ")
    assert "no_such_column" in row["detail"]


def test_rule_that_cannot_be_built_blocks(valid_build: Path, scope: Scope) -> None:
    fine = _rule("fine", "FROM batch LIMIT 0")
    nonsense = replace(fine, name="nonsense", expectation="ExpectNothingOfTheKind")
    unfilled = _rule("unfilled", "SELECT {no_such_limit} FROM batch")
    result = _audit(valid_build, scope, {"runs": [fine, nonsense, unfilled]})
    assert result.verdict is Verdict.BLOCKED
    assert _failed(result) == {("runs", "nonsense"), ("runs", "unfilled")}


def test_table_without_expectations_raises(
    valid_build: Path, broken: Callable[[str], Path], scope: Scope
) -> None:
    with pytest.raises(NothingChecked, match="funding_daily"):
        _audit(valid_build, scope, {"funding_daily": []})
    with pytest.raises(NothingChecked, match="smuggled"):
        _audit(broken("CREATE TABLE smuggled AS SELECT 1 AS a"), scope, {})


def test_unfit_arguments(valid_build: Path, tmp_path: Path, scope: Scope) -> None:
    with pytest.raises(FileNotFoundError):
        _audit(tmp_path / "none.duckdb", scope)
    with pytest.raises(ValueError, match="has no days"):
        audit(valid_build, run_id="r2", first=scope.last, last=scope.first)
    open_build = tmp_path / "open.duckdb"
    with duckdb.connect(str(open_build)) as connection:
        connection.execute("CREATE TABLE a (i INTEGER)")
        connection.execute("SET wal_autocheckpoint = '1GB'")
        connection.execute("INSERT INTO a VALUES (1)")
        with pytest.raises(ValueError, match="was not closed"):
            _audit(open_build, scope)


def test_audit_leaves_the_file_alone_and_lets_go_of_it(
    broken: Callable[[str], Path], scope: Scope
) -> None:
    build = broken("SELECT 1")
    before = build.read_bytes()
    _audit(build, scope, _suite("runs"))
    assert build.read_bytes() == before
    assert table_hashes(build)
    with duckdb.connect(str(build)) as connection:
        connection.execute("DELETE FROM runs")


def test_audit_twice_is_the_same(valid_build: Path, valid_audit: Audit, scope: Scope) -> None:
    again = _audit(valid_build, scope, _suite("funding_daily"))
    mine = pl.col("table_name") == "funding_daily"
    assert again.results.filter(mine).equals(valid_audit.results.filter(mine))


NO_FALSE_ALARM = {
    "a dataset no source provides": """
        DELETE FROM liquidations_daily; DELETE FROM liquidations_hourly;
        DELETE FROM raw_files WHERE dataset = 'liquidations';
        UPDATE coverage_daily SET status = 'unsupported', rows = 0, instruments_present = 0
        WHERE dataset = 'liquidations'""",
    "a dataset nobody configured a source for": """
        DELETE FROM positioning_daily;
        DELETE FROM raw_files WHERE dataset = 'positioning';
        UPDATE coverage_daily SET status = 'missing', rows = 0, instruments_present = 0,
          instruments_expected = NULL WHERE dataset = 'positioning'""",
    "a dataset coverage has never heard of": """
        DELETE FROM prices_daily;
        DELETE FROM raw_files WHERE dataset = 'prices';
        DELETE FROM coverage_daily WHERE dataset = 'prices'""",
    "a delisted instrument": """
        DELETE FROM funding_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM open_interest_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM positioning_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM prices_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE instruments SET valid_to = '2026-03-03 09:00:00' WHERE symbol = 'SOLUSDT'""",
    "an expired future": """
        UPDATE open_interest_daily SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        UPDATE funding_daily SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        UPDATE liquidations_daily SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        UPDATE liquidations_hourly SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        UPDATE positioning_daily SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        UPDATE prices_daily SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        UPDATE instruments SET contract_kind = 'dated' WHERE symbol = 'XRPUSDT';
        DELETE FROM open_interest_daily WHERE date = '2026-03-03' AND symbol = 'XRPUSDT'""",
    "a small alt whose OI trebles, and a tiny one whose OI grows tenfold": """
        UPDATE open_interest_daily SET open_interest_coin_open = 1000,
          open_interest_coin_high = 4000, open_interest_coin_close = 3150,
          open_interest_usd_high = 400000, open_interest_usd_close = 315000
        WHERE symbol = 'SOLUSDT' AND date = '2026-03-03';
        UPDATE open_interest_daily SET open_interest_coin_high = 12000,
          open_interest_coin_close = 10500, open_interest_usd_high = 24000,
          open_interest_usd_close = 21000
        WHERE symbol = 'XRPUSDT' AND date = '2026-03-03'""",
    "hourly settlements at the widest cap": """
        UPDATE funding_daily SET settlement_count = 24, expected_settlement_count = 24,
          interval_hours = 1, funding_rate_min = -0.04, funding_rate_max = -0.04,
          funding_rate_first = -0.04, funding_rate_last = -0.04, funding_rate_sum = -0.96,
          funding_rate_8h = -0.32, funding_rate_annualised = -350.4
        WHERE symbol = 'SOLUSDT'""",
    "the first day of a listing": """
        DELETE FROM funding_daily WHERE date < '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE funding_daily SET settlement_count = 1, expected_settlement_count = NULL,
          interval_hours = NULL, hours_covered = NULL, funding_rate_8h = NULL,
          funding_rate_annualised = NULL, funding_rate_sum = 0.0001, funding_rate_max = 0.0001,
          funding_rate_last = 0.0001 WHERE symbol = 'SOLUSDT';
        DELETE FROM open_interest_daily WHERE date < '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE open_interest_daily SET sample_count = 12, expected_sample_count = NULL
        WHERE symbol = 'SOLUSDT'""",
    "a quiet symbol": """
        DELETE FROM liquidations_hourly WHERE symbol = 'XRPUSDT';
        UPDATE liquidations_daily SET long_usd = 0, short_usd = 0, total_usd = 0, long_coin = 0,
          short_coin = 0, long_count = 0, short_count = 0, largest_usd = NULL,
          largest_side = NULL, largest_at = NULL, max_24h_usd = 0, max_24h_end = NULL,
          max_1h_usd = 0, max_1h_end = NULL WHERE symbol = 'XRPUSDT'""",
    "amounts nobody can price": """
        UPDATE open_interest_daily SET open_interest_usd_open = NULL,
          open_interest_usd_high = NULL, open_interest_usd_low = NULL,
          open_interest_usd_close = NULL, open_interest_usd_mean = NULL
        WHERE symbol = 'XRPUSDT';
        UPDATE liquidations_daily SET long_usd = NULL, total_usd = NULL, long_coin = NULL,
          largest_usd = NULL, max_24h_usd = NULL, max_1h_usd = NULL WHERE symbol = 'XRPUSDT';
        UPDATE liquidations_hourly SET long_usd = NULL, total_usd = NULL, long_coin = NULL
        WHERE symbol = 'XRPUSDT' AND long_count > 0""",
    "a day with OI of zero": """
        UPDATE open_interest_daily SET open_interest_coin_open = 0, open_interest_coin_high = 0,
          open_interest_coin_low = 0, open_interest_coin_close = 0, open_interest_coin_mean = 0,
          open_interest_usd_open = 0, open_interest_usd_high = 0, open_interest_usd_low = 0,
          open_interest_usd_close = 0, open_interest_usd_mean = 0 WHERE symbol = 'XRPUSDT'""",
    "the first run of all": """
        DELETE FROM runs; DELETE FROM expectation_results; DELETE FROM source_conflicts;
        DELETE FROM restatements""",
    "a trace of a day that has not begun": """
        DELETE FROM funding_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM liquidations_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM liquidations_hourly WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM positioning_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        DELETE FROM prices_daily WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE instruments SET valid_to = '2026-03-03 00:00:00' WHERE symbol = 'SOLUSDT';
        UPDATE open_interest_daily SET sample_count = 1, expected_sample_count = NULL
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT'""",
    "a venue that delists its last coin": """
        DELETE FROM funding_daily WHERE date = '2026-03-03' AND venue = 'bybit';
        DELETE FROM open_interest_daily WHERE date = '2026-03-03' AND venue = 'bybit';
        DELETE FROM liquidations_daily WHERE date = '2026-03-03' AND venue = 'bybit';
        DELETE FROM liquidations_hourly WHERE date = '2026-03-03' AND venue = 'bybit';
        DELETE FROM positioning_daily WHERE date = '2026-03-03' AND venue = 'bybit';
        DELETE FROM prices_daily WHERE date = '2026-03-03' AND venue = 'bybit';
        UPDATE instruments SET valid_to = '2026-03-03 00:00:00' WHERE venue = 'bybit';
        UPDATE coverage_daily SET status = 'unsupported', rows = 0, instruments_present = 0,
          instruments_expected = 0 WHERE date = '2026-03-03' AND venue = 'bybit'""",
    "a ticker that changes hands": """
        UPDATE instruments SET valid_to = '2026-03-03 12:00:00' WHERE symbol = 'SOLUSDT';
        INSERT INTO instruments BY NAME SELECT * REPLACE (2 AS listing, 'SOL2' AS base_asset,
          valid_to AS valid_from, NULL AS valid_to) FROM instruments WHERE symbol = 'SOLUSDT';
        UPDATE funding_daily SET base_asset = 'SOL2'
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE open_interest_daily SET base_asset = 'SOL2', open_interest_change_coin = NULL,
          open_interest_change_usd = NULL, open_interest_change_pct = NULL
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE liquidations_daily SET base_asset = 'SOL2'
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE liquidations_hourly SET base_asset = 'SOL2'
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT' AND hour(hour) = 12;
        UPDATE positioning_daily SET base_asset = 'SOL2'
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE prices_daily SET base_asset = 'SOL2', price_return = NULL
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT'""",
    "days of the market an older version never computed": """
        DELETE FROM market_daily WHERE date < '2026-03-02';
        DELETE FROM market_total_daily WHERE date < '2026-03-02';
        DELETE FROM signals_daily WHERE date < '2026-03-02'""",
    "one coin's spike that comes back and takes the longs with it": """
        UPDATE prices_daily SET price_high = 1.5 * price_open, price_close = 1.1 * price_open
        WHERE symbol = 'SOLUSDT' AND date = '2026-03-03';
        UPDATE liquidations_daily SET long_usd = 20e6, total_usd = 20e6 + short_usd,
          long_coin = 20e6 / 120, max_24h_usd = 21e6, max_1h_usd = 21e6
        WHERE symbol = 'SOLUSDT' AND date = '2026-03-03';
        UPDATE liquidations_hourly SET long_usd = 10e6, total_usd = 10e6 + short_usd,
          long_coin = 10e6 / 120
        WHERE symbol = 'SOLUSDT' AND date = '2026-03-03' AND long_count > 0;
        UPDATE open_interest_daily SET open_interest_usd_open = 100e6,
          open_interest_usd_high = 100e6, open_interest_usd_low = 100e6,
          open_interest_usd_close = 100e6, open_interest_usd_mean = 100e6,
          open_interest_coin_open = 1e6, open_interest_coin_high = 1e6,
          open_interest_coin_low = 1e6, open_interest_coin_close = 1e6,
          open_interest_coin_mean = 1e6 WHERE symbol = 'SOLUSDT'""",
    "a quiet day everywhere": """
        DELETE FROM liquidations_hourly WHERE date = '2026-03-03';
        UPDATE liquidations_daily SET long_usd = 0, short_usd = 0, total_usd = 0, long_coin = 0,
          short_coin = 0, long_count = 0, short_count = 0, largest_usd = NULL,
          largest_side = NULL, largest_at = NULL, max_24h_usd = 0, max_24h_end = NULL,
          max_1h_usd = 0, max_1h_end = NULL WHERE date = '2026-03-03'""",
    # AXSUSDT 2026-01-17: 00, 08, 16, then hourly, at the cap of 0.02; on the 26th 00 … 08 hourly,
    # 12, 16, 20.
    "an interval that goes from 8 h to 1 h": """
        UPDATE funding_daily SET settlement_count = 10, expected_settlement_count = NULL,
          interval_hours = 1, hours_covered = 31, funding_rate_sum = 0.001, funding_rate_max = 0.02,
          funding_rate_8h = 0.008 / 31, funding_rate_annualised = 0.008 / 31 * 1095
        WHERE date = '2026-03-03' AND venue = 'bybit'""",
    "an interval that goes from 1 h to 4 h": """
        UPDATE funding_daily SET settlement_count = 24, expected_settlement_count = 24,
          interval_hours = 1, funding_rate_sum = 0.0024, funding_rate_8h = 0.0008,
          funding_rate_annualised = 0.876 WHERE date < '2026-03-03' AND venue = 'bybit';
        UPDATE funding_daily SET settlement_count = 12, expected_settlement_count = NULL,
          interval_hours = 4, hours_covered = 21, funding_rate_sum = 0.0012,
          funding_rate_8h = 0.0096 / 21, funding_rate_annualised = 0.0096 / 21 * 1095
        WHERE date = '2026-03-03' AND venue = 'bybit'""",
    # BitMEX until 2016-06-03: 12:00 only. The first 8 h settlements are of the next day.
    "a venue that goes from once a day to every 8 h": """
        UPDATE funding_daily SET settlement_count = 1, expected_settlement_count = 1,
          interval_hours = 24, funding_rate_sum = 0.0003, funding_rate_first = 0.0003,
          funding_rate_8h = 0.0001, funding_rate_annualised = 0.1095
        WHERE date < '2026-03-03' AND venue = 'bybit'""",
    # KuCoin and BitMEX settle at 04, 12 and 20 h; a halt moves one of them by two hours.
    "a settlement that comes two hours late": """
        UPDATE funding_daily SET interval_hours = 10, hours_covered = 26,
          funding_rate_8h = 0.0048 / 26, funding_rate_annualised = 0.0048 / 26 * 1095
        WHERE date = '2026-03-02' AND venue = 'bybit';
        UPDATE funding_daily SET hours_covered = 22,
          funding_rate_8h = 0.0048 / 22, funding_rate_annualised = 0.0048 / 22 * 1095
        WHERE date = '2026-03-03' AND venue = 'bybit'""",
    "a feed that is throttled from a documented day on": """
        UPDATE liquidation_regimes SET valid_from = '2026-03-03';
        UPDATE liquidations_daily SET completeness = 'complete'
        WHERE date < '2026-03-03' AND venue = 'binance'""",
    "a venue's first day": """
        DELETE FROM funding_daily WHERE date < '2026-03-03' AND venue = 'bybit';
        DELETE FROM open_interest_daily WHERE date < '2026-03-03' AND venue = 'bybit';
        DELETE FROM liquidations_daily WHERE date < '2026-03-03' AND venue = 'bybit';
        DELETE FROM liquidations_hourly WHERE date < '2026-03-03' AND venue = 'bybit';
        DELETE FROM positioning_daily WHERE date < '2026-03-03' AND venue = 'bybit';
        DELETE FROM prices_daily WHERE date < '2026-03-03' AND venue = 'bybit';
        UPDATE coverage_daily SET status = 'unsupported', rows = 0, instruments_present = 0,
          instruments_expected = NULL WHERE date < '2026-03-03' AND venue = 'bybit'""",
    "two coins under one ticker, at a hundredth of the price, every day": """
        INSERT INTO prices_daily BY NAME SELECT * REPLACE ('bybit' AS venue,
          price_open / 100 AS price_open, price_high / 100 AS price_high,
          price_low / 100 AS price_low, price_close / 100 AS price_close,
          volume_usd / 100 AS volume_usd) FROM prices_daily WHERE symbol = 'SOLUSDT';
        INSERT INTO instruments BY NAME SELECT * REPLACE ('bybit' AS venue)
        FROM instruments WHERE symbol = 'SOLUSDT'""",
    "a venue that lists twice as many coins as before": """
        DELETE FROM funding_daily WHERE date < '2026-03-03' AND symbol IN ('SOLUSDT', 'XRPUSDT');
        DELETE FROM open_interest_daily
        WHERE date < '2026-03-03' AND symbol IN ('SOLUSDT', 'XRPUSDT');
        DELETE FROM prices_daily WHERE date < '2026-03-03' AND symbol IN ('SOLUSDT', 'XRPUSDT')""",
    # 0.02 is a cap. A ratio of 1.4 … 1.5 that ends at 0.7 was 1.05 on the way; one of 1.05 never
    # was far from 1. A settlement and a sample of midnight are all that is left of what ended then.
    "what comes near a change of unit, and is none": """
        UPDATE funding_daily SET interval_hours = 1, funding_rate_max = 0.02
        WHERE date = '2026-03-03' AND symbol = 'SOLUSDT';
        UPDATE positioning_daily SET long_short_account_ratio_mean = 1.05,
          long_short_account_ratio_close = 0.7 WHERE date = '2026-03-03' AND symbol = 'BTCUSDT';
        UPDATE positioning_daily SET top_trader_account_ratio_mean = 1.05,
          top_trader_account_ratio_close = 1.05 WHERE date = '2026-03-02';
        UPDATE positioning_daily SET top_trader_account_ratio_mean = 0.95,
          top_trader_account_ratio_close = 0.95 WHERE date = '2026-03-03';
        UPDATE open_interest_daily SET expected_sample_count = NULL;
        UPDATE open_interest_daily SET sample_count = 576 WHERE date = '2026-03-03';
        UPDATE instruments SET valid_to = '2026-03-03 00:00:00' WHERE symbol = 'XRPUSDT';
        UPDATE funding_daily SET settlement_count = 1, expected_settlement_count = NULL,
          hours_covered = 8, funding_rate_first = 0.0002, funding_rate_last = 0.0002,
          funding_rate_min = 0.0002, funding_rate_max = 0.0002, funding_rate_sum = 0.0002
        WHERE date = '2026-03-03' AND symbol = 'XRPUSDT';
        UPDATE open_interest_daily SET sample_count = 1
        WHERE date = '2026-03-03' AND symbol = 'XRPUSDT';
        DELETE FROM positioning_daily WHERE date = '2026-03-03' AND symbol = 'XRPUSDT';
        UPDATE prices_daily SET volume_coin = 0, volume_usd = 0
        WHERE date = '2026-03-03' AND symbol = 'XRPUSDT';
        DELETE FROM liquidations_daily WHERE date = '2026-03-03' AND symbol = 'XRPUSDT';
        DELETE FROM liquidations_hourly WHERE date = '2026-03-03' AND symbol = 'XRPUSDT'""",
    # Everywhere six times what it was; and of one venue funding is read for chosen symbols only.
    "funding that rose everywhere, and is not read for all": """
        UPDATE funding_daily SET funding_rate_sum = 6 * funding_rate_sum,
          funding_rate_8h = 6 * funding_rate_8h,
          funding_rate_annualised = 6 * funding_rate_annualised,
          funding_rate_first = 6 * funding_rate_first, funding_rate_last = 6 * funding_rate_last,
          funding_rate_min = 6 * funding_rate_min, funding_rate_max = 6 * funding_rate_max
        WHERE date = '2026-03-03';
        DELETE FROM funding_daily WHERE symbol IN ('ETHUSDT', 'SOLUSDT', 'XRPUSDT')""",
    "old days are not this run's business": """
        UPDATE funding_daily SET settlement_count = 1 WHERE date = '2026-03-01';
        UPDATE coverage_daily SET status = 'partial' WHERE date = '2026-03-01'""",
}


@pytest.mark.parametrize("statements", NO_FALSE_ALARM.values(), ids=NO_FALSE_ALARM.keys())
def test_no_false_alarm(broken: Callable[[str], Path], scope: Scope, statements: str) -> None:
    own = {
        table: [rule for rule in rules if rule not in set_by_schema]
        for table, rules in suites().items()
        if (set_by_schema := list(structure_rules(table))) != list(rules)
    }
    build = broken(statements)
    if "market_" not in statements:
        replace_market(build)
    result = _audit(build, scope, own)
    assert _failed(result) == set()


# 8,000 to 4,800 within the day, and what stood where at midnight: marks 3 % apart, coins of open
# interest down by 25 to 45 %, a hundred times the usual longs liquidated, half of a venue unheard.
CRASH = """
    UPDATE prices_daily SET price_open = price_open * 1.33, price_high = price_open * 1.33,
      price_low = price_open * 0.8 WHERE date = '2026-03-03';
    UPDATE prices_daily SET price_close = 1.03 * price_close
    WHERE date = '2026-03-03' AND venue = 'bybit';
    UPDATE open_interest_daily SET open_interest_coin_low = 0.5 * open_interest_coin_low,
      open_interest_coin_close = 0.55 * open_interest_coin_close,
      open_interest_usd_low = 0.5 * open_interest_usd_low,
      open_interest_usd_close = 0.55 * open_interest_usd_close
    WHERE date = '2026-03-03' AND symbol IN ('SOLUSDT', 'XRPUSDT');
    UPDATE open_interest_daily SET open_interest_coin_low = 0.7 * open_interest_coin_low,
      open_interest_coin_close = 0.75 * open_interest_coin_close,
      open_interest_usd_low = 0.7 * open_interest_usd_low,
      open_interest_usd_close = 0.75 * open_interest_usd_close
    WHERE date = '2026-03-03' AND base_asset IN ('BTC', 'ETH');
    UPDATE liquidations_daily SET long_usd = 99 * long_usd, total_usd = 99 * long_usd + short_usd,
      long_coin = 99 * long_coin, max_24h_usd = 99 * max_24h_usd,
      max_1h_usd = 99 * max_1h_usd WHERE date = '2026-03-03';
    UPDATE liquidations_hourly SET long_usd = 99 * long_usd, long_coin = 99 * long_coin,
      total_usd = 99 * long_usd + short_usd WHERE date = '2026-03-03';
    UPDATE funding_daily SET funding_rate_min = -0.003, funding_rate_last = -0.003
    WHERE date = '2026-03-03';
    UPDATE liquidations_daily SET completeness = 'partial'
    WHERE date = '2026-03-03' AND venue = 'bybit'"""


def test_a_crash_warns_and_takes_nothing_out(broken: Callable[[str], Path], scope: Scope) -> None:
    build = broken(CRASH)
    replace_market(build)
    result = _audit(build, scope)
    stopped = failing(result).filter(pl.col("severity") == Severity.CRITICAL.value)
    assert stopped.rows() == []
    assert result.unfit.is_empty()
    assert ("liquidations_daily", "completeness_steady") in _failed(result)


def test_market_of_the_valid_build_is_that_of_its_venue_tables(valid_build: Path) -> None:
    computed = market_of(valid_build)
    assert computed.keys() == MARKET_TABLES.keys()
    with duckdb.connect(str(valid_build), read_only=True) as connection:
        for name, rows in computed.items():
            # The coin of the day before that is in every window has no event here.
            columns = [c for c in rows.columns if not c.startswith("liquidations_max_24h")]
            written = connection.table(name).select(*columns).order("ALL").pl()
            assert_frame_equal(rows.select(columns), written, rel_tol=1e-12)


QUIET_AUDIT = """
import logging
import sys
from datetime import date
from pathlib import Path
import expectations.gate
logging.basicConfig(level=logging.DEBUG)
assert not {"great_expectations", "duckdb_engine"} & sys.modules.keys()
result = expectations.gate.audit(
    Path(sys.argv[1]), run_id="r2", first=date(2026, 3, 2), last=date(2026, 3, 3))
print(result.verdict.value)
"""


def test_audit_is_quiet_at_home_and_imports_late(
    broken: Callable[[str], Path], tmp_path: Path
) -> None:
    build = broken("ALTER TABLE runs DROP COLUMN verdict")
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET_AUDIT, str(build)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "blocked\n", "")
    assert list(home.rglob("*")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "broken.duckdb"}
