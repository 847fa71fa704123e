"""`import perpmill`: connections and frames of a published build."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import perpmill
from flows import reading, settings
from flows.storage.object_store import open_store
from flows.storage.publication import Pointer, Publication, build_key
from tests.queries.given import BEFORE, DAY
from tests.readers.conftest import EVENING, MORNING, Shelf
from transforms.schemas.published import PUBLISHED_TABLES, published_columns

LATER = MORNING + timedelta(hours=1)


def rates(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.select("date", "venue", "symbol", "funding_rate_8h").rows()


SECOND = [
    (BEFORE, "binance", "BTCUSDT", 0.0003),
    (BEFORE, "binance", "ETHUSDT", 0.0001),
    (DAY, "binance", "BTCUSDT", 0.0004),
    (DAY, "bybit", "BTCUSDT", None),
]
FIRST = [(BEFORE, "binance", "BTCUSDT", 0.0002), (BEFORE, "binance", "ETHUSDT", 0.0001)]


# ---- the module ---------------------------------------------------------------------------------


def test_importing_it_starts_nothing_heavy() -> None:
    heavy = ("prefect", "great_expectations", "boto3", "dataframely", "sqlalchemy", "pandas")
    code = f"import sys, perpmill; print([m for m in {heavy} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_it_is_typed_and_every_public_name_says_what_it_is() -> None:
    assert files("perpmill").joinpath("py.typed").is_file()
    assert len(perpmill.__all__) >= 10
    for name in perpmill.__all__:
        found = getattr(perpmill, name)
        assert inspect.getdoc(found), name


# ---- connect ------------------------------------------------------------------------------------


def test_a_connection_is_to_the_current_build(shelf: Shelf, config: Path) -> None:
    for how in ({"config": config}, {"lake": shelf.root}, {"lake": f"file:{shelf.root}"}):
        with perpmill.connect(**how) as connection:  # type: ignore[arg-type] # each is right for its key
            assert connection.sql("SELECT max(run_id) FROM runs").fetchall() == [("r17",)]


def test_the_configuration_here_is_the_default(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    assert perpmill.query("SELECT count(*) AS n FROM runs")["n"].to_list() == [2]


@pytest.mark.parametrize("local", [False, True])
def test_a_connection_cannot_write(shelf: Shelf, local: bool) -> None:
    before = shelf.link.read_bytes()
    with perpmill.connect(lake=shelf.root, local=local) as connection:
        for statement in ("DELETE FROM runs", "CREATE TABLE mine (a INT)", "DROP TABLE runs"):
            with pytest.raises(duckdb.Error, match="read-only"):
                connection.execute(statement)
    assert shelf.link.read_bytes() == before


def test_frames_are_lent_or_read_by_name(shelf: Shelf, tmp_path: Path) -> None:
    wanted = pl.DataFrame({"base_asset": ["ETH"]})
    question = "SELECT count(*) FROM funding_daily SEMI JOIN wanted USING (base_asset)"
    with perpmill.connect(lake=shelf.root) as connection:
        with pytest.raises(duckdb.CatalogException):
            connection.execute(question)
        connection.register("wanted", wanted)
        assert connection.execute(question).fetchall() == [(1,)]
    file = tmp_path / "wanted.parquet"
    wanted.write_parquet(file)
    with perpmill.connect(lake=shelf.root, local=True) as connection:
        assert connection.execute(question).fetchall() == [(1,)]
        in_file = question.replace("wanted", f"'{file}'")
        assert connection.execute(in_file).fetchall() == [(1,)]
        assert connection.execute("FROM funding_daily_as_of('2021-01-17 02:00')").fetchall()


def test_both_kinds_of_connection_live_beside_each_other(shelf: Shelf) -> None:
    with (
        perpmill.connect(lake=shelf.root) as strict,
        perpmill.connect(lake=shelf.root, local=True) as free,
        perpmill.connect(lake=shelf.root) as another,
    ):
        for connection in (strict, free, another):
            assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("as_of", "run"),
    [
        (EVENING, "r16"),
        (MORNING - timedelta(microseconds=1), "r16"),
        (MORNING, "r17"),
        ("2021-01-18", "r16"),
        ("2021-01-18T02:00", "r17"),
        ("2021-01-18T02:30+01:00", "r16"),
        (datetime(2021, 1, 18, 3, 30, tzinfo=timezone(timedelta(hours=1))), "r17"),
        (datetime(2031, 1, 1, tzinfo=UTC), "r17"),
    ],
)
def test_what_readers_saw_at_a_moment(shelf: Shelf, as_of: datetime | str, run: str) -> None:
    with perpmill.connect(lake=shelf.root, as_of=as_of) as connection:
        assert connection.execute("SELECT max(run_id) FROM runs").fetchall() == [(run,)]


def test_going_back_counts_as_what_readers_saw(own: Shelf) -> None:
    publication = Publication(open_store(f"file:{own.root}"))
    publication.rollback(None, LATER)
    publication.rollback("r17", LATER + timedelta(hours=1))
    for when, run in ((MORNING, "r17"), (LATER, "r16"), (LATER + timedelta(hours=2), "r17")):
        with perpmill.connect(lake=own.root, as_of=when) as connection:
            assert connection.execute("SELECT max(run_id) FROM runs").fetchall() == [(run,)]


def test_a_run_has_its_build(shelf: Shelf) -> None:
    assert rates(perpmill.read("funding_daily", lake=shelf.root, run="r16")) == FIRST
    assert rates(perpmill.read("funding_daily", lake=shelf.root, run="r17")) == SECOND


def test_a_build_that_is_not_there_is_named(shelf: Shelf, own: Shelf, tmp_path: Path) -> None:
    with pytest.raises(perpmill.NoSuchBuild, match=r"r18 .*r17, r16"):
        perpmill.connect(lake=shelf.root, run="r18")
    with pytest.raises(perpmill.NothingPublished, match="2021-01-17T01:59"):
        perpmill.connect(lake=shelf.root, as_of="2021-01-17T01:59:59")
    for how in ({}, {"run": "r16"}, {"as_of": EVENING}):
        with pytest.raises(perpmill.NothingPublished):
            perpmill.connect(lake=tmp_path / "absent", **how)  # type: ignore[arg-type] # each is right for its key
    (own.root / build_key("r16")).unlink()
    for how in ({"run": "r16"}, {"as_of": EVENING}):
        with pytest.raises(perpmill.NoSuchBuild, match="r16 is no longer kept"):
            perpmill.connect(lake=own.root, **how)  # type: ignore[arg-type] # each is right for its key


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"as_of": datetime(2021, 1, 18)}, "no time zone"),  # noqa: DTZ001 - what is refused
        ({"as_of": "noon"}, "noon"),
        ({"as_of": MORNING, "run": "r17"}, "not both"),
    ],
)
def test_a_moment_that_is_none(shelf: Shelf, how: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        perpmill.connect(lake=shelf.root, **how)


def test_a_configuration_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(perpmill.ConfigError, match="no such file"):
        perpmill.connect(tmp_path / "absent.toml")
    with pytest.raises(perpmill.ConfigError, match="ftp://x"):
        perpmill.connect(lake="ftp://x")


# ---- read ---------------------------------------------------------------------------------------


def test_a_table_is_read_in_the_order_of_its_key(shelf: Shelf) -> None:
    assert rates(perpmill.read("funding_daily", lake=shelf.root)) == SECOND
    market = perpmill.read("market_daily", lake=shelf.root)
    assert market.select("date", "base_asset").rows() == [
        (BEFORE, "BTC"),
        (DAY, "BTC"),
        (DAY, "ETH"),
    ]


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({"start": DAY}, SECOND[2:]),
        ({"start": "2021-01-17"}, SECOND[2:]),
        ({"end": BEFORE}, SECOND[:2]),
        ({"start": BEFORE, "end": DAY}, SECOND),
        ({"assets": ["ETH"]}, [SECOND[1]]),
        ({"assets": "ETH"}, [SECOND[1]]),
        ({"assets": ["BTC", "ETH"], "venues": "binance"}, SECOND[:3]),
        ({"venues": ["bybit", "okx"]}, [SECOND[3]]),
        ({"assets": []}, []),
        ({"assets": ["'; DROP TABLE runs; --"]}, []),
    ],
)
def test_filters(shelf: Shelf, filters: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    found = perpmill.read("funding_daily", lake=shelf.root, **filters)
    assert rates(found) == rows


def test_only_these_columns_in_this_order(shelf: Shelf) -> None:
    found = perpmill.read("funding_daily", columns=["funding_rate_8h", "symbol"], lake=shelf.root)
    assert found.rows() == [(rate, symbol) for *_, symbol, rate in SECOND]


@pytest.mark.parametrize("table", list(PUBLISHED_TABLES))
def test_every_table_has_the_types_of_its_schema(shelf: Shelf, table: str) -> None:
    found = perpmill.read(table, lake=shelf.root)
    assert found.schema == {name: c.dtype for name, c in published_columns(table).items()}


def test_times_say_that_they_are_utc(shelf: Shelf) -> None:
    hours = perpmill.read("liquidations_hourly", columns=["hour"], lake=shelf.root)
    assert hours["hour"].to_list() == [datetime(2021, 1, 17, 5, tzinfo=UTC)]
    assert perpmill.read("market_daily", lake=shelf.root)["liquidations_max_24h_end"].to_list() == [
        None,
        None,
        datetime(2021, 1, 17, 9, 30, tzinfo=UTC),
    ]


def test_a_view_is_read_too(shelf: Shelf) -> None:
    found = perpmill.read("reference_reconciliation", lake=shelf.root)
    assert "date" in found.columns


def test_as_of_outlives_the_build(own: Shelf) -> None:
    assert rates(perpmill.read("funding_daily", lake=own.root, as_of=EVENING)) == FIRST
    (own.root / build_key("r16")).unlink()
    assert rates(perpmill.read("funding_daily", lake=own.root, as_of=EVENING)) == FIRST
    ether = perpmill.read("funding_daily", lake=own.root, as_of=EVENING, assets="ETH", start=BEFORE)
    assert rates(ether) == FIRST[1:]
    # The table of runs has no versions.
    with pytest.raises(perpmill.NoSuchBuild, match="no longer kept"):
        perpmill.read("runs", lake=own.root, as_of=EVENING)


def test_as_of_tells_of_a_rollback_when_its_build_is_gone(own: Shelf) -> None:
    """Back to r16 for an hour, then on to r17: in that hour readers saw r16, gone or not."""
    publication = Publication(open_store(f"file:{own.root}"))
    publication.rollback("r16", LATER)
    publication.rollback("r17", LATER + timedelta(hours=1))
    kept = perpmill.read("funding_daily", lake=own.root, as_of=LATER)
    (own.root / build_key("r16")).unlink()
    gone = perpmill.read("funding_daily", lake=own.root, as_of=LATER)
    assert rates(gone) == rates(kept) == FIRST


def test_as_of_does_not_answer_from_a_build_that_was_not_made_from_it(own: Shelf) -> None:
    Publication(open_store(f"file:{own.root}")).rollback("r16", LATER)
    assert rates(perpmill.read("funding_daily", lake=own.root, as_of=MORNING)) == SECOND
    (own.root / build_key("r17")).unlink()
    with pytest.raises(perpmill.NoSuchBuild, match="r17 is no longer kept"):
        perpmill.read("funding_daily", lake=own.root, as_of=MORNING)


def test_a_pointer_comes_with_its_own_build(own: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though a swap comes between two looks at it."""
    publication = Publication(open_store(f"file:{own.root}"))
    current = Publication.current
    looks: list[str] = []

    def swapping(self: Publication) -> Pointer | None:
        found = current(self)
        if not looks and found is not None:
            looks.append(found.run_id)
            publication.rollback("r16", LATER)
        return found

    monkeypatch.setattr(Publication, "current", swapping)
    pointer, path = reading.published(
        settings.load().model_copy(update={"lake": f"file:{own.root}"})
    )
    assert looks == ["r17"]
    assert path == own.root / build_key(pointer.run_id)


def test_the_login_of_the_dashboards_is_no_setting(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERPMILL_SUPERSET_LOGIN", "desk:secret")
    assert perpmill.tables(lake=shelf.root).height


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("fundings_daily", {}), perpmill.NoSuchTable, "did you mean funding_daily"),
        (("market", {}), perpmill.NoSuchTable, "market_daily"),
        (("zzz", {}), perpmill.NoSuchTable, r"perpmill.tables\(\)"),
        (("runs; DROP TABLE runs", {}), perpmill.NoSuchTable, "no table is called"),
        (("history.funding_daily", {}), perpmill.NoSuchTable, "no table is called"),
        (("market_daily", {"venues": "binance"}), perpmill.NoSuchColumn, "venue or provider"),
        (("market_total_daily", {"assets": "BTC"}), perpmill.NoSuchColumn, "base_asset"),
        (("instruments", {"start": DAY}), perpmill.NoSuchColumn, "column date .*start=…"),
        (("runs", {"end": DAY}), perpmill.NoSuchColumn, "column date .*end=…"),
        (
            ("funding_daily", {"columns": ["funding_rate"]}),
            perpmill.NoSuchColumn,
            "did you mean funding_rate",
        ),
        (("funding_daily", {"columns": []}), ValueError, "empty"),
        (("funding_daily", {"start": "17.1.2021"}), ValueError, "start='17.1.2021'"),
        (("funding_daily", {"start": MORNING}), ValueError, "moment"),
        (("funding_daily", {"start": DAY, "end": BEFORE}), ValueError, "is after end"),
    ],
)
def test_what_cannot_be_read_is_refused(
    shelf: Shelf, arguments: tuple[str, dict[str, Any]], error: type[Exception], said: str
) -> None:
    table, filters = arguments
    with pytest.raises(error, match=said):
        perpmill.read(table, lake=shelf.root, **filters)


# ---- tables, columns, query ---------------------------------------------------------------------


def test_what_there_is(shelf: Shelf) -> None:
    found = perpmill.tables(lake=shelf.root)
    assert set(found.filter(kind="table")["table_name"]) == set(PUBLISHED_TABLES)
    assert found.filter(kind="view")["table_name"].to_list() == ["reference_reconciliation"]
    assert found["meaning"].null_count() == 0


def test_what_a_tables_columns_say(shelf: Shelf) -> None:
    found = perpmill.columns("funding_daily", lake=shelf.root)
    assert found["column_name"].to_list() == list(published_columns("funding_daily"))
    with pytest.raises(perpmill.NoSuchTable):
        perpmill.columns("funding", lake=shelf.root)


def test_a_query_of_the_cookbook(shelf: Shelf) -> None:
    for day in ("2021-01-16", BEFORE, "latest-1"):
        found = perpmill.query("@funding_extremes", day=day, n=1, lake=shelf.root)
        assert found["funding_rate_8h"].to_list() == [0.0003, 0.0001]
    assert perpmill.query("@funding_extremes", asset=None, lake=shelf.root).height == 2


def test_a_statement_and_its_parameters(shelf: Shelf) -> None:
    found = perpmill.query(
        "SELECT now() IS NULL AS a, TIMESTAMP '2021-01-17' AS t", lake=shelf.root
    )
    assert found["t"].to_list() == [datetime(2021, 1, 17, tzinfo=UTC)]
    asked = "-- param since TIMESTAMP : from when on\nSELECT $since AS since"
    moment = datetime(2021, 1, 17, 9, tzinfo=timezone(timedelta(hours=1)))
    assert perpmill.query(asked, since=moment, lake=shelf.root)["since"].to_list() == [moment]
    with perpmill.connect(lake=shelf.root, run="r16") as connection:
        runs = perpmill.query("SELECT run_id FROM runs", connection=connection)
        assert runs["run_id"].to_list() == ["r16"]
        assert connection.execute("SELECT 1").fetchall() == [(1,)]  # still open
    pivoted = perpmill.query(
        "PIVOT funding_daily ON symbol USING count(*) GROUP BY venue ORDER BY venue",
        lake=shelf.root,
    )
    assert pivoted.rows() == [("binance", 2, 1), ("bybit", 1, 0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@funding_extreme", "did you mean funding_extremes"),
        ("SELECT 1; SELECT 2", "this is 2"),
        ("", "this is 0"),
        ("SELEKT 1", "SELEKT"),
        ("SELECT $x", "x"),
        ("CREATE TEMP TABLE t AS SELECT 1", "not CREATE"),
        ("INSERT INTO runs SELECT * FROM runs", "not INSERT"),
        ("SET threads = 1", "not SET"),
    ],
)
def test_a_query_that_cannot_be_asked(shelf: Shelf, text: str, said: str) -> None:
    with pytest.raises(perpmill.QueryError, match=said):
        perpmill.query(text, lake=shelf.root)


# ---- a lake in a bucket -------------------------------------------------------------------------


def test_a_lake_in_a_bucket(
    shelf: Shelf, bucket: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = bucket(shelf.root)
    assert rates(perpmill.read("funding_daily", config=config)) == SECOND
    assert rates(perpmill.read("funding_daily", config=config, as_of=EVENING)) == FIRST
    assert rates(perpmill.read("funding_daily", config=config, run="r16")) == FIRST
    cached = sorted(path.name for path in (config.parent / ".perpmill-cache").iterdir())
    assert [name.split("-")[0] for name in cached] == ["r16", "r17"]
    # Fetched once each: what is in the bucket is not asked for again.
    with monkeypatch.context() as patched:
        patched.setattr(
            "flows.storage.s3_store.S3Store.get_file", lambda *_: pytest.fail("fetched")
        )
        assert rates(perpmill.read("funding_daily", config=config)) == SECOND
    shutil.rmtree(config.parent / ".perpmill-cache")
    assert rates(perpmill.read("funding_daily", lake="s3://ours/lake", config=config)) == SECOND
