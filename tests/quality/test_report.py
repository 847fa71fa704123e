"""`perpmill quality`: what it says, of which run, as text and as data."""

from __future__ import annotations

import io
import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from rich.console import Console

from flows.failures import Exit
from flows.quality.day import day
from flows.quality.report import quality, told
from flows.quality.run import audited
from flows.quality.terminal import markdown, render
from flows.storage.builds import Builds, NoCandidate
from flows.storage.ledger import Ledger
from flows.storage.object_store import open_store
from flows.storage.partitions import Layer
from tests.flows.test_taken_out import UNFIT, TwoVenues
from tests.quality.conftest import Perpmill
from transforms.schemas.evidence import ExpectationResults
from transforms.schemas.normalised import Quarantine

KEYS = {
    "run_id",
    "verdict",
    "published",
    "expectations",
    "held",
    "tables",
    "findings",
    "site",
    "blocked_since",
    "day",
}


def test_the_published_run(warned: TwoVenues, perpmill: Perpmill) -> None:
    done = perpmill(warned.root, "--json")
    assert done.exit_code == Exit.DONE, done.output
    said = json.loads(done.stdout)
    assert said.keys() == KEYS
    assert said["run_id"] == warned.pointer["run_id"]
    assert (said["verdict"], said["published"]) == ("warned", True)
    assert Path(said["site"]).is_file()
    assert said["blocked_since"] is said["day"] is None
    assert said["expectations"] == sum(table["expectations"] for table in said["tables"])
    assert said["held"] == said["expectations"] - len(said["findings"])
    (coverage,) = (table for table in said["tables"] if table["table"] == "coverage_daily")
    assert coverage["critical"] == 0
    assert coverage["warnings"] >= 1
    (taken,) = (f for f in said["findings"] if f["rule"] == "coverage_daily.none_taken_out")
    assert (taken["severity"], taken["date"], taken["venue"]) == ("warning", str(UNFIT), "bybit")
    assert taken["asked"]
    assert taken["reason"]
    assert "rate_within_caps" in taken["found"]
    assert taken["reason"] not in taken["found"]


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_nothing_is_lost_on_a_narrow_terminal(
    warned: TwoVenues, perpmill: Perpmill, columns: int
) -> None:
    done = perpmill(warned.root, columns=columns)
    assert done.exit_code == Exit.DONE, done.output
    for word in (warned.pointer["run_id"], "verdict: warned", "coverage_daily.none_taken_out"):
        assert word in done.stdout
    assert "…" not in done.stdout.partition("coverage_daily.none_taken_out")[0]
    done = perpmill(warned.root, "--date", str(UNFIT), columns=columns)
    assert done.exit_code == Exit.DONE, done.output
    for word in ("taken out", "funding_daily.rate_within_caps", "bybit funding_rates", "BTCUSDT"):
        assert word in done.stdout


def test_all_that_is_known_of_a_day(warned: TwoVenues, perpmill: Perpmill) -> None:
    done = perpmill(warned.root, "--date", str(UNFIT), "--json")
    said = json.loads(done.stdout)["day"]
    assert said["known"]
    status = {(row["venue"], row["dataset"]): row for row in said["coverage"]}
    assert status["bybit", "funding_rates"]["status"] == "missing"
    assert status["binance", "funding_rates"]["status"] == "ok"
    # The two symbols of the plan, and what comes with them.
    whole = status["binance", "funding_rates"]
    assert whole["instruments_present"] == whole["instruments_expected"] >= 2
    (out,) = said["taken_out"]
    assert (out["venue"], out["dataset"]) == ("bybit", "funding_rates")
    assert "funding_daily.rate_within_caps" in out["because"]
    completeness = {row["venue"]: row["completeness"] for row in said["liquidations"]}
    assert completeness == {"binance": "complete", "bybit": "unknown"}
    assert "coverage_daily.none_taken_out" in {row["rule"] for row in said["findings"]}
    assert {row["run_id"] for row in said["findings"]} == {warned.pointer["run_id"]}
    # The day before is whole.
    before = json.loads(perpmill(warned.root, "--date", "2021-01-29", "--json").stdout)["day"]
    assert before["taken_out"] == []
    assert "coverage_daily.none_taken_out" not in {row["rule"] for row in before["findings"]}


def test_a_day_nothing_is_known_of(warned: TwoVenues, perpmill: Perpmill) -> None:
    done = perpmill(warned.root, "--date", "2019-01-01")
    assert done.exit_code == Exit.DONE, done.output
    assert "nothing is known of this day; the build holds 2021-01-29 … 2021-01-31" in done.stdout


def test_records_set_aside_are_counted_with_their_reason(own: TwoVenues) -> None:
    store = open_store(own.settings.lake)
    ledger = Ledger(store, "x")
    layer = Layer(store, ledger, "quarantine")
    rows = pl.DataFrame(
        {
            "dataset": ["funding_rates"] * 3,
            "venue": ["bybit"] * 3,
            "raw_key": ["k"] * 3,
            "raw_row": [1, 2, 3],
            "reason": ["no rate", "no time", "no time"],
            "raw_text": ["a", "b", "c"],
        },
        schema=Quarantine.create_empty().schema,
    )
    layer.record([layer.write("funding_rates", "bybit", UNFIT, rows, "x")])
    said = quality(own.settings, None, UNFIT)["day"]
    assert said["quarantined"] == [
        {
            "venue": "bybit",
            "dataset": "funding_rates",
            "records": 3,
            "reasons": 2,
            "most_frequent": "no time",
        }
    ]


def test_restatements_and_conflicts_are_summed_up(warned: TwoVenues, tmp_path: Path) -> None:
    copy = Path(shutil.copy(warned.build, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(copy)) as connection:
        for item, (symbol, old, new) in enumerate([("BTC", 1.0, 3.0), ("ETH", 5.0, 4.5)], 1):
            connection.execute(
                "INSERT INTO restatements BY NAME SELECT 'later' AS run_id, ? AS item, "
                "'market_daily' AS table_name, ?::DATE AS date, ? AS symbol, 'changed' AS kind, "
                "'oi_usd' AS column_name, ?::VARCHAR AS old_value, ?::VARCHAR AS new_value, "
                "? AS difference, 'a new file' AS cause",
                [item, UNFIT, symbol, old, new, new - old],
            )
        for moment in ("2021-01-30 00:00", "2021-01-30 08:00"):
            connection.execute(
                "INSERT INTO source_conflicts BY NAME SELECT ?::DATE AS date, 'funding_rates' AS "
                "dataset, 'binance' AS venue, 'BTCUSDT' AS symbol, ?::TIMESTAMP AS at, "
                "'funding_rate' AS column_name, '1' AS kept_value, '2' AS other_value, "
                "'a' AS kept_raw_key, 'b' AS other_raw_key",
                [UNFIT, moment],
            )
    said = day(audited(warned.settings, None), copy, UNFIT)
    (restated,) = said["restatements"]
    assert (restated["run_id"], restated["table_name"], restated["kind"]) == (
        "later",
        "market_daily",
        "changed",
    )
    # |3 − 1| = 2 is more than |4.5 − 5| = 0.5
    assert (restated["rows"], restated["largest_difference"]) == (2, 2.0)
    assert restated["cause"] == "a new file"
    console = Console(width=40, file=io.StringIO())
    shown = quality(warned.settings, None, UNFIT) | {"day": said}
    render(shown, console)
    text = console.file.getvalue()
    assert "run later: a new file\n    market_daily changed: 2 oi_usd by up to 2\n" in text
    assert "binance funding_rates: 2 facts, such as BTCUSDT" in text
    assert "bybit unknown (documented nowhere)" in text
    (conflict,) = said["conflicts"]
    assert (conflict["venue"], conflict["facts"]) == ("binance", 2)
    assert conflict["example"] == "BTCUSDT 2021-01-30 00:00:00 funding_rate: kept 1, not 2"


# ---- Other runs than the published one -----------------------------------------------------------


def test_a_blocked_run(blocked: tuple[TwoVenues, str], perpmill: Perpmill) -> None:
    lake, _ = blocked
    said = json.loads(perpmill(lake.root, "--json").stdout)
    assert said["verdict"] == "warned"
    run_id = said["blocked_since"]
    assert f"perpmill quality --run {run_id}" in perpmill(lake.root).stdout
    done = perpmill(lake.root, "--run", run_id, "--date", str(UNFIT), "--json")
    assert done.exit_code == Exit.DONE, done.output
    said = json.loads(done.stdout)
    assert (said["run_id"], said["verdict"], said["published"]) == (run_id, "blocked", False)
    assert said["findings"][0]["severity"] == "critical"
    # Its own build is what is asked about the day: there Binance is out.
    assert ("binance", "funding_rates") in {
        (row["venue"], row["dataset"]) for row in said["day"]["taken_out"]
    }
    assert "coverage_daily.largest_venue_not_taken_out" in {
        row["rule"] for row in said["day"]["findings"]
    }


@pytest.mark.parametrize("run_id", ["20200101T000000Z-abcdef", "../published", ""])
def test_a_run_nobody_knows(warned: TwoVenues, perpmill: Perpmill, run_id: str) -> None:
    done = perpmill(warned.root, "--run", run_id)
    assert done.exit_code == Exit.USAGE
    assert warned.pointer["run_id"] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_whose_build_is_gone_is_told_of_by_those_after_it(own: TwoVenues) -> None:
    run_id = "20200101T000000Z-abcdef"
    with duckdb.connect(str(own.build)) as connection:
        connection.execute(
            "INSERT INTO expectation_results BY NAME SELECT * REPLACE (? AS run_id) "
            "FROM expectation_results",
            [run_id],
        )
    present = quality(own.settings, None, None)
    past = quality(own.settings, run_id, None)
    assert past["run_id"] == run_id
    assert past["tables"] == present["tables"]
    assert past["site"] is None
    with pytest.raises(NoCandidate, match="let go"):
        quality(own.settings, run_id, UNFIT)


def test_nothing_published(tmp_path: Path, perpmill: Perpmill) -> None:
    done = perpmill(tmp_path / "lake")
    assert done.exit_code == Exit.USAGE
    assert "nothing is published" in done.stderr
    done = perpmill(tmp_path / "lake", "--run", "20200101T000000Z-abcdef")
    assert done.exit_code == Exit.USAGE
    assert "none" in done.stderr


def row(**more: object) -> pl.DataFrame:
    said = {
        "run_id": "20260101T000000Z-abcdef",
        "table_name": "funding_daily",
        "expectation": "made_up",
        "severity": "critical",
        "date": date(2021, 1, 30),
        "venue": "binance",
        "success": False,
        "observed": "1 failing",
        "threshold": "a | b",
        "detail": "<b>x</b> (why)",
    }
    return pl.DataFrame([said | more], schema=ExpectationResults.create_empty().schema)


def test_a_first_run_that_was_blocked_is_named(tmp_path: Path, perpmill: Perpmill) -> None:
    store = open_store(f"file:{tmp_path}/lake")
    run_id = "20260101T000000Z-abcdef"
    Builds(store, tmp_path / "cache").keep_audit(run_id, row())
    store.put(f"builds/{run_id}/candidate.json", b"{}")
    done = perpmill(tmp_path / "lake")
    assert done.exit_code == Exit.USAGE
    assert f"perpmill quality --run {run_id}" in done.stderr
    done = perpmill(tmp_path / "lake", "--run", run_id)
    assert done.exit_code == Exit.DONE, done.output
    # The rule is none of ours, so its reason cannot be told from the rows.
    assert "found: <b>x</b> (why)" in done.stdout
    done = perpmill(tmp_path / "lake", "--run", run_id, "--date", "2021-01-30")
    assert done.exit_code == Exit.USAGE
    assert "let go" in done.stderr


def test_pages_are_copied(warned: TwoVenues, perpmill: Perpmill, tmp_path: Path) -> None:
    done = perpmill(warned.root, "--site", str(tmp_path / "out"))
    assert done.exit_code == Exit.DONE, done.output
    assert (tmp_path / "out" / "index.html").is_file()
    assert str(tmp_path / "out" / "index.html") in done.stderr


def test_the_text_for_prefect_is_markdown_that_keeps_to_its_cells(tmp_path: Path) -> None:
    store = open_store(f"file:{tmp_path}/lake")
    text = markdown(told(store, "run-1", row()))
    assert "Run `run-1`: **blocked**, 0 of 1 expectations held." in text
    assert "No Data Docs were drawn." in text
    (line,) = (line for line in text.splitlines() if "made_up" in line)
    assert line == (
        "| critical | `funding_daily.made_up` | 2021-01-30 binance | a \\| b "
        "| &lt;b>x&lt;/b> (why) |"
    )
    passed = markdown(told(store, "run-1", row(success=True, detail=None)))
    assert "**passed**" in passed
    assert "| severity" not in passed
