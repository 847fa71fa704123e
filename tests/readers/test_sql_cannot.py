"""What `perpmill sql` cannot do: write, read files, load extensions, reach the network.

Each attempt is made in a folder with a secret in it and beside a server that counts who calls.
Afterwards nothing may have changed in the folder and the lake, nobody may have called, and the
secret may not have been shown; that the attempts are refused is not enough.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner, Result

import perpmill
from flows import reading
from flows.cli import app
from flows.failures import Exit
from tests.readers.conftest import Shelf
from tests.readers.test_shell import everything

SECRET = "open sesame"


@dataclass
class World:
    """A folder to spoil, and who called."""

    folder: Path
    lake: Path
    port: int
    calls: list[object] = field(default_factory=list)

    def filled(self, text: str) -> str:
        return text.format(
            folder=self.folder, url=f"http://127.0.0.1:{self.port}", build=self.build
        )

    @property
    def build(self) -> Path:
        return (self.lake / "published" / "perpmill.duckdb").resolve()


@pytest.fixture
def world(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Checked to be as it was when the test is over."""
    folder = tmp_path / "here"
    (folder / "home").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("SECRET", SECRET)
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.csv").write_text(f"a\n{SECRET}\n")
    (folder / "secret.json").write_text(f'{{"a": "{SECRET}"}}')
    pl.DataFrame({"a": [SECRET]}).write_parquet(folder / "secret.parquet")
    other = duckdb.connect(str(folder / "other.duckdb"))
    other.execute(f"CREATE TABLE t AS SELECT '{SECRET}' AS a")
    other.close()
    (folder / "perpmill.toml").write_text(f'lake = "file:{shelf.root}"\n')
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = World(folder, shelf.root, server.getsockname()[1])
        server.settimeout(0.05)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                found.calls.append(caller.getpeername())
                caller.close()

        listening = threading.Thread(target=answer)
        listening.start()
        here, lake = everything(folder), everything(shelf.root)
        yield found
        over.set()
        listening.join()
    assert everything(folder) == here
    assert everything(shelf.root) == lake
    assert found.calls == []


def told(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sql", *arguments])


def refused(result: Result) -> None:
    assert result.exit_code == Exit.USAGE, result.output
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr
    assert SECRET not in result.output


WRITING = [
    "INSERT INTO runs SELECT * FROM runs",
    "INSERT OR REPLACE INTO runs SELECT * FROM runs",
    "UPDATE runs SET verdict = 'blocked'",
    "DELETE FROM runs",
    "TRUNCATE runs",
    "MERGE INTO runs USING runs AS r USING (run_id) WHEN MATCHED THEN DELETE",
    "CREATE TABLE mine (a INT)",
    "CREATE TABLE mine AS FROM runs",
    "CREATE OR REPLACE TABLE runs AS SELECT 1",
    "CREATE TEMP TABLE mine AS FROM runs",
    "CREATE VIEW mine AS FROM runs",
    "CREATE TEMP VIEW mine AS FROM runs",
    "CREATE MACRO mine() AS TABLE FROM read_text('{folder}/secret.txt')",
    "CREATE TEMP MACRO mine() AS 1",
    "CREATE SCHEMA mine",
    "CREATE SEQUENCE mine",
    "CREATE TYPE mine AS ENUM ('a')",
    "CREATE INDEX mine ON runs (run_id)",
    "CREATE SECRET mine (TYPE s3)",
    "CREATE PERSISTENT SECRET mine (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "DROP TABLE runs",
    "DROP MACRO crowded",
    "ALTER TABLE runs ADD COLUMN a INT",
    "COMMENT ON TABLE runs IS 'mine'",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "WITH gone AS (DELETE FROM runs RETURNING *) FROM gone",
    "COPY runs TO '{folder}/stolen.csv'",
    "COPY (FROM runs) TO '{folder}/stolen.parquet' (FORMAT parquet)",
    "COPY runs FROM '{folder}/secret.csv'",
    "COPY runs TO '/dev/stdout'",
    "COPY FROM DATABASE perpmill TO memory",
    "EXPORT DATABASE '{folder}/stolen'",
    "IMPORT DATABASE '{folder}'",
    "EXPLAIN ANALYZE COPY runs TO '{folder}/stolen.csv'",
    "EXPLAIN ANALYZE DELETE FROM runs",
    "EXPLAIN ANALYZE CREATE TABLE mine AS FROM runs",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "/* a */ EXPLAIN /* (b */ ANALYZE -- c\nCOPY (SELECT 1) TO '{folder}/stolen.csv'",
    "EXPLAIN COPY (SELECT 1) TO '{folder}/stolen.csv'",
]

OPENING = [
    "ATTACH '{folder}/other.duckdb'",
    "ATTACH '{folder}/other.duckdb' (READ_ONLY)",
    "ATTACH '{folder}/stolen.duckdb'",
    "ATTACH ':memory:' AS mine",
    "ATTACH '{url}/x.duckdb'",
    "ATTACH '{build}' AS mine (READ_WRITE)",
    "DETACH perpmill",
    "USE memory",
    "SELECT * FROM '{folder}/secret.csv'",
    "SELECT * FROM '{folder}/secret.json'",
    "SELECT * FROM '{folder}/secret.parquet'",
    "SELECT * FROM 'secret.csv'",
    "FROM read_csv('{folder}/secret.csv')",
    "FROM read_csv_auto('{folder}/*.csv')",
    "FROM sniff_csv('{folder}/secret.csv')",
    "FROM read_json('{folder}/secret.json')",
    "FROM read_json_objects('{folder}/secret.json')",
    "FROM read_parquet('{folder}/secret.parquet')",
    "FROM parquet_metadata('{folder}/secret.parquet')",
    "FROM parquet_schema('{folder}/secret.parquet')",
    "FROM read_text('{folder}/secret.txt')",
    "FROM read_blob('{folder}/secret.txt')",
    "FROM read_text('/proc/self/environ')",
    "FROM read_duckdb('{folder}/other.duckdb', table_name = 't')",
    "FROM glob('{folder}/*')",
    "FROM glob('/*')",
    "FROM query('FROM read_text(''{folder}/secret.txt'')')",
    "FROM query_table('{folder}/secret.csv')",
    "WITH s AS (FROM read_text('{folder}/secret.txt')) FROM s",
    "WITH s AS MATERIALIZED (FROM '{folder}/secret.csv') SELECT * FROM s",
    "SELECT (SELECT content FROM read_text('{folder}/secret.txt'))",
    "SELECT * FROM runs WHERE run_id IN (SELECT content FROM read_text('{folder}/secret.txt'))",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM ''secret.csv'''))",
    "PIVOT (FROM read_text('{folder}/secret.txt')) ON content USING count(*)",
    "SUMMARIZE '{folder}/secret.csv'",
    "DESCRIBE '{folder}/secret.csv'",
    "DESCRIBE FROM read_csv('{folder}/secret.csv')",
    "EXPLAIN ANALYZE FROM read_text('{folder}/secret.txt')",
    "SELECT getenv('SECRET')",
    "FROM secret_frame",
    "FROM '{url}/x.csv'",
    "FROM read_csv('{url}/x.csv')",
    "FROM read_text('{url}/x')",
    "FROM read_parquet('s3://127.0.0.1/x.parquet')",
    "FROM 'https://127.0.0.1/x.parquet'",
]

SETTING = [
    "SET enable_external_access = true",
    "SET GLOBAL enable_external_access = true",
    "PRAGMA enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET temp_directory = '{folder}/stolen'",
    "SET allowed_paths = ['{folder}/secret.txt']",
    "SET allowed_directories = ['{folder}']",
    "SET home_directory = '{folder}'",
    "SET secret_directory = '{folder}'",
    "SET extension_directory = '{folder}'",
    "SET custom_extension_repository = '{url}'",
    "SET autoinstall_known_extensions = true",
    "SET allow_unsigned_extensions = true",
    "SET allow_community_extensions = true",
    "SET http_proxy = '{url}'",
    "SET python_enable_replacements = true",
    "SET log_query_path = '{folder}/stolen.log'",
    "SET profile_output = '{folder}/stolen.json'",
    "SET VARIABLE mine = 1",
    "PRAGMA profiling_output = '{folder}/stolen.json'",
    "PRAGMA profile_output = '{folder}/stolen.json'",
    "PRAGMA enable_profiling",
    "PRAGMA enable_logging",
    "CALL enable_logging(storage_path = '{folder}/stolen')",
    "CALL enable_profiling()",
    "EXPLAIN ANALYZE CALL enable_profiling()",
    "FROM enable_logging()",
    "FROM enable_logging(storage_path = '{folder}/stolen')",
    "FROM enable_profiling()",
    "SELECT * FROM \"Enable_Profiling\"(save_location = '{folder}/stolen.json')",
    "FROM system.main.enable_profiling()",
    "FROM query('FROM enable_' || 'profiling()')",
    "SELECT 1 WHERE EXISTS (FROM enable_profiling())",
    "EXPLAIN ANALYZE FROM enable_profiling()",
    "PIVOT (SELECT 'a' AS a FROM enable_profiling()) ON a USING count(*)",
    "PIVOT (SELECT 'a' AS a FROM query('FROM enable_' || 'profiling()')) ON a USING count(*)",
    "FROM disable_profiling()",
    "FROM disable_logging()",
    "FROM truncate_duckdb_logs()",
    "FROM checkpoint()",
    "FROM force_checkpoint()",
    "CALL start_ui()",
    "PREPARE mine AS SELECT 1",
    "EXECUTE mine",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs",
    "INSTALL httpfs FROM '{url}'",
    "INSTALL h3 FROM community",
    "INSTALL '{folder}/secret.txt'",
    "LOAD httpfs",
    "LOAD '{folder}/secret.txt'",
    "UPDATE EXTENSIONS",
    "FROM postgres_scan('host=127.0.0.1', 'public', 't')",
    "FROM sqlite_scan('{folder}/other.duckdb', 't')",
    ".shell touch stolen.txt",
    ".read secret.txt",
]

ATTEMPTS = [*WRITING, *OPENING, *SETTING]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_statement_cannot(world: World, attempt: str) -> None:
    secret_frame = pl.DataFrame({"a": [SECRET]})
    refused(told(world.filled(attempt)))
    assert secret_frame.height == 1


def test_nor_can_it_in_a_file_after_one_that_may(world: World) -> None:
    file = world.folder.parent / "attempt.sql"
    for attempt in ATTEMPTS:
        file.write_text(f"SELECT 1 AS one;\n{world.filled(attempt)};\nSELECT 2 AS two;\n")
        refused(told("-f", str(file)))


def test_nor_can_python(world: World) -> None:
    secret_frame = pl.DataFrame({"a": [SECRET]})
    for attempt in ATTEMPTS:
        with pytest.raises(perpmill.QueryError) as error:
            perpmill.query(world.filled(attempt))
        assert SECRET not in str(error.value)
    assert secret_frame.height == 1


def test_nor_can_python_on_a_connection_that_may_write_files(world: World) -> None:
    """There nothing but the look at the statement keeps it from writing."""
    effects = [a for a in ATTEMPTS if "EXPLAIN" in a or "_profiling()" in a or "COPY" in a]
    assert len(effects) >= 20
    with perpmill.connect(lake=world.lake, local=True) as connection:
        for attempt in effects:
            if attempt in READS_A_FILE:
                continue
            with pytest.raises(perpmill.QueryError):
                perpmill.query(world.filled(attempt), connection=connection)
        for allowed in (
            "EXPLAIN SELECT 1",
            "EXPLAIN (FORMAT json) FROM runs",
            "EXPLAIN (ANALYZE, FORMAT json) (SELECT 1)",
            "EXPLAIN ANALYZE WITH one AS (SELECT 'é' AS a) FROM one",
            "SELECT 'enable_profiling()' AS a",
        ):
            assert perpmill.query(allowed, connection=connection).height == 1


READS_A_FILE = ("EXPLAIN ANALYZE FROM read_text('{folder}/secret.txt')",)


def test_a_mistake_is_shown_where_it_is(world: World) -> None:
    """Not in the statement that asks for the plan."""
    with pytest.raises(perpmill.QueryError, match=r"(?m)^LINE 2: *nonsense"):
        perpmill.query("SELECT run_id,\n nonsense\nFROM runs")


@pytest.mark.parametrize(
    "text",
    [
        "FROM read_text($path)",
        "FROM query('FROM read_text(''' || $path || ''')')",
        "FROM query_table($path)",
        "FROM glob($path)",
        "SELECT (SELECT content FROM read_text($path))",
    ],
)
def test_nor_can_a_parameter(world: World, text: str) -> None:
    file = world.folder.parent / "mine.sql"
    file.write_text(f"-- param path VARCHAR : a file\n{text}")
    refused(told("-f", str(file), f"path={world.folder}/secret.txt"))


@pytest.mark.parametrize(
    "value", ["BTC'; COPY runs TO 'stolen.csv'; --", "'||(SELECT content FROM 'secret.txt')||'"]
)
def test_a_parameter_is_a_value_and_nothing_else(world: World, value: str) -> None:
    found = told("@funding_extremes", f"asset={value}", "--json")
    assert found.exit_code == Exit.DONE, found.output
    assert found.stdout.split() == ["[", "]"]


def test_the_builds_own_macros_read_no_files(world: World) -> None:
    text = "FROM carry('BTC', '2021-01-01', (SELECT content FROM '{folder}/secret.txt'))"
    refused(told(world.filled(text)))


@pytest.mark.parametrize(
    "statement",
    [
        "FROM enable_logging('QueryLog', storage = 'file', storage_path = '{folder}/stolen')",
        "SELECT write_log('{folder}')",
        "FROM duckdb_secrets()",
        "FROM duckdb_settings()",
        "FROM pragma_storage_info('runs')",
        "FROM test_all_types()",
    ],
)
def test_functions_with_effects_have_none_on_disk(world: World, statement: str) -> None:
    """In a process of its own: logging into what cannot be written may end it."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "flows",
            "sql",
            world.filled(statement),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr


def test_what_does_not_fit_into_memory_is_refused_and_not_spilled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 3 million texts of 32 characters need more than 60 MB to be sorted.
    monkeypatch.setitem(reading._HARDENED, "memory_limit", "60MB")
    found = told("SELECT m FROM (SELECT md5(range::VARCHAR) m FROM range(3000000)) ORDER BY m")
    refused(found)
    assert "Out of Memory" in found.stderr


def test_files_are_written_only_where_asked(world: World, tmp_path: Path) -> None:
    for form in ("csv", "json", "parquet"):
        out = tmp_path / f"out.{form}"
        assert told("FROM runs", "-o", str(out)).exit_code == Exit.DONE
        assert out.stat().st_size


# ---- guarding the guard -------------------------------------------------------------------------


def test_these_attempts_would_succeed_on_an_open_connection(
    world: World, tmp_path: Path, copied: Callable[[Path], Path]
) -> None:
    """Most of them, or the tests above would refuse what nobody could do."""
    worked = 0
    for attempt in ATTEMPTS:
        build = copied(world.build)
        secret_frame = pl.DataFrame({"a": [SECRET]})
        text = world.filled(attempt).replace(str(world.folder), str(tmp_path / "spoiled"))
        if "http" in text or "INSTALL" in text or "UPDATE EXT" in text or "LOAD" in text:
            continue  # would wait for the network, and change the machine
        with duckdb.connect(str(build)) as connection:
            try:
                connection.execute(text).fetchall()
            except duckdb.Error:
                continue
        worked += 1
        assert secret_frame.height == 1
    assert worked >= 50


@pytest.fixture
def copied(world: World, tmp_path: Path) -> Callable[[Path], Path]:
    """Copies of a build, beside copies of the folder that may be spoiled."""
    count = iter(range(1_000))

    def copy(build: Path) -> Path:
        shutil.rmtree(tmp_path / "spoiled", ignore_errors=True)
        shutil.copytree(world.folder, tmp_path / "spoiled")
        return Path(shutil.copyfile(build, tmp_path / "spoiled" / f"build{next(count)}.duckdb"))

    return copy
