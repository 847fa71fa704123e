"""A night at an API that misbehaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.direct import direct_gate
from tests.faults.fault import Fault
from tests.faults.on_the_wire import FAULTS
from tests.faults.wire_world import NIGHT, WireWorld
from tests.faults.world import complaints


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> WireWorld:
    made = WireWorld(tmp_path_factory.mktemp("world"))
    with direct_gate():
        made.prepare()
    return made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_comes_of_it(world: WireWorld, fault: Fault, tmp_path: Path) -> None:
    assert complaints(fault, world.meet(fault, tmp_path), world.clean, night=NIGHT) == []
