"""Each question of the cookbook answers what was worked out by hand, and none fails on nothing."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from flows.queries import Query, cookbook, markdown, values
from tests.queries.funding_cases import CASES as FUNDING
from tests.queries.given import Case, close_rows, filled_build, market, newest, run
from tests.queries.liquidation_cases import CASES as LIQUIDATIONS
from tests.queries.market_cases import CASES as MARKET
from tests.queries.open_interest_cases import CASES as OPEN_INTEREST
from transforms.amounts import AT_PAR
from transforms.schemas.published import PUBLISHED_TABLES

CASES: dict[str, Case] = {**FUNDING, **OPEN_INTEREST, **LIQUIDATIONS, **MARKET}
ELSEWHERE = {"article_2021_01_17"}
"""Tested in `test_article`."""

UNIT = re.compile(
    r"(_usd|_coin|_fraction|_ratio|_count|_hours|_days|_8h|_annualised|_percentile|_8h_min|_8h_max"
    r"|_8h_oi_weighted|_annualised_oi_weighted|_percentile_90d|_coverage|_score|_bytes|number"
    r"|rank|listing|_to_delivery|hours_covered|_count_asked|_count_with_feed)$|^score_\w+$|^funding_\d+d_fraction$|^open_interest_usd_\w+$"
)
IN_ITS_OWN_COLUMN = {("aggregator_reconciliation", n) for n in ("ours", "theirs", "difference")} | {
    ("aggregator_reconciliation", "ratio")
}
"""Numbers whose unit stands in the column `unit` beside them."""

GIVEN = {
    "liquidations_between_times": ("since=2021-01-17T05:30", "until=2021-01-17T09:00"),
    "raw_files_behind": ("venue=binance",),
}


def test_there_are_questions_and_each_has_an_expectation_of_its_own() -> None:
    assert len(cookbook()) >= 25
    assert set(CASES) | ELSEWHERE == set(cookbook())


@pytest.mark.parametrize("name", sorted(CASES))
def test_answers(name: str, empty: Path, tmp_path: Path) -> None:
    case = CASES[name]
    build = filled_build(empty, tmp_path / "build.duckdb", case.tables)
    columns, rows = run(build, name, *case.given)
    wanted = [columns.index(column) for column in case.columns or columns]
    assert [tuple(row[place] for place in wanted) for row in rows] == close_rows(case.rows)


@pytest.mark.parametrize("name", sorted(cookbook()))
def test_no_rows_are_no_error(name: str, empty: Path) -> None:
    _, rows = run(empty, name, *GIVEN.get(name, ()))
    if name not in ELSEWHERE:
        assert rows == []


@pytest.fixture(scope="module")
def unknown(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table has a row of the day in which all that may be NULL is."""
    path = tmp_path_factory.mktemp("unknown") / "build.duckdb"
    return filled_build(empty, path, {table: [{}] for table in PUBLISHED_TABLES})


@pytest.mark.parametrize("name", sorted(cookbook()))
def test_nothing_known_is_no_error(name: str, unknown: Path) -> None:
    columns, rows = run(unknown, name, *GIVEN.get(name, ()))
    assert all(len(row) == len(columns) for row in rows)


@pytest.mark.parametrize("query", cookbook().values(), ids=lambda query: query.name)
def test_header_is_whole(query: Query) -> None:
    assert query.title.endswith("?")
    assert query.answers
    assert query.units
    for parameter in query.parameters:
        assert parameter.meaning


@pytest.mark.parametrize("query", cookbook().values(), ids=lambda query: query.name)
def test_parameters_are_those_of_the_statement(query: Query, empty: Path) -> None:
    with duckdb.connect(str(empty), read_only=True) as connection:
        (statement,) = connection.extract_statements(query.text)
        assert statement.type == duckdb.StatementType.SELECT
        assert statement.named_parameters == {parameter.name for parameter in query.parameters}


@pytest.mark.parametrize("query", cookbook().values(), ids=lambda query: query.name)
def test_numbers_have_their_unit_in_the_name(query: Query, empty: Path) -> None:
    found = values(query, GIVEN.get(query.name, ()), lambda: newest(empty))
    with duckdb.connect(str(empty), read_only=True) as connection:
        relation = connection.execute(query.text, found or None)
        typed = [(name, str(kind)) for name, kind, *_ in relation.description or []]
    numbers = [name for name, kind in typed if kind in {"NUMBER", "DOUBLE", "BIGINT", "INTEGER"}]
    for name in numbers:
        assert UNIT.search(name) or (query.name, name) in IN_ITS_OWN_COLUMN, name


def test_numbers_are_recognised(empty: Path) -> None:
    """The test above looks at something."""
    with duckdb.connect(str(empty), read_only=True) as connection:
        kinds = [
            str(kind)
            for _, kind, *_ in connection.execute(
                "SELECT 1 AS a, 1.5::DOUBLE, 1::BIGINT"
            ).description
            or []
        ]
    assert set(kinds) <= {"NUMBER", "DOUBLE", "BIGINT", "INTEGER"}


def test_quotes_at_par_are_those_of_the_mill() -> None:
    text = cookbook()["price_basis_between_venues"].text
    listed = re.search(r"quote_asset IN \(([^)]*)\)", text)
    assert listed is not None
    assert tuple(re.findall(r"'(\w+)'", listed[1])) == AT_PAR


def test_the_page_lists_all_questions() -> None:
    page = Path(__file__).parents[2] / "docs" / "cookbook.md"
    written = page.read_text(encoding="utf-8")
    assert written == markdown(), "run `python -m flows.queries docs/cookbook.md`"
    assert written.count("\n## ") == len(cookbook())


def test_latest_is_the_newest_day_of_the_market(empty: Path, tmp_path: Path) -> None:
    build = filled_build(
        empty,
        tmp_path / "build.duckdb",
        {"market_daily": [market(), market("ETH", open_interest_usd=5.0)]},
    )
    assert len(run(build, "changed_since_yesterday")[1]) == 2
