"""Which Prefect server a command uses, and when it starts one. That a night runs on a temporary one
is what `test_prefect` and `test_on_dask` show."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows import orchestration
from flows.orchestration import server_ahead


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands of servers that would have been started; each dies at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    # Set first, so that what is changed is put back whatever happens.
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setattr(orchestration, "_USUAL", "http://127.0.0.1:9/api")
    commands: list[list[str]] = []
    start = subprocess.Popen

    def popen(command: list[str], **_how: Any) -> subprocess.Popen[bytes]:
        commands.append(command)
        return start([sys.executable, "-c", ""])

    monkeypatch.setattr(orchestration.subprocess, "Popen", popen)
    return commands


@pytest.fixture
def server() -> Iterator[str]:
    """Answers as a healthy Prefect server does."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/api/health"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b"true" if found else b"{}")

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    answering = HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=answering.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{answering.server_port}/api"
    answering.shutdown()
    thread.join()
    answering.server_close()


def test_a_server_that_is_named_is_used(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere:4200/api")
    server_ahead()()
    assert not started
    assert os.environ["PREFECT_API_URL"] == "http://elsewhere:4200/api"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("home/profiles.toml", '[profiles.x]\nPREFECT_API_URL = "http://elsewhere/api"\n'),
        (".env", "PREFECT_API_URL=http://elsewhere/api\n"),
        ("prefect.toml", '[api]\nurl = "http://elsewhere/api"\n'),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "http://elsewhere/api"\n'),
    ],
)
def test_files_that_may_name_one_are_left_to_prefect(
    tmp_path: Path, started: list[list[str]], name: str, text: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    server_ahead()()
    assert not started
    assert "PREFECT_API_URL" not in os.environ


def test_other_files_name_none(tmp_path: Path, started: list[list[str]]) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    server_ahead()
    assert len(started) == 1


def test_one_that_answers_at_the_usual_place_is_used(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]], server: str
) -> None:
    monkeypatch.setattr(orchestration, "_USUAL", server)
    server_ahead()()
    assert not started
    assert os.environ["PREFECT_API_URL"] == server


def test_something_else_at_the_usual_place_is_not(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]], server: str
) -> None:
    monkeypatch.setattr(orchestration, "_USUAL", server.replace("/api", "/other"))
    server_ahead()
    assert len(started) == 1


def test_where_it_does_not_start_prefect_is_left_to_start_its_own(
    started: list[list[str]],
) -> None:
    ready = server_ahead()
    assert len(started) == 1
    assert "PREFECT_API_URL" in os.environ
    ready()
    assert "PREFECT_API_URL" not in os.environ
