"""A night at Bybit's API, served by the simulator on loopback, into an empty lake."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from flows.failures import Exit, GateBlocked, InputUnavailable
from flows.settings import Settings
from flows.storage import http
from flows.storage.object_store import StoreUnavailable
from flows.storage.publication import POINTER_KEY
from simulator.plan import Plan
from simulator.serve import serve
from simulator.simulate import simulate
from tests.faults.fault import Fault
from tests.faults.on_the_wire import Changed, Wire
from tests.faults.world import NOTHING, Ended, Published, read
from tests.flows.conftest import Lake
from tests.flows.driver import mill_days

NIGHT = date(2025, 9, 10)
MORNING = datetime(2025, 9, 11, 6, tzinfo=UTC)


@dataclass
class WireWorld:
    """A day of Bybit's; its liquidations come from a recording."""

    folder: Path

    def prepare(self) -> Published:
        root = self.folder / "exchange"
        simulate(Plan(NIGHT, NIGHT, symbols=2, quirks=False, venues=("bybit",)), root)
        for feed in root.glob("dumps/bybit/ws-*"):
            shutil.copytree(feed, root / "recordings" / feed.name)
        self.clean = self.night(Wire(), self.folder / "clean").published
        return self.clean

    def meet(self, fault: Fault, place: Path) -> Ended:
        wire = Wire()
        fault.make(wire)
        assert wire != Wire(), f"{fault.name} changes nothing"
        return self.night(wire, place)

    def night(self, wire: Wire, place: Path) -> Ended:
        with serve(self.folder / "exchange", faults=wire.faults) as server:
            server.apis["bybit"] = Changed(server.apis["bybit"], wire.changes)
            source: dict[str, Any] = {
                "venue": "bybit",
                "api": f"{server.url}/bybit",
                "dumps": f"file:{self.folder}/exchange/recordings",
            }
            settings = Settings(
                lake=f"file:{place}/lake", cache=place / "cache", sources=[source], batch_days=31
            )
            return _ended(settings, place)


def _ended(settings: Settings, place: Path) -> Ended:
    code, message = Exit.DONE, ""
    # The waits between attempts are tested where the client is.
    with mock.patch.object(http.Patience, "backoff", 0.01, create=True):
        try:
            mill_days(settings, NIGHT, NIGHT, late=True, clock=lambda: MORNING)
        except GateBlocked as blocked:
            code, message = Exit.BLOCKED, str(blocked)
        except (InputUnavailable, StoreUnavailable) as unavailable:
            code, message = Exit.INPUT_UNAVAILABLE, str(unavailable)
    published = (place / "lake" / POINTER_KEY).exists()
    seen = read(Lake(place / "lake", place).build) if published else NOTHING
    return Ended(code, message, seen, published)
