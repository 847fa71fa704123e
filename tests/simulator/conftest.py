from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from simulator.plan import Plan, Summary
from simulator.serve import Server, serve
from simulator.simulate import simulate

SQUEEZE = Plan(date(2021, 1, 8), date(2021, 1, 17), scenario="long-squeeze")


@pytest.fixture(scope="session")
def squeeze(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """The demo's ten days of January 2021, with all quirks."""
    out = tmp_path_factory.mktemp("squeeze")
    return out, simulate(SQUEEZE, out)


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """Quiet weeks beyond the ends of a month and of a quarter, without quirks."""
    out = tmp_path_factory.mktemp("month")
    plan = Plan(
        date(2024, 9, 20), date(2024, 10, 3), symbols=12, quirks=False, kline_kinds=("klines",)
    )
    return out, simulate(plan, out)


@pytest.fixture(scope="session")
def server(squeeze: tuple[Path, Summary]) -> Iterator[Server]:
    with serve(squeeze[0]) as running:
        yield running
