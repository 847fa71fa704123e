"""`perpmill report`, and the report that is kept beside a build."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from flows import mill
from flows.cli import app
from flows.report import site
from flows.run import Run
from flows.settings import Settings
from flows.storage.publication import Pointer
from tests.s3_server import s3_server

Perpmill = Callable[..., Result]
PICTURES = 8


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture
def perpmill(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Perpmill:
    """Commands on the hand-written build."""
    monkeypatch.setattr("flows.report.content.published", lambda _: (None, build))
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "perpmill.toml"
    config.write_text(f'lake = "file:{tmp_path}/lake"\n')
    return lambda *arguments: CliRunner().invoke(app, ["report", *arguments, "-c", str(config)])


def test_the_newest_day_goes_into_a_folder_of_its_own(perpmill: Perpmill, tmp_path: Path) -> None:
    told = perpmill()
    assert told.exit_code == 0, told.output
    assert "2021-01-17: report-2021-01-17/index.html" in told.stdout
    folder = tmp_path / "report-2021-01-17"
    assert (folder / "index.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((folder / "report.json").read_text())["date"] == "2021-01-17"
    assert len(list((folder / "charts").glob("*.png"))) == PICTURES


def test_another_day_and_folder(perpmill: Perpmill, tmp_path: Path) -> None:
    told = perpmill("--date", "2021-01-16", "--out", str(tmp_path / "there"))
    assert told.exit_code == 0, told.output
    assert "16 January 2021" in (tmp_path / "there/index.html").read_text()


def test_json_is_printed_and_nothing_written(perpmill: Perpmill, tmp_path: Path) -> None:
    told = perpmill("--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["report_schema"] == "perpmill-report/1"
    assert [path.name for path in tmp_path.iterdir()] == ["perpmill.toml"]


def test_a_day_that_is_not_there_is_wrong_usage(perpmill: Perpmill) -> None:
    told = perpmill("--date", "2020-01-01")
    assert told.exit_code == 2
    assert "it holds 2021-01-16 … 2021-01-17" in told.stderr


def test_nothing_published(tmp_path: Path) -> None:
    config = tmp_path / "perpmill.toml"
    config.write_text(f'lake = "file:{tmp_path}/lake"\n')
    told = CliRunner().invoke(app, ["report", "-c", str(config)])
    assert told.exit_code == 2
    assert "nothing is published" in told.stderr


# ---- kept beside a build ------------------------------------------------------------------------


@pytest.fixture
def run(build: Path, tmp_path: Path) -> Run:
    """A run in whose lake the hand-written build is that of `run-1`."""
    source = {"venue": "binance", "dumps": f"file:{tmp_path}"}
    found = Run.begin(Settings(lake=f"file:{tmp_path}/lake", sources=[source]), "nightly")
    found.store.put("builds/run-1/perpmill.duckdb", build.read_bytes())
    return found


POINTER: Any = SimpleNamespace(run_id="run-1")


def test_a_report_is_kept_with_the_build_and_leads_to_the_gate_s_pages(
    run: Run, tmp_path: Path
) -> None:
    run.store.put("builds/run-1/quality/index.html", b"x")
    address = site.keep_report(run, POINTER)
    folder = tmp_path / "lake/builds/run-1/report"
    assert address == (folder / "index.html").resolve().as_uri()
    assert len(list((folder / "charts").glob("*.png"))) == PICTURES
    assert '<a href="../quality/index.html">' in (folder / "index.html").read_text()
    assert json.loads((folder / "report.json").read_text())["run_id"] == "run"


def test_a_report_that_cannot_be_drawn_stops_nothing_and_leaves_no_earlier_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.store.put("builds/run-1/report/index.html", b"of an earlier attempt")

    def broken(*_: object, **__: object) -> dict[str, bytes]:
        raise RuntimeError("no engine")

    monkeypatch.setattr(site, "files", broken)
    with structlog.testing.capture_logs() as logs:
        assert site.keep_report(run, POINTER) is None
    assert [entry["event"] for entry in logs] == ["no report"]
    assert "no engine" in logs[0]["error"]
    assert site.report_of(run.store, "run-1") is None


def test_in_a_bucket_too(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch) as url:
        place = {"endpoint_url": url, "region": "us-east-1"}
        client = boto3.session.Session().client("s3", endpoint_url=url, region_name=place["region"])
        client.create_bucket(Bucket="ours")
        client.close()
        source = {"venue": "binance", "dumps": f"file:{tmp_path}"}
        settings = Settings(
            lake="s3://ours/lake", s3=place, sources=[source], cache=tmp_path / "cache"
        )
        run = Run.begin(settings, "nightly")
        run.store.put("builds/run-1/perpmill.duckdb", build.read_bytes())
        address = site.keep_report(run, POINTER)
        assert address == "s3://ours/lake/builds/run-1/report/index.html"
        kept = [info.key for info in run.store.entries("builds/run-1/report/")]
        assert len(kept) == PICTURES + 2


def test_a_build_that_is_gone_stops_nothing(run: Run) -> None:
    gone: Any = SimpleNamespace(run_id="run-2")
    assert site.keep_report(run, gone) is None


@pytest.mark.parametrize("address", ["s3://lake/builds/run-1/report/index.html", None])
def test_prefect_shows_a_link_if_there_is_a_report(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(mill, "create_link_artifact", lambda **said: shown.append(said))
    monkeypatch.setattr(mill, "keep_report", lambda *_: address)
    run: Any = None
    pointer: Pointer = POINTER
    mill.report_task.fn(run, pointer)
    assert [said["link"] for said in shown] == ([] if address is None else [address])
    assert all(said["key"] == "perpmill-report" for said in shown)


def test_a_night_imports_what_draws_only_to_draw() -> None:
    code = (
        "import sys, flows.mill, flows.cli, flows.report.site\n"
        "print(sorted({'altair', 'vl_convert', 'flows.report.page'} & sys.modules.keys()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "[]\n"
