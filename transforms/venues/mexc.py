"""MEXC Futures: settled funding and what its contracts are.

Docs     www.mexc.com/api-docs/futures (Get Contract Funding Rate History, Get Contract Info)
Time     UTC, milliseconds.
Stamps   `settleTime`: the settlement.
Rates    fraction per interval, as JSON numbers; early in 2021 with few digits (0.0002). Zero is a
         rate. `collectCycle`, in rows of later years only, is the interval in hours.
Sizes    one contract is `contractSize` base coins (USDT, USDC) or US dollars (USD-quoted). Only
         dated answers are trusted.
Symbols  {base}_{quote}: BTC_USDT linear, BTC_USD inverse.
Gaps     no bulk files. The funding endpoint has pages but no window: a page reaches back from the
         moment it is asked. Open interest and liquidations are not read: nothing we hold says
         what their numbers count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from transforms.answer_paths import DATED, SUFFIX, edges, file_times
from transforms.answers import RefusedError, read_json, rows_in, stamps_in
from transforms.endpoints import answers_at, asked, dumped
from transforms.payload import Parsed, Payload
from transforms.records import (
    Fault,
    Reading,
    assemble,
    either,
    epoch,
    exact_rate,
    number,
    sift,
    text,
)
from transforms.schemas.column import ContractKind, Margin
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "mexc"

FUNDING_PAGE = 100
COINS = {"FILECOIN": "FIL", "TONCOIN": "TON"}  # listed under their projects' names

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"(?P<base>[^a-z_/\s.-]+)_(?P<quote>USDT|USDC|USD)")
# 1MBABYDOGE is a million; 1INCH and 0G are names of coins.
_MULTIPLIER = re.compile(r"(1M(?=[A-Z]{3})|10{3,6}(?=\D))(.+)")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be one of MEXC's.

    Contract sizes are not in the spelling: only answers give them.
    """
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    base, quote, multiplier = found["base"], found["quote"], 1.0
    if (scaled := _MULTIPLIER.fullmatch(base)) is not None:
        multiplier = 1e6 if scaled[1] == "1M" else float(scaled[1])
        base = scaled[2]
    base = COINS.get(base, base)
    inverse = quote == "USD"
    return Instrument(
        symbol,
        base,
        quote,
        base if inverse else quote,
        Margin.INVERSE if inverse else Margin.LINEAR,
        ContractKind.PERPETUAL,
        contract_size=None,
        base_multiplier=multiplier,
    )


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


# ---- Answers ------------------------------------------------------------------------------------

_ROOT = r"(?:api-)?(?:v1-)?"
_FUNDING_PATH = re.compile(
    rf"{_ROOT}contract-funding_rate-history/(?P<name>[^/]+?)"
    rf"(?:/\d{{4}}-\d\d-\d\d/since-\d{{13}}-page-\d+)?{SUFFIX}"
)
_LISTED_PATH = re.compile(rf"(?:{_ROOT}contract-detail/|instruments){DATED}")


def _data(document: object) -> object:
    """Errors come as `{"success":false,"code":1001,"message":…}` with HTTP status 200."""
    if not isinstance(document, dict):
        return None
    if document.get("success") is False or document.get("code", "0") != "0":
        raise RefusedError(f"the venue answers {document.get('code')}: {document.get('message')}")
    return document.get("data")


def _settlements(document: object) -> Sequence[object] | None:
    data = _data(document)
    rows = data.get("resultList") if isinstance(data, dict) else None
    return rows if isinstance(rows, list) else None


def _contracts(document: object) -> Sequence[object] | None:
    """One contract is answered without the list around it."""
    data = _data(document)
    if isinstance(data, dict) and "contractSize" in data:
        return [data]
    return data if isinstance(data, list) else None


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    fields = ("symbol", "fundingRate", "settleTime", "collectCycle")
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _settlements)
    records = records.with_facts(payloads)
    settled = settlements(
        records,
        epoch("settleTime"),
        exact_rate("fundingRate"),
        cycle=number("collectCycle", optional=True, minimum=0),
    )
    return assemble(
        records,
        [
            settled.derive(
                interval_hours_declared=pl.when(pl.col("cycle") > 0).then("cycle"),
            )
        ],
    )


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """Dated by the file: the answer does not say when it was given."""
    fields = ("symbol", "baseCoin", "quoteCoin", "settleCoin", "contractSize")
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _contracts)
    records = records.with_facts(payloads)
    listed = sift(
        records,
        "instruments",
        {
            "symbol": text("symbol"),
            "observed_at": Reading(file_times(payloads), ()),
            "base_asset": text("baseCoin"),
            "quote_asset": text("quoteCoin"),
            "settle_asset": text("settleCoin"),
            "contract_size": number("contractSize"),
        },
        at="observed_at",
        checks=[Fault(pl.col("contract_size") <= 0, pl.lit("contractSize is not positive"))],
    )
    inverse = pl.col("settle_asset") == pl.col("base_asset")
    return assemble(
        records,
        [
            listed.derive(
                margin_type=either(inverse, Margin.INVERSE, Margin.LINEAR),
                contract_kind=pl.lit(ContractKind.PERPETUAL.value),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    since, _ = edges(window)
    for symbol in window.symbols:
        if instrument(symbol) is not None:
            yield _page(symbol, f"{window.now:%Y-%m-%d}", since, 1)


def _page(symbol: str, asked_on: str, since: int, number: int) -> Request:
    """A page of settlements, newest first from now on. Its path claims no days: which they are
    only its rows say."""
    return Request(
        "contract",
        "/api/v1/contract/funding_rate/history",
        {"symbol": symbol, "page_num": number, "page_size": FUNDING_PAGE},
        f"contract-funding_rate-history/{symbol}/{asked_on}/since-{since}-page-{number}.json",
        "market",
    )


def _next_funding(request: Request, content: bytes) -> Request | None:
    """The page after a full one that does not reach back to where the window begins."""
    rows = rows_in(NAME, request.path, content, _settlements)
    if len(rows) < FUNDING_PAGE:
        return None
    oldest = min(stamps_in(NAME, request.path, rows, ("settleTime",)))
    _, symbol, asked_on, page = request.path.split("/")
    since = int(page.split("-")[1])
    if oldest <= since:
        return None
    return _page(symbol, asked_on, since, int(request.params["page_num"]) + 1)


def _ask_instruments(window: Window) -> Iterator[Request]:
    path = f"contract-detail/{window.now:%Y-%m-%d}.json"
    yield Request("contract", "/api/v1/contract/detail", {}, path, "detail")


# ---- The venue ----------------------------------------------------------------------------------


def _feeds() -> Iterator[Feed]:
    funding = dumped(
        "funding_rate-history",
        ("funding_rates",),
        answers_at(_FUNDING_PATH, _symbol_of),
        parse_funding,
    )
    listed = dumped(
        "contract-detail", ("instruments",), answers_at(_LISTED_PATH, _symbol_of), parse_instruments
    )
    yield asked(funding, _ask_funding, _next_funding)
    yield asked(listed, _ask_instruments, every_day=False)
    yield from (funding, listed)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    api_hosts={"contract": "https://contract.mexc.com"},
    rate_limits={"market": RateLimit(20, 2.0), "detail": RateLimit(1, 5.0)},
)
