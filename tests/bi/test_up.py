"""Starting and stopping, with a Superset that is none."""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bi.superset import up

SERVER = """
import http.server, json, os, pathlib, sys

home = pathlib.Path(os.environ["PERPMILL_SUPERSET_HOME"])
told = {"arguments": sys.argv[1:], "environment": dict(os.environ), "process": os.getpid()}
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


CONFIG = Path(up.__file__).with_name("superset_config.py")


@pytest.mark.parametrize("left", [None, "", "\n"], ids=["none", "empty", "blank"])
def test_a_secret_that_is_empty_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path, left: str | None
) -> None:
    """What a run leaves that ended between making the file and writing it."""
    stand_in(monkeypatch, tmp_path)
    monkeypatch.delenv("SUPERSET_SECRET_KEY", raising=False)
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    names = ("secret_key", "password")
    if left is not None:
        for name in names:
            (home / name).write_text(left, encoding="ascii")
            # Left behind too, and readable by all.
            (home / f"{name}.new").write_text("", encoding="ascii")
    made = []
    for _ in range(2):
        with up.superset(published, home, port=0) as running:
            told = json.loads((home / "told.json").read_text(encoding="utf-8"))["environment"]
            made.append((told["SUPERSET_SECRET_KEY"], running.password))
    assert made[0] == made[1] == tuple((home / name).read_text("ascii") for name in names)
    # 48 and 12 random bytes, 4 characters for each 3.
    assert [len(secret) for secret in made[0]] == [64, 16]
    assert {stat.S_IMODE((home / name).stat().st_mode) for name in names} == {0o600}
    assert not list(home.glob("*.new"))
    # The folder was there before, and others could look into it.
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_secret_is_there_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path
) -> None:
    """A disk that is full just then leaves no empty one."""
    stand_in(monkeypatch, tmp_path)
    monkeypatch.delenv("SUPERSET_SECRET_KEY", raising=False)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    home = tmp_path / "home"
    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"), up.superset(published, home, port=0):
            pass
    assert not (home / "password").exists()
    assert not (home / "secret_key").exists()


def test_the_settings_take_the_key_and_refuse_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERPMILL_SUPERSET_HOME", str(tmp_path))
    monkeypatch.setenv("SUPERSET_SECRET_KEY", "k" * 64)
    assert runpy.run_path(str(CONFIG))["SECRET_KEY"] == "k" * 64
    for empty in ("", " "):
        monkeypatch.setenv("SUPERSET_SECRET_KEY", empty)
        with pytest.raises(ValueError, match="SUPERSET_SECRET_KEY is empty"):
            runpy.run_path(str(CONFIG))


@pytest.mark.parametrize("login", ["desk", "desk:", "desk: ", ":secret", ":"])
def test_a_login_without_a_name_or_a_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path, login: str
) -> None:
    stand_in(monkeypatch, tmp_path)
    monkeypatch.setenv("PERPMILL_SUPERSET_LOGIN", login)
    with (
        pytest.raises(up.NotStarted, match="is to be name:password") as refused,
        up.superset(published, tmp_path / "home", port=0),
    ):
        pass
    assert "secret" not in str(refused.value)
    assert not (tmp_path / "home/told.json").exists()


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_is_gone_after_it_was_told_to_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path, way: signal.Signals
) -> None:
    stand_in(monkeypatch, tmp_path)
    home = tmp_path / "home"
    port = up._free_port()
    program = f"""
import pathlib, signal
from bi.superset import up
# Whoever runs these tests may have it ignored, as nohup does.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
up.ENVIRONMENT = pathlib.Path({str(tmp_path / "environment")!r})
up.main()
"""
    arguments = [str(published), "--home", str(home), "--port", str(port)]
    started = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(up.__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert started.stdout is not None
    try:
        while "Ctrl-C" not in (line := started.stdout.readline()):
            assert line, "it ended"
        assert up._is_taken(port)
        started.send_signal(way)
        ended = started.wait(60)
        assert not up._is_taken(port)
        assert ended == 0
    finally:
        if up._is_taken(port):
            server = json.loads((home / "told.json").read_text(encoding="utf-8"))["process"]
            os.kill(server, signal.SIGKILL)
        started.kill()
        started.wait()
        started.stdout.close()
