"""The command line: what it prints, what it refuses, how it ends. In process, without Prefect."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.failures import Exit
from flows.storage.object_store import open_store
from flows.storage.run_lock import run_lock
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.test_order_of_arrival import facts

Perpmill = Callable[..., Result]


@pytest.fixture
def perpmill(milled: Lake, write_config: Callable[[Lake], Path]) -> Perpmill:
    """Run a command on the shared lake; only commands that do not write."""
    config = str(write_config(milled))
    return lambda *arguments: CliRunner().invoke(app, [*arguments, "-c", config])


QUESTION = (
    "SELECT date, symbol, settlement_count, funding_rate_sum FROM funding_daily "
    "WHERE symbol = 'BTCUSDT' ORDER BY date"
)


# ---- sql ----------------------------------------------------------------------------------------


def test_sql_prints_a_table(perpmill: Perpmill) -> None:
    told = perpmill("sql", QUESTION)
    assert told.exit_code == Exit.DONE, told.output
    header, *rows = told.stdout.splitlines()
    assert header.split() == ["date", "symbol", "settlement_count", "funding_rate_sum"]
    assert [row.split()[:3] for row in rows] == [
        [str(day), "BTCUSDT", "3"] for day in (FIRST, date(2021, 1, 30), LAST)
    ]


def test_sql_cuts_nothing_off(perpmill: Perpmill) -> None:
    told = perpmill("sql", "SELECT repeat('x', 300) AS long, 0.00111069 AS rate, NULL AS nothing")
    assert told.stdout.splitlines()[1].split() == ["x" * 300, "0.00111069", "NULL"]


def test_sql_prints_csv_and_json_alike(perpmill: Perpmill, milled: Lake) -> None:
    expected = [(str(day), *rest) for day, *rest in milled.sql(QUESTION)]
    as_csv = list(csv.reader(io.StringIO(perpmill("sql", QUESTION, "--format", "csv").stdout)))
    assert as_csv[0] == ["date", "symbol", "settlement_count", "funding_rate_sum"]
    assert [(d, s, int(n), float(r)) for d, s, n, r in as_csv[1:]] == expected
    for form in (["--format", "json"], ["--json"]):
        as_json = json.loads(perpmill("sql", QUESTION, *form).stdout)
        assert [tuple(row.values()) for row in as_json] == expected


def test_sql_tells_null_from_nothing(perpmill: Perpmill) -> None:
    question = "SELECT NULL AS a, 0 AS b, '' AS c"
    assert json.loads(perpmill("sql", question, "--json").stdout) == [{"a": None, "b": 0, "c": ""}]


def test_sql_says_that_times_are_utc(perpmill: Perpmill) -> None:
    question = "SELECT TIMESTAMP '2021-01-31 08:00:00' AS t"
    assert json.loads(perpmill("sql", question, "--json").stdout) == [{"t": "2021-01-31T08:00:00Z"}]
    assert "2021-01-31T08:00:00Z" in perpmill("sql", question, "--format", "csv").stdout


def test_sql_writes_files(perpmill: Perpmill, milled: Lake, tmp_path: Path) -> None:
    parquet = tmp_path / "out.parquet"
    assert perpmill("sql", QUESTION, "--format", "parquet").exit_code == Exit.USAGE
    told = perpmill("sql", QUESTION, "--format", "parquet", "--output", str(parquet))
    assert told.exit_code == Exit.DONE, told.output
    assert pl.read_parquet(parquet).rows() == milled.sql(QUESTION)
    question = tmp_path / "question.sql"
    question.write_text(f"-- a comment\n{QUESTION};\n")
    table = tmp_path / "out.csv"
    told = perpmill("sql", "-f", str(question), "--format", "csv", "-o", str(table))
    assert told.exit_code == Exit.DONE, told.output
    assert pl.read_csv(table).height == 3


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine AS SELECT 1",
        "INSERT INTO funding_daily SELECT * FROM funding_daily",
        "DELETE FROM funding_daily",
        "UPDATE runs SET verdict = 'passed'",
        "DROP TABLE funding_daily",
        "COPY funding_daily TO '{folder}/stolen.csv'",
        "EXPORT DATABASE '{folder}/stolen'",
        "ATTACH '{folder}/other.duckdb'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE funding_daily",
        "",
        "SELEKT 1",
        "SELECT nonsense FROM funding_daily",
    ],
)
def test_sql_only_reads_the_build(
    perpmill: Perpmill, milled: Lake, tmp_path: Path, statement: str
) -> None:
    before, files = milled.seen(), sorted(tmp_path.iterdir())
    told = perpmill("sql", statement.format(folder=tmp_path))
    assert told.exit_code == Exit.USAGE, told.output
    assert told.stderr.strip()
    assert "Traceback" not in told.stderr
    assert milled.seen() == before
    assert sorted(tmp_path.iterdir()) == files


def test_sql_wants_one_statement_from_one_place(
    perpmill: Perpmill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("question.sql").write_text("SELECT 1")
    assert perpmill("sql").exit_code == Exit.USAGE
    assert perpmill("sql", "SELECT 1", "-f", "question.sql").exit_code == Exit.USAGE
    told = perpmill("sql", "-f", "absent.sql")
    assert told.exit_code == Exit.USAGE, told.output
    assert "absent.sql" in told.stderr


# ---- status -------------------------------------------------------------------------------------


def test_status_as_json(perpmill: Perpmill, milled: Lake) -> None:
    said = json.loads(perpmill("status", "--json").stdout)
    for name in ("run_id", "sha256", "bytes", "build"):
        assert said[name] == milled.pointer[name]
    assert said["newest_day"] == str(LAST)
    assert said["verdict"] in ("passed", "warned")
    assert said["days_behind"] > 1000
    funding = next(row for row in said["coverage"] if row["dataset"] == "funding_rates")
    assert (funding["first"], funding["last"], funding["missing"]) == (str(FIRST), str(LAST), 0)


def test_status_for_a_person(perpmill: Perpmill, milled: Lake) -> None:
    told = perpmill("status")
    assert told.exit_code == Exit.DONE, told.output
    for word in (milled.pointer["run_id"], str(LAST), "funding_rates", "days behind"):
        assert word in told.stdout


# ---- stages one by one, and back ----------------------------------------------------------------


def test_stages_one_by_one_end_in_the_build_of_a_whole_run(
    empty: Lake, milled: Lake, write_config: Callable[[Lake], Path]
) -> None:
    config = str(write_config(empty))
    span = ["--start", str(FIRST), "--end", str(LAST)]

    def told(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "-c", config])

    for early in (["status"], ["sql", "SELECT 1"], ["audit"], ["publish"], ["rollback"]):
        refused = told(*early)
        assert refused.exit_code == Exit.USAGE, (early, refused.output)
    for stage in (["ingest", *span], ["transform", *span]):
        done = told(*stage)
        assert done.exit_code == Exit.DONE, done.output
    assert told("publish").exit_code == Exit.USAGE  # not audited yet
    for stage in (["audit"], ["publish"]):
        done = told(*stage)
        assert done.exit_code == Exit.DONE, done.output
    assert facts(empty.hashes()) == facts(milled.hashes())
    again = told("transform", *span)
    assert "nothing new" in again.stdout


def test_audit_waits_for_nobody(own: Lake, write_config: Callable[[Lake], Path]) -> None:
    """It records what is unfit, so that no run may be at work."""
    before = sorted(own.root.rglob("*"))
    with run_lock(open_store(own.settings.lake), owner="somebody else"):
        told = CliRunner().invoke(app, ["audit", "-c", str(write_config(own))])
    assert told.exit_code == Exit.LOCKED, told.output
    assert "somebody else" in told.stderr
    assert sorted(own.root.rglob("*")) == before


def test_rollback_and_forward(own: Lake, write_config: Callable[[Lake], Path]) -> None:
    config = str(write_config(own))
    first_run = own.pointer["run_id"]
    refused = CliRunner().invoke(app, ["rollback", "-c", config])
    assert refused.exit_code == Exit.USAGE, refused.output
    later = own.mill(date(2021, 1, 28), LAST)
    assert later.pointer is not None
    assert own.pointer["run_id"] == later.run_id
    back = CliRunner().invoke(app, ["rollback", "-c", config])
    assert back.exit_code == Exit.DONE, back.output
    assert own.pointer["run_id"] == first_run
    assert own.seen()[2] == str(own.build)
    assert own.sql("SELECT min(date) FROM funding_daily") == [(FIRST,)]
    named = CliRunner().invoke(app, ["rollback", later.run_id, "-c", config])
    assert named.exit_code == Exit.DONE, named.output
    assert own.pointer["run_id"] == later.run_id
    unknown = CliRunner().invoke(app, ["rollback", "20200101T000000Z-000000", "-c", config])
    assert unknown.exit_code == Exit.USAGE
    assert later.run_id in unknown.stderr


# ---- wrong usage and configuration --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('lake = "ftp://somewhere"', "lake"),
        ('lakes = "file:lake"', "lakes"),
        ("batch_days = 0", "batch_days"),
        ('[[sources]]\nvenue = "binance"\narchive = "gopher://x"', "sources.0.archive"),
        ('[[sources]]\nvenue = "binance"\nsymbols = []', "sources.0.symbols"),
        ('[[sources]]\narchive = "file:x"', "sources.0.venue"),
        ('[[sources]]\nvenue = "binanze"', "sources.0.venue"),
        ("", "sources"),
        ("lake = ", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_names_the_key(tmp_path: Path, text: str, key: str) -> None:
    config = tmp_path / "perpmill.toml"
    config.write_text(text)
    told = CliRunner().invoke(app, ["ingest", "--start", "2021-01-31", "-c", str(config)])
    assert told.exit_code == Exit.USAGE, told.output
    assert key in told.stderr
    assert not (tmp_path / "lake").exists()


def test_the_environment_wins_over_the_file(
    perpmill: Perpmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERPMILL_LAKE", "ftp://somewhere")
    told = perpmill("sql", "SELECT 1")
    assert told.exit_code == Exit.USAGE
    assert "ftp://somewhere" in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", "--start", "2021-01-31", "-c", "absent.toml"],
        ["status", "-c", "absent.toml"],
        ["ingest", "--start", "31.01.2021"],
        ["backfill", "--start", "2021-02-30", "--end", "2021-03-01"],
        ["nightly", "--date", "yesterday"],
        ["backfill", "--start", "2021-01-31"],
        ["ingest"],
        ["mill"],
        ["sql", "SELECT 1", "--format", "xml"],
    ],
)
def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == Exit.USAGE, told.output
    assert told.stderr.strip()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["ingest", "transform"])
def test_days_in_the_wrong_order(perpmill: Perpmill, command: str) -> None:
    told = perpmill(command, "--start", str(LAST), "--end", str(FIRST))
    assert told.exit_code == Exit.USAGE, told.output
    assert str(LAST) in told.stderr


@pytest.mark.parametrize(
    ("order", "said"),
    [(["--start", "2021-01-31", "--end", "2021-01-29"], "2021-01-29"), (["--venue", "x"], "'x'")],
)
def test_a_backfill_that_cannot_run_is_refused_before_prefect_starts(
    perpmill: Perpmill, monkeypatch: pytest.MonkeyPatch, order: list[str], said: str
) -> None:
    monkeypatch.setattr(
        "flows.commands.running.quiet_prefect", lambda: pytest.fail("Prefect is started")
    )
    days = [] if "--start" in order else ["--start", str(FIRST), "--end", str(LAST)]
    told = perpmill("backfill", *days, *order)
    assert told.exit_code == Exit.USAGE, told.output
    assert said in told.stderr


# ---- what a person at a narrow terminal sees ----------------------------------------------------


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    seen = io.StringIO()
    console = Console(file=seen, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr("flows.commands.screen.out", console)
    return seen


def test_long_texts_are_folded(perpmill: Perpmill, at_a_terminal: io.StringIO) -> None:
    perpmill("sql", "SELECT repeat('x', 100) AS long, 0.00111069 AS rate")
    lines = at_a_terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "0.00111069" in lines[1]
    assert sum(line.count("x") for line in lines) == 100


def test_a_row_too_wide_is_a_block(perpmill: Perpmill, at_a_terminal: io.StringIO) -> None:
    perpmill("sql", f"{QUESTION.replace('SELECT date, ', 'SELECT *, date AS again, ')} LIMIT 2")
    said = at_a_terminal.getvalue().splitlines()
    assert [line for line in said if line.startswith("row ")] == ["row 1", "row 2"]
    assert ["settlement_count", "3"] in [line.split() for line in said]


def test_no_rows_is_said(perpmill: Perpmill) -> None:
    told = perpmill("sql", "SELECT 1 AS one WHERE false")
    assert told.stdout.splitlines()[-1] == "no rows"


def test_the_ending_of_a_file_decides_its_format(perpmill: Perpmill, tmp_path: Path) -> None:
    for ending, starts in ((".parquet", b"PAR1"), (".json", b"["), (".csv", b"one"), ("", b"one")):
        file = tmp_path / f"out{ending}"
        assert perpmill("sql", "SELECT 1 AS one", "-o", str(file)).exit_code == Exit.DONE
        assert file.read_bytes().startswith(starts)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_that_cannot_be_written(perpmill: Perpmill, tmp_path: Path, form: str) -> None:
    told = perpmill(
        "sql", "SELECT 1 AS one", "--format", form, "-o", str(tmp_path / "absent" / "x")
    )
    assert told.exit_code == Exit.USAGE, told.output
    assert "absent" in told.stderr
