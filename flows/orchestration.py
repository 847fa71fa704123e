"""How Prefect behaves when a person runs the command line instead of a worker.

Used before Prefect is imported: its settings are read when it is. A flow run needs a server; where
none is named, Prefect starts one of its own when the first flow begins, which takes most of the
time of a night with nothing new. So it is started here, before anything is imported, and gets up
while the rest of the program does.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_DEFAULTS = {
    # Expected endings (gate, missing input, lock) are told once, by us, without a traceback.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A fresh home also migrates a database; on a busy two-core machine that passes 20 seconds.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
_ADDRESS = "PREFECT_API_URL"
# As Prefect does for one of its own: no pages, no services that only a lasting server needs.
_TEMPORARY = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
_SERVER = """
import os, sys, threading

def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)

threading.Thread(target=end_with_parent, daemon=True).start()
import uvicorn
uvicorn.run(
    "prefect.server.api.server:create_app",
    factory=True, host="127.0.0.1", port=int(sys.argv[1]), log_level="error",
)
"""
_USUAL = "http://127.0.0.1:4200/api"
_PATIENCE_SECONDS = 120
_STOPPING_SECONDS = 5


def quiet_prefect() -> None:
    """Set what the user has not set."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def server_ahead() -> Callable[[], None]:
    """See to it that there is a server; what is returned waits until it answers.

    A server that is named (`PREFECT_API_URL`, a profile, a project's settings) is used, and so is
    one that answers where `prefect server start` puts it. Otherwise a temporary one is started;
    where that fails, Prefect starts its own later on.
    """
    if _ADDRESS in os.environ or _named_in_files():
        return lambda: None
    if _answers(_USUAL):
        os.environ[_ADDRESS] = _USUAL
        return lambda: None
    port = _free_port()
    address = f"http://127.0.0.1:{port}/api"
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(port)],
        env=os.environ | _TEMPORARY,
        stdin=subprocess.PIPE,  # closed with this process, however that ends
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it ends with tracebacks of what it could not write any more
    )
    # Registered before Prefect's own: last in, first out, so that it can still tell its events.
    atexit.register(_stop, server)
    os.environ[_ADDRESS] = address

    def ready() -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            if _answers(address):
                return
            time.sleep(0.05)
        _stop(server)
        _forget_server()

    return ready


def _forget_server() -> None:
    """Prefect has read its address when it was imported."""
    os.environ.pop(_ADDRESS, None)
    from prefect.settings import get_current_settings  # noqa: PLC0415 - see above

    get_current_settings().api.url = None


def _named_in_files() -> bool:
    """Whether a file that Prefect reads its settings from may name a server."""
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    for path in (profiles, Path(".env"), Path("prefect.toml"), Path("pyproject.toml")):
        try:
            text = path.read_text(encoding="utf-8").lower()
        except (OSError, UnicodeDecodeError):
            continue
        if _ADDRESS.lower() in text or "[tool.prefect" in text or path.name == "prefect.toml":
            return True
    return False


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=1) as answer:  # noqa: S310 - http, here
            return bool(answer.status == 200 and answer.read() == b"true")
    except (URLError, OSError, ValueError):
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOPPING_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
