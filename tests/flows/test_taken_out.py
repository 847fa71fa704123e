"""A venue-day unfit by its own data is taken out as missing, and the rest is published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations import gate
from flows.exclusions import exclude
from flows.failures import GateBlocked
from flows.restatements import made_of
from flows.run import Run, expectations_digest
from flows.settings import Settings
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.conftest import DAY, FIRST, LAST, Lake, lake_settings
from tests.flows.driver import Done, mill_days
from tests.flows.test_gate_blocks import five_hundred_percent
from tests.flows.test_raw_faults import rezip
from transforms.schemas.evidence import Verdict

UNFIT = FIRST + DAY
FUNDING = "SELECT date, count(*) FROM funding_daily WHERE venue = ? GROUP BY date ORDER BY date"
COVERAGE = (
    "SELECT date, status, excluded_because FROM coverage_daily "
    "WHERE venue = ? AND dataset = 'funding_rates' ORDER BY date"
)


class TwoVenues(Lake):
    """Binance, the larger, and Bybit."""

    @property
    def settings(self) -> Settings:
        binance = lake_settings(self.root, self.exchange).model_dump()["sources"][0]
        bybit = {"venue": "bybit", "dumps": f"file:{self.exchange}/dumps/bybit"}
        return lake_settings(self.root, self.exchange, sources=[binance, bybit])


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exchanges")
    simulate(Plan(FIRST, LAST, symbols=2, quirks=False, venues=("binance", "bybit")), out)
    return out


@pytest.fixture
def lake(exchanges: Path, tmp_path: Path) -> TwoVenues:
    copy = shutil.copytree(exchanges, tmp_path / "exchange")
    return TwoVenues(tmp_path / "lake", Path(copy))


def mill(lake: Lake) -> Done:
    return mill_days(lake.settings, FIRST, LAST)


def bybit_rate(lake: Lake, rate: str) -> Callable[[], None]:
    """Put a rate into Bybit's answer for 08:00 of the unfit day; returns what puts it back."""
    moment = datetime.combine(UNFIT, time(8), UTC)
    (file,) = lake.exchange.glob("dumps/bybit/v5-market-funding-history/linear/BTCUSDT.json*")
    sound = file.read_bytes()
    answers: list[dict[str, Any]] = json.loads(sound)
    changed = 0
    for answer in answers if isinstance(answers, list) else [answers]:
        for row in answer["result"]["list"]:
            if row["fundingRateTimestamp"] == f"{moment.timestamp():.0f}000":
                row["fundingRate"] = rate
                changed += 1
    assert changed == 1
    file.write_text(json.dumps(answers))

    def put_back() -> None:
        file.write_bytes(sound)

    return put_back


def days_of(lake: Lake, venue: str) -> list[date]:
    return [day for day, _ in lake.sql(FUNDING, venue)]


def test_the_smaller_venue_s_day_is_taken_out(lake: TwoVenues) -> None:
    whole = days = [FIRST, UNFIT, LAST]
    put_back = bybit_rate(lake, "5.0")
    done = mill(lake)
    assert done.verdict is Verdict.WARNED
    assert days_of(lake, "binance") == whole
    assert days_of(lake, "bybit") == [FIRST, LAST]

    # Missing, never zero, and coverage says why: rule, row and value.
    coverage = {day: (status, why) for day, status, why in lake.sql(COVERAGE, "bybit")}
    assert [coverage[day][0] for day in days] == ["ok", "missing", "ok"]
    assert coverage[FIRST][1] is coverage[LAST][1] is None
    for word in ("funding_daily.rate_within_caps", "BTCUSDT", "5"):
        assert word in coverage[UNFIT][1]
    warned = lake.sql("SELECT expectation FROM expectation_results WHERE NOT success")
    assert ("none_taken_out",) in warned

    # Totals are those of Binance alone, and the unfit rate is in no window of the day after.
    market = "SELECT funding_venues, funding_rate_8h_max FROM market_daily WHERE date = ?"
    assert all(n == 1 and high < 0.01 for n, high in lake.sql(market, UNFIT))
    assert {n for n, _ in lake.sql(market, LAST)} == {2}

    # Once the venue puts a sound file in its place the day is back.
    put_back()
    assert mill(lake).verdict is not Verdict.BLOCKED
    assert days_of(lake, "bybit") == whole
    assert {(status, why) for _, status, why in lake.sql(COVERAGE, "bybit")} == {("ok", None)}


def test_a_second_run_over_the_same_fault_changes_nothing(lake: TwoVenues) -> None:
    bybit_rate(lake, "5.0")
    assert mill(lake).pointer is not None
    before = lake.seen()
    again = mill(lake)
    assert again.pointer is None
    assert lake.seen() == before


def test_what_new_rules_alone_take_out_and_let_back_is_said_to_be_their_doing(
    lake: TwoVenues, monkeypatch: pytest.MonkeyPatch
) -> None:
    causes = (
        "SELECT DISTINCT cause FROM restatements WHERE run_id = ? AND venue = 'bybit' "
        "AND table_name = 'funding_daily' AND date = ?"
    )
    mill(lake)
    rules = expectations_digest()
    with monkeypatch.context() as others:
        for module in ("exclusions", "judged"):
            others.setattr(f"flows.{module}.expectations_digest", lambda: "other rules")
        run = Run.begin(lake.settings, "test")
        unfit = pl.DataFrame(
            [("funding_rates", "bybit", UNFIT, "a rule")], schema=gate.UNFIT, orient="row"
        )
        assert exclude(run, unfit, made_of(run)) == 1
        done = mill(lake)
        assert days_of(lake, "bybit") == [FIRST, LAST]
        assert lake.sql(causes, done.run_id, UNFIT) == [
            (f"taken out by the gate: a rule (rules {rules} → other rules)",)
        ]
    done = mill(lake)
    assert days_of(lake, "bybit") == [FIRST, UNFIT, LAST]
    # What first appears, or appears again, restates nothing; the totals of the market do change.
    market = causes.replace("venue = 'bybit' AND table_name = 'funding_daily'", "venue IS NULL")
    back = {cause for (cause,) in lake.sql(market, done.run_id, UNFIT)}
    assert back == {f"no longer taken out by the gate (rules other rules → {rules})"}


def test_the_largest_venue_s_day_blocks(lake: TwoVenues) -> None:
    mill(lake)
    before = lake.seen()
    rezip(lake.archived("BTCUSDT", "fundingRate", "2021-01"), five_hundred_percent)
    with pytest.raises(GateBlocked) as blocked:
        mill(lake)
    for word in ("largest_venue_not_taken_out", "rate_within_caps", "binance", "BTCUSDT"):
        assert word in str(blocked.value)
    assert lake.seen() == before


def test_a_rule_that_is_not_about_one_venue_takes_nothing_out(
    lake: TwoVenues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the build itself is no venue's fault."""
    from flows.stages import build  # noqa: PLC0415

    rows = build.Inventory.rows
    monkeypatch.setattr(build.Inventory, "rows", lambda *given: rows(*given).clear())
    monkeypatch.setattr(build.Inventory, "height", 0)
    with pytest.raises(GateBlocked) as blocked:
        mill(lake)
    assert blocked.value.taken_out == 0
