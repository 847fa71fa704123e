"""`perpmill sql`: several statements in a file, PIVOT, and what is longer than the terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.failures import Exit
from flows.query import PAGED_ROWS, SHOWN_ROWS
from tests.readers.terminal import terminal

PERPMILL = [sys.executable, "-m", "flows"]
LONG = "SELECT range AS n FROM range({})"


@pytest.fixture
def here(config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(config.parent)
    return config.parent


def told(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sql", *arguments])


# ---- statements ---------------------------------------------------------------------------------

THREE = """-- param day DATE = 2021-01-16 : UTC day
SELECT count(*) AS rows FROM funding_daily;
SELECT symbol FROM funding_daily WHERE date = $day ORDER BY symbol;
PIVOT funding_daily ON symbol USING count(*) GROUP BY venue ORDER BY venue;
"""


def test_a_file_is_answered_statement_by_statement(here: Path) -> None:
    Path("three.sql").write_text(THREE)
    found = told("-f", "three.sql")
    assert found.exit_code == Exit.DONE, found.output
    blocks = [block.split() for block in found.stdout.split("\n\n")]
    assert blocks == [
        ["rows", "4"],
        ["symbol", "BTCUSDT", "ETHUSDT"],
        # Binance paid BTC on two days and ETH on one, Bybit BTC on one.
        ["venue", "BTCUSDT", "ETHUSDT", "binance", "2", "1", "bybit", "1", "0"],
    ]
    assert found.stderr.strip() == "day=2021-01-16 (default)"


def test_one_answer_fits_into_a_file_or_a_stream(here: Path) -> None:
    Path("three.sql").write_text(THREE)
    for how in (["--json"], ["--format", "csv"], ["-o", "out.parquet"]):
        found = told("-f", "three.sql", *how)
        assert found.exit_code == Exit.USAGE
        assert "room for one answer; these are 3" in found.stderr
    assert not Path("out.parquet").exists()
    Path("none.sql").write_text("-- nothing yet\n")
    assert told("-f", "none.sql").exit_code == Exit.USAGE


def test_the_answers_before_a_mistake_are_shown(here: Path) -> None:
    Path("two.sql").write_text("SELECT 1 AS one; SELECT nonsense FROM runs;")
    found = told("-f", "two.sql")
    assert found.exit_code == Exit.USAGE
    assert found.stdout.split() == ["one", "1"]
    assert "nonsense" in found.stderr


def test_pivot_is_one_statement(here: Path) -> None:
    found = told(
        "PIVOT funding_daily ON symbol USING count(*) GROUP BY venue ORDER BY venue", "--json"
    )
    assert json.loads(found.stdout) == [
        {"venue": "binance", "BTCUSDT": 2, "ETHUSDT": 1},
        {"venue": "bybit", "BTCUSDT": 1, "ETHUSDT": 0},
    ]


# ---- the same answer in every form --------------------------------------------------------------


def test_every_form_tells_the_same(here: Path) -> None:
    question = "SELECT date, venue, symbol, funding_rate_8h FROM funding_daily ORDER BY ALL"
    rows = [
        ("2021-01-16", "binance", "BTCUSDT", 0.0003),
        ("2021-01-16", "binance", "ETHUSDT", 0.0001),
        ("2021-01-17", "binance", "BTCUSDT", 0.0004),
        ("2021-01-17", "bybit", "BTCUSDT", None),
    ]
    as_csv = list(csv.reader(io.StringIO(told(question, "--format", "csv").stdout)))
    assert [(*row[:3], float(row[3]) if row[3] else None) for row in as_csv[1:]] == rows
    assert [tuple(row.values()) for row in json.loads(told(question, "--json").stdout)] == rows
    assert told(question, "-o", "out.parquet").exit_code == Exit.DONE
    parquet = pl.read_parquet("out.parquet")
    assert [(str(day), *rest) for day, *rest in parquet.rows()] == rows


FAILS_MIDWAY = "SELECT if(range < 600_000, range, error('midway')) AS n FROM range(2_000_000)"
"""After far more rows than DuckDB makes ahead."""


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_file_is_replaced_by_a_whole_answer_or_not_at_all(here: Path, ending: str) -> None:
    out = here / f"out.{ending}"
    assert told("SELECT 1 AS one", "-o", out.name).exit_code == Exit.DONE
    out.chmod(0o640)
    before = out.read_bytes()
    found = told(FAILS_MIDWAY, "-o", out.name)
    assert found.exit_code == Exit.USAGE
    assert "rror" in found.stderr  # DuckDB tells of it as an interruption now and then
    assert out.read_bytes() == before
    assert told("SELECT 2 AS two", "-o", out.name).exit_code == Exit.DONE
    assert out.read_bytes() != before
    assert out.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in here.iterdir()) == [out.name, "perpmill.toml"]


def test_a_link_and_a_device_are_written_through(here: Path) -> None:
    (here / "link.csv").symlink_to("target.csv")
    assert told("SELECT 1 AS one", "-o", "link.csv").exit_code == Exit.DONE
    assert (here / "link.csv").is_symlink()
    assert (here / "target.csv").read_text() == "one\n1\n"
    assert told("SELECT 1 AS one", "-o", "/dev/null").exit_code == Exit.DONE
    assert told("SELECT 1 AS one", "-o", "no/such.csv").exit_code == Exit.USAGE
    pipe = here / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert told("SELECT 1 AS one", "-o", "pipe").exit_code == Exit.DONE
        assert reader.communicate(timeout=30)[0] == b"one\n1\n"


def test_json_has_null_for_what_is_no_number(here: Path) -> None:
    found = told(
        "SELECT 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, [1.5, 'inf'::DOUBLE] AS c, "
        "{'d': 'nan'::DOUBLE} AS e, MAP {DATE '2021-01-17': 'inf'::DOUBLE} AS f, 1.5::DOUBLE AS g",
        "--json",
    )
    assert found.exit_code == Exit.DONE, found.output

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    assert json.loads(found.stdout, parse_constant=refuse) == [
        {"a": None, "b": None, "c": [1.5, None], "e": {"d": None}, "f": {"2021-01-17": None},
         "g": 1.5},
    ]  # fmt: skip


def test_json_has_no_room_for_two_columns_of_a_name(here: Path) -> None:
    for how in (["--json"], ["-o", "out.json"]):
        found = told("SELECT 1 AS one, 2 AS two, 3 AS one", *how)
        assert found.exit_code == Exit.USAGE
        assert "one column of a name; give others with AS: one" in found.stderr
    assert not Path("out.json").exists()
    assert told("SELECT 1 AS one, 2 AS one", "--format", "csv").stdout == "one,one\n1,2\n"


@pytest.mark.parametrize("text", ["[/x]", "\\[/x]", "[bold]x", "x\\", ":smile:", "[link=x]"])
def test_a_table_shows_a_text_as_it_is(here: Path, text: str) -> None:
    found = told(f"SELECT '{text}' AS \"{text}\", NULL AS n")
    assert found.exit_code == Exit.DONE, found.output
    assert [line.split() for line in found.stdout.splitlines()] == [[text, "n"], [text, "NULL"]]
    wide = "x" * 300
    lines = shown(f'SELECT \'{text}\' AS "{text}", {wide!r} AS "{wide}"', "--no-pager")
    assert [line.split() for line in lines if text in line] == [[text, text]]  # a block


def test_a_reader_who_leaves_early_is_no_error(here: Path) -> None:
    command = [*PERPMILL, "sql", LONG.format(200_000), "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"n\n"
        process.stdout.close()
        assert process.stderr.read() == b""


# ---- paging -------------------------------------------------------------------------------------


@pytest.fixture
def pager(tmp_path: Path) -> dict[str, str]:
    """A pager that says that it was there, and how `less` would behave."""
    script = tmp_path / "pager"
    script.write_text('#!/bin/sh\necho "paged $# $LESS"; cat; echo "paged to the end"\n')
    script.chmod(0o755)
    return {"PAGER": f"{script} 'one word'"}


def shown(*arguments: str, rows: int = 20, **environment: str) -> list[str]:
    with terminal([*PERPMILL, "sql", *arguments], rows=rows, **environment) as seen:
        assert seen.ended() == 0, seen.seen
        return seen.seen.split("\n")


def test_what_is_longer_than_the_terminal_goes_through_the_pager(
    here: Path, pager: dict[str, str]
) -> None:
    lines = [line for line in shown(LONG.format(300), **pager) if line.strip()]
    assert lines[0].startswith("paged 1 FRSX")
    assert lines[-1] == "paged to the end"
    # A header and more rows than are shown where nobody can look for one.
    assert [line.strip() for line in lines[1:-1]] == ["n", *map(str, range(300))]
    assert SHOWN_ROWS < 300 < PAGED_ROWS


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ([LONG.format(10)], {}),
        ([LONG.format(300), "--no-pager"], {}),
        ([LONG.format(300)], {"PAGER": ""}),
        ([LONG.format(300)], {"PAGER": "cat"}),
        ([LONG.format(300)], {"PAGER": "no-such-program"}),
        ([LONG.format(300), "--format", "csv"], {}),
    ],
)
def test_otherwise_nothing_is_paged(
    here: Path, pager: dict[str, str], arguments: list[str], environment: dict[str, str]
) -> None:
    lines = shown(*arguments, **(pager | environment))
    assert not [line for line in lines if "paged" in line]
    assert "9" in [line.strip() for line in lines]


def test_a_pipe_is_never_paged(here: Path, pager: dict[str, str]) -> None:
    said = subprocess.run(
        [*PERPMILL, "sql", LONG.format(300)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | pager,
    )
    assert "paged" not in said.stdout
    assert "\x1b" not in said.stdout
    assert (
        said.stdout.splitlines()[-1]
        == f"… only the first {SHOWN_ROWS} rows; --format csv prints all"
    )


def test_a_pager_may_be_left_before_the_end(here: Path, tmp_path: Path) -> None:
    script = tmp_path / "impatient"
    script.write_text("#!/bin/sh\nhead -n 1\n")
    script.chmod(0o755)
    assert "n" in [line.strip() for line in shown(LONG.format(1_900), PAGER=str(script))]
