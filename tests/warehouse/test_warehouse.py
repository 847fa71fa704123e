"""Builds are new files: filled by day, never half there, sealed as a proven copy."""

# ruff: noqa: S608, ISC004 - statements of ours, on tables of ours, too long for one line
from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.storage import build_file
from flows.storage import warehouse as warehouse_module
from flows.storage.warehouse import Warehouse, WarehouseError, seal, table_hashes
from transforms.schemas.published import PUBLISHED_TABLES, column_dictionary

D1, D2 = date(2026, 3, 1), date(2026, 3, 2)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {name: column.dtype for name, column in PUBLISHED_TABLES[table].columns().items()}
    blank = dict.fromkeys(schema)
    return pl.DataFrame([blank | row for row in rows], schema=schema)


def _liquidations(day: date, venue: str, *symbols: str, total: float = 1.0) -> pl.DataFrame:
    row = {
        "date": day,
        "venue": venue,
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "margin_type": "linear",
        "contract_kind": "perpetual",
        "total_usd": total,
        "long_count": 1,
        "short_count": 0,
        "largest_at": NOON,
        "priced_at_limit_count": 0,
        "completeness": "throttled",
    }
    return _frame("liquidations_daily", [row | {"symbol": symbol} for symbol in symbols])


def _run(run_id: str, verdict: str = "passed") -> pl.DataFrame:
    row = {
        "run_id": run_id,
        "started_at": NOON,
        "finished_at": NOON,
        "command": "nightly",
        "first_date": D1,
        "last_date": D1,
        "code_version": "0.1.0",
        "verdict": verdict,
    }
    return _frame("runs", [row])


def _results(run_id: str) -> pl.DataFrame:
    row = {
        "run_id": run_id,
        "table_name": "runs",
        "expectation": "columns",
        "severity": "critical",
        "success": True,
    }
    return _frame("expectation_results", [row])


def _read(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _edit(path: Path, statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(statements)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    path = tmp_path / "first" / "perpmill.duckdb"
    with Warehouse.create(path, None) as warehouse:
        warehouse.replace_table("column_dictionary", column_dictionary())
        for day in (D1, D2):
            for venue in ("binance", "bybit"):
                warehouse.replace_days(
                    "liquidations_daily", venue, [day], _liquidations(day, venue, "B", "A")
                )
    return path


def test_new_build_has_every_table_with_its_types_and_comments(build: Path) -> None:
    found = {
        (table, column): (data_type, comment)
        for table, column, data_type, comment in _read(
            build, "SELECT table_name, column_name, data_type, comment FROM duckdb_columns()"
        )
    }
    expected = column_dictionary().select("table_name", "column_name", "type")
    assert expected.height > 100
    for table, column, data_type in expected.iter_rows():
        assert found[table, column][0] == data_type
        assert found[table, column][1]


def test_file_opens_with_duckdb_1_2(build: Path) -> None:
    # Main header: 8 bytes checksum, "DUCK", then the storage version: 64 is 1.0, 65 is 1.2.
    header = build.read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert struct.unpack("<Q", header[12:20]) == (65,)


def test_closed_build_is_one_file(build: Path) -> None:
    assert [path.name for path in build.parent.iterdir()] == ["perpmill.duckdb"]


def test_rows_lie_in_key_order_and_times_are_utc(build: Path) -> None:
    rows = _read(build, "SELECT symbol, largest_at FROM liquidations_daily ORDER BY rowid LIMIT 2")
    assert rows == [("A", datetime(2026, 3, 1, 12)), ("B", datetime(2026, 3, 1, 12))]  # noqa: DTZ001 - published times carry no zone


def test_replace_days_touches_only_that_venue_and_day(build: Path, tmp_path: Path) -> None:
    path = tmp_path / "second.duckdb"
    with Warehouse.create(path, build) as warehouse:
        warehouse.replace_days(
            "liquidations_daily", "bybit", [D2], _liquidations(D2, "bybit", "C", total=9.0)
        )
        warehouse.replace_days("liquidations_daily", "binance", [D1], _liquidations(D1, "binance"))
    rows = _read(path, "SELECT date, venue, symbol, total_usd FROM liquidations_daily ORDER BY ALL")
    assert rows == [
        (D1, "bybit", "A", 1.0),
        (D1, "bybit", "B", 1.0),
        (D2, "binance", "A", 1.0),
        (D2, "binance", "B", 1.0),
        (D2, "bybit", "C", 9.0),
    ]
    assert len(_read(build, "FROM liquidations_daily")) == 8, "the previous build changed"


def test_replacing_twice_changes_nothing(build: Path, tmp_path: Path) -> None:
    path = tmp_path / "second.duckdb"
    with Warehouse.create(path, build) as warehouse:
        for _ in range(2):
            warehouse.replace_days(
                "liquidations_daily", "bybit", [D2], _liquidations(D2, "bybit", "B", "A")
            )
            warehouse.replace_table("column_dictionary", column_dictionary().reverse())
    assert table_hashes(path) == table_hashes(build)


def test_rows_are_placed_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    rows = _liquidations(D1, "binance", "A")
    with Warehouse.create(path, None) as warehouse:
        warehouse.append("liquidations_daily", rows.select(reversed(rows.columns)))
    assert _read(path, "SELECT venue, symbol, base_asset FROM liquidations_daily") == [
        ("binance", "A", "BTC")
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (_liquidations(D1, "binance", "A").drop("total_usd"), "total_usd is missing"),
        (_liquidations(D1, "binance", "A").with_columns(extra=1), "extra is in no schema"),
        (
            _liquidations(D1, "binance", "A").with_columns(pl.col("total_usd").cast(pl.Int64)),
            "total_usd is Int64, not Float64",
        ),
        (
            _liquidations(D1, "binance", "A").with_columns(
                pl.col("largest_at").dt.replace_time_zone(None)
            ),
            "largest_at is Datetime",
        ),
        (
            _liquidations(D1, "binance", "A").with_columns(base_asset=pl.lit(None, pl.String)),
            "base_asset is NULL in 1 rows",
        ),
        (_liquidations(D2, "binance", "A"), "1 are not of binance on the days replaced"),
        (_liquidations(D1, "bybit", "A"), "such as 2026-03-01 bybit"),
    ],
)
def test_unfit_rows_are_refused_and_nothing_is_lost(
    build: Path, tmp_path: Path, rows: pl.DataFrame, message: str
) -> None:
    path = tmp_path / "second.duckdb"
    with Warehouse.create(path, build) as warehouse:
        with pytest.raises(WarehouseError, match=message):
            warehouse.replace_days("liquidations_daily", "binance", [D1], rows)
        with pytest.raises(WarehouseError, match="not a published table"):
            warehouse.append("funding", rows)
        with pytest.raises(WarehouseError, match="no days to replace"):
            warehouse.replace_days("runs", "binance", [D1], _run("r1"))
    assert table_hashes(path) == table_hashes(build)


def test_failed_insert_leaves_the_old_rows(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    path = tmp_path / "second.duckdb"
    with Warehouse.create(path, build) as warehouse:
        monkeypatch.setattr(warehouse_module, "_insert", fail)
        with pytest.raises(OSError, match="disk full"):
            warehouse.replace_table("column_dictionary", _twice(column_dictionary()))
    assert table_hashes(path) == table_hashes(build)


def _twice(rows: pl.DataFrame) -> pl.DataFrame:
    """With one of the rows there again."""
    return pl.concat([rows, rows.head(1)])


@pytest.mark.parametrize(
    "changed",
    [
        lambda rows: rows,
        lambda rows: rows.clear(),
        lambda rows: rows.head(3),
        lambda rows: rows.reverse().head(40),
        _twice,
        lambda rows: rows.with_columns(pl.lit("another").alias("meaning")),
        lambda rows: rows.with_columns(
            pl.when(pl.int_range(pl.len()) % 7 == 0)
            .then(None)
            .otherwise("formula")
            .alias("formula")
        ),
    ],
    ids=["same", "none", "fewer", "others", "twice", "all", "some"],
)
def test_a_replaced_table_has_the_new_rows_and_only_those(
    build: Path, tmp_path: Path, changed: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    rows = column_dictionary()
    assert rows["unit"].n_unique() > 5
    for number, wanted in enumerate([changed(rows), rows]):  # there, and back again
        path = tmp_path / f"{number}.duckdb"
        with Warehouse.create(path, build) as warehouse:
            warehouse.replace_table("column_dictionary", wanted)
        found = _read(path, "FROM column_dictionary")
        assert sorted(found, key=str) == sorted(wanted.rows(), key=str)
        build = path


def test_rows_that_are_there_twice_are_as_many_as_they_are(build: Path, tmp_path: Path) -> None:
    rows = column_dictionary()
    for number, twice in enumerate((0, 1)):  # as many rows, and the same ones, but another twice
        path = tmp_path / f"{number}.duckdb"
        wanted = pl.concat([rows, rows[twice]])
        with Warehouse.create(path, build) as warehouse:
            warehouse.replace_table("column_dictionary", wanted)
        assert sorted(_read(path, "FROM column_dictionary"), key=str) == sorted(
            wanted.rows(), key=str
        )
        build = path


def test_rows_that_stay_are_not_written_again(build: Path, tmp_path: Path) -> None:
    """They stand before those that were, though their keys are later ones."""
    path = tmp_path / "second.duckdb"
    stays = pl.col("unit") == "USD"
    rows = column_dictionary().with_columns(
        pl.when(stays).then("meaning").otherwise(pl.lit("another")).alias("meaning")
    )
    with Warehouse.create(path, build) as warehouse:
        warehouse.replace_table("column_dictionary", rows)
    units = [unit for (unit,) in _read(path, "SELECT unit FROM column_dictionary")]
    some = units.count("USD")
    assert 5 < some < len(units)
    assert units[:some] == ["USD"] * some


def test_rows_are_put_in_the_place_of_those_with_their_key(build: Path, tmp_path: Path) -> None:
    path = tmp_path / "second.duckdb"
    rows = column_dictionary()
    first, second = (rows[n].with_columns(meaning=pl.lit("another")) for n in (0, 5))
    fresh = rows[7].with_columns(column_name=pl.lit("fresh"))
    nothing = rows[9].with_columns(formula=pl.lit(None, pl.String))  # it may have been something
    with Warehouse.create(path, build) as warehouse:
        for some in (
            pl.concat([first, second]),
            pl.concat([fresh, nothing]),
            rows[20],
            rows.clear(),
        ):
            warehouse.put_rows("column_dictionary", some)
        assert warehouse.height("column_dictionary") == rows.height + 1
    wanted = pl.concat(
        [rows.filter(~pl.int_range(pl.len()).is_in([0, 5, 9])), first, second, fresh, nothing]
    )
    found = _read(path, "FROM column_dictionary")
    assert sorted(found, key=str) == sorted(wanted.rows(), key=str)
    # What was the same stands where it did.
    assert [row for row in found if row in rows.rows()] == [
        row for row in _read(build, "FROM column_dictionary") if row in wanted.rows()
    ]


def test_a_table_is_cleared_and_filled_anew(build: Path, tmp_path: Path) -> None:
    path = tmp_path / "second.duckdb"
    with Warehouse.create(path, build) as warehouse:
        warehouse.clear("column_dictionary")
        assert warehouse.height("column_dictionary") == 0
        warehouse.put_rows("column_dictionary", column_dictionary())
        with pytest.raises(WarehouseError, match="keeps its versions"):
            warehouse.put_rows("liquidations_daily", _liquidations(D1, "binance", "B"))
        with pytest.raises(WarehouseError, match="keeps its versions"):
            warehouse.clear("liquidations_daily")
    assert table_hashes(path) == table_hashes(build)


def test_columns_and_tables_the_schemas_gained_are_added(build: Path, tmp_path: Path) -> None:
    _edit(build, "DROP TABLE raw_files; ALTER TABLE liquidations_daily DROP COLUMN long_usd")
    path = tmp_path / "second.duckdb"
    with Warehouse.create(path, build) as warehouse:
        warehouse.append("liquidations_daily", _liquidations(D1, "okx", "A"))
    assert _read(path, "SELECT count(*), count(long_usd) FROM liquidations_daily") == [(9, 0)]
    assert _read(path, "SELECT count(*) FROM raw_files") == [(0,)]


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("ALTER TABLE runs ADD COLUMN old_name VARCHAR", "runs.old_name is in no schema"),
        ("CREATE TABLE old_table (a BIGINT)", "old_table.a is in no schema"),
        (
            "ALTER TABLE liquidations_daily ALTER long_count TYPE DOUBLE",
            "liquidations_daily.long_count is DOUBLE, now BIGINT",
        ),
    ],
)
def test_vanished_columns_are_an_error(
    build: Path, tmp_path: Path, statements: str, message: str
) -> None:
    _edit(build, statements)
    with pytest.raises(WarehouseError, match=message):
        Warehouse.create(tmp_path / "new" / "second.duckdb", build)
    assert list((tmp_path / "new").iterdir()) == []


def test_views_of_the_previous_build_stay(build: Path, tmp_path: Path) -> None:
    _edit(build, "CREATE VIEW totals AS SELECT sum(total_usd) AS usd FROM liquidations_daily")
    path = tmp_path / "second.duckdb"
    Warehouse.create(path, build).close()
    assert _read(path, "FROM totals") == [(8.0,)]
    assert table_hashes(path) == table_hashes(build)


def test_a_build_is_written_once_and_only_from_closed_ones(build: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        Warehouse.create(build, None)
    Path(f"{build}.wal").touch()
    with pytest.raises(WarehouseError, match="was not closed"):
        Warehouse.create(tmp_path / "second.duckdb", build)


# Hashes


def _rehash(build: Path, tmp_path: Path, statements: str) -> dict[str, str]:
    path = tmp_path / "edited.duckdb"
    shutil.copyfile(build, path)
    _edit(path, statements)
    return table_hashes(path)


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE t AS FROM liquidations_daily ORDER BY symbol DESC, date; "
        "DELETE FROM liquidations_daily; INSERT INTO liquidations_daily FROM t; DROP TABLE t",
        "ALTER TABLE liquidations_daily DROP COLUMN completeness; ALTER TABLE liquidations_daily "
        "ADD COLUMN completeness VARCHAR; UPDATE liquidations_daily SET completeness='throttled'",
        "UPDATE raw_files SET fetched_at = now()::TIMESTAMP",
    ],
    ids=["row order", "column order and NOT NULL", "volatile columns"],
)
def test_hash_does_not_depend_on(build: Path, tmp_path: Path, statements: str) -> None:
    _edit(build, f"INSERT INTO raw_files VALUES ({_RAW_FILE})")
    assert _rehash(build, tmp_path, statements) == table_hashes(build)


_RAW_FILE = (
    "'binance', 'prices', 'raw/a', NULL, 'https://a', 'ab', 1, 'match', TIMESTAMP '2026-03-01', "
    "1, 1, 0, 0, 0, NULL, NULL"
)


@pytest.mark.parametrize(
    ("table", "before", "after"),
    [
        ("raw_files", "label_convention = NULL", "label_convention = ''"),
        ("raw_files", "label_convention = NULL", "label_convention = '~'"),
        ("raw_files", "label_convention = ''", "label_convention = '0'"),
        ("raw_files", "rows_read = NULL", "rows_read = 0"),
        ("raw_files", "sha256 = 'a', dataset = 'bc'", "sha256 = 'ab', dataset = 'c'"),
        ("liquidations_daily", "total_usd = NULL", "total_usd = 0"),
        ("liquidations_daily", "total_usd = 0.1", "total_usd = 0.1 + 1e-17 * 2"),
        ("liquidations_daily", "largest_side = NULL", "largest_side = ''"),
    ],
)
def test_hash_tells_apart(build: Path, tmp_path: Path, table: str, before: str, after: str) -> None:
    _edit(build, f"INSERT INTO raw_files VALUES ({_RAW_FILE}); UPDATE {table} SET {before}")
    first = table_hashes(build)
    second = _rehash(build, tmp_path, f"UPDATE {table} SET {after}")
    assert {name for name in first if first[name] != second[name]} == {table}


def test_hash_is_the_same_on_any_number_of_threads(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough rows for several row groups of 122,880, so that threads have something to share.
    _edit(
        build,
        "INSERT INTO liquidations_daily BY NAME SELECT * EXCLUDE (i) REPLACE (i AS total_usd) "
        "FROM (FROM liquidations_daily LIMIT 1), range(300_000) AS r (i)",
    )

    def hashes(threads: int) -> dict[str, str]:
        def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
            connection = duckdb.connect(str(path), read_only=read_only)
            connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false")
            return connection

        monkeypatch.setattr(build_file, "connect", connect)
        return table_hashes(build)

    assert hashes(1) == hashes(7)


def test_hash_counts_duplicates(build: Path, tmp_path: Path) -> None:
    twice = "INSERT INTO liquidations_daily FROM liquidations_daily"
    first, second = table_hashes(build), _rehash(build, tmp_path, twice)
    assert {name for name in first if first[name] != second[name]} == {"liquidations_daily"}


# Sealing


def test_sealed_file_is_the_candidate_and_what_the_gate_said(build: Path, tmp_path: Path) -> None:
    before = build.read_bytes()
    sealed = tmp_path / "sealed.duckdb"
    sha256 = seal(build, sealed, _results("r1"), _run("r1"))
    assert sha256 == hashlib.sha256(sealed.read_bytes()).hexdigest()
    assert build.read_bytes() == before
    assert _read(sealed, "SELECT run_id, verdict, build_sha256 FROM runs") == [
        ("r1", "passed", None)
    ]
    assert _read(sealed, "SELECT run_id, expectation FROM expectation_results") == [
        ("r1", "columns")
    ]
    first, second = table_hashes(build), table_hashes(sealed)
    assert {name for name in first if first[name] != second[name]} == {
        "runs",
        "expectation_results",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "sealed.duckdb"]


def test_history_of_runs_grows(build: Path, tmp_path: Path) -> None:
    seal(build, tmp_path / "1.duckdb", _results("r1"), _run("r1"))
    Warehouse.create(tmp_path / "c.duckdb", tmp_path / "1.duckdb").close()
    seal(tmp_path / "c.duckdb", tmp_path / "2.duckdb", _results("r2"), _run("r2", "warned"))
    assert _read(tmp_path / "2.duckdb", "SELECT run_id, verdict FROM runs ORDER BY 1") == [
        ("r1", "passed"),
        ("r2", "warned"),
    ]


@pytest.mark.parametrize(
    ("results", "run", "message"),
    [
        (_results("r1").clear(), _run("r1"), "results are empty or not those of run r1"),
        (_results("r2"), _run("r1"), "results are empty or not those of run r1"),
        (_results("r1"), _run("r1", "blocked"), "blocked by the gate"),
        (_results("r1"), pl.concat([_run("r1"), _run("r2")]), "by one run, not 2"),
    ],
)
def test_unfit_verdicts_are_not_sealed(
    build: Path, tmp_path: Path, results: pl.DataFrame, run: pl.DataFrame, message: str
) -> None:
    with pytest.raises(WarehouseError, match=message):
        seal(build, tmp_path / "sealed.duckdb", results, run)
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_a_run_is_sealed_once(build: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.duckdb"
    seal(build, sealed, _results("r1"), _run("r1"))
    with pytest.raises(FileExistsError):
        seal(build, sealed, _results("r1"), _run("r1"))
    with pytest.raises(WarehouseError, match="r1 is in expectation_results already"):
        seal(sealed, tmp_path / "again.duckdb", _results("r1"), _run("r1"))
    assert not (tmp_path / "again.duckdb").exists()


@pytest.mark.parametrize(
    ("meddle", "table"),
    [
        ("UPDATE liquidations_daily SET total_usd = 2 WHERE symbol = 'A'", "liquidations_daily"),
        ("UPDATE raw_files SET fetched_at = '2030-01-01'", "raw_files"),
        ("DELETE FROM runs WHERE run_id = 'r0'", "runs"),
        ("CREATE TABLE smuggled (a BIGINT)", "smuggled"),
        ("DROP TABLE instruments", "instruments"),
    ],
)
def test_sealing_proves_that_nothing_else_changed(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meddle: str, table: str
) -> None:
    _edit(build, f"INSERT INTO raw_files VALUES ({_RAW_FILE})")
    candidate = tmp_path / "candidate.duckdb"
    with Warehouse.create(candidate, build) as warehouse:
        warehouse.append("runs", _run("r0"))
    insert: Callable[..., None] = warehouse_module._insert

    def insert_and_meddle(
        connection: duckdb.DuckDBPyConnection, name: str, rows: pl.DataFrame
    ) -> None:
        insert(connection, name, rows)
        if name == "runs":
            connection.execute(meddle)

    monkeypatch.setattr(warehouse_module, "_insert", insert_and_meddle)
    with pytest.raises(WarehouseError, match=f"sealing changed {table}$"):
        seal(candidate, tmp_path / "sealed.duckdb", _results("r1"), _run("r1"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["candidate.duckdb", "first"]
