"""A lake somebody else wrote into: no number may come of it, and the message names the object."""

from __future__ import annotations

import errno
import hashlib
import resource
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows import reporting
from flows.failures import Exit
from flows.run import Days, Run
from flows.stages.build import build_candidate
from flows.stages.ingest import sources
from flows.stages.ingest.outcome import Outcome
from flows.storage import packs, raw_shelf
from flows.storage.builds import writing
from flows.storage.ledger import Ledger, LedgerDamaged
from flows.storage.object_store import LakeDamaged, ObjectStore, StoreUnavailable, open_store
from flows.storage.publication import BuildCorrupt, Publication
from tests.flows.conftest import LAST, Lake, exchange, milled, own
from tests.normalise.examplex import VENUE, funding, payload
from tests.stages.given import NOW, run_of, shelve

__all__ = ["exchange", "milled", "own"]  # fixtures


def shelved(folder: Path) -> tuple[ObjectStore, dict[str, Any], Path]:
    """A lake with one raw file, its ledger row, and where its bytes are."""
    run = run_of(folder, VENUE)
    shelve(run, VENUE, payload("lines/a.BTC-USD.jsonl", [funding("2025-01-02T08:00")]))
    files = packs.placed(run.ledger, raw_shelf.current(run.ledger, VENUE.name))
    (row,) = files.iter_rows(named=True)
    return run.store, row, folder / "lake" / str(row["key"])


def test_a_raw_file_altered_without_a_change_of_size_is_not_read(tmp_path: Path) -> None:
    store, row, file = shelved(tmp_path)
    sound = file.read_bytes()
    assert raw_shelf.load(store, row).content == sound
    file.write_bytes(sound.replace(b"0.0001", b"0.0009"))
    with pytest.raises(raw_shelf.RawDamaged, match=f"{file.name} was altered in the lake"):
        raw_shelf.load(store, row)


def test_a_raw_file_that_is_gone_is_named(tmp_path: Path) -> None:
    store, row, file = shelved(tmp_path)
    file.unlink()
    with pytest.raises(raw_shelf.RawDamaged, match=f"{file.name} is gone from the lake"):
        raw_shelf.load(store, row)


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing of use PAR1", b"\0" * 4096])
def test_a_ledger_segment_that_is_no_longer_one_is_named(tmp_path: Path, content: bytes) -> None:
    store = open_store(f"file:{tmp_path}")
    Ledger(store, "run-1").append("raw", pl.DataFrame({"a": [1]}))
    (segment,) = (tmp_path / "ledger" / "raw").iterdir()
    segment.write_bytes(content)
    with pytest.raises(LedgerDamaged, match=segment.name):
        Ledger(store, "run-2").read("raw")


def test_a_damaged_lake_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a venue that is down makes sense; waiting for a ledger to heal does not."""

    def damaged(*_: object) -> Outcome:
        raise LedgerDamaged("segment 000003 is missing")

    monkeypatch.setattr(sources, "_ingest_source", damaged)
    run = run_of(tmp_path, VENUE, dumps=f"file:{tmp_path}")
    days = Days(NOW.date(), NOW.date())
    with pytest.raises(sources.InputUnavailable, match="segment 000003") as refused:
        sources.ingest(run, days, reporting.LoggingReporter())
    assert not refused.value.transient


def published(folder: Path) -> tuple[Run, Path]:
    run = run_of(folder, VENUE)
    build = folder / "lake" / "builds" / "run-0" / "perpmill.duckdb"
    build.parent.mkdir(parents=True)
    build.write_bytes(b"what was audited")
    Publication(run.store).publish(
        "run-0",
        "builds/run-0/perpmill.duckdb",
        sha256=hashlib.sha256(b"what was audited").hexdigest(),
        size=16,
        now=datetime(2025, 1, 4, tzinfo=UTC),
    )
    return run, build


def test_the_next_build_does_not_start_from_an_altered_one(tmp_path: Path) -> None:
    """A dashboard that opens the published file for writing alters it under its hash; what it
    wrote would be in every build from then on."""
    run, build = published(tmp_path)
    publication = Publication(run.store)
    assert publication.verified_build(tmp_path) == build
    build.write_bytes(b"what was AUDITED")
    with pytest.raises(BuildCorrupt, match="altered after it was published"):
        publication.verified_build(tmp_path)
    shelve(run, VENUE, payload("lines/a.BTC-USD.jsonl", [funding("2025-01-02T08:00")]))
    with pytest.raises(BuildCorrupt, match="perpmill rollback"):
        build_candidate(run, Days(NOW.date(), NOW.date()), reporting.LoggingReporter())


def test_the_next_build_does_not_start_from_nothing_where_one_was_published(tmp_path: Path) -> None:
    run, build = published(tmp_path)
    build.unlink()
    with pytest.raises(BuildCorrupt, match="the build is gone"):
        Publication(run.store).verified_build(tmp_path)


@pytest.mark.parametrize(
    "refusal", [OSError(errno.ENOSPC, "No space left on device"), duckdb.IOException("disk full")]
)
def test_a_full_disk_is_told_as_one(refusal: Exception) -> None:
    with pytest.raises(StoreUnavailable, match="cannot write the build"), writing("file:lake"):
        raise refusal


def test_a_build_that_is_there_is_no_full_disk() -> None:
    with pytest.raises(FileExistsError), writing("file:lake"):
        raise FileExistsError("a build is written once")


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit of file sizes")
def test_a_build_that_does_not_fit_leaves_readers_alone(own: Lake) -> None:
    """In a process of its own, whose files may not grow as large as a build is (about 5 MB)."""
    before = own.seen()
    shutil.rmtree(own.root / "ledger" / "daily")  # so that all days are built again
    (own.root / own.pointer["build"]).with_name("contents.parquet").unlink()
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); "
        "from flows.__main__ import main; main()"
    )
    config = own.root.parent / "perpmill.toml"
    config.write_text(
        f'lake = "file:{own.root}"\nbatch_days = 31\n[[sources]]\nvenue = "binance"\n'
        f'archive = "file:{own.exchange}/archive/binance"\n'
    )
    arguments = ["transform", "--start", str(LAST), "-c", str(config)]
    ended = subprocess.run(
        [sys.executable, "-c", limited, *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == Exit.INPUT_UNAVAILABLE, ended.stderr
    assert "cannot write the build" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert own.seen() == before


def test_all_of_them_end_a_command_alike() -> None:
    """`StoreUnavailable` is exit code 4; these are told the same way, not as a traceback."""
    for kind in (raw_shelf.RawDamaged, LedgerDamaged, BuildCorrupt):
        assert issubclass(kind, LakeDamaged)


def test_bytes_a_loss_of_power_cut_short_are_put_again(tmp_path: Path) -> None:
    """Their size may be right: it is written before the data may be."""
    store, row, file = shelved(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(bytes(len(whole)))
    run = run_of(tmp_path, VENUE, 2)
    shelve(run, VENUE, payload("lines/a.BTC-USD.jsonl", [funding("2025-01-02T08:00")]))
    assert file.read_bytes() == whole
    assert raw_shelf.load(store, row).content == whole
