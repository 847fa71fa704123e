"""What a venue file declares: feeds and their parsers, questions to its API, instrument rules.

A venue is one module in `transforms/venues/` with one `VENUE = Venue(...)`; it is discovered, not
registered.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from transforms.payload import Facts, Parsed, Payload
from transforms.schemas.column import Completeness, ContractKind, Margin, SourceKind


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a symbol stands for, from the venue's rules or its instrument answers.

    base_asset is canonical; base_multiplier is how many canonical coins one base unit of the
    symbol is (1000 for 1000PEPEUSDT); contract_size is coins (linear), US dollars (inverse) or
    settlement coins per point of price (quanto: BitMEX ETHUSD 0.000001 XBT) per native unit. Of a
    quanto, settle_asset is the coin whose price values it (XBT or BTC). valid_from and valid_to
    are UTC; valid_to is exclusive.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    settle_asset: str
    margin_type: Margin
    contract_kind: ContractKind
    contract_size: float = 1.0
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
        below is matched with `facts`. Symbols may be unknown (None): then the prefixes above the
        symbol folders.
    folders: archive only: prefixes whose sub-folders are the symbols.
    candidates: archive only, for one that cannot be listed: the exact keys to ask for, for a
        symbol over days (symbol None: files about many symbols); a key not there is no file.
    carrier: whose files these are, if not the venue's own (such as `tardis`); a source reads the
        feeds of its own carrier only.
    expects_every_day: a missing file is a gap, not a quiet day.
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

    def feed_for(self, source: SourceKind, path: str) -> tuple[Feed, Facts] | None:
        """The feed that reads `path`, with what the path says; None if no feed does."""
        for feed in self.feeds:
            if feed.source is source and (facts := feed.facts(path)) is not None:
                return feed, facts
        return None


def discover() -> dict[str, Venue]:
    """All venues of `transforms.venues`, by name."""
    package = importlib.import_module("transforms.venues")
    venues: dict[str, Venue] = {}
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"transforms.venues.{module_info.name}")
        venue: Venue = module.VENUE
        if venue.name in venues:
            raise ValueError(f"two venue files declare {venue.name!r}")
        venues[venue.name] = venue
    return venues
