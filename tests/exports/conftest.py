"""A lake milled from a small simulated exchange, and copies of it to publish in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from simulator.simulate import simulate
from tests.flows.conftest import CALM, Lake


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def milled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three calm days, published. Not to be written to."""
    root = tmp_path_factory.mktemp("exports")
    simulate(CALM, root / "exchange")
    lake = Lake(root / "lake", root / "exchange")
    assert lake.mill().pointer is not None
    return lake


@pytest.fixture
def own(milled: Lake, tmp_path: Path) -> Lake:
    """Copies of the lake and of its exchange, to go on with."""
    return Lake(
        Path(shutil.copytree(milled.root, tmp_path / "lake", symlinks=True)),
        Path(shutil.copytree(milled.exchange, tmp_path / "exchange")),
    )
