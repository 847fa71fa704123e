"""KuCoin Futures: settled funding and what its contracts are.

Docs     www.kucoin.com/docs-new (futures: Get Public Funding History, Get All Symbols);
         archive historical-data.kucoin.com (known from its listing, there is no specification)
Time     UTC, milliseconds.
Stamps   `timepoint` and `time`: the settlement. 8 h contracts settle at 04, 12 and 20.
Rates    fraction per interval. The interval (8, 4, 2 or 1 h) is not beside them: it is observed.
Sizes    one contract is `multiplier` base coins, 0.001 BTC for XBTUSDTM; of inverse contracts the
         multiplier is -1, one US dollar. It changes, so that only dated answers are trusted.
         Answers call USDT contracts `isQuanto`: they are linear.
Symbols  {base}{quote}M: XBTUSDTM and XBTUSDCM linear, XBTUSDM inverse; dated XBTMU26. XBT is BTC.
         The archive writes BTCUSDTM where the API writes XBTUSDTM; the latter is the name here.
Gaps     no open interest: whether `openInterest` counts one side is documented nowhere.
         Liquidations are not published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from transforms.answer_paths import DATED, NAMED, file_times, spans
from transforms.answers import RefusedError, read_json, rows_in, stamps_in
from transforms.endpoints import answers_at, asked, dumped, perpetuals
from transforms.payload import BadPayload, Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Reading,
    Records,
    assemble,
    either,
    epoch,
    exact_rate,
    number,
    sift,
    text,
    word,
)
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.settlements import settlements
from transforms.tabular import Layout, read_csv
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "kucoin"

COINS = {"XBT": "BTC"}  # their names elsewhere
SUCCESS = "200000"
LONGEST_INTERVAL = timedelta(hours=8)
ASKED_DAYS = timedelta(days=30)
MARGINS = {"true": Margin.INVERSE.value, "false": Margin.LINEAR.value}  # by isInverse

# ---- Symbols ------------------------------------------------------------------------------------

_PERPETUAL = re.compile(r"(?P<base>[A-Z0-9]+?)(?P<quote>USDT|USDC|USD)M")
_DATED = re.compile(r"(?P<base>[A-Z0-9]+?)M[FGHJKMNQUVXZ]\d{2}")
# 1MBABYDOGE is a million; 1INCH and 0G are names of coins.
_MULTIPLIER = re.compile(r"(1M(?=[A-Z]{3})|10{3,6}(?=\D))(.+)")
_ARCHIVED = re.compile(r"BTC((?:USDT|USDC|USD)M)")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be one of KuCoin's.

    Sizes of linear contracts and delivery days are not in the spelling: only answers give them.
    """
    found, kind = _PERPETUAL.fullmatch(symbol), ContractKind.PERPETUAL
    if found is None:
        found, kind = _DATED.fullmatch(symbol), ContractKind.DATED
    if found is None:
        return None
    quote = found.groupdict().get("quote", "USD")
    base, multiplier = found["base"], 1.0
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
        kind,
        contract_size=1.0 if inverse else None,
        base_multiplier=multiplier,
    )


def _symbol_of(name: str) -> str | None:
    symbol = _ARCHIVED.sub(r"XBT\1", name) if _ARCHIVED.fullmatch(name) else name
    return symbol if instrument(symbol) is not None else None


# ---- Archive ------------------------------------------------------------------------------------

_FOLDER = "data/futures/daily/fundingRates/"
_FILE = re.compile(
    rf"{_FOLDER}(?P<name>[^/]+)/(?P=name)-fundingRates-(?P<day>\d{{4}}-\d\d-\d\d)\.zip"
)
_FUNDING_CSV = Layout.of("symbol time fundingRate", words="symbol", required="time fundingRate")


def _archive_facts(path: str) -> Facts | None:
    found = _FILE.fullmatch(path)
    if found is None or (symbol := _symbol_of(found["name"])) is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    return Facts(symbol, day, day)


def _archive_prefixes(folder: str, first: date, last: date) -> Sequence[str]:
    """One prefix per month."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    root = f"{_FOLDER}{folder}/{folder}-fundingRates-"
    return [f"{root}{month // 12:04d}-{month % 12 + 1:02d}" for month in months]


def parse_funding_csv(payloads: Sequence[Payload]) -> Parsed:
    records = read_csv(NAME, payloads, _FUNDING_CSV).with_facts(payloads)
    told = pl.col("symbol").str.replace(f"^{_ARCHIVED.pattern}$", "XBT$1")
    frame = records.frame.with_columns(pl.coalesce(told, "path_symbol").alias("symbol"))
    return _settlements(replace(records, frame=frame.rename({"time": "timepoint"})))


def _settlements(records: Records) -> Parsed:
    settled = settlements(records, epoch("timepoint"), exact_rate("fundingRate"))
    return assemble(records, [settled])


# ---- Answers ------------------------------------------------------------------------------------

_FUNDING_PATH = re.compile(rf"(?:api-)?(?:v1-)?contract-funding-rates/{NAMED}")
_LISTED_PATH = re.compile(rf"(?:(?:api-)?(?:v1-)?contracts-active/|instruments){DATED}")


def _rows(document: object) -> Sequence[object] | None:
    """Errors come as `{"code":"400100","msg":…}`, some of them with HTTP status 200."""
    if not isinstance(document, dict):
        return None
    if "code" in document and document["code"] != SUCCESS:
        raise RefusedError(f"the venue answers {document['code']}: {document.get('msg')}")
    data = document.get("data")
    return data if isinstance(data, list) else None


def parse_funding_answers(payloads: Sequence[Payload]) -> Parsed:
    fields = ("symbol", "timepoint", "fundingRate")
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _rows)
    return _settlements(records.with_facts(payloads))


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """Dated by the file: the answer does not say when it was given."""
    fields = (
        "symbol", "baseCurrency", "quoteCurrency", "settleCurrency", "multiplier", "isInverse",
        "firstOpenDate", "expireDate",
    )  # fmt: skip
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _rows)
    listed = sift(
        records,
        "instruments",
        {
            "symbol": text("symbol"),
            "observed_at": Reading(file_times(payloads), ()),
            "base_asset": text("baseCurrency"),
            "quote_asset": text("quoteCurrency"),
            "settle_asset": text("settleCurrency"),
            "margin_type": word("isInverse", MARGINS),
            "multiplier": number("multiplier"),
            "valid_from": epoch("firstOpenDate", optional=True),
            "valid_to": epoch("expireDate", optional=True),
        },
        at="observed_at",
        checks=[
            Fault(
                # Only inverse contracts have a negative one.
                (pl.col("multiplier") == 0)
                | ((pl.col("multiplier") < 0) & (pl.col("margin_type") != Margin.INVERSE.value)),
                pl.format("multiplier {} is no size", "multiplier"),
            )
        ],
    )
    return assemble(
        records,
        [
            listed.derive(
                contract_size=pl.col("multiplier").abs(),
                contract_kind=either(
                    pl.col("valid_to").is_null(), ContractKind.PERPETUAL, ContractKind.DATED
                ),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    for known in perpetuals(instrument, window):
        for start, end in spans(window, ASKED_DAYS):
            yield _funding(known.symbol, start, end)


def _funding(symbol: str, start: int, end: int) -> Request:
    """Settlements from start to end (ms, inclusive), newest first."""
    return Request(
        "futures",
        "/api/v1/contract/funding-rates",
        {"symbol": symbol, "from": start, "to": end},
        f"contract-funding-rates/{symbol}/{start}-{end}.json",
        "public",
        weight=5,
    )


def _next_funding(request: Request, content: bytes) -> Request | None:
    """What lies before the oldest settlement of a page, until none can be missing.

    How long a page may be is not documented, so a short page says nothing; but between the start
    of the window and the first settlement in it lies no more than the longest interval.
    """
    rows = rows_in(NAME, request.path, content, _rows)
    start, end = int(request.params["from"]), int(request.params["to"])
    if not rows:
        return None
    oldest = min(stamps_in(NAME, request.path, rows, ("timepoint",)))
    if not start <= oldest <= end:
        raise BadPayload(NAME, request.path, "settlements from outside the time asked for")
    if timedelta(milliseconds=oldest - start) <= LONGEST_INTERVAL:
        return None
    return _funding(str(request.params["symbol"]), start, oldest - 1)


def _ask_instruments(window: Window) -> Iterator[Request]:
    path = f"contracts-active/{window.now:%Y-%m-%d}.json"
    yield Request("futures", "/api/v1/contracts/active", {}, path, "public", weight=3)


# ---- The venue ----------------------------------------------------------------------------------


def _feeds() -> Iterator[Feed]:
    yield Feed(
        name="archive-fundingRates",
        datasets=("funding_rates",),
        source=SourceKind.ARCHIVE,
        precedence=0,
        facts=_archive_facts,
        parse=parse_funding_csv,
        folders=(_FOLDER,),
        prefixes=_archive_prefixes,
    )
    funding = dumped(
        "funding-rates",
        ("funding_rates",),
        answers_at(_FUNDING_PATH, _symbol_of),
        parse_funding_answers,
    )
    listed = dumped(
        "contracts-active",
        ("instruments",),
        answers_at(_LISTED_PATH, _symbol_of),
        parse_instruments,
    )
    yield asked(funding, _ask_funding, _next_funding)
    yield asked(listed, _ask_instruments, every_day=False)
    yield from (funding, listed)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    api_hosts={"futures": "https://api-futures.kucoin.com"},
    rate_limits={"public": RateLimit(2000, 30.0)},
)
