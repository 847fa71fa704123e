"""Small simulated exchanges and lakes milled from them, shared by the tests of a session.

Days are the last ones of January 2021, so that the month's funding is in the archive. Tests that
write into an exchange or a lake take a copy.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import structlog

from flows.settings import Settings
from flows.storage.publication import POINTER_KEY
from flows.storage.warehouse import table_hashes
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.driver import Done, mill_days

FIRST, LAST = date(2021, 1, 29), date(2021, 1, 31)
DAY = timedelta(days=1)
CALM = Plan(FIRST, LAST, symbols=3)


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """The stages' own log lines go nowhere, and what a command configured does not last."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@dataclass(frozen=True)
class Lake:
    """A lake in a folder, the exchange it is milled from, and how a reader sees it."""

    root: Path
    exchange: Path

    @property
    def settings(self) -> Settings:
        return lake_settings(self.root, self.exchange)

    def mill(self, first: date = FIRST, last: date = LAST, **how: Any) -> Done:
        return mill_days(self.settings, first, last, **how)

    def nightly(self, day: date, **how: Any) -> Done:
        return mill_days(self.settings, day, day, late=True, **how)

    @property
    def pointer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / POINTER_KEY).read_text())
        return found

    @property
    def build(self) -> Path:
        return self.root / str(self.pointer["build"])

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.build), read_only=True) as connection:
            return connection.execute(text, list(values)).fetchall()

    def hashes(self) -> dict[str, str]:
        return table_hashes(self.build)

    def seen(self) -> tuple[str, str, str]:
        """What readers depend on: the pointer's text, the build's bytes, where the link leads."""
        link = self.root / "published" / "perpmill.duckdb"
        return (
            (self.root / POINTER_KEY).read_text(),
            hashlib.sha256(self.build.read_bytes()).hexdigest(),
            str(link.resolve()),
        )

    def archived(self, symbol: str, kind: str, stamp: str) -> Path:
        """A file of the exchange's archive."""
        (found,) = self.exchange.glob(
            f"archive/binance/data/futures/*/*/{kind}/{symbol}/**/*-{stamp}.zip"
        )
        return found


def lake_settings(lake: Path, exchange: Path, **more: Any) -> Settings:
    source = {
        "venue": "binance",
        "archive": f"file:{exchange}/archive/binance",
        "dumps": f"file:{exchange}/dumps/binance",
    }
    values = {
        "lake": f"file:{lake}",
        "sources": [source],
        "batch_days": 31,
        "cache": lake.parent / "cache",
    }
    return Settings(**(values | more))


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three calm days, with all the oddities of the real files. Not to be written to."""
    out = tmp_path_factory.mktemp("exchange")
    simulate(CALM, out)
    return out


@pytest.fixture(scope="session")
def milled(exchange: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake in which all days of `exchange` are published. Not to be written to."""
    lake = Lake(tmp_path_factory.mktemp("milled") / "lake", exchange)
    done = lake.mill()
    assert done.pointer is not None
    assert done.fetched > 0
    return lake


@pytest.fixture
def empty(exchange: Path, tmp_path: Path) -> Lake:
    """A lake of one's own with nothing in it, over the shared exchange."""
    return Lake(tmp_path / "lake", exchange)


@pytest.fixture
def own(milled: Lake, tmp_path: Path) -> Lake:
    """Copies of the milled lake and of its exchange, to do damage to.

    The copied exchange keeps its files' times, yet they are other files to the lake (another
    inode), so the first run on it fetches all of them again and finds them unchanged.
    """
    return Lake(
        Path(shutil.copytree(milled.root, tmp_path / "lake", symlinks=True)),
        Path(shutil.copytree(milled.exchange, tmp_path / "exchange")),
    )


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[Lake], Path]:
    """A configuration file for a lake."""

    def write(lake: Lake) -> Path:
        path = tmp_path / "perpmill.toml"
        path.write_text(
            f'lake = "file:{lake.root}"\nbatch_days = 31\ningest_retries = 0\n'
            '[[sources]]\nvenue = "binance"\n'
            f'archive = "file:{lake.exchange}/archive/binance"\n'
            f'dumps = "file:{lake.exchange}/dumps/binance"\n'
        )
        return path

    return write
