"""A small lake of two exchanges, milled once: Bybit's middle day was unfit and is out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from flows.cli import app
from flows.failures import GateBlocked
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.flows.conftest import FIRST, LAST, _quiet_logs
from tests.flows.driver import mill_days
from tests.flows.test_gate_blocks import five_hundred_percent
from tests.flows.test_raw_faults import rezip
from tests.flows.test_taken_out import TwoVenues, bybit_rate
from transforms.schemas.evidence import Verdict

__all__ = ["_quiet_logs"]

Perpmill = Callable[..., Result]


@pytest.fixture(scope="session")
def warned(tmp_path_factory: pytest.TempPathFactory) -> TwoVenues:
    """Published with a warning. Not to be written to."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    root = tmp_path_factory.mktemp("quality")
    plan = Plan(FIRST, LAST, symbols=2, quirks=False, venues=("binance", "bybit"))
    simulate(plan, root / "exchange")
    lake = TwoVenues(root / "lake", root / "exchange")
    bybit_rate(lake, "5.0")
    assert mill_days(lake.settings, FIRST, LAST).verdict is Verdict.WARNED
    return lake


@pytest.fixture
def own(warned: TwoVenues, tmp_path: Path) -> TwoVenues:
    """A copy to do damage to."""
    for name in ("lake", "exchange"):
        shutil.copytree(warned.root.parent / name, tmp_path / name, symlinks=True)
    return TwoVenues(tmp_path / "lake", tmp_path / "exchange")


@pytest.fixture(scope="session")
def blocked(warned: TwoVenues, tmp_path_factory: pytest.TempPathFactory) -> tuple[TwoVenues, str]:
    """A copy on which a later run was blocked, and what was said of it. Not to be written to."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    root = tmp_path_factory.mktemp("blocked")
    for name in ("lake", "exchange"):
        shutil.copytree(warned.root.parent / name, root / name, symlinks=True)
    lake = TwoVenues(root / "lake", root / "exchange")
    rezip(lake.archived("BTCUSDT", "fundingRate", "2021-01"), five_hundred_percent)
    with pytest.raises(GateBlocked) as raised:
        mill_days(lake.settings, FIRST, LAST)
    return lake, str(raised.value)


@pytest.fixture
def perpmill(tmp_path: Path) -> Perpmill:
    """Run `perpmill quality` on a lake."""

    def run(lake: Path, *arguments: str, columns: int = 100) -> Result:
        config = tmp_path / "perpmill.toml"
        config.write_text(f'lake = "file:{lake}"\n')
        return CliRunner().invoke(
            app, ["quality", *arguments, "-c", str(config)], env={"COLUMNS": str(columns)}
        )

    return run
