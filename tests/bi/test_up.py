"""Starting and stopping, with a Superset that is none."""

from __future__ import annotations

import json
import socket
import stat
import sys
from pathlib import Path

import httpx
import pytest

from bi.superset import up

SERVER = """
import http.server, json, os, pathlib, sys

home = pathlib.Path(os.environ["PERPMILL_SUPERSET_HOME"])
told = {"arguments": sys.argv[1:], "environment": dict(os.environ)}
(home / "told.json").write_text(json.dumps(told))
if "-m" in sys.argv:
    SERVE
else:
    PREPARE
"""
SERVING = """
    class Health(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()
    port = int(sys.argv[sys.argv.index("--bind") + 1].rpartition(":")[2])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


@pytest.fixture
def published(tmp_path: Path, empty: Path) -> Path:
    link = tmp_path / "lake/published/perpmill.duckdb"
    link.parent.mkdir(parents=True)
    link.symlink_to(empty)
    return link


def stand_in(
    monkeypatch: pytest.MonkeyPatch, folder: Path, serve: str = SERVING, prepare: str = "pass"
) -> None:
    """A Python that takes the place of Superset's."""
    script = folder / "superset.py"
    text = SERVER.replace("SERVE", serve.strip("\n").lstrip()).replace("PREPARE", prepare)
    script.write_text(text, encoding="utf-8")
    python = folder / "environment/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(up, "ENVIRONMENT", folder / "environment")


def test_it_is_there_inside_and_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path
) -> None:
    stand_in(monkeypatch, tmp_path)
    monkeypatch.setenv("PYTHONPATH", "of-this-process")
    home = tmp_path / "home"
    with up.superset(published, home, port=0) as running:
        assert httpx.get(f"{running.url}/health", trust_env=False).is_success
        assert running.dashboard == f"{running.url}/superset/dashboard/perpmill/"
        first = (running.name, running.password)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/health", trust_env=False)
    told = json.loads((home / "told.json").read_text(encoding="utf-8"))
    assert told["environment"]["PERPMILL_SUPERSET_HOME"] == str(home)
    assert told["environment"]["PERPMILL_SUPERSET_LOGIN"] == ":".join(first)
    assert "PYTHONPATH" not in told["environment"]
    # The password is made once, and for its owner's eyes.
    assert stat.S_IMODE((home / "password").stat().st_mode) == 0o600
    with up.superset(published, home, port=0) as again:
        assert (again.name, again.password) == first
    monkeypatch.setenv("PERPMILL_SUPERSET_LOGIN", "desk:a:b")
    with up.superset(published, home, port=0) as given:
        assert (given.name, given.password) == ("desk", "a:b")


def test_it_is_gone_after_an_error_inside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path
) -> None:
    stand_in(monkeypatch, tmp_path)
    with (
        pytest.raises(ZeroDivisionError),
        up.superset(published, tmp_path / "home", port=0) as running,
    ):
        raise ZeroDivisionError
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url, trust_env=False)


@pytest.mark.parametrize(
    ("serve", "prepare", "said"),
    [
        (SERVING, 'sys.exit("no such table: ab_user")', "prepared:\nno such table: ab_user"),
        ('sys.exit("no module named rich")', "pass", "ended:\nno module named rich"),
    ],
)
def test_why_it_did_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    published: Path,
    serve: str,
    prepare: str,
    said: str,
) -> None:
    stand_in(monkeypatch, tmp_path, serve, prepare)
    with (
        pytest.raises(up.NotStarted, match=said),
        up.superset(published, tmp_path / "home", port=0),
    ):
        pass


def test_another_server_on_the_port_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path
) -> None:
    stand_in(monkeypatch, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(up.NotStarted, match=f"port {port} is taken"),
            up.superset(published, tmp_path / "home", port=port),
        ):
            pass


def test_on_the_command_line_what_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["up", str(tmp_path)])
    monkeypatch.setattr(up, "ENVIRONMENT", tmp_path / ".venv-superset")
    with pytest.raises(SystemExit, match="make superset"):
        up.main()
    stand_in(monkeypatch, tmp_path)
    with pytest.raises(SystemExit, match="no published build"):
        up.main()
