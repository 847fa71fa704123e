"""What every venue file has to declare, whatever venue it is: lists of what is wrong with one.

Used on all venues there are, and on the template that `docs/adding-a-venue.md` begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

from transforms.pricing import PRICED
from transforms.schemas.column import Margin, SourceKind
from transforms.schemas.normalised import DATASETS
from transforms.venue import Feed, Instrument, Request, Venue, Window

_LABEL = re.compile(r"(?P<label>[A-Za-z]+)(?: {2,}(?P<text>.*))?")
_ADDRESS = re.compile(r"[\w-]+(\.[\w-]+)+")
_TIME_UNIT = re.compile(r"\b(milli|micro|nano)?seconds\b|\bISO 8601\b|\bUTC days\b")
_SIDE_OF = re.compile(r"\b(order|position|taker|maker|longs?)\b", re.IGNORECASE)
_UNIT = re.compile(r"\b(coins?|contracts?|USD|dollars)\b", re.IGNORECASE)
_SIDED = re.compile(r"\bsided?\b|\bsides\b", re.IGNORECASE)

DAYS = (date(2025, 6, 1), date(2025, 6, 2))
NOW = datetime(2025, 6, 3, 6, tzinfo=UTC)


def sections(docstring: str) -> dict[str, str]:
    """The labelled paragraphs of a venue file's docstring, by label in lower case.

    A label stands at the start of a line, two spaces or more before its text.
    """
    found: dict[str, str] = {}
    label = ""
    for line in docstring.splitlines()[1:]:
        match = _LABEL.fullmatch(line)
        if match is not None and match["text"] is not None:
            label = match["label"].lower()
            found[label] = match["text"]
        elif line.startswith("  ") and label:
            found[label] += f" {line.strip()}"
        elif line.strip():
            label = ""
    return found


def in_docstring(venue: Venue, docstring: str) -> Iterator[str]:
    """What the docstring fails to say. Aggregators, which are no exchanges, say `units`."""
    said = {name.removesuffix("s"): text for name, text in sections(docstring).items()}
    datasets = {dataset for feed in venue.feeds for dataset in feed.datasets}
    if not docstring.strip().splitlines()[0].endswith("."):
        yield "does not begin with a sentence"
    needed = [
        ("doc", _ADDRESS, "an address of the documentation"),
        ("time", re.compile("UTC"), "the zone of its times"),
        ("time", _TIME_UNIT, "the unit of its times"),
        ("gap", re.compile(r"\w"), "what is known to be missing"),
    ]
    if "liquidations" in datasets:
        needed.append(("side", _SIDE_OF, "whether the side is the order's or the position's"))
    if "open_interest" in datasets:
        needed += [
            ("oi", _UNIT, "the unit of open interest"),
            ("oi", _SIDED, "whether open interest counts one side or both"),
        ]
    if "funding_rates" in datasets:
        needed.append(("rate", re.compile("fraction|percent|%"), "the unit of rates"))
    for label, pattern, what in needed:
        if not pattern.search(said.get(label, "")):
            yield f"does not say {what} (label {label})"


def in_declaration(venue: Venue) -> Iterator[str]:
    """What is wrong with feeds, regimes and hosts."""
    names = [feed.name for feed in venue.feeds]
    yield from (f"two feeds are called {name}" for name in set(names) if names.count(name) > 1)
    if not venue.feeds:
        yield "has no feeds"
    for feed in venue.feeds:
        if not feed.datasets or not set(feed.datasets) <= set(DATASETS):
            yield f"{feed.name}: datasets {feed.datasets}"
        if feed.source is not SourceKind.ARCHIVE and (
            feed.folders or feed.prefixes or feed.candidates
        ):
            yield f"{feed.name}: keys of an archive, but it is of kind {feed.source}"
        if feed.source is not SourceKind.API and (feed.requests or feed.next_page):
            yield f"{feed.name}: questions to an API, but it is of kind {feed.source}"
        if feed.next_page and not feed.requests:
            yield f"{feed.name}: pages of no question"
        if feed.source is SourceKind.ARCHIVE and not (feed.prefixes or feed.candidates):
            yield f"{feed.name}: nobody could find its files"
    if not venue.priced_by_prices <= PRICED:
        yield f"priced by prices: {sorted(venue.priced_by_prices - PRICED)}"
    yield from _in_regimes(venue)


def _in_regimes(venue: Venue) -> Iterator[str]:
    if venue.regimes and not any("liquidations" in feed.datasets for feed in venue.feeds):
        yield "regimes of liquidations it does not have"
    for regime in venue.regimes:
        if regime.valid_to is not None and regime.valid_to <= regime.valid_from:
            yield f"the regime of {regime.valid_from} ends before it begins"
        if not re.search(r"\w{3}", regime.source):
            yield f"the regime of {regime.valid_from} has no source"
    for before, after in zip(venue.regimes, venue.regimes[1:], strict=False):
        if before.valid_to is None or after.valid_from < before.valid_to:
            yield f"regimes of {before.valid_from} and {after.valid_from} overlap or are unsorted"


def in_requests(venue: Venue, feed: Feed, symbols: Sequence[str]) -> Iterator[str]:
    """What is wrong with the questions a feed asks: of symbols, and of the first page only."""
    assert feed.requests is not None
    requests = list(feed.requests(Window(*DAYS, tuple(symbols), NOW)))
    if not requests:
        yield f"{feed.name}: asks nothing about {', '.join(symbols) or 'no symbols'}"
    paths = [request.path for request in requests]
    if len(set(paths)) < len(paths):
        yield f"{feed.name}: two questions have the same path"
    for request in requests:
        yield from in_request(venue, feed, request, symbols)


def in_request(venue: Venue, feed: Feed, request: Request, symbols: Sequence[str]) -> Iterator[str]:
    """What is wrong with one question."""
    found = venue.feed_for(SourceKind.API, request.path)
    if found is None:
        yield f"{feed.name}: no feed reads {request.path}"
    elif found[0].name != feed.name:
        yield f"{feed.name}: {request.path} is read by {found[0].name}"
    elif found[1].symbol is not None and found[1].symbol not in symbols:
        yield f"{feed.name}: {request.path} is read as of {found[1].symbol}"
    if request.host not in venue.api_hosts:
        yield f"{feed.name}: unknown host {request.host}"
    limit = venue.rate_limits.get(request.pool)
    if limit is None:
        yield f"{feed.name}: unknown rate limit {request.pool}"
    elif not 0 < request.weight <= limit.weight:
        yield f"{feed.name}: weight {request.weight} of at most {limit.weight}"


def in_instruments(venue: Venue, symbols: Iterable[str]) -> Iterator[str]:
    """What is wrong with what the rule says of symbols; those it does not know are left out."""
    for symbol in symbols:
        known = venue.instrument(symbol)
        if known is not None:
            yield from (f"{symbol}: {reason}" for reason in _in_instrument(symbol, known))
            if venue.instrument(symbol) != known:
                yield f"{symbol}: is not always the same"
    yield from (
        f"{odd!r}: is taken for an instrument"
        for odd in ("", " ", "\n", "../..", "<html>")
        if venue.instrument(odd) is not None
    )


def _in_instrument(symbol: str, known: Instrument) -> Iterator[str]:
    if known.symbol != symbol:
        yield f"is called {known.symbol}"
    if not known.base_asset or not known.quote_asset or not known.settle_asset:
        yield "has no base, quote or settlement asset"
    if known.base_asset in ("XBT", "XDG"):
        yield f"{known.base_asset} is no canonical name"
    if not known.base_multiplier > 0:
        yield f"multiplier {known.base_multiplier}"
    if known.contract_size is not None and not known.contract_size > 0:
        yield f"contract size {known.contract_size}"
    if known.margin_type is Margin.INVERSE and known.settle_asset != known.base_asset:
        yield f"is inverse, but settled in {known.settle_asset}"
    if known.margin_type is Margin.QUANTO and known.settle_asset in (
        known.base_asset,
        known.quote_asset,
    ):
        yield f"is quanto, but settled in its own {known.settle_asset}"
    if known.valid_to is not None and known.valid_to.utcoffset() is None:
        yield "ends at a time without a zone"
