"""What docs/bi.md says of tools that come through SQLAlchemy, or open the link themselves."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy

from bi.superset.write import database
from tests.queries.given import DAY, filled_build, total

SQL = "SELECT sum(open_interest_usd) FROM market_total_daily"


class Lake:
    """Two builds, and the link that names one of them."""

    def __init__(self, folder: Path, empty: Path) -> None:
        self.link = folder / "published.duckdb"
        for number in (1, 2):
            rows = {"market_total_daily": [total(DAY, open_interest_usd=float(number))]}
            filled_build(empty, folder / f"{number}.duckdb", rows)
        self.point_at(1)

    def point_at(self, build: int) -> None:
        """In one step, as `flows.storage.local_store.replace_link` does."""
        new = self.link.with_suffix(".new")
        new.symlink_to(self.link.with_name(f"{build}.duckdb"))
        new.replace(self.link)


@pytest.fixture
def lake(tmp_path: Path, empty: Path) -> Lake:
    return Lake(tmp_path, empty)


@pytest.fixture
def engine(lake: Lake) -> Iterator[sqlalchemy.Engine]:
    """As Superset's database entry has it: a connection a query."""
    entry = database(lake.link.as_posix())
    arguments: dict[str, Any] = entry["extra"]["engine_params"]
    made = sqlalchemy.create_engine(
        entry["sqlalchemy_uri"], poolclass=sqlalchemy.NullPool, **arguments
    )
    yield made
    made.dispose()


def asked(engine: sqlalchemy.Engine, sql: str = SQL) -> Any:
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text(sql)).scalar_one()


def test_a_query_after_the_swap_sees_the_new_build(lake: Lake, engine: sqlalchemy.Engine) -> None:
    for build in (1, 2, 1):
        lake.point_at(build)
        assert asked(engine) == build


def test_a_query_that_runs_during_the_swap_keeps_its_build(
    lake: Lake, engine: sqlalchemy.Engine
) -> None:
    """And does not keep others from the new one: DuckDB goes by the file, not by the link."""
    with engine.connect() as before:
        assert before.execute(sqlalchemy.text(SQL)).scalar_one() == 1
        lake.point_at(2)
        assert before.execute(sqlalchemy.text(SQL)).scalar_one() == 1
        assert asked(engine) == 2
        assert before.execute(sqlalchemy.text(SQL)).scalar_one() == 1


def test_a_pool_that_keeps_connections_keeps_the_old_build(lake: Lake) -> None:
    """Why the recipes ask for no pool, or for a reconnect after the publish."""
    kept = sqlalchemy.create_engine(
        f"duckdb:///{lake.link}",
        poolclass=sqlalchemy.QueuePool,
        connect_args={"read_only": True},
    )
    assert asked(kept) == 1
    lake.point_at(2)
    assert asked(kept) == 1
    kept.dispose()
    assert asked(kept) == 2
    kept.dispose()


def test_an_attached_build_stays_until_it_is_attached_again(lake: Lake) -> None:
    with duckdb.connect() as reader:
        attach = f"ATTACH '{lake.link}' AS perpmill (READ_ONLY)"
        reader.execute(attach)
        query = "SELECT sum(open_interest_usd) FROM perpmill.market_total_daily"
        lake.point_at(2)
        assert reader.execute(query).fetchall() == [(1.0,)]
        reader.execute("DETACH perpmill")
        reader.execute(attach)
        assert reader.execute(query).fetchall() == [(2.0,)]


def test_the_entry_cannot_write_nor_read_another_file(
    engine: sqlalchemy.Engine, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n", encoding="utf-8")
    for sql, refused in (
        ("DELETE FROM market_total_daily", "read-only"),
        ("SELECT * FROM read_csv('OTHER')", "disabled"),
        ("SET enable_external_access = true", "locked|Cannot"),
    ):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match=refused):
            asked(engine, sql.replace("OTHER", str(other)))


def test_sqlalchemy_shows_tables_and_columns_with_their_meaning(engine: sqlalchemy.Engine) -> None:
    """What a tool lists when it is pointed at the build."""
    with warnings.catch_warnings():
        # duckdb-engine cannot reflect indexes, and says so; a build has none.
        warnings.filterwarnings("ignore", message="duckdb-engine doesn't yet support reflection")
        found = sqlalchemy.inspect(engine)
        assert {"market_daily", "funding_daily", "coverage_daily"} <= set(found.get_table_names())
        assert "reference_reconciliation" in found.get_view_names()
        columns = {column["name"]: column for column in found.get_columns("market_total_daily")}
    assert str(columns["date"]["type"]) == "DATE"
    assert "[USD]" in str(columns["open_interest_usd"]["comment"])


SORT = """
SELECT sum(n) FROM (SELECT range AS n, row_number() OVER (ORDER BY hash(range)) FROM range({}))
"""
"""A sort of as many rows; 4 million do not fit into 40 MB."""


def test_a_sort_larger_than_memory_is_refused_and_not_put_into_the_lake(lake: Lake) -> None:
    entry = database(lake.link.as_posix())
    arguments: dict[str, Any] = entry["extra"]["engine_params"]["connect_args"]
    small = arguments | {
        "config": arguments["config"] | {"memory_limit": "40MB", "threads": 1},
    }
    made = sqlalchemy.create_engine(
        entry["sqlalchemy_uri"], poolclass=sqlalchemy.NullPool, connect_args=small
    )
    before = sorted(lake.link.parent.iterdir())
    assert asked(made, SORT.format(10)) == 45
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="Out of Memory"):
        asked(made, SORT.format(4_000_000))
    assert sorted(lake.link.parent.iterdir()) == before
    made.dispose()


def test_the_page_has_the_entry_as_it_is_imported() -> None:
    page = (Path(__file__).parents[2] / "docs/bi.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\nduckdb:////\S+\n(\{.*?\})\n```$", page, re.DOTALL | re.MULTILINE)
    assert [json.loads(block) for block in blocks] == [
        {"engine_params": database("/lake")["extra"]["engine_params"]}
    ]
    # The recipe of SQLAlchemy's tools opens a build the same way, as far as that concerns a lake.
    (recipe,) = re.findall(r"connect_args=(\{.*\}),$", page, re.MULTILINE)
    assert ast.literal_eval(recipe) == {"read_only": True, "config": {"temp_directory": ""}}
