"""OKX, Deribit, and reserves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.direct import direct_gate
from tests.faults.fault import Fault
from tests.faults.on_others import OKX_AND_DERIBIT
from tests.faults.world import World, complaints
from tests.faults.worlds import okx_and_deribit


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = okx_and_deribit(tmp_path_factory.mktemp("world"))
    with direct_gate():
        made.prepare()
    return made


@pytest.mark.parametrize("fault", OKX_AND_DERIBIT, ids=lambda fault: fault.name)
def test_what_comes_of_it(world: World, fault: Fault, tmp_path: Path) -> None:
    assert complaints(fault, world.meet(fault, tmp_path), world.clean) == []
