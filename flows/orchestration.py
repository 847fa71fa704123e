"""How Prefect behaves when a person runs the command line instead of a worker.

Imported before Prefect, whose settings are read when it is.
"""

from __future__ import annotations

import os

_DEFAULTS = {
    # Expected endings (gate, missing input, lock) are told once, by us, without a traceback.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A fresh home also migrates a database; on a busy two-core machine that passes 20 seconds.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def quiet_prefect() -> None:
    """Set what the user has not set. A running server (`PREFECT_API_URL`) is used if named."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
