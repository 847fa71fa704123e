"""ExampleX: linear perpetuals. One sentence: which products, which margins.

Docs     docs.examplex.test/api/v1 (funding, open interest, websocket `liquidations`)
Time     UTC, milliseconds.
Stamps   funding: the settlement. Open interest: the sample.
Rates    fraction per interval of that settlement; the interval is not beside it.
OI       contracts, single-sided, with the mark price of the same moment.
Sides    liquidation `side` is the ORDER that closed the position: sell = a long was liquidated.
         `price` is the average fill, `size` is contracts.
Sizes    one contract is 0.001 base coins. 1000PEPE is a thousand PEPE.
Symbols  {base}-{quote}-PERP.
Gaps     no bulk files; liquidations are pushed only, and how completely is documented nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import NAMED, spans
from transforms.answers import RefusedError, read_json, rows_in, stamps_in
from transforms.endpoints import answers_at, asked, dumped
from transforms.native import Unit
from transforms.payload import BadPayload, Parsed, Payload
from transforms.records import (
    assemble,
    epoch,
    exact_rate,
    number,
    of_path_symbol,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import ContractKind, Margin, Side
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "examplex"

PAGE = 200
CONTRACT = 0.001
SAMPLE_MINUTES = 5
# The venue's word → the POSITION. Where the venue names the position: {"buy": LONG, "sell": SHORT}.
SIDES = {"sell": Side.LONG.value, "buy": Side.SHORT.value}

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"(?P<thousand>1000)?(?P<base>[A-Z][A-Z0-9]*)-(?P<quote>USDT|USDC)-PERP")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be one of this venue's."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    return Instrument(
        symbol,
        found["base"],
        found["quote"],
        found["quote"],
        Margin.LINEAR,
        ContractKind.PERPETUAL,
        contract_size=CONTRACT,
        base_multiplier=1000.0 if found["thousand"] else 1.0,
    )


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


# ---- Answers and messages -----------------------------------------------------------------------

_FUNDING_PATH = re.compile(rf"funding-history/{NAMED}")
_INTEREST_PATH = re.compile(rf"open-interest/{NAMED}")
_LIQUIDATIONS_PATH = re.compile(rf"ws-liquidations/{NAMED}")


def _rows(document: object) -> Sequence[object] | None:
    """None: not an answer of this venue. Errors may come with HTTP status 200."""
    if not isinstance(document, dict):
        return None
    if document.get("code", "0") != "0":  # numbers are text here, so that no digit is lost
        raise RefusedError(f"the venue answers {document['code']}: {document.get('msg')}")
    rows = document.get("data")
    return rows if isinstance(rows, list) else None


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    fields = {"symbol": ("symbol",), "rate": ("rate",), "time": ("time",)}
    records = read_json(NAME, payloads, fields, _rows).with_facts(payloads)
    return assemble(records, [settlements(records, epoch("time"), exact_rate("rate"))])


def parse_interest(payloads: Sequence[Payload]) -> Parsed:
    """Leave `price` NULL where none is beside the sample, and name the dataset in
    `priced_by_prices`: then the mark price of the hour before is taken."""
    fields = {"symbol": ("symbol",), "size": ("size",), "mark": ("mark",), "time": ("time",)}
    records = read_json(NAME, payloads, fields, _rows).with_facts(payloads)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("time"),
            "amount": number("size", minimum=0),
            "price": number("mark", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), within_path_days("sampled_at")],
    )
    return assemble(
        records,
        [
            samples.derive(
                sampled_at_original=pl.col("sampled_at"),
                sample_interval_minutes=pl.lit(SAMPLE_MINUTES),
                unit=pl.lit(Unit.CONTRACTS.value),
                sides=pl.lit(1),  # 2 where the venue counts both sides of a contract
            )
        ],
    )


def parse_liquidations(payloads: Sequence[Payload]) -> Parsed:
    names = ("symbol", "side", "price", "size", "time")
    records = read_json(NAME, payloads, {name: (name,) for name in names}, _rows)
    orders = sift(
        records.with_facts(payloads),
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("time"),
            "side": word("side", SIDES),
            "price": number("price", minimum=0),
            "amount": number("size", minimum=0),
        },
        at="liquidated_at",
    )
    return assemble(
        records,
        [orders.derive(price_kind=pl.lit("average"), unit=pl.lit(Unit.CONTRACTS.value))],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _ask(endpoint: str, length: timedelta, window: Window) -> Iterator[Request]:
    """One question per symbol and piece of the window that fits a page. The path says what the
    answer is about: the feed that reads it has to tell symbol and days from it."""
    for symbol in window.symbols:
        if instrument(symbol) is None:
            continue
        for start, end in spans(window, length):
            yield _page(endpoint, symbol, start, end)


def _page(endpoint: str, symbol: str, start: int, end: int) -> Request:
    return Request(
        "api",
        f"/v1/{endpoint}",
        {"symbol": symbol, "start": start, "end": end, "limit": PAGE},
        f"{endpoint}/{symbol}/{start}-{end}.json",
        "public",
    )


def _next_page(endpoint: str, request: Request, content: bytes) -> Request | None:
    """The page after a full one, oldest first. Raises BadPayload where its end cannot be told."""
    rows = rows_in(NAME, request.path, content, _rows)
    if len(rows) < PAGE:
        return None
    last = max(stamps_in(NAME, request.path, rows, ("time",)))
    start, end = int(request.params["start"]), int(request.params["end"])
    if last < start:
        raise BadPayload(NAME, request.path, "rows from before the time asked for")
    symbol = str(request.params["symbol"])
    return None if last >= end else _page(endpoint, symbol, last + 1, end)


# ---- The venue ----------------------------------------------------------------------------------


def _feeds() -> Iterator[Feed]:
    """Each endpoint as we ask it, and as somebody else's dump of it; recordings as dumps."""
    for endpoint, dataset, pattern, parse, length in (
        ("funding-history", "funding_rates", _FUNDING_PATH, parse_funding, timedelta(days=30)),
        ("open-interest", "open_interest", _INTEREST_PATH, parse_interest, timedelta(hours=12)),
    ):
        # Of two feeds with the same fact the one of lower precedence wins: ours.
        dump = dumped(endpoint, (dataset,), answers_at(pattern, _symbol_of), parse)
        yield dump
        yield asked(dump, partial(_ask, endpoint, length), partial(_next_page, endpoint))
    recorded = answers_at(_LIQUIDATIONS_PATH, _symbol_of)
    yield dumped("ws-liquidations", ("liquidations",), recorded, parse_liquidations)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    # Only what the venue documents: Regime(since, until, Completeness.COMPLETE, "where it says").
    regimes=(),
    api_hosts={"api": "https://api.examplex.test"},
    rate_limits={"public": RateLimit(20, 1.0)},
)
