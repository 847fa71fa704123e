"""What a venue file declares: feeds and their parsers, questions to its API, instrument rules.

A venue is one module in `transforms/venues/` with one `VENUE = Venue(...)`; it is discovered, not
registered. Somebody who brings exports of many venues is one module with a `CARRIER`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Literal

from transforms.container import INFLATED_LIMIT, LINES_LIMIT
from transforms.payload import Facts, Parsed, Payload
from transforms.schemas.column import Completeness, ContractKind, Margin, SourceKind


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a symbol stands for, from the venue's rules or its instrument answers.

    base_asset is canonical; base_multiplier is how many canonical coins one base unit of the
    symbol is (1000 for 1000PEPEUSDT); contract_size is coins (linear), US dollars (inverse) or
    settlement coins per point of price (quanto: BitMEX ETHUSD 0.000001 XBT) per native unit. Of a
    quanto, settle_asset is the coin whose price values it (XBT or BTC). A contract_size of None is
    told by the venue's instrument answers only; without them amounts in contracts stay unknown.
    valid_from and valid_to are UTC; valid_to is exclusive.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    settle_asset: str
    margin_type: Margin
    contract_kind: ContractKind
    contract_size: float | None = 1.0
    base_multiplier: float = 1.0
    listing: int = 1
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Regime:
    """How complete a venue's liquidation feed is between two UTC days (`valid_to` exclusive)."""

    valid_from: date
    valid_to: date | None
    completeness: Completeness
    source: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a venue's API.

    host: which of the venue's API hosts to ask (a key of `Venue.api_hosts`).
    params: of the address (GET) or, as a JSON object, of the body (POST).
    weight, pool: cost against the rate limit `Venue.rate_limits[pool]`.
    path: where the answer's bytes belong below the venue's API root in the lake; names endpoint,
        symbol and window, so that the feed that reads it can tell them from it.
    """

    host: str
    endpoint: str
    params: Mapping[str, str | int]
    path: str
    pool: str
    weight: int = 1
    method: Literal["GET", "POST"] = "GET"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `weight` per `per` seconds."""

    weight: int
    per: float


Pager = Callable[[Request, bytes], Request | None]
"""Given a question and its answer, the question for the next page, or None."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a run needs from an API: these symbols over these UTC days (inclusive)."""

    first_date: date
    last_date: date
    symbols: Sequence[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """One kind of raw export: how its paths look, what it holds, how it is read.

    name: unique within the venue, such as `um-daily-metrics`.
    datasets: what its parser hands back.
    source: the kind of source whose files this feed reads.
    precedence: which feed wins where two give the same fact; lower wins.
    facts: reads a path below the source's root; None if the path is not of this feed.
    parse: pure; a batch of payloads in, native rows out. Raises BadPayload.
    prefixes: archive only: key prefixes that hold this feed for symbols over days; what lies
        below is matched with `facts`. Without `folders` the symbol is "".
    folders: archive only: prefixes whose sub-folders are the symbols.
    candidates: archive only, for one that cannot be listed: the exact keys to ask for, for a
        symbol over days (symbol None: files about many symbols); a key not there is no file. A
        copy of such an archive that can be listed, a folder or bucket, is looked through instead.
    carrier: whose files these are, if not the venue's own (such as `tardis`); a source reads the
        feeds of its own carrier only.
    expects_every_day: a missing file is a gap, not a quiet day.
    in_passing: the parser never holds a file whole, so that one may be of any size.
    """

    name: str
    datasets: tuple[str, ...]
    source: SourceKind
    precedence: int
    facts: Callable[[str], Facts | None]
    parse: Callable[[Sequence[Payload]], Parsed]
    folders: tuple[str, ...] = ()
    prefixes: Callable[[str, date, date], Sequence[str]] | None = None
    candidates: Callable[[str | None, date, date], Sequence[str]] | None = None
    requests: Callable[[Window], Iterable[Request]] | None = None
    next_page: Pager | None = None
    carrier: str | None = None
    expects_every_day: bool = True
    in_passing: bool = False

    @property
    def largest(self) -> int:
        """Bytes a file may inflate to; a larger one could not be read."""
        return LINES_LIMIT if self.in_passing else INFLATED_LIMIT


@dataclass(frozen=True, slots=True)
class Venue:
    """Everything Perpmill knows about an exchange.

    instrument: the rule that says what a symbol stands for when the venue has not told us;
        None if the symbol cannot be one of this venue's.
    relisted: symbols whose ticker was reused, with the UTC instants at which a new listing began.
    archive_published_after: how long after the end of a UTC day its archive files are there.
    priced_by_prices: datasets whose raw rows bring no price of their own, so that amounts are
        valued at the venue's `prices` rows within the hour before (mark, else index, else last);
        and those of quanto contracts, which need the price of the coin they are settled in
        (`transforms.pricing`).
    """

    name: str
    feeds: tuple[Feed, ...]
    instrument: Callable[[str], Instrument | None]
    regimes: tuple[Regime, ...] = ()
    relisted: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    api_hosts: Mapping[str, str] = field(default_factory=dict)
    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)
    archive_published_after: timedelta = timedelta(hours=8)
    priced_by_prices: frozenset[str] = frozenset()

    def brought_by(self, carrier: str | None) -> Venue:
        """The venue as one carrier has it; None: by its own exports alone."""
        return replace(self, feeds=tuple(f for f in self.feeds if f.carrier == carrier))

    def feed_for(self, source: SourceKind, path: str) -> tuple[Feed, Facts] | None:
        """The feed that reads `path`, with what the path says; None if no feed does."""
        for feed in self.feeds:
            if feed.source is source and (facts := feed.facts(path)) is not None:
                return feed, facts
        return None


@dataclass(frozen=True, slots=True)
class Carrier:
    """Somebody who collects exports of many exchanges and hands them on, such as Tardis.

    brings: the carrier's names of exchanges, and which venue each is; several may be one venue.
    feeds_for: what it brings of a venue, each feed with `carrier` set to its name. Where a venue's
        own feeds give the same facts, those win, whatever the precedences say.
    instrument: what a symbol of a venue stands for, for venues that have no file of their own.
    """

    name: str
    brings: Mapping[str, str]
    feeds_for: Callable[[str], tuple[Feed, ...]]
    instrument: Callable[[str, str], Instrument | None]


def with_carriers(venues: Mapping[str, Venue], carriers: Iterable[Carrier]) -> dict[str, Venue]:
    """The venues with what carriers bring of them, and those that only carriers know, by name.

    Raises ValueError where a carrier's feed is not marked as its own, or takes another's name.
    """
    found = dict(venues)
    for carrier in sorted(carriers, key=lambda c: c.name):
        for name in sorted(set(carrier.brings.values())):
            feeds = carrier.feeds_for(name)
            venue = found.get(name) or Venue(name, (), partial(carrier.instrument, name))
            taken = {feed.name for feed in venue.feeds}
            for feed in feeds:
                if feed.carrier != carrier.name or feed.name in taken:
                    raise ValueError(
                        f"carrier {carrier.name!r}: feed {feed.name!r} of {name} is marked as of "
                        f"{feed.carrier!r}, or there is one of this name already"
                    )
                taken.add(feed.name)
            found[name] = replace(venue, feeds=(*venue.feeds, *feeds))
    return dict(sorted(found.items()))


def discover() -> dict[str, Venue]:
    """All venues of `transforms.venues` and all that its carriers bring, by name."""
    venues: dict[str, Venue] = {}
    carriers: list[Carrier] = []
    for module in _modules():
        carrier: Carrier | None = getattr(module, "CARRIER", None)
        venue: Venue | None = getattr(module, "VENUE", None)
        if (venue is None) == (carrier is None):
            raise ValueError(f"{module.__name__} must declare either a VENUE or a CARRIER")
        if carrier is not None:
            carriers.append(carrier)
        elif venue is not None:
            if venue.name in venues:
                raise ValueError(f"two venue files declare {venue.name!r}")
            venues[venue.name] = venue
    return with_carriers(venues, carriers)


def documentation() -> dict[str, str]:
    """What the file of each venue and carrier says of it, by the name it declares."""
    return {
        declared.name: module.__doc__ or ""
        for module in _modules()
        for declared in (getattr(module, "VENUE", None) or getattr(module, "CARRIER", None),)
        if declared is not None
    }


def _modules() -> list[ModuleType]:
    package = importlib.import_module("transforms.venues")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]
