"""Sending lineage events through the official client's transports: a file or a server."""

from __future__ import annotations

import os
from collections.abc import Sequence

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import (
    ApiKeyTokenProvider,
    HttpConfig,
    HttpTransport,
    TokenProvider,
)
from openlineage.client.transport.transport import Transport

from flows.settings import LineageSettings

API_KEY = "OPENLINEAGE_API_KEY"
TIMEOUT = 5.0
"""Seconds a server has to answer."""

# One more try: a night does not wait for whoever keeps its lineage.
_RETRY = {
    "total": 1,
    "read": 1,
    "connect": 1,
    "backoff_factor": 0.3,
    "status_forcelist": [500, 502, 503, 504],
    "allowed_methods": ["HEAD", "POST"],
}


def send(events: Sequence[RunEvent], settings: LineageSettings) -> None:
    """Send events, in order. Raises whatever the transport raises."""
    client = OpenLineageClient(transport=_transport(settings), config={})
    try:
        for event in events:
            client.emit(event)
    finally:
        client.close(TIMEOUT)


def _transport(settings: LineageSettings) -> Transport:
    if settings.transport == "file":
        settings.path.parent.mkdir(parents=True, exist_ok=True)
        return FileTransport(FileConfig(log_file_path=str(settings.path), append=True))
    key = os.environ.get(API_KEY)
    auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
    return HttpTransport(
        HttpConfig(url=str(settings.url), timeout=TIMEOUT, auth=auth, retry=_RETRY)
    )
