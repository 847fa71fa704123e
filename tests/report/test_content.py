"""Each number of the report against the hand-written build it comes from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.report.content import NoSuchDay, as_json, gather, query, schema_json
from flows.report.model import Figure, Report
from sql.queries import queries
from sql.report import report_queries
from tests.queries.given import BEFORE, DAY
from tests.report.conftest import Make, covered, night, tables

ROOT = Path(__file__).parents[2]


def figures(report: Report) -> dict[str, Figure]:
    return {figure.figure: figure for figure in report.headline}


@pytest.mark.parametrize(
    ("name", "value", "before", "change"),
    [
        ("open_interest_usd", 9e9, 8e9, 0.05),  # as the table has it, at yesterday's prices
        ("funding_rate_8h_oi_weighted", 0.0004, 0.0001, 0.0003),  # 0.0004 − 0.0001
        ("funding_rate_annualised_oi_weighted", 0.438, 0.1095, 0.3285),  # 0.438 − 0.1095
        ("liquidations_total_usd", 100e6, 50e6, 1.0),  # 100 ÷ 50 − 1
        ("liquidations_long_share", 0.9, 0.4, 0.5),  # 90 ÷ 100 − 20 ÷ 50
        ("liquidations_max_24h_usd", 120e6, 60e6, 1.0),  # 120 ÷ 60 − 1
        ("liquidations_to_open_interest", 0.0125, 0.005, 0.0075),  # 0.0125 − 0.005
        ("long_short_account_ratio", 1.2, 1.0, 0.2),  # 1.2 ÷ 1.0 − 1
        ("price_close", 36_000.0, 37_500.0, -0.04),  # as the table has it
        ("leverage_ratio", 0.066, 0.06, 0.1),  # 0.066 ÷ 0.06 − 1
    ],
)
def test_headline(report: Report, name: str, value: float, before: float, change: float) -> None:
    figure = figures(report)[name]
    assert figure.value == pytest.approx(value)
    assert figure.before_value == pytest.approx(before)
    assert figure.change == pytest.approx(change)
    # Bybit lacks a settlement
    assert figure.completeness == ("partial" if "funding" in name else "complete")
    assert figure.venues_partial == ("bybit" if "funding" in name else None)


def test_headline_says_when_and_of_what(report: Report) -> None:
    said = figures(report)
    assert report.asset == "BTC"  # 6 bn USD of open interest, ETH has 3
    assert said["price_close"].base_asset == said["leverage_ratio"].base_asset == "BTC"
    assert said["price_close"].source == "binance BTCUSDT"
    assert said["liquidations_max_24h_usd"].at == datetime(2021, 1, 17, 9, 30, tzinfo=UTC)


def test_hours_are_summed_over_venues_and_quiet_ones_are_zero(report: Report) -> None:
    hours = {hour.hour.hour: hour for hour in report.liquidations_by_hour}
    assert sorted(hours) == list(range(24))
    assert (hours[9].long_usd, hours[9].short_usd) == (80e6, 8e6)  # 70 + 10, 5 + 3
    assert (hours[9].long_count, hours[9].short_count) == (4, 2)  # 2 + 2, 1 + 1
    assert (hours[23].long_usd, hours[23].short_usd) == (10e6, 2e6)
    assert (hours[0].long_usd, hours[0].short_count) == (0.0, 0)
    assert hours[0].hour == datetime(2021, 1, 17, tzinfo=UTC)


def test_liquidations_by_venue_and_asset(report: Report) -> None:
    venues = {row.venue: row for row in report.liquidations_by_venue}
    assert [row.venue for row in report.liquidations_by_venue] == ["binance", "bybit"]
    assert venues["binance"].total_usd == 87e6  # 70 + 5 + 10 + 2
    assert venues["binance"].long_share_fraction == pytest.approx(80 / 87)
    assert venues["bybit"].total_usd == 13e6  # 10 + 3
    assets = {row.base_asset: row for row in report.liquidations_by_asset}
    assert assets["BTC"].long_share_fraction == pytest.approx(80 / 88)


def test_funding_ranks_a_venue_among_its_own_days(report: Report) -> None:
    cells = {(cell.base_asset, cell.venue): cell for cell in report.funding_against_history}
    binance = cells["BTC", "binance"]
    assert binance.funding_rate_8h == pytest.approx(0.0004)
    assert binance.typical_8h == pytest.approx(0.0001)  # 14 days of 1 bp, one of 4 bp
    assert binance.percentile_90d == pytest.approx(14.5 / 15)  # 14 below, itself counts half
    assert binance.history_days == 15
    bybit = cells["BTC", "bybit"]
    assert bybit.funding_rate_8h == pytest.approx(-0.0002)
    assert (bybit.history_days, bybit.typical_8h, bybit.percentile_90d) == (2, None, None)
    assert bybit.missing_settlement_count == 1  # 3 were due, 2 were paid
    assert cells["BTC", "all"].missing_settlement_count == 1
    assert binance.missing_settlement_count == 0


def test_funding_of_the_largest_asset_day_by_day(report: Report) -> None:
    rates = {(row.date, row.venue): row.funding_rate_8h for row in report.funding_by_venue}
    assert rates[DAY, "bybit"] == pytest.approx(-0.0002)
    assert rates[DAY, "all"] == pytest.approx(0.0004)
    assert (BEFORE - timedelta(days=1), "bybit") not in rates


def test_open_interest_history_keeps_days_without_data(make: Make) -> None:
    rows = tables()
    early = {"date": DAY - timedelta(days=3), "base_asset": "BTC", "open_interest_usd": 5e9}
    rows["market_daily"].append(early)
    found = gather(make(rows)).open_interest_history
    assert [(row.date.day, row.open_interest_usd) for row in found] == [
        (14, 5e9),
        (15, None),
        (16, 5.6e9),
        (17, 6e9),
    ]


def test_quadrants_crowded_and_squeeze(report: Report) -> None:
    meant = {row.base_asset: row.quadrant for row in report.open_interest_and_price}
    # prices fall; open interest of BTC +6 %, of ETH −2 %
    assert meant == {"BTC": "new shorts", "ETH": "longs closing"}
    (crowded,) = report.crowded_assets
    assert (crowded.base_asset, crowded.crowded_side) == ("BTC", "long")
    assert crowded.against_typical_8h == pytest.approx(0.0003)
    first, second = report.squeeze_table
    assert (first.base_asset, first.overheated_score, first.squeeze_risk) == ("BTC", 72.5, "high")
    assert (second.base_asset, second.overheated_score, second.deleveraged) == ("ETH", None, None)
    changed = {row.base_asset: row for row in report.changed_since_yesterday}
    assert (changed["BTC"].before_squeeze_risk, changed["BTC"].squeeze_risk) == ("none", "high")


def test_verdict_and_findings(report: Report) -> None:
    (verdict,) = report.verdict
    assert (verdict.run_id, verdict.expectation_count, verdict.held_count) == ("run", 3, 2)
    assert verdict.made_this_build
    assert verdict.published_the_day
    assert report.run_id == "run"
    (finding,) = report.findings
    assert (finding.table_name, finding.expectation) == ("funding_daily", "none_missing")


def test_restatements_are_those_after_yesterday_s_run(report: Report) -> None:
    assert report.verdict[0].since_run == "night-16"
    (changed,) = report.restatements_since
    assert (changed.run_id, changed.value_count) == ("run", 2)
    # 0.0003 ÷ 0.0002 − 1 is the larger of +50 % and −25 %
    assert changed.largest_relative_change == pytest.approx(0.5)
    assert (changed.example_symbol, changed.example_old_value) == ("BTCUSDT", "0.0002")


def test_without_a_run_about_yesterday_all_restatements_are_told(make: Make) -> None:
    rows = tables() | {"runs": [night("run", DAY)]}
    found = gather(make(rows))
    assert found.verdict[0].since_run is None
    assert {row.run_id for row in found.restatements_since} == {"night-16", "run"}


def test_an_earlier_day_can_be_asked_for(build: Path) -> None:
    earlier = gather(build, BEFORE)
    assert earlier.date == BEFORE
    assert figures(earlier)["open_interest_usd"].value == 8e9


def test_a_day_that_is_not_there(build: Path) -> None:
    with pytest.raises(NoSuchDay, match="2021-01-18; it holds 2021-01-16 … 2021-01-17"):
        gather(build, DAY + timedelta(days=1))


def test_a_build_without_a_day(empty: Path) -> None:
    with pytest.raises(NoSuchDay, match="no day"):
        gather(empty)


def test_a_build_that_was_not_published(make: Make) -> None:
    with pytest.raises(NoSuchDay, match="not published"):
        gather(make(tables() | {"runs": []}))


# ---- absence ------------------------------------------------------------------------------------


def test_no_liquidation_feed_is_no_data_and_not_zero(make: Make) -> None:
    rows = tables()
    for row in [*rows["market_total_daily"], *rows["market_daily"]]:
        row.update({name: None for name in row if name.startswith("liquidations_")})
    rows["liquidations_daily"] = rows["liquidations_hourly"] = []
    found = gather(make(rows))
    for name in ("liquidations_total_usd", "liquidations_long_share", "liquidations_max_24h_usd"):
        figure = figures(found)[name]
        assert (figure.value, figure.change, figure.completeness) == (None, None, None)
    assert {hour.long_usd for hour in found.liquidations_by_hour} == {None}
    assert found.liquidations_by_venue == []
    assert {row.total_usd for row in found.liquidations_by_asset} == {None}


def test_a_feed_with_holes_leaves_quiet_hours_open(make: Make) -> None:
    rows = tables()
    rows["liquidations_daily"][2]["completeness"] = "partial"
    hours = {hour.hour.hour: hour for hour in gather(make(rows)).liquidations_by_hour}
    assert hours[9].long_usd == 80e6
    assert hours[0].long_usd is None


def test_a_missing_venue_makes_what_it_lacks_partial(make: Make) -> None:
    rows = tables()
    rows["coverage_daily"] = [
        covered("binance", "open_interest"),
        covered("binance", "funding_rates"),
        covered("bybit", "funding_rates", "partial"),
        covered("bybit", "open_interest", "missing", 0, excluded_because="funding_daily.caps"),
        covered("gate", "liquidations", "unsupported", 0),
    ]
    rows["market_total_daily"][0]["open_interest_coverage"] = 0.6
    said = figures(gather(make(rows)))
    interest = said["open_interest_usd"]
    assert (interest.completeness, interest.coverage) == ("partial", 0.6)
    assert (interest.venues_missing, interest.venues_partial) == ("bybit", None)
    funding = said["funding_rate_8h_oi_weighted"]
    assert (funding.completeness, funding.venues_partial) == ("partial", "bybit")
    assert said["liquidations_total_usd"].completeness == "complete"
    assert said["price_close"].completeness == "complete"  # of one instrument


def test_coverage_that_is_not_known_is_unknown(make: Make) -> None:
    rows = tables()
    rows["market_total_daily"][0]["open_interest_coverage"] = None
    assert figures(gather(make(rows)))["open_interest_usd"].completeness == "unknown"


def test_liquidations_of_other_feeds_or_completeness_are_not_compared(make: Make) -> None:
    rows = tables()
    rows["market_total_daily"][1]["liquidations_completeness"] = "throttled"
    figure = figures(gather(make(rows)))["liquidations_total_usd"]
    assert (figure.value, figure.before_value, figure.change) == (100e6, 50e6, None)

    rows = tables()
    rows["liquidations_daily"] = [
        row for row in rows["liquidations_daily"] if (row["venue"], row["date"]) != ("bybit", DAY)
    ]
    figure = figures(gather(make(rows)))["liquidations_total_usd"]
    assert figure.change is None


def test_a_market_without_assets_has_its_totals(make: Make) -> None:
    found = gather(make(tables() | {"market_daily": []}))
    assert found.asset is None
    assert "price_close" not in figures(found)
    assert figures(found)["open_interest_usd"].value == 9e9
    assert found.open_interest_history == found.funding_by_venue == []


def test_the_first_day_has_nothing_to_compare_with(build: Path) -> None:
    first = gather(build, BEFORE)
    for figure in first.headline:
        assert (figure.before_value, figure.change) == (None, None)
    assert first.squeeze_table[0].overheated_score is None


# ---- determinism and contract -------------------------------------------------------------------


def test_the_same_rows_in_another_order_give_the_same_bytes(make: Make, report: Report) -> None:
    rows = tables()
    for records in rows.values():
        records.reverse()
    assert as_json(gather(make(rows))) == as_json(report)


def test_report_json_reads_back_and_names_its_schema(report: Report) -> None:
    data = json.loads(as_json(report))
    assert data["report_schema"] == "perpmill-report/1"
    assert data["liquidations_by_hour"][9]["hour"] == "2021-01-17T09:00:00Z"
    assert Report.model_validate(data) == report


def test_the_written_schema_is_current() -> None:
    written = (ROOT / "docs/report.schema.json").read_text(encoding="utf-8")
    assert written == schema_json(), "run `make docs`"


def test_every_query_of_the_report_is_asked_and_described(report: Report) -> None:
    asked = {asked.name: asked for asked in report.asked}
    own = report_queries()
    assert len(own) >= 10
    assert own.keys() <= asked.keys()
    assert own.keys().isdisjoint(queries())
    for name, said in asked.items():
        found = query(name)
        assert found.title
        assert found.answers
        assert found.units
        assert said.cookbook == (name in queries())
        assert said.parameters.keys() == {parameter.name for parameter in found.parameters}
