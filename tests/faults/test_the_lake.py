"""Damage to the lake between two nights."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.storage import packs
from tests.faults.direct import direct_gate
from tests.faults.fault import Fault
from tests.faults.on_the_lake import FAULTS
from tests.faults.world import World, complaints
from tests.faults.worlds import binance_alone


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Of few files; they are packed as those of many instruments are."""
    made = binance_alone(tmp_path_factory.mktemp("world"))
    with direct_gate(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(packs, "FEWEST", 2)
        made.prepare()
    return made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_comes_of_it(world: World, fault: Fault, tmp_path: Path) -> None:
    assert complaints(fault, world.night(tmp_path, fault.make), world.clean) == []
