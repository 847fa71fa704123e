"""A Superset of one's own over a published build: `python -m bi.superset.up LAKE [--port N]`.

Needs the environment `.venv-superset` (`make superset` makes it). Everything it keeps is in one
folder beside the lake, `.superset`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console

from bi.superset.bundle import NothingPublished, bundle, published_in
from bi.superset.dashboard import SLUG

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-superset"
PORT = 8088
STARTED_WITHIN = 180
STOPPED_WITHIN = 20


class NotStarted(RuntimeError):
    """Superset did not start; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Running:
    """url: of the server, without a slash at the end. log: the file it writes."""

    url: str
    name: str
    password: str
    log: Path

    @property
    def dashboard(self) -> str:
        return f"{self.url}/superset/dashboard/{SLUG}/"


def python() -> Path:
    """Superset's own Python; it need not be there."""
    return ENVIRONMENT / "bin" / "python"


@contextmanager
def superset(published: Path, home: Path, port: int) -> Iterator[Running]:
    """A Superset that shows the build `published` names, gone afterwards.

    home: keeps its metadata, secret key, password and log; made if missing, and its owner's alone
    from then on. Port 0 takes a free one. Raises NotStarted.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    home = home.resolve()
    port = port or _free_port()
    if _is_taken(port):
        raise NotStarted(f"port {port} is taken by something else; choose another: --port")
    name, password = _login(home)
    environment = _environment(home) | {"PERPMILL_SUPERSET_LOGIN": f"{name}:{password}"}
    log = home / "superset.log"
    with log.open("w", encoding="utf-8") as said:
        with tempfile.TemporaryDirectory() as scratch:
            files = Path(scratch) / "bundle.zip"
            bundle(published, files, datetime.now(UTC).date())
            prepared = subprocess.run(
                [python(), HERE / "prepare.py", files],
                env=environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if prepared.returncode:
            raise NotStarted(f"Superset could not be prepared:\n{_end_of(log)}")
        server = subprocess.Popen(
            [
                *(python(), "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"),
                # One process, so that its memory is paid once; DuckDB releases the lock.
                *(
                    "--no-control-socket",
                    "--workers",
                    "1",
                    "--worker-class",
                    "gthread",
                    "--threads",
                    "8",
                ),
                *("--timeout", "120", "--graceful-timeout", "5"),
                "superset.app:create_app()",
            ],
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            running = Running(f"http://127.0.0.1:{port}", name, password, log)
            _wait_for(running, server)
            yield running
        finally:
            server.terminate()
            try:
                with suppress(subprocess.TimeoutExpired):
                    server.wait(STOPPED_WITHIN)
            finally:
                # Also if somebody loses patience with it.
                server.kill()
                server.wait()


def _environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {
        "PERPMILL_SUPERSET_HOME": str(home),
        "SUPERSET_HOME": str(home),
        # Kept: a new one would end every session.
        "SUPERSET_SECRET_KEY": os.environ.get("SUPERSET_SECRET_KEY")
        or _kept(home / "secret_key", 48),
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        # SQLAlchemy 1.4 tells every user of it about 2.0, once.
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _login(home: Path) -> tuple[str, str]:
    """PERPMILL_SUPERSET_LOGIN as `name:password`, else a password made once and kept in `home`.

    Raises NotStarted for one without either: it would be an administrator whom anybody can be.
    """
    given = os.environ.get("PERPMILL_SUPERSET_LOGIN")
    if given:
        name, _, password = given.partition(":")
        if not (name.strip() and password.strip()):
            raise NotStarted(
                "PERPMILL_SUPERSET_LOGIN is to be name:password, neither of them empty"
            )
        return name, password
    return "admin", _kept(home / "password", 12)


def _kept(path: Path, size: int) -> str:
    """The secret in that file, which is made of `size` random bytes if there is none.

    An empty file is none: a run that ended while it wrote, or a full disk, left it. The file is
    there whole or not at all, and for its owner's eyes.
    """
    with suppress(FileNotFoundError):
        if secret := path.read_text(encoding="ascii").strip():
            return secret
    secret = secrets.token_urlsafe(size)
    new = path.with_name(f"{path.name}.new")
    # Not one that was left behind, with whatever mode it has.
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    new.write_text(secret, encoding="ascii")
    new.replace(path)
    return secret


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(running: Running, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < until:
        if server.poll() is not None:
            raise NotStarted(f"Superset ended:\n{_end_of(running.log)}")
        with suppress(httpx.HTTPError):
            if httpx.get(f"{running.url}/health", trust_env=False, timeout=10).is_success:
                return
        time.sleep(0.5)
    raise NotStarted(f"Superset did not answer in {STARTED_WITHIN} s:\n{_end_of(running.log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """`kill`, a service manager and a terminal that closes end it as Ctrl-C does: a server that
    outlived this process would keep the port. What is ignored, as under nohup, stays ignored."""
    before = {way: signal.getsignal(way) for way in (signal.SIGTERM, signal.SIGHUP)}
    for way, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(way, signal.default_int_handler)
    try:
        yield
    finally:
        for way, handler in before.items():
            signal.signal(way, handler)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bi.superset.up", description=__doc__)
    parser.add_argument("lake", type=Path, help="a lake, or the folder of `make demo`")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}")
    parser.add_argument(
        "--home", type=Path, help="what it keeps; default: .superset beside the lake"
    )
    given = parser.parse_args()
    console = Console()
    if not python().exists():
        sys.exit(f"{ENVIRONMENT.name} is not there: make superset")
    try:
        published = published_in(given.lake)
        home = given.home or published.parents[2] / ".superset"
        console.print(f"Superset over {published}: starting (half a minute)", style="dim")
        with (
            _stopped_as_by_ctrl_c(),
            superset(published, home, given.port) as running,
            suppress(KeyboardInterrupt),
        ):
            console.print(f"\n  {running.dashboard}\n", style="bold", highlight=False)
            console.print(
                f"  login: {running.name}   password: {running.password}\n\nCtrl-C stops it",
                highlight=False,
            )
            while True:
                time.sleep(3600)
    except (NothingPublished, NotStarted) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
