"""Quiet logs, and the gate asked directly, for nights of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from tests.faults.direct import direct_gate


@pytest.fixture(autouse=True, scope="session")
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _direct_gate(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unless a test is about the gate itself."""
    if "real_gate" in request.fixturenames:
        yield
        return
    with direct_gate():
        yield


@pytest.fixture
def real_gate() -> None:
    """Asking for this leaves Great Expectations in place."""
