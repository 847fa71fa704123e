"""What a build keeps of a row that is replaced, and what it calls a change."""

# ruff: noqa: S608 - statements of ours, on tables of ours
from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.storage import warehouse as warehouse_module
from flows.storage.warehouse import Warehouse, WarehouseError, seal, table_hashes
from sql.cells import cells
from transforms.schemas.published import PUBLISHED_TABLES, RUN_TABLES, VERSIONED_TABLES

D1, D2 = date(2026, 3, 1), date(2026, 3, 2)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Rows = dict[str, Any]


def frame(table: str, rows: Sequence[Rows]) -> pl.DataFrame:
    schema = {name: column.dtype for name, column in PUBLISHED_TABLES[table].columns().items()}
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def price(symbol: str, close: float, day: date = D1, **more: Any) -> Rows:
    names = ("price_open", "price_high", "price_low", "price_close")
    return {
        "date": day,
        "venue": "binance",
        "symbol": symbol,
        "base_asset": symbol[:3],
        "quote_asset": "USDT",
        "margin_type": "linear",
        "contract_kind": "perpetual",
        "price_source": "mark",
        **dict.fromkeys(names, close),
        **more,
    }


class Line:
    """Builds that descend from each other, sealed at 1 o'clock, 2 o'clock and so on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.builds: list[Path] = []
        self.candidate = folder / "none"

    def run(
        self,
        *replaced: tuple[str, str, Sequence[date], Sequence[Rows]],
        name: str | None = None,
    ) -> pl.DataFrame:
        """The next run; what it says it changed."""
        number = len(self.builds) + 1
        run_id = name or f"r{number}"
        self.candidate = self.folder / f"{run_id}-candidate.duckdb"
        previous = self.builds[-1] if self.builds else None
        with Warehouse.create(self.candidate, previous, run_id) as warehouse:
            for table, venue, days, rows in replaced:
                warehouse.replace_days(table, venue, days, frame(table, rows))
            changes = warehouse.changes()
        self.seal(self.candidate, run_id)
        return changes

    def seal(self, candidate: Path, run_id: str) -> None:
        at = self.moment(len(self.builds) + 1)
        result = {
            "run_id": run_id, "table_name": "runs", "expectation": "columns",
            "severity": "critical", "success": True,
        }  # fmt: skip
        run = {
            "run_id": run_id, "started_at": at, "finished_at": at, "command": "nightly",
            "first_date": D1, "last_date": D2, "code_version": "0", "verdict": "passed",
        }  # fmt: skip
        sealed = self.folder / f"{run_id}.duckdb"
        seal(candidate, sealed, frame("expectation_results", [result]), frame("runs", [run]))
        self.builds.append(sealed)

    def prices(self, *rows: Rows, days: Sequence[date] = (D1,)) -> pl.DataFrame:
        return self.run(("prices_daily", "binance", days, rows))

    @staticmethod
    def moment(number: int) -> datetime:
        return datetime(2026, 4, 1, number, tzinfo=UTC)

    def ask(self, query: str, *values: object, build: int = -1) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.builds[build]), read_only=True) as connection:
            return connection.execute(query, list(values)).fetchall()

    def check(self) -> None:
        """Every build so far can be asked for again."""
        compared = 0
        with duckdb.connect(str(self.builds[-1]), read_only=True) as newest:
            for number, build in enumerate(self.builds, start=1):
                with duckdb.connect(str(build), read_only=True) as kept:
                    for table in VERSIONED_TABLES:
                        names = [column[0] for column in kept.execute(f"FROM {table}").description]
                        columns = ", ".join(f'"{name}"' for name in names)
                        held = kept.execute(f"SELECT {columns} FROM {table} ORDER BY ALL")
                        rows = held.fetchall()
                        asked = newest.execute(
                            f"SELECT {columns} FROM {table}_as_of(?) ORDER BY ALL",
                            [self.moment(number)],
                        )
                        assert asked.fetchall() == rows, (table, number)
                        compared += len(rows)
        assert compared
        assert self.ask("FROM prices_daily_as_of(?)", self.moment(1) - timedelta(hours=1)) == []


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


SAID = ["date", "venue", "symbol", "kind", "column_name", "old_value", "new_value", "difference"]


def said(changes: pl.DataFrame) -> list[tuple[Any, ...]]:
    return changes.select(SAID[2:]).rows()


def test_a_value_changes(line: Line) -> None:
    assert line.prices(price("BTC", 10.0), price("ETH", 5.0)).is_empty()
    changes = line.prices(price("BTC", 10.0, price_close=10.5), price("ETH", 5.0))
    assert changes.rows(named=True) == [
        {
            "table_name": "prices_daily",
            "date": D1,
            "venue": "binance",
            "symbol": "BTC",
            "key_detail": None,
            "kind": "changed",
            "column_name": "price_close",
            "old_value": "10.0",
            "new_value": "10.5",
            "difference": 0.5,
            "old_published_by": "r1",
        }
    ]
    by = line.ask("SELECT symbol, published_by FROM prices_daily ORDER BY 1")
    assert by == [("BTC", "r2"), ("ETH", "r1")]
    past = "SELECT symbol, price_close, published_by, superseded_by FROM history.prices_daily"
    assert line.ask(past) == [("BTC", 10.0, "r1", "r2")]
    line.check()


def test_a_row_vanishes_and_comes_back(line: Line) -> None:
    both = price("BTC", 10.0), price("ETH", 5.0)
    line.prices(*both)
    assert said(line.prices(both[0])) == [("ETH", "vanished", None, None, None, None)]
    assert said(line.prices(*both)) == [("ETH", "appeared", None, None, None, None)]
    assert line.ask("SELECT symbol, published_by FROM prices_daily ORDER BY 1") == [
        ("BTC", "r1"),
        ("ETH", "r3"),
    ]
    line.check()


def test_a_whole_day_vanishes_and_comes_back(line: Line) -> None:
    line.prices(price("BTC", 10.0))
    assert said(line.prices()) == [("BTC", "vanished", None, None, None, None)]
    assert line.prices().is_empty()
    assert said(line.prices(price("BTC", 10.0))) == [("BTC", "appeared", None, None, None, None)]
    line.check()


def test_a_day_is_published_for_the_first_time(line: Line) -> None:
    line.prices(price("BTC", 10.0))
    assert line.prices(price("BTC", 11.0, D2), days=[D2]).is_empty()
    other = price("BTC", 12.0, venue="bybit")
    assert line.run(("prices_daily", "bybit", [D1], [other])).is_empty()
    line.check()


def test_known_and_not_known(line: Line) -> None:
    line.prices(price("BTC", 10.0, volume_usd=0.1, price_return=None))
    changes = line.prices(price("BTC", 10.0, volume_usd=None, price_return=0.25))
    assert said(changes) == [
        ("BTC", "changed", "price_return", None, "0.25", None),
        ("BTC", "changed", "volume_usd", "0.1", None, None),
    ]
    line.check()


def test_every_digit_is_told(line: Line) -> None:
    line.prices(price("BTC", 0.1 + 0.2))
    changes = line.prices(price("BTC", 0.3)).filter(pl.col("column_name") == "price_low")
    ((*_, old, new, difference),) = said(changes)
    assert (old, new) == ("0.30000000000000004", "0.3")
    assert difference == 0.3 - (0.1 + 0.2)


@pytest.mark.parametrize(("old", "new"), [(0.0, -0.0), (-0.0, 0.0), (float("nan"), float("nan"))])
def test_equal_numbers_are_no_change(line: Line, old: float, new: float) -> None:
    line.prices(price("BTC", 1.0, volume_usd=old))
    assert line.prices(price("BTC", 1.0, volume_usd=new)).is_empty()
    assert line.ask("FROM history.prices_daily") == []
    assert line.ask("SELECT published_by, volume_usd::VARCHAR FROM prices_daily") == [
        ("r1", str(new))
    ]


def test_the_last_of_several_replacements_counts(line: Line) -> None:
    """Nobody saw what a run wrote in between."""
    line.prices(price("BTC", 10.0), price("ETH", 5.0))
    table = "prices_daily", "binance", [D1]
    changes = line.run(
        (*table, [price("BTC", 11.0), price("SOL", 1.0)]),
        (*table, [price("BTC", 10.0), price("ETH", 6.0)]),
        (*table, [price("BTC", 10.0), price("ETH", 6.0)]),
    )
    assert {row[:2] for row in said(changes)} == {("ETH", "changed")}
    past = "SELECT symbol, price_close, superseded_by FROM history.prices_daily"
    assert line.ask(past) == [("ETH", 5.0, "r2")]
    assert line.ask("SELECT symbol, published_by FROM prices_daily ORDER BY 1") == [
        ("BTC", "r1"),
        ("ETH", "r2"),
    ]
    line.check()


def test_a_row_that_is_there_twice_stays_so_for_the_gate(line: Line) -> None:
    line.prices(price("BTC", 10.0), price("BTC", 10.0))
    line.prices(price("BTC", 10.0), price("BTC", 10.0))
    assert line.ask("SELECT count(*), any_value(published_by) FROM prices_daily") == [(2, "r1")]


MARKET = {
    "date": D1, "venues": 1, "instruments": 1, "funding_venues": 1, "open_interest_venues": 1,
    "liquidations_venues": 0, "assets": 1,
}  # fmt: skip


def test_market_tables_are_replaced_by_day(line: Line) -> None:
    def of(day: date, asset: str, oi: float) -> Rows:
        return MARKET | {"date": day, "base_asset": asset, "open_interest_usd": oi}

    def without_assets(row: Rows) -> Rows:
        return {name: value for name, value in row.items() if name != "assets"}

    assets = [without_assets(of(day, asset, 1.0)) for day in (D1, D2) for asset in ("BTC", "ETH")]
    total = MARKET | {"open_interest_usd": 2.0}
    line.run(("market_daily", "", [D1, D2], assets), ("market_total_daily", "", [D1], [total]))
    changes = line.run(
        ("market_daily", "", [D1], [assets[0] | {"open_interest_usd": 3.0}, assets[1]]),
        ("market_total_daily", "", [D1], [total | {"open_interest_usd": 4.0}]),
    )
    assert changes.select("table_name", *SAID).rows() == [
        ("market_daily", D1, None, "BTC", "changed", "open_interest_usd", "1.0", "3.0", 2.0),
        ("market_total_daily", D1, None, None, "changed", "open_interest_usd", "2.0", "4.0", 2.0),
    ]
    assert line.ask("SELECT count(*) FROM market_daily") == [(4,)]
    line.check()


def test_hours_and_metrics_are_told_apart(line: Line) -> None:
    base = {name: price("BTC", 1.0)[name] for name in list(price("BTC", 1.0))[:7]}
    hours = [
        base | {"hour": NOON + timedelta(hours=n), "long_count": 1, "short_count": 0}
        for n in range(2)
    ]
    said_by_them = {
        "date": D1, "provider": "coinglass", "series": "s", "base_asset": "BTC",
        "bucket_count": 1, "is_partial": False, "unit": "USD",
    }  # fmt: skip
    metrics = [
        said_by_them | {"metric": metric, "value": 1.0}
        for metric in ("liquidations_long_usd", "liquidations_short_usd")
    ]

    def run(count: int, value: float) -> pl.DataFrame:
        return line.run(
            ("liquidations_hourly", "binance", [D1], [hours[0], hours[1] | {"long_count": count}]),
            ("reference_daily", "coinglass", [D1], [metrics[0], metrics[1] | {"value": value}]),
        )

    run(1, 1.0)
    changes = run(3, 0.5)
    assert changes.select("venue", "symbol", "key_detail", "column_name", "difference").rows() == [
        ("binance", "BTC", "2026-03-01 13:00:00", "long_count", 2.0),
        ("coinglass", "s", "liquidations_short_usd", "value", -0.5),
    ]
    line.check()


# Schemas that grow, and builds from before versions were kept


def edited(line: Line, statements: str) -> None:
    with duckdb.connect(str(line.builds[-1])) as connection:
        connection.execute(statements)


def test_a_column_the_schema_gained_is_no_restatement(line: Line) -> None:
    days = price("BTC", 10.0, volume_usd=1.0), price("BTC", 10.0, D2, volume_usd=1.0)
    line.prices(*days, days=[D1, D2])
    edited(
        line,
        "ALTER TABLE prices_daily DROP COLUMN volume_usd; "
        "ALTER TABLE history.prices_daily DROP COLUMN volume_usd",
    )
    # Its values on the day this run makes anew; on the other one it is not known yet.
    assert line.prices(days[0]).is_empty()
    assert line.ask("SELECT date, volume_usd, published_by FROM prices_daily ORDER BY 1") == [
        (D1, 1.0, "r1"),
        (D2, None, "r1"),
    ]
    # It comes later there: readers of the second build saw NULL, and can ask for that.
    assert line.prices(days[1], days=[D2]).is_empty()
    assert line.ask("SELECT volume_usd, superseded_by FROM history.prices_daily") == [(None, "r3")]
    # From then on it is a column like any other.
    changes = line.prices(days[0] | {"volume_usd": None}, days[1], days=[D1, D2])
    assert said(changes) == [("BTC", "changed", "volume_usd", "1.0", None, None)]
    changes = line.prices(*days, days=[D1, D2])
    assert said(changes) == [("BTC", "changed", "volume_usd", None, "1.0", None)]
    line.check()


def test_a_build_from_before_versions_were_kept_goes_on(line: Line) -> None:
    line.prices(price("BTC", 10.0), price("ETH", 5.0))
    line.prices(price("BTC", 10.0), price("ETH", 5.0))
    before = table_hashes(line.builds[-1])
    without = "; ".join(
        f"ALTER TABLE {table} DROP COLUMN published_by" for table in VERSIONED_TABLES
    )
    edited(line, f"DROP SCHEMA history CASCADE; DROP TABLE restatements; {without}")
    changes = line.prices(price("BTC", 10.0), price("ETH", 6.0))
    assert {row[:2] for row in said(changes)} == {("ETH", "changed")}
    # What stood in it is known since the last run that published it, and not for times before.
    assert line.ask("SELECT symbol, published_by FROM prices_daily ORDER BY 1") == [
        ("BTC", "r2"),
        ("ETH", "r3"),
    ]
    question = "SELECT symbol, price_close FROM prices_daily_as_of(?) ORDER BY 1"
    assert line.ask(question, line.moment(2)) == [("BTC", 10.0), ("ETH", 5.0)]
    assert line.ask(question, line.moment(1)) == []
    different = {"prices_daily"} | RUN_TABLES
    after = table_hashes(line.builds[-1])
    assert {t for t in before if before[t] != after[t]} <= different


def test_columns_of_the_history_may_not_vanish(line: Line) -> None:
    line.prices(price("BTC", 10.0))
    edited(line, "ALTER TABLE history.prices_daily ADD COLUMN old_name BIGINT")
    with pytest.raises(WarehouseError, match=r"history\.prices_daily\.old_name is in no schema"):
        line.prices(price("BTC", 10.0))


def test_macros_are_those_of_today(line: Line) -> None:
    line.prices(price("BTC", 10.0))
    edited(
        line,
        "CREATE MACRO gone_as_of(ts) AS TABLE SELECT 1; CREATE MACRO half(x) AS x / 2; "
        "CREATE OR REPLACE MACRO prices_daily_as_of(ts) AS TABLE SELECT 42 AS price_close",
    )
    line.prices(price("BTC", 10.0))
    made = dict(
        line.ask("SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal")
    )
    wanted = {f"{table}_as_of" for table in VERSIONED_TABLES}
    assert len(wanted) >= 12
    assert wanted <= made.keys()
    assert all(made[name] for name in wanted)
    assert not {"gone_as_of", "half"} & made.keys()
    question = "SELECT price_close FROM prices_daily_as_of('2027-01-01')"
    assert line.ask(question) == [(10.0,)]


# What keeps it so


def test_tables_with_versions_are_not_replaced_as_a_whole(line: Line, tmp_path: Path) -> None:
    with (
        Warehouse.create(tmp_path / "a.duckdb", None) as warehouse,
        pytest.raises(WarehouseError, match="keeps its versions"),
    ):
        warehouse.replace_table("prices_daily", frame("prices_daily", [price("BTC", 1.0)]))


def test_sealing_proves_that_the_history_stays(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.prices(price("BTC", 10.0))
    line.prices(price("BTC", 11.0))
    insert: Callable[..., None] = warehouse_module._insert

    def insert_and_meddle(connection: duckdb.DuckDBPyConnection, *arguments: Any) -> None:
        insert(connection, *arguments)
        connection.execute("UPDATE history.prices_daily SET price_close = 9.0")

    with monkeypatch.context() as patch:
        patch.setattr(warehouse_module, "_insert", insert_and_meddle)
        with pytest.raises(WarehouseError, match=r"sealing changed history\.prices_daily$"):
            line.prices(price("BTC", 12.0))
    assert len(line.builds) == 2


def test_hashes_do_not_see_the_runs(tmp_path: Path) -> None:
    """The same rows in one run, and after a detour in three."""
    direct, detour = Line(tmp_path / "a"), Line(tmp_path / "b")
    direct.run(("prices_daily", "binance", [D1], [price("BTC", 10.0)]), name="other")
    detour.prices(price("BTC", 9.0))
    detour.prices(price("BTC", 10.0))
    detour.prices(price("BTC", 10.0))
    one, other = table_hashes(direct.builds[-1]), table_hashes(detour.builds[-1])
    assert {table for table in one if one[table] != other[table]} <= RUN_TABLES
    assert not any("history" in table for table in one)


def test_cells_of_two_relations() -> None:
    query = cells(
        "(VALUES (1, 'a', 2.5::DOUBLE), (2, 'b', NULL), (3, 'c', 1.0)) AS t (k, s, x)",
        "(VALUES (2, 'B', 0.0::DOUBLE), (3, 'c', 1.0), (4, 'd', 1.0)) AS t (k, s, x)",
        ["k"],
        {"s": "VARCHAR", "x": "DOUBLE"},
        carried=["s"],
    )
    assert sorted(duckdb.sql(query).fetchall(), key=str) == [
        (1, "a", "vanished", None, None, None, None),
        (2, "b", "changed", "s", "b", "B", None),
        (2, "b", "changed", "x", None, "0.0", None),
        (4, None, "appeared", None, None, None, None),
    ]
