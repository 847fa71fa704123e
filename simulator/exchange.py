"""What an exchange's module declares, and how the modules are found.

An exchange is one module or package in `simulator.exchanges` with one `EXCHANGE = Exchange(...)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from simulator.archive import Writer
from simulator.listing import Listing
from simulator.plan import Plan, Quirk
from simulator.tape import Day, Tape

Answer = tuple[int, bytes]
"""HTTP status and body."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to an API. body: of a POST, parsed from JSON; None if it is not JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


class Api(Protocol):
    """Answers about a simulated root."""

    def answer(self, asked: Asked) -> Answer:
        """Status and body."""
        ...

    def fault(self, status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        ...


Write = Callable[[Tape, Iterable[Day], Writer], Iterator[Quirk]]
Carry = Callable[[Plan, Mapping[str, Tape], Writer], Iterator[Quirk]]


def unthrottled(_day: date) -> bool:
    """Every liquidation is published."""
    return False


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange, or a carrier of others' data, whole (Tardis) or as sums (CryptoQuant).

    share: of the market's open interest and liquidations; among the exchanges of a plan they are
        scaled to a whole. 0 for a carrier, and for an aggregator.
    listings: what trades there during a plan.
    write: writes its exports below `archive/{name}` and `dumps/{name}` of the writer's root while
        the days pass by, and hands back the quirks in them.
    throttled: whether the feed of a UTC day drops liquidations (`simulator.liquidations`).
    eventful: what else befalls those who are liquidated on a day; changes the truth.
    carry, carries: instead of `write`, for a carrier: writes the data of these exchanges. It is
        handed every exchange of the plan; an aggregator tells of whichever they are.
    answer: its API over a simulated root; routes: the path prefixes it answers at.
    weight_header: the header of its answers that tells the requests of the current minute.
    buckets: S3 buckets by name, each a folder below `archive/`; roots: path prefixes of a plain
        web archive that lies in `archive/{name}`.
    quirks: the names its quirks can have.
    """

    name: str
    share: float = 0.0
    listings: Callable[[Plan], list[Listing]] = lambda _plan: []
    write: Write | None = None
    throttled: Callable[[date], bool] = unthrottled
    eventful: Callable[[pl.DataFrame], pl.DataFrame] = lambda events: events
    carry: Carry | None = None
    carries: tuple[str, ...] = ()
    answer: Callable[[Path], Api] | None = None
    routes: tuple[str, ...] = ()
    buckets: Mapping[str, str] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    weight_header: str = ""
    quirks: tuple[str, ...] = ()


def discover() -> dict[str, Exchange]:
    """All exchanges of `simulator.exchanges`, by name."""
    package = importlib.import_module("simulator.exchanges")
    found: dict[str, Exchange] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        exchange: Exchange = importlib.import_module(f"simulator.exchanges.{info.name}").EXCHANGE
        if exchange.name != info.name:
            raise ValueError(f"{info.name} declares itself as {exchange.name!r}")
        found[exchange.name] = exchange
    return found
