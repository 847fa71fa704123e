from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.sources.loopback import Clock, Server, serving


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Also what waits between attempts (stamina sleeps through tenacity.nap)."""
    made = Clock()
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=made.sleep))
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as told:
        yield told
