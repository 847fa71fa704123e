"""`perpmill queries` and `perpmill sql @name`: listing, parameters and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.failures import Exit
from flows.queries import QueryError, Value, as_data, cookbook, named, read, shown, values
from sql.queries import queries
from tests.queries.given import BEFORE, BINANCE, DAY, ETHER, filled_build, funding, market

Perpmill = Callable[..., Result]


@pytest.fixture
def perpmill(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Perpmill:
    """Commands on a build in which two perpetuals paid on two days."""
    build = filled_build(
        empty,
        tmp_path / "build.duckdb",
        {
            "funding_daily": [
                funding(BINANCE, 0.0004),
                funding(ETHER, 0.0001),
                funding(BINANCE, 0.0002, BEFORE),
            ],
            "market_daily": [market(), market(day=BEFORE)],
        },
    )
    monkeypatch.setattr("flows.query.published", lambda _: (None, build))
    config = tmp_path / "perpmill.toml"
    config.write_text(
        f'lake = "file:{tmp_path}/lake"\n[[sources]]\nvenue = "binance"\narchive = "file:x"\n'
    )
    return lambda *arguments: CliRunner().invoke(app, [*arguments, "-c", str(config)])


def rows(told: Result) -> list[dict[str, Any]]:
    assert told.exit_code == Exit.DONE, told.output
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


# ---- queries ------------------------------------------------------------------------------------


def test_the_list_names_every_query_with_its_question_and_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A console takes its width when it is made.
    monkeypatch.setattr("flows.commands.screen.out", Console(width=300))
    told = CliRunner().invoke(app, ["queries"])
    assert told.exit_code == Exit.DONE, told.output
    lines = {line.split()[0]: line for line in told.stdout.splitlines()[1:] if line.strip()}
    for query in cookbook().values():
        assert query.title in lines[query.name]
    assert "day=latest asset=NULL n=10" in lines["funding_extremes"]
    assert "since=…" in lines["liquidations_between_times"]


def test_the_list_as_json() -> None:
    told = CliRunner().invoke(app, ["queries", "--json"])
    said = {query["name"]: query for query in json.loads(told.stdout)}
    assert set(said) == set(queries())
    assert said["article_2021_01_17"]["parameters"] == [
        {
            "name": "day",
            "type": "DATE",
            "default": "2021-01-17",
            "required": False,
            "meaning": "UTC day of the article",
        },
        {
            "name": "asset",
            "type": "VARCHAR",
            "default": "BTC",
            "required": False,
            "meaning": "base asset",
        },
    ]
    assert said["liquidations_between_times"]["parameters"][0]["required"]
    assert "text" not in said["article_2021_01_17"]


@pytest.mark.parametrize("name", ["funding_extremes", "funding-extremes", "@Funding-Extremes"])
def test_one_query_is_its_text(name: str) -> None:
    told = CliRunner().invoke(app, ["queries", name])
    assert told.stdout == queries()["funding_extremes"]
    as_json = CliRunner().invoke(app, ["queries", name, "--json"])
    assert json.loads(as_json.stdout)["text"] == queries()["funding_extremes"]


@pytest.mark.parametrize("arguments", [["queries", "funding_extreme"], ["sql", "@funding_extreme"]])
def test_an_unknown_query_is_refused_with_those_that_are_near(
    perpmill: Perpmill, arguments: list[str]
) -> None:
    told = CliRunner().invoke(app, arguments) if arguments[0] == "queries" else perpmill(*arguments)
    assert told.exit_code == Exit.USAGE
    assert "no query is called 'funding_extreme'" in told.stderr
    assert "did you mean funding_extremes" in told.stderr


def test_a_part_of_a_name_is_enough_to_be_told_of() -> None:
    with pytest.raises(QueryError, match="squeeze_table"):
        named("squeeze")
    with pytest.raises(QueryError) as nothing:
        named("zzzz")
    assert "did you mean" not in str(nothing.value)


# ---- sql @name ----------------------------------------------------------------------------------


def test_defaults_are_used_and_told(perpmill: Perpmill) -> None:
    told = perpmill("sql", "@funding_extremes", "--json")
    assert [row["funding_rate_8h"] for row in rows(told)] == [0.0004, 0.0001, 0.0001, 0.0004]
    assert told.stderr.strip() == ("day=2021-01-17 (default), asset=NULL (default), n=10 (default)")


def test_parameters_are_typed_by_the_header(perpmill: Perpmill) -> None:
    told = perpmill("sql", "@funding-extremes", "day=2021-01-16", "n=1", "--json")
    assert [(row["extreme"], row["funding_rate_8h"]) for row in rows(told)] == [
        ("highest", 0.0002),
        ("lowest", 0.0002),
    ]
    assert told.stderr.strip() == "day=2021-01-16, asset=NULL (default), n=1"
    assert rows(perpmill("sql", "@funding-extremes", "day=latest-1", "n=1", "--json")) == rows(told)
    ether = perpmill("sql", "@funding-extremes", "asset=ETH", "n=1", "--json")
    assert {row["base_asset"] for row in rows(ether)} == {"ETH"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["@funding_extremes", "dya=2021-01-16"], "no parameter dya, did you mean day?"),
        (["@funding_extremes", "x=1"], "no parameter x; it has day, asset, n"),
        (["@published_runs", "n=many"], "n=many is not a whole number (rows)"),
        (["@funding_extremes", "day=17.1.2021"], "not a day like 2021-01-17 (UTC day)"),
        (["@funding_extremes", "day=NULL"], "not a day"),
        (["@funding_extremes", "n=1", "n=2"], "n is given twice"),
        (["@funding_extremes", "2021-01-16"], "'2021-01-16' is not key=value"),
        (["@open_interest_gaps", "least=nan"], "least=nan is not a number"),
        (["@liquidations_between_times", "since=2021-01-17"], "until=… must be given"),
        (["@liquidations_between_times", "since=noon", "until=x"], "a UTC time like"),
        (["SELECT 1", "x=1"], "the statement has no parameter x; it has none"),
        (["SELECT $x"], "x"),
        (["@"], "no query is called ''"),
    ],
)
def test_what_is_not_a_parameter_is_refused(
    perpmill: Perpmill, arguments: list[str], said: str
) -> None:
    told = perpmill("sql", *arguments)
    assert told.exit_code == Exit.USAGE, told.output
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_a_file_of_ones_own_may_have_parameters(perpmill: Perpmill, tmp_path: Path) -> None:
    file = tmp_path / "mine.sql"
    file.write_text(
        "-- title: Mine?\n-- param low DOUBLE = 0.0003 : least rate\n-- param day DATE : UTC day\n"
        "SELECT symbol FROM funding_daily WHERE date = $day AND funding_rate_8h >= $low"
    )
    told = perpmill("sql", "-f", str(file), "day=2021-01-17", "--json")
    assert rows(told) == [{"symbol": "BTCUSDT"}]
    assert told.stderr.strip() == "low=0.0003 (default), day=2021-01-17"
    more = perpmill("sql", "-f", str(file), "day=2021-01-17", "low=0.0001", "--json")
    assert len(rows(more)) == 2
    for wrong in (["SELECT 1"], ["SELECT 1 WHERE 1=1"], ["@funding_extremes"]):
        assert perpmill("sql", "-f", str(file), *wrong).exit_code == Exit.USAGE


def test_a_malformed_header_of_a_file_is_refused(perpmill: Perpmill, tmp_path: Path) -> None:
    file = tmp_path / "mine.sql"
    for line, said in (
        ("-- param day DAY = latest : UTC day", "DATE, TIMESTAMP"),
        ("-- param day DATE = yesterday : UTC day", "day=yesterday is not a day"),
        ("-- param n BIGINT = latest : rows", "n=latest is not a whole number"),
        ("-- param n BIGINT = 1", "NAME TYPE = DEFAULT : MEANING"),
        ("-- param n BIGINT : a\n-- param n BIGINT : b", "declared twice"),
    ):
        file.write_text(f"{line}\nSELECT 1")
        told = perpmill("sql", "-f", str(file))
        assert told.exit_code == Exit.USAGE, told.output
        assert said in told.stderr


def test_a_statement_without_parameters_says_nothing_beside_its_rows(perpmill: Perpmill) -> None:
    told = perpmill("sql", "SELECT 1 AS one", "--json")
    assert rows(told) == [{"one": 1}]
    assert told.stderr == ""


# ---- values -------------------------------------------------------------------------------------

TEXT = """-- title: All types?
-- answers: One line
--   and another.
-- units: none
-- a remark that belongs to nothing
--   nor does this
-- param d DATE = latest-2 : a day
-- param t TIMESTAMP = 2021-01-17T08:00 : a time
-- param v VARCHAR = NULL : a text
-- param b BIGINT = -3 : a count
-- param f DOUBLE = 1e6 : a number
SELECT 1
"""


def test_a_header_is_read() -> None:
    query = read("all", TEXT)
    assert (query.title, query.answers) == ("All types?", "One line and another.")
    assert (query.units, query.caveats) == ("none", "")
    assert [parameter.name for parameter in query.parameters] == ["d", "t", "v", "b", "f"]
    assert as_data(query)["caveats"] is None


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ([], "d", date(2021, 1, 15)),
        (["d=latest"], "d", DAY),
        (["d=2021-01-01"], "d", date(2021, 1, 1)),
        ([], "t", datetime(2021, 1, 17, 8)),  # noqa: DTZ001 - builds hold UTC without a zone
        (["t=2021-01-17T08:00Z"], "t", datetime(2021, 1, 17, 8)),  # noqa: DTZ001 - as above
        (["t=2021-01-17T08:00+02:00"], "t", datetime(2021, 1, 17, 6)),  # noqa: DTZ001 - as above
        ([], "v", None),
        (["v="], "v", None),
        (["v=NULL"], "v", None),
        (["v=a=b"], "v", "a=b"),
        ([], "b", -3),
        ([], "f", 1e6),
        (["f=0.5"], "f", 0.5),
    ],
)
def test_values(given: list[str], key: str, value: Value) -> None:
    assert values(read("all", TEXT), given, lambda: DAY)[key] == value


def test_latest_of_nothing_is_null() -> None:
    query = read("all", TEXT)
    found = values(query, [], lambda: None)
    assert found["d"] is None
    assert "d=NULL (default)" in shown(query, [], found)


def test_the_newest_day_is_asked_only_where_it_is_needed() -> None:
    def never() -> date:
        pytest.fail("asked for the newest day")

    assert values(read("all", TEXT), ["d=2021-01-01"], never)["d"] == date(2021, 1, 1)
