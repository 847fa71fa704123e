from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from simulator.plan import Plan, Summary
from simulator.serve import Server, serve
from simulator.simulate import simulate

# A day of Bybit's throttled topic, and one of the topic that has all.
EVERYWHERE = Plan(
    date(2025, 2, 19),
    date(2025, 2, 20),
    symbols=8,
    scenario="long-squeeze",
    kline_kinds=(),
    venues=("binance", "bitmex", "bybit", "deribit", "hyperliquid", "okx", "tardis"),
)
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


@pytest.fixture(scope="session")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """Two days before and in a break at every exchange, with all quirks."""
    out = tmp_path_factory.mktemp("everywhere")
    return out, simulate(EVERYWHERE, out)


@pytest.fixture(scope="session")
def exchanges_server(everywhere: tuple[Path, Summary]) -> Iterator[Server]:
    with serve(everywhere[0]) as running:
        yield running
