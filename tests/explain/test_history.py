"""What readers saw before, and why there is no row."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.explain.absence import reasons
from flows.explain.published import Build
from flows.explain.question import Question, command
from flows.storage.publication import Pointer
from tests.explain.conftest import Markets
from tests.flows.conftest import DAY, FIRST, LAST


def bybit_rate(lake: Markets, rate: str) -> None:
    """Put a rate into Bybit's answer for 08:00 of the middle day."""
    moment = datetime.combine(FIRST + DAY, time(8), UTC)
    (file,) = lake.exchange.glob("dumps/bybit/v5-market-funding-history/linear/BTCUSDT.json*")
    answers: list[dict[str, Any]] = json.loads(file.read_bytes())
    changed = 0
    for answer in answers if isinstance(answers, list) else [answers]:
        for row in answer["result"]["list"]:
            if row["fundingRateTimestamp"] == f"{moment.timestamp():.0f}000":
                row["fundingRate"] = rate
                changed += 1
    assert changed == 1
    Path(file).write_text(json.dumps(answers))


def test_a_restated_value_shows_what_it_was_and_why(own: Markets) -> None:
    ask = ("funding_daily", FIRST + DAY, "bybit", "BTCUSDT")
    before = own.explain(*ask, column="funding_rate_sum")
    assert before["history"]["restatements"] == []
    assert [v["superseded_by"] for v in before["history"]["versions"]] == [None]
    first_run = own.pointer["run_id"]

    bybit_rate(own, "0.00077700")
    assert own.mill().pointer is not None
    said = own.explain(*ask, column="funding_rate_sum")
    old, new = before["row"]["funding_rate_sum"], said["row"]["funding_rate_sum"]
    assert old != new
    (change,) = said["history"]["restatements"]
    assert (float(change["old_value"]), float(change["new_value"])) == (old, new)
    (file,) = {row["raw_key"] for row in said["rows"]}
    assert file in change["cause"]
    assert change["run_id"] == own.pointer["run_id"]
    versions = said["history"]["versions"]
    assert [(v["published_by"], v["superseded_by"], float(v["value"])) for v in versions] == [
        (first_run, own.pointer["run_id"], old),
        (own.pointer["run_id"], None, new),
    ]
    # The file it was read from before is kept, and told of.
    (behind,) = (f for f in said["raw_files"] if f["key"] == file)
    assert behind["replaces"] == [row["raw_key"] for row in before["rows"][:1]]
    assert all(each["equal"] for each in said["recomputed"])
    # The market moved with it, and says so.
    market = own.explain("market_daily", FIRST + DAY, "BTC", column="funding_rate_8h_max")
    assert [r["column_name"] for r in market["history"]["restatements"]] == ["funding_rate_8h_max"]


def test_a_day_taken_out_says_which_rule_it_broke(own: Markets) -> None:
    bybit_rate(own, "5.0")
    assert own.mill().pointer is not None
    said = own.explain("funding_daily", FIRST + DAY, "bybit", "BTCUSDT")
    assert said["found"] is False
    told = "\n".join(said["reasons"])
    for word in ("taken away by run", "taken out as missing", "funding_daily.rate_within_caps"):
        assert word in told
    # The rest of the venue's days are explained without it.
    after = own.explain("funding_daily", LAST, "bybit", "BTCUSDT")
    assert all(each["equal"] for each in after["recomputed"])
    assert FIRST + DAY not in [day["date"] for day in after["window"]["days"]]
    market = own.explain("market_daily", FIRST + DAY, "BTC")
    assert all(g["agrees"] for part in market["parts"] for g in part["gives"])
    assert {(c["venue"], c["dataset"]): c["status"] for c in market["quality"]["coverage"]}[
        "bybit", "funding_rates"
    ] == "missing"


def test_a_day_that_was_not_milled(markets: Markets) -> None:
    said = markets.explain("funding_daily", FIRST - 5 * DAY, "binance", "BTCUSDT")
    assert said["found"] is False
    assert f"funding_daily has the days {FIRST} to {LAST}" in said["reasons"]
    assert f"nearest days there are, after: {FIRST}" in said["reasons"]


ASK = Question("funding_daily", {"date": LAST, "venue": "bybit", "symbol": "BTCUSDT"}, None)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "UPDATE coverage_daily SET status = 'unsupported' WHERE dataset = 'funding_rates'",
            "unsupported: no source brings funding_rates of bybit",
        ),
        (
            "UPDATE coverage_daily SET status = 'missing' WHERE dataset = 'funding_rates'",
            "missing: there is nothing of funding_rates of bybit",
        ),
        (
            "UPDATE coverage_daily SET status = 'partial', instruments_present = 1",
            f"partial: funding_rates of bybit on {LAST} is there for 1 instruments of ",
        ),
        ("DELETE FROM coverage_daily", "coverage says nothing of bybit"),
        (
            "UPDATE instruments SET valid_from = '2021-02-03 08:00'",
            "BTCUSDT was not listed yet: it began 2021-02-03 08:00 UTC",
        ),
        (
            "UPDATE instruments SET valid_from = NULL, valid_to = '2021-01-30 16:00'",
            "BTCUSDT was no more: it ended 2021-01-30 16:00 UTC",
        ),
        ("DELETE FROM funding_daily", "funding_daily has no rows at all"),
        (
            "DELETE FROM funding_daily WHERE symbol = 'BTCUSDT' AND venue = 'bybit'",
            "it has no row on any day",
        ),
    ],
)
def test_what_is_known_of_a_row_that_is_not_there(
    markets: Markets, tmp_path: Path, statement: str, reason: str
) -> None:
    build = Path(shutil.copyfile(markets.build, tmp_path / "build.duckdb"))
    with duckdb.connect(str(build)) as connection:
        connection.execute("DELETE FROM funding_daily WHERE venue = 'bybit' AND date = ?", [LAST])
        connection.execute(statement)
        pointer = Pointer.from_json(json.dumps(markets.pointer))
        told = reasons(Build(pointer, build, connection), ASK)
    assert any(reason in each for each in told), told


def test_an_hour_without_events(markets: Markets) -> None:
    ((day, venue, symbol),) = markets.sql(
        "SELECT date, venue, symbol FROM liquidations_hourly GROUP BY ALL HAVING count(*) < 24 "
        "ORDER BY ALL LIMIT 1"
    )
    hours = {
        hour.hour
        for (hour,) in markets.sql(
            "SELECT hour FROM liquidations_hourly WHERE (date, venue, symbol) = (?, ?, ?)",
            day,
            venue,
            symbol,
        )
    }
    quiet = min(set(range(24)) - hours)
    said = markets.explain("liquidations_hourly", day, venue, symbol, quiet)
    assert said["found"] is False
    assert any("only for hours with events" in reason for reason in said["reasons"])


def test_commands_can_be_pasted_into_a_shell() -> None:
    assert command("prices_daily", FIRST, "x", "BTC PERP") == (
        f"perpmill explain prices_daily {FIRST} x 'BTC PERP'"
    )
