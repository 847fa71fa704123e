"""Late data, replaced files and other code: what was published stays, and the cause is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.diff import diff
from flows.failures import Exit
from flows.storage.object_store import open_store
from flows.storage.publication import Publication
from flows.storage.warehouse import table_hashes
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.driver import mill_days
from tests.flows.test_raw_faults import rezip
from tests.history.conftest import (
    FIXED,
    LATE,
    MIDDLE,
    REPLACED,
    Milled,
    first_settlement_of_middle_up,
)
from transforms.schemas.published import RUN_TABLES, VERSIONED_TABLES

PUBLISHING = ("first", "late", "replaced", "fixed")
INSTANT = timedelta(microseconds=1)


def rows(build: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(build), read_only=True) as connection:
        return connection.execute(query, list(values)).fetchall()


def test_every_build_can_be_asked_for_again(milled: Milled) -> None:
    """Column for column, `published_by` too, as the kept builds have it."""
    compared = 0
    for run in PUBLISHING:
        _, moment, kept = milled.pointer(run)
        for table in VERSIONED_TABLES:
            held = rows(kept, f"FROM {table} ORDER BY ALL")
            assert milled.lake.sql(f"FROM {table}_as_of(?) ORDER BY ALL", moment) == held
            last = moment + (INSTANT if run == "fixed" else timedelta())
            assert milled.lake.sql(f"FROM {table}_as_of(?) ORDER BY ALL", last) == held
            compared += len(held)
    assert compared > 4 * 100


def test_the_builds_do_differ(milled: Milled) -> None:
    """What the test above compares is not four times the same."""
    hashes = [table_hashes(milled.pointer(run)[2]) for run in PUBLISHING]
    for table in ("positioning_daily", "market_daily", "market_total_daily"):
        assert len({found[table] for found in hashes}) >= 3
    past = milled.lake.sql("SELECT count(*) FROM history.funding_daily")
    assert past == [(2,)]  # the day of the replaced settlement, and the next one's cumulated sum


def _finished(milled: Milled, run: str) -> datetime:
    """What the macros go by: a build cannot know when it was pointed at."""
    run_id, published_at, _ = milled.pointer(run)
    ((finished_at,),) = milled.lake.sql("SELECT finished_at FROM runs WHERE run_id = ?", run_id)
    assert isinstance(finished_at, datetime)
    moment = finished_at.replace(tzinfo=UTC)
    assert moment <= published_at
    return moment


def test_a_moment_may_be_said_in_any_way(milled: Milled) -> None:
    first, second = (_finished(milled, run) for run in ("first", "late"))
    question = "SELECT count(*) FROM open_interest_daily_as_of(ts := {}) WHERE symbol = 'ETHUSDT'"

    def asked(said: str, *values: object) -> int:
        ((count,),) = milled.lake.sql(question.format(said), *values)
        assert isinstance(count, int)
        return count

    naive = first.replace(tzinfo=None)
    singapore = first.astimezone(timezone(timedelta(hours=8)))
    for moment in (first, naive, singapore, str(naive), naive.isoformat() + "Z", str(singapore)):
        assert asked("?", moment) == 2
    assert asked(f"'{naive}'") == 2
    assert asked(f"TIMESTAMPTZ '{singapore}'") == 2
    assert asked("?", second) == 3
    assert asked("?", second - INSTANT) == 2
    assert asked("?", first - INSTANT) == 0
    assert asked("now()") == 3
    with duckdb.connect(str(milled.lake.build), read_only=True) as connection:
        # A cast of a zoned type would tell the time in Singapore, eight hours later.
        connection.execute("SET TimeZone = 'Asia/Singapore'")
        said = f"TIMESTAMPTZ '{first - timedelta(hours=1)}'"
        assert connection.execute(question.format(said)).fetchall() == [(0,)]


def test_the_first_publication_restates_nothing(milled: Milled) -> None:
    assert milled.restated("first") == []


def test_late_data(milled: Milled) -> None:
    found = milled.restated("late")
    ((cause,),) = {(row[-1],) for row in found}
    assert milled.late in cause
    assert milled.lake.sql("SELECT count(*) FROM raw_files WHERE key = ?", cause) == [(2,)]
    appeared = [row[:6] for row in found if row[5] == "appeared"]
    assert appeared == [
        ("open_interest_daily", FIRST, "binance", LATE, None, "appeared"),
        ("positioning_daily", FIRST, "binance", LATE, None, "appeared"),
    ]
    # The file of the 29th ends with the first sample of the 30th; 287 of 288 were there before.
    (sample,) = milled.restated("late", "column_name = 'sample_count' AND table_name LIKE 'open%'")
    assert sample[:10] == (
        "open_interest_daily", MIDDLE, "binance", LATE, None, "changed", "sample_count",
        "287", "288", 1.0,
    )  # fmt: skip
    # A day's change of open interest was not known while the day before was missing.
    (change,) = milled.restated(
        "late", "column_name = 'open_interest_change_coin' AND table_name LIKE 'open%'"
    )
    assert change[7] is None
    assert change[8] is not None
    assert change[9] is None
    market = milled.restated("late", "table_name = 'market_daily' AND column_name = 'instruments'")
    assert {(row[1], row[2], row[3]) for row in market} <= {(FIRST, None, "ETH")}
    total = milled.restated("late", "table_name = 'market_total_daily'")
    assert total
    assert {(row[2], row[3]) for row in total} == {(None, None)}
    coverage = milled.restated("late", "table_name = 'coverage_daily' AND column_name = 'status'")
    assert [row[3] for row in coverage] == [] or {row[3] for row in coverage} <= {
        "open_interest",
        "positioning",
    }


def test_a_file_the_venue_replaced(milled: Milled) -> None:
    found = milled.restated("replaced")
    ((cause,),) = {(row[-1],) for row in found}
    assert milled.replaced in cause
    # Of the two contents it is the one that is current.
    assert milled.lake.sql("SELECT superseded_by FROM raw_files WHERE key = ?", cause) == [(None,)]
    (total,) = milled.restated("replaced", "column_name = 'funding_rate_sum'")
    assert total[:4] == ("funding_daily", MIDDLE, "binance", REPLACED)
    assert total[9] == pytest.approx(0.0001, abs=1e-15)
    assert float(total[8]) - float(total[7]) == total[9]
    assert {(row[0], row[3]) for row in found} == {
        ("funding_daily", REPLACED),
        ("market_daily", "BTC"),
        ("market_total_daily", None),
    }


def test_other_code(milled: Milled) -> None:
    found = milled.restated("fixed")
    versions = dict(milled.lake.sql("SELECT run_id, code_version FROM runs"))
    old, new = (versions[milled.pointer(run)[0]] for run in ("replaced", "fixed"))
    assert old != new
    assert {row[-1] for row in found} == {f"code {old} → {new}"}
    ours = [row for row in found if row[0] == "positioning_daily"]
    assert {(row[3], row[6]) for row in ours} == {
        (FIXED, "taker_buy_sell_ratio_mean"),
        (FIXED, "taker_buy_sell_ratio_close"),
    }
    assert {row[1] for row in ours} == {FIRST, MIDDLE, LAST}
    for row in ours:
        assert float(row[8]) == pytest.approx(2 * float(row[7]))
        assert row[9] == pytest.approx(float(row[7]))


def test_nothing_new_is_no_version(milled: Milled) -> None:
    assert milled.runs["unchanged"].candidate is None
    # BTC's prices were published once; every later run rewrote or left them as they were.
    first = milled.pointer("first")[0]
    by = milled.lake.sql("SELECT DISTINCT published_by FROM prices_daily")
    assert by == [(first,)]
    # Its positioning's partitions were rewritten twice, with the rows of the other symbol.
    by = milled.lake.sql(
        "SELECT DISTINCT published_by FROM positioning_daily WHERE symbol = ?", REPLACED
    )
    assert by == [(first,)]


def test_another_order_of_arrival_is_another_history_of_the_same_tables(
    milled: Milled, tmp_path: Path
) -> None:
    """The files of the third build, at once: no history, the same tables but for `raw_files`,
    which knows of the content that was replaced."""
    lake = Lake(tmp_path / "lake", milled.lake.exchange)
    lake.mill()
    different = RUN_TABLES | {"raw_files"}
    third = table_hashes(milled.pointer("replaced")[2])
    assert len(third.keys() - different) > 15
    for table, found in lake.hashes().items():
        if table not in different:
            assert found == third[table], table
    assert lake.sql("SELECT count(*) FROM restatements") == [(0,)]


def test_going_back_leaves_out_the_runs_that_were_gone_back_on(own: Lake, milled: Milled) -> None:
    """The next run starts from the older build: what it answers is the line it descends from."""
    third, at_third, kept = milled.pointer("replaced")
    fourth, at_fourth, _ = milled.pointer("fixed")
    Publication(open_store(f"file:{own.root}")).rollback(third, datetime.now(UTC))
    rezip(own.archived(LATE, "fundingRate", "2021-01"), first_settlement_of_middle_up)
    done = mill_days(own.settings, FIRST, LAST)
    assert done.pointer is not None
    assert own.sql("SELECT count(*) FROM runs WHERE run_id = ?", fourth) == [(0,)]
    question = "FROM positioning_daily_as_of(?) ORDER BY ALL"
    assert own.sql(question, at_fourth) == rows(kept, "FROM positioning_daily ORDER BY ALL")
    assert own.sql(question, done.pointer.published_at) == own.sql(
        "FROM positioning_daily ORDER BY ALL"
    )
    assert own.sql(question, at_third) == rows(kept, "FROM positioning_daily ORDER BY ALL")
    restated = own.sql(
        "SELECT DISTINCT table_name, symbol FROM restatements WHERE run_id = ? ORDER BY ALL",
        done.run_id,
    )
    assert restated == [
        ("funding_daily", LATE),
        ("market_daily", "ETH"),
        ("market_total_daily", None),
    ]


def test_the_difference_of_two_kept_builds(milled: Milled) -> None:
    found = diff(milled.pointer("first")[2], milled.pointer("late")[2])
    cells = found.cells
    said = {(row[0], row[5], row[6], row[7], row[8]) for row in milled.restated("late")}
    assert {
        (table, kind, column, old, new)
        for table, kind, column, old, new in cells.filter(
            cells["table_name"].is_in(VERSIONED_TABLES)
        )
        .select("table_name", "kind", "column_name", "old_value", "new_value")
        .iter_rows()
    } == said
    tables = {row["table_name"]: row for row in found.tables.iter_rows(named=True)}
    assert tables["open_interest_daily"] == {
        "table_name": "open_interest_daily",
        "rows_added": 1,
        "rows_removed": 0,
        "rows_changed": 1,
        "values_changed": 8,
        "columns_added": [],
        "columns_removed": [],
    }
    assert tables["raw_files"]["rows_added"] == 2
    assert "prices_daily" not in tables


def _config(lake: Lake, folder: Path) -> str:
    path = folder / "perpmill.toml"
    path.write_text(
        f'lake = "file:{lake.root}"\n[[sources]]\nvenue = "binance"\n'
        f'archive = "file:{lake.exchange}/archive/binance"\n'
    )
    return str(path)


def test_the_difference_on_the_command_line(milled: Milled, tmp_path: Path) -> None:
    first, late, fixed = (milled.pointer(run)[0] for run in ("first", "late", "fixed"))
    config = _config(milled.lake, tmp_path)
    told = CliRunner().invoke(app, ["diff", first, late, "--rows", "1", "-c", config])
    assert told.exit_code == 0, told.output
    for word in (first, late, "open_interest_daily", "ETHUSDT", "→", "more"):
        assert word in told.output

    told = CliRunner().invoke(app, ["diff", first, late, "--json", "-c", config])
    found = json.loads(told.stdout)
    assert (found["earlier"], found["later"]) == (first, late)
    cells = diff(milled.pointer("first")[2], milled.pointer("late")[2]).cells
    assert len(found["values"]) == cells.height > 0

    # Without a second run it is the published one, which here is the same.
    told = CliRunner().invoke(app, ["diff", fixed, "-c", config])
    assert "hold the same" in told.output


def test_a_run_without_a_build_is_no_side_of_a_difference(milled: Milled, tmp_path: Path) -> None:
    config = _config(milled.lake, tmp_path)
    told = CliRunner().invoke(app, ["diff", "20200101T000000Z-000000", "-c", config])
    assert told.exit_code == Exit.USAGE
    assert milled.pointer("first")[0] in "".join(told.output.split())
