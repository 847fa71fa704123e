"""A small build written by hand, without a row until a test gives it some."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.queries.given import empty_build


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be written to."""
    return empty_build(tmp_path_factory.mktemp("empty") / "build.duckdb")
