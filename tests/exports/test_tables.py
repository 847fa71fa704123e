"""The Parquet tables of a build: its rows, always the same bytes, there when readers look."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from flows.exports import tables as module
from flows.exports.manifest import ColumnSaid, Manifest, manifest_of
from flows.exports.tables import write_tables
from flows.run import Run
from flows.settings import PublishSettings, Settings
from flows.stages import publish
from flows.stages.publish import publish_candidate
from flows.storage import build_file
from flows.storage.builds import Builds
from flows.storage.object_store import open_store
from flows.storage.publication import Publication
from flows.tidying import tidy
from sql.written import quoted
from tests.flows.conftest import LAST, Lake
from tests.flows.driver import mill_days, start
from tests.flows.test_interruptions import killed
from tests.flows.test_raw_faults import rezip
from transforms.schemas.published import PUBLISHED_TABLES, published_columns


def folder_of(lake: Lake) -> Path:
    return lake.build.parent / "tables"


def manifest(folder: Path) -> Manifest:
    return Manifest.from_json((folder / "manifest.json").read_text(encoding="utf-8"))


def one_basis_point_up(text: str) -> str:
    lines = text.splitlines()
    stamp, hours, rate = lines[-1].split(",")
    return "\n".join([*lines[:-1], f"{stamp},{hours},{float(rate) + 0.0001:.8f}"]) + "\n"


def change(lake: Lake) -> None:
    rezip(lake.archived("BTCUSDT", "fundingRate", "2021-01"), one_basis_point_up)


def test_every_table_is_there_with_its_rows_in_key_order(milled: Lake) -> None:
    folder = folder_of(milled)
    said = manifest(folder)
    assert said.run_id == milled.pointer["run_id"]
    assert (said.build, said.build_sha256) == (milled.pointer["build"], milled.pointer["sha256"])
    assert [table.name for table in said.tables] == list(PUBLISHED_TABLES)
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        *(table.file for table in said.tables),
    }
    with_rows = 0
    with duckdb.connect(str(milled.build), read_only=True) as connection:
        for table in said.tables:
            content = (folder / table.file).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (
                table.bytes,
                table.sha256,
            )
            wanted = connection.table(table.name).order(", ".join(map(quoted, table.key))).pl()
            found = pl.read_parquet(content)
            assert found.equals(wanted), table.name
            assert found.schema == wanted.schema
            assert table.rows == wanted.height
            assert not found.select(table.key).is_duplicated().any()
            days = wanted["date"].drop_nulls() if "date" in wanted.columns else pl.Series()
            span = (None, None) if days.is_empty() else (str(days.min()), str(days.max()))
            assert (table.first_date, table.last_date) == span
            with_rows += wanted.height > 0
    assert with_rows >= 12
    funding = said.table("funding_daily")
    # Three days of one perpetual or more; the plan has three symbols.
    assert (funding.first_date, funding.last_date) == ("2021-01-29", "2021-01-31")
    column = next(c for c in funding.columns if c.name == "funding_rate_8h")
    assert column.unit == "fraction per 8 h"
    assert column.formula == "funding_rate_sum × 8 / hours_covered"
    assert column.null_meaning == "hours_covered is not known"
    with pytest.raises(KeyError):
        said.table("prices_weekly")


def test_polars_pyarrow_duckdb_and_pandas_read_the_same(milled: Lake) -> None:
    path = milled.root / "published/tables/liquidations_daily.parquet"
    with duckdb.connect(str(milled.build), read_only=True) as connection:
        wanted = connection.execute(
            "SELECT date, symbol, total_usd, largest_at, completeness FROM liquidations_daily "
            "ORDER BY date, venue, symbol"
        ).fetchall()
    assert len(wanted) >= 3
    columns = ["date", "symbol", "total_usd", "largest_at", "completeness"]
    assert pl.read_parquet(path).select(columns).rows() == wanted
    rows = pq.read_table(path).select(columns).to_pylist()
    assert [tuple(row.values()) for row in rows] == wanted
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path)).select(*columns).fetchall()
    assert found == wanted
    frame = pd.read_parquet(path)
    assert list(frame.columns) == list(published_columns("liquidations_daily"))
    assert frame["total_usd"].tolist() == [row[2] for row in wanted]
    assert [None if pd.isna(at) else at.to_pydatetime() for at in frame["largest_at"]] == [
        row[3] for row in wanted
    ]


def test_the_block_of_the_document(
    milled: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[2] / "docs/parquet.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "lake").symlink_to(milled.root)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the document's
    assert names["market"].height == manifest(folder_of(milled)).table("market_daily").rows > 0


def test_a_file_says_itself_what_it_is(milled: Lake) -> None:
    said = pq.read_schema(folder_of(milled) / "market_daily.parquet").metadata
    assert said[b"perpmill.run_id"].decode() == milled.pointer["run_id"]
    assert said[b"perpmill.build_sha256"].decode() == milled.pointer["sha256"]
    columns = json.loads(said[b"perpmill.columns"])
    assert [column["name"] for column in columns] == list(published_columns("market_daily"))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_build_gives_the_same_bytes(
    milled: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    def connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        connection = build_file.connect(path, read_only=read_only)
        connection.execute(f"SET threads = {threads}")
        return connection

    monkeypatch.setattr(module, "connect", connect)
    pointer = milled.pointer
    again = write_tables(milled.build, tmp_path, pointer["run_id"], pointer["sha256"])
    assert again == manifest(folder_of(milled))


def test_large_tables_too_whatever_the_order_of_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a million rows are several row groups, written by several threads."""
    found = []
    for number, (threads, order) in enumerate([(1, "id"), (4, "hash(id)"), (3, "-id")]):
        build = tmp_path / f"{number}.duckdb"
        with duckdb.connect(str(build)) as connection:
            connection.sql(
                "SELECT i AS id, hash(i)::VARCHAR AS what, (i % 977) / 7.0 AS amount "
                "FROM range(500_000) t(i)"
            ).order(order).create("big")
            connection.execute(f"SET threads = {threads}")
            connection.execute("SET memory_limit = '1GB'")
            monkeypatch.setitem(PUBLISHED_TABLES, "big", PUBLISHED_TABLES["runs"])
            monkeypatch.setattr(module, "primary_key", lambda _: ["id"])
            columns = tuple(
                ColumnSaid(name, "", "", "", None, None) for name in ("id", "what", "amount")
            )
            table = module._write(connection, "big", columns, tmp_path, {})
        assert table.rows == 500_000
        assert pq.read_metadata(tmp_path / table.file).num_row_groups >= 4
        found.append(table.sha256)
    assert len(set(found)) == 1


def test_a_large_table_is_written_while_no_other_is(
    milled: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most = [0], [0]
    write, guard = module._write, threading.Lock()

    def watched(*given: Any) -> Any:
        with guard:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        try:
            time.sleep(0.02)
            return write(*given)
        finally:
            with guard:
                at_once[0] -= 1

    monkeypatch.setattr(module, "_write", watched)
    together = write_tables(milled.build, tmp_path / "together", "r", "s")
    assert most[0] > 1
    monkeypatch.setattr(module, "LARGE", -1)
    most[0] = 0
    alone = write_tables(milled.build, tmp_path / "alone", "r", "s")
    assert most[0] == 1
    assert alone == together


def test_the_tables_follow_the_pointer_forth_and_back(own: Lake) -> None:
    link = own.root / "published/tables"
    before = own.pointer
    assert link.is_symlink()
    assert str(link.readlink()) == f"../builds/{before['run_id']}/tables"
    change(own)
    assert own.mill().pointer is not None
    after = own.pointer
    assert manifest(link).run_id == after["run_id"] != before["run_id"]
    both = [
        {t.name: t.sha256 for t in manifest(own.root / f"builds/{p['run_id']}/tables").tables}
        for p in (before, after)
    ]
    assert both[0]["funding_daily"] != both[1]["funding_daily"]
    Publication(open_store(f"file:{own.root}")).rollback(None, Run.begin(own.settings, "x").clock())
    assert manifest(link).run_id == before["run_id"]
    assert manifest(link).build_sha256 == before["sha256"]


def test_they_can_be_left_out_and_the_link_never_leads_to_another_build(own: Lake) -> None:
    change(own)
    without = own.settings.model_copy(update={"publish": PublishSettings(parquet=False)})
    done = mill_days(without, LAST, LAST)
    assert done.pointer is not None
    store = open_store(f"file:{own.root}")
    assert manifest_of(store, done.pointer.run_id) is None
    assert not folder_of(own).exists()
    assert not (own.root / "published/tables").is_symlink()
    Publication(store).rollback(None, Run.begin(own.settings, "x").clock())
    assert manifest(own.root / "published/tables").run_id == own.pointer["run_id"]


def test_a_copy_in_the_place_of_the_link_is_replaced(own: Lake) -> None:
    link = own.root / "published/tables"
    target = link.resolve()
    link.unlink()
    shutil.copytree(target, link)  # as `cp -rL` leaves it
    Publication(open_store(f"file:{own.root}")).repair()
    assert link.is_symlink()
    assert link.resolve() == target


def test_they_go_with_their_build(own: Lake) -> None:
    first = own.pointer["run_id"]
    settings = own.settings.model_copy(update={"keep": 2})
    for _ in range(2):
        change(own)
        assert mill_days(settings, LAST, LAST).pointer is not None
    assert own.pointer["previous"] != first
    tidy(Run.begin(settings, "nightly"))
    assert not [p for p in (own.root / "builds" / first).rglob("*") if p.is_file()]
    assert manifest(own.root / "published/tables").run_id == own.pointer["run_id"]


@pytest.mark.parametrize(
    ("target", "number"),
    [("/tables/", 7), ("/tables/manifest.json", 1), ("published/current.json", 1)],
)
def test_a_kill_while_they_are_written_harms_nobody(own: Lake, target: str, number: int) -> None:
    seen, tables = own.seen(), manifest(own.root / "published/tables")
    change(own)
    killed(own, target, number)
    assert own.seen() == seen
    assert manifest(own.root / "published/tables") == tables
    # What was built and audited can be published as it is.
    run = Run.begin(own.settings, "publish")
    candidate = Builds(run.store, run.settings.cache).candidate()
    assert candidate.run_id != tables.run_id
    pointer = publish_candidate(run, candidate)
    assert pointer.run_id == candidate.run_id
    now = manifest(own.root / "published/tables")
    assert (now.run_id, now.build_sha256) == (pointer.run_id, pointer.sha256)
    for table in now.tables:
        content = (folder_of(own) / table.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == table.sha256


def test_tables_of_a_build_that_was_never_published_are_not_linked(own: Lake) -> None:
    """Killed after its tables were written, then published anew without tables."""
    change(own)
    killed(own, "published/current.json", 1)
    settings = own.settings.model_copy(update={"publish": PublishSettings(parquet=False)})
    run = Run.begin(settings, "publish")
    candidate = Builds(run.store, settings.cache).candidate()
    folder = own.root / "builds" / candidate.run_id / "tables"
    left = manifest(folder)
    pointer = publish_candidate(run, candidate)
    assert left.build_sha256 != pointer.sha256  # finished at another moment
    assert not list(folder.iterdir())
    assert not (own.root / "published/tables").exists()
    # Nor where one that does not know of this left them.
    for text in (left.to_json(), "{", "[]", '{"build_sha256": 1}'):
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        Publication(run.store).repair()
        assert not (own.root / "published/tables").is_symlink()
    (folder / "manifest.json").write_text(
        replace(left, build_sha256=pointer.sha256).to_json(), encoding="utf-8"
    )
    Publication(run.store).repair()
    assert (own.root / "published/tables").is_symlink()


def test_it_is_published_when_readers_see_it_not_when_it_was_begun(
    own: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(own)
    written: list[datetime] = []
    whole = publish.keep_tables

    def slowly(*given: Any) -> Manifest:
        made = whole(*given)
        written.append(datetime.now(UTC))
        return made

    monkeypatch.setattr(publish, "keep_tables", slowly)
    pointer = own.mill().pointer
    assert pointer is not None
    assert written
    assert pointer.published_at > written[0]
    ((finished,),) = own.sql("SELECT finished_at FROM runs WHERE run_id = ?", pointer.run_id)
    assert finished.replace(tzinfo=UTC) < written[0]


def test_a_kill_between_the_links_is_repaired_by_the_next_run(own: Lake) -> None:
    before = own.pointer["run_id"]
    change(own)
    killed(own, "published/tables", 1)
    assert own.pointer["run_id"] != before
    assert manifest(own.root / "published/tables").run_id == before  # whole, and a build's own
    assert own.mill().candidate is None
    assert manifest(own.root / "published/tables").run_id == own.pointer["run_id"]


def test_what_was_published_is_not_sealed_again(own: Lake) -> None:
    """A candidate that outlived its publish, because the run was killed, and was rolled back."""
    change(own)
    process = start("mill", own.settings, LAST, LAST, "published/perpmill.duckdb", 1)
    process.communicate(timeout=120)
    store = open_store(f"file:{own.root}")
    run = Run.begin(own.settings, "publish")
    candidate = Builds(store, run.settings.cache).candidate()
    published = own.pointer
    assert candidate.run_id == published["run_id"]
    Publication(store).rollback(None, run.clock())
    with pytest.raises(FileExistsError):
        publish_candidate(run, candidate)
    content = (own.root / published["build"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == published["sha256"]


def test_a_damaged_manifest_is_named(own: Lake) -> None:
    store = open_store(f"file:{own.root}")
    run_id = own.pointer["run_id"]
    said = manifest_of(store, run_id)
    assert said is not None
    assert Manifest.from_json(said.to_json()) == said
    for text in ("{", "[]", '{"tables": []}', replace(said, format="other/9").to_json()):
        store.put(f"builds/{run_id}/tables/manifest.json", text.encode())
        with pytest.raises(ValueError, match=rf"builds/{run_id}/tables/manifest\.json: .*manifest"):
            manifest_of(store, run_id)


def test_the_setting_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().publish.parquet
    monkeypatch.setenv("PERPMILL_PUBLISH__PARQUET", "false")
    assert not Settings().publish.parquet
