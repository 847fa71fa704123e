"""A lake of two exchanges and an aggregator, three calm days, and questions to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.explain.said import explain
from flows.settings import Settings
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.conftest import FIRST, LAST, Lake, _quiet_logs, lake_settings

__all__ = ["_quiet_logs"]

VENUES = ("binance", "bybit", "cryptoquant")


class Markets(Lake):
    """Binance, Bybit, and CryptoQuant for references and reserves."""

    @property
    def settings(self) -> Settings:
        binance = lake_settings(self.root, self.exchange).model_dump()["sources"][0]
        others = [
            {"venue": venue, "dumps": f"file:{self.exchange}/dumps/{venue}"} for venue in VENUES[1:]
        ]
        return lake_settings(self.root, self.exchange, sources=[binance, *others])

    def explain(self, table: str, *key: object, **how: Any) -> dict[str, Any]:
        return explain(self.settings, table, [str(word) for word in key], **how)


@pytest.fixture(scope="session")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Markets:
    """Not to be written to."""
    folder = tmp_path_factory.mktemp("markets")
    simulate(Plan(FIRST, LAST, symbols=2, venues=VENUES), folder / "exchange")
    lake = Markets(folder / "lake", folder / "exchange")
    assert lake.mill().pointer is not None
    return lake


@pytest.fixture
def own(markets: Markets, tmp_path: Path) -> Markets:
    """A copy, to do damage to."""
    return Markets(
        Path(shutil.copytree(markets.root, tmp_path / "lake", symlinks=True)),
        Path(shutil.copytree(markets.exchange, tmp_path / "exchange")),
    )


@pytest.fixture
def config(markets: Markets, tmp_path: Path) -> str:
    """A configuration file of the shared lake, for the command line."""
    path = tmp_path / "perpmill.toml"
    path.write_text(f'lake = "file:{markets.root}"\n')
    return str(path)
