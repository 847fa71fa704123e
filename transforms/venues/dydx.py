"""dYdX v3 (closed) and v4 (the dYdX chain): hourly funding, markets, liquidations among trades.

Docs     docs.dydx.xyz (Indexer API: historicalFunding, perpetualMarkets, trades);
         v3 docs.dydx.exchange (closed)
Time     UTC, ISO 8601 with `Z`.
Stamps   `effectiveAt`: the settlement; v4 stamps the block, up to 0.6 s after the hour. Markets do
         not say when they were served. v3 markets name the next funding, so that they are of the
         hour before it: the beginning of that hour is taken. v4 markets are of when we asked, or
         of when a recording got them; a file that tells neither gives instruments only.
Rates    fraction per hour, of both. `price` is the oracle price, at which dYdX marks positions.
OI       base coins, single-sided, at the oracle price beside it.
Sides    liquidations are trades of type LIQUIDATED; `side` is the taker's order: SELL closed a
         long. One order is several trades (fills) of one block, each with an `id`. Deleveragings
         are another type and are not counted.
Sizes    one unit is a base coin. All perpetual, linear, quoted in USD, margined in USDC.
Symbols  {base}-USD; v4 markets of other chains' tokens are {base},{exchange},{address}-USD.
Gaps     v3 and v4 have the same names for different markets. A name is v4's from its genesis on;
         v3 rows of the year until v3 closed (2024-10-28) are set aside. How complete the trades
         tell of liquidations is documented nowhere. Trades are read from dumps and recordings:
         the endpoint has no window, and days on which nothing was liquidated could not be told
         from days nobody asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from transforms.answer_paths import (
    DATED,
    NAMED,
    SUFFIX,
    answer_facts,
    edges,
    file_times,
    milliseconds,
)
from transforms.answers import RefusedError, read_json, rows_in, stamps_in
from transforms.endpoints import answers_at, asked, dumped
from transforms.fills import NOTHING_FILLED, accumulated
from transforms.native import Unit
from transforms.payload import BadPayload, Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Reading,
    Records,
    assemble,
    epoch,
    exact_rate,
    iso_utc,
    number,
    of_path_symbol,
    sift,
    text,
    word,
)
from transforms.schemas.column import ContractKind, Margin, Side
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "dydx"

HOUR = timedelta(hours=1)
V4_GENESIS = datetime(2023, 10, 26, 17, tzinfo=UTC)
FUNDING_PAGE = 100
SIDES = {"SELL": Side.LONG.value, "BUY": Side.SHORT.value}  # taker's order → position closed
OTHER_TRADES = frozenset({"LIMIT", "MARKET", "DELEVERAGED", "OFFSETTING", "TWAP_SUBORDER"})
V3_MARKETS = (
    "1INCH", "AAVE", "ADA", "ALGO", "ATOM", "AVAX", "BCH", "BTC", "CELO", "COMP", "CRV", "DOGE",
    "DOT", "ENJ", "EOS", "ETC", "ETH", "FIL", "ICP", "LINK", "LTC", "LUNA", "MATIC", "MKR", "NEAR",
    "RUNE", "SNX", "SOL", "SUSHI", "TRX", "UMA", "UNI", "XLM", "XMR", "XTZ", "YFI", "ZEC", "ZRX",
)  # fmt: skip

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"(?P<base>[A-Z0-9$.]+)(?:,[^/\s]+)?-USD")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be one of dYdX's."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    return Instrument(symbol, found["base"], "USD", "USDC", Margin.LINEAR, ContractKind.PERPETUAL)


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


# ---- Paths --------------------------------------------------------------------------------------

_FUNDING_PATH = re.compile(
    rf"(?:api-)?(?:v3-historical-funding|v4-historicalFunding)"
    rf"(?:{SUFFIX}|/(?P<name>[^/]+?)(?:/\d{{4}}-\d\d-\d\d/since-\d{{13}}-before-\d{{13}})?{SUFFIX})"
)
_MARKETS_PATH = re.compile(
    rf"(?:(?:api-)?(?:v3-markets|v4-perpetualMarkets)/|instruments)"
    rf"(?:(?<=/)(?P<at>\d{{13}}){SUFFIX}|{DATED})"
)
_MARKET_MESSAGES_PATH = re.compile(rf"ws-v[34]_markets/.+{SUFFIX}")
_TRADES_PATH = re.compile(
    rf"(?:(?:api-)?v4-trades-perpetualMarket/{NAMED}|ws-v4_trades/.+{SUFFIX})"
)


def _markets_facts(path: str) -> Facts | None:
    """Our own answers are filed under the millisecond they were asked for."""
    facts = answer_facts(_MARKETS_PATH, _symbol_of, path)
    if facts is None or "at" not in facts.labels:
        return facts
    day = datetime.fromtimestamp(int(facts.labels["at"]) / 1000, UTC).date()
    return replace(facts, first_date=day, last_date=day)


# ---- Answers and messages -----------------------------------------------------------------------


def _refuse_error(document: object) -> None:
    """Errors come as `{"errors":[{"msg":…}]}`."""
    if isinstance(document, dict) and isinstance(document.get("errors"), list):
        said = [e.get("msg") if isinstance(e, dict) else e for e in document["errors"]]
        raise RefusedError(f"the venue answers {'; '.join(map(str, said))}")
    if isinstance(document, dict) and document.get("type") == "error":
        raise RefusedError(f"the venue says {document.get('message')}")


def _settlements(document: object) -> Sequence[object] | None:
    _refuse_error(document)
    rows = document.get("historicalFunding") if isinstance(document, dict) else None
    return rows if isinstance(rows, list) else None


def _markets(document: object) -> Sequence[object] | None:
    _refuse_error(document)
    markets = document.get("markets") if isinstance(document, dict) else None
    return list(markets.values()) if isinstance(markets, dict) else None


def _contents(message: object, channel: str) -> list[object] | None:
    """What a websocket message holds; one of a batch channel holds several. None if it is no
    message of the channel's, nothing where a connection was opened or closed."""
    _refuse_error(message)
    if not isinstance(message, dict):
        return None
    if message.get("type") in ("connected", "unsubscribed"):
        return []
    contents = message.get("contents")
    if message.get("channel") != channel or contents is None:
        return None
    return contents if isinstance(contents, list) else [contents]


def _market_messages(message: object) -> Sequence[object] | None:
    """Markets whose open interest a message tells; the first message tells all, later ones what
    changed. v3 has the markets in `contents` itself, v4 below `trading`."""
    for channel in ("v3_markets", "v4_markets"):
        parts = _contents(message, channel)
        if parts is not None:
            break
    else:
        return None
    rows: list[object] = []
    for part in parts:
        told = part
        for below in ("markets", "trading"):
            if isinstance(told, dict) and isinstance(told.get(below), dict):
                told = told[below]
        if not isinstance(told, dict):
            rows.append(told)
            continue
        rows += [
            {"ticker": symbol, **row}
            for symbol, row in told.items()
            if isinstance(row, dict) and "openInterest" in row
        ]
    return rows


def _trades(document: object) -> Sequence[object] | None:
    """The liquidations among the trades of an answer or message."""
    if isinstance(document, dict) and ("channel" in document or "type" in document):
        parts = _contents(document, "v4_trades")
        symbol = document.get("id")
    else:
        _refuse_error(document)
        parts, symbol = [document], None
    if parts is None:
        return None
    rows: list[object] = []
    for part in parts:
        trades = part.get("trades") if isinstance(part, dict) else None
        if not isinstance(trades, list):
            return None
        rows += [
            {"ticker": symbol, **trade} if isinstance(trade, dict) else trade
            for trade in trades
            if not (isinstance(trade, dict) and trade.get("type") in OTHER_TRADES)
        ]
    return rows


def _told_symbol(records: Records, *columns: str) -> Records:
    symbol = pl.coalesce(*columns).alias("symbol")
    return replace(records, frame=records.frame.with_columns(symbol))


def _past_v3(moment: str) -> Fault:
    return Fault(
        pl.col("v3") & (pl.col(moment) >= V4_GENESIS),
        pl.lit("of v3 from when the name was v4's"),
    )


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    """v3 rows name a `market`, v4 rows a `ticker`."""
    fields = ("market", "ticker", "rate", "price", "effectiveAt")
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _settlements)
    records = _told_symbol(records.with_facts(payloads), "ticker", "market")
    settled = settlements(
        records,
        iso_utc("effectiveAt"),
        exact_rate("rate"),
        checks=[_past_v3("settled_at_original")],
        price=number("price", optional=True, minimum=0),
        v3=Reading(pl.col("market").is_not_null(), ()),
    )
    return assemble(
        records,
        [
            settled.derive(
                interval_hours_declared=pl.lit(1.0),
                mark_price=pl.when(pl.col("price") > 0).then("price"),
            )
        ],
    )


_MARKET_FIELDS = (
    "market", "ticker", "baseAsset", "openInterest", "oraclePrice", "nextFundingAt"
)  # fmt: skip


def _samples(records: Records) -> Parsed:
    """Open interest of the files that tell when it was; see Stamps."""
    when = ("arrival_ns", "path_at", "nextFundingAt")
    tell = pl.any_horizontal(pl.col(name).is_not_null() for name in when)
    telling = set(records.frame.filter(tell)["raw_key"])
    records = replace(
        records,
        frame=records.frame.filter(pl.col("raw_key").is_in(list(telling))),
        read={key: count if key in telling else 0 for key, count in records.read.items()},
        unreadable=[bad for bad in records.unreadable if bad.raw_key in telling],
    )
    hour = iso_utc("nextFundingAt", optional=True).value - HOUR
    moment = pl.coalesce(epoch("arrival_ns").value, epoch("path_at").value, hour)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": Reading(
                moment, (Fault(moment.is_null(), pl.lit("nothing says when it was served")),)
            ),
            "amount": number("openInterest", minimum=0),
            "oracle": number("oraclePrice", optional=True, minimum=0),
            "v3": Reading(pl.col("market").is_not_null(), ()),
        },
        at="sampled_at",
        checks=[_past_v3("sampled_at")],
    )
    return assemble(
        records,
        [
            samples.derive(
                sampled_at_original=pl.col("sampled_at"),
                unit=pl.lit(Unit.COIN.value),
                sides=pl.lit(1),
                price=pl.when(pl.col("oracle") > 0).then("oracle"),
            )
        ],
    )


def parse_markets(payloads: Sequence[Payload]) -> Parsed:
    """Instruments, and open interest where the file tells when it was."""
    records = read_json(NAME, payloads, {name: (name,) for name in _MARKET_FIELDS}, _markets)
    records = _told_symbol(records.with_facts(payloads, "at"), "ticker", "market")
    hour = iso_utc("nextFundingAt", optional=True).value - HOUR
    served = pl.coalesce(
        epoch("arrival_ns").value, epoch("path_at").value, hour, file_times(payloads)
    )
    listed = sift(
        records,
        "instruments",
        {
            "symbol": text("symbol"),
            "observed_at": Reading(served, ()),
            "base_asset": text("baseAsset", optional=True),
        },
        at="observed_at",
        checks=[
            Fault(
                ~pl.col("symbol").str.contains(f"^(?:{_SYMBOL.pattern})$"),
                pl.format("{} is no market", "symbol"),
            )
        ],
    )
    instruments = assemble(
        records,
        [
            listed.derive(
                base_asset=pl.coalesce("base_asset", pl.col("symbol").str.extract(r"^([^,-]+)")),
                quote_asset=pl.lit("USD"),
                settle_asset=pl.lit("USDC"),
                margin_type=pl.lit(Margin.LINEAR.value),
                contract_kind=pl.lit(ContractKind.PERPETUAL.value),
                contract_size=pl.lit(1.0),
            )
        ],
    )
    samples = _samples(records)
    return Parsed(
        rows={**instruments.rows, **samples.rows},
        read=pl.concat([instruments.read, samples.read]),
        rejected=pl.concat([instruments.rejected, samples.rejected]),
        text_of=instruments.text_of,
    )


def parse_market_messages(payloads: Sequence[Payload]) -> Parsed:
    columns = {name: (name,) for name in _MARKET_FIELDS}
    records = read_json(NAME, payloads, columns, _market_messages)
    # v3 repeats the name inside a full row, and only there: what it is of, the recording says.
    v3 = {p.raw_key: "v3" in p.path.split("/")[0] for p in payloads}
    records = replace(
        records,
        frame=records.frame.with_columns(
            pl.when(pl.col("raw_key").is_in([key for key, is_v3 in v3.items() if is_v3]))
            .then("ticker")
            .alias("market"),
            pl.lit(None, pl.String).alias("nextFundingAt"),  # told of the last full row only
        ),
    )
    return _samples(_told_symbol(records.with_facts(payloads, "at"), "ticker"))


def parse_trades(payloads: Sequence[Payload]) -> Parsed:
    """What was taken for one symbol and side in one block counts as one order, at its average
    price; pages and first messages repeat trades."""
    fields = ("id", "ticker", "side", "type", "createdAt", "size", "price")
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _trades)
    records = _told_symbol(records.with_facts(payloads), "ticker", "path_symbol")
    unnamed = pl.format("{}×{}", "size", "price")
    named = records.frame.with_columns(pl.coalesce("id", unnamed).alias("id"))
    fills = sift(
        replace(records, frame=named),
        "liquidations",
        {
            "symbol": text("symbol"),
            "fill": text("id", optional=True),
            "type": word("type", {"LIQUIDATED": "LIQUIDATED"}),
            "liquidated_at": iso_utc("createdAt"),
            "side": word("side", SIDES),
            "amount": number("size", minimum=0),
            "price": number("price", minimum=0),
        },
        at="liquidated_at",
        checks=[
            of_path_symbol(),
            NOTHING_FILLED,
            Fault(pl.col("price") <= 0, pl.lit("price is zero")),
        ],
    ).derive(unit=pl.lit(Unit.COIN.value), price_kind=pl.lit("average"))
    return assemble(records, [accumulated(fills, ("symbol", "side", "liquidated_at"), "fill")])


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    """Back from the end of the window."""
    since, before = edges(window)
    for symbol in filter(instrument, window.symbols):
        yield _funding(symbol, f"{window.now:%Y-%m-%d}", since, before)


def _funding(symbol: str, asked_on: str, since: int, before: int) -> Request:
    """The last settlements up to `before` (ms, inclusive), newest first. The path claims no days:
    of a market that is no more they may lie long before."""
    at = datetime.fromtimestamp(before // 1000, UTC)
    return Request(
        "indexer",
        f"/v4/historicalFunding/{symbol}",
        {
            "limit": FUNDING_PAGE,
            "effectiveBeforeOrAt": f"{at:%Y-%m-%dT%H:%M:%S}.{before % 1000:03d}Z",
        },
        f"v4-historicalFunding/{symbol}/{asked_on}/since-{since}-before-{before}.json",
        "indexer",
    )


def _next_funding(request: Request, content: bytes) -> Request | None:
    """What lies before a full page that does not reach back to where the window begins."""
    rows = rows_in(NAME, request.path, content, _settlements)
    if len(rows) < FUNDING_PAGE:
        return None
    stamps = stamps_in(NAME, request.path, rows, ("effectiveAt",), _iso_milliseconds)
    oldest = min(stamps)
    _, symbol, asked_on, page = request.path.removesuffix(".json").split("/")
    since, before = int(page.split("-")[1]), int(page.split("-")[3])
    if oldest > before:
        raise BadPayload(NAME, request.path, "settlements from after the time asked for")
    # Settlements are an hour apart: none is missing in less.
    if oldest - since < HOUR // timedelta(milliseconds=1):
        return None
    return _funding(symbol, asked_on, since, oldest - 1)


def _iso_milliseconds(told: str) -> int:
    return milliseconds(datetime.fromisoformat(told))


def _ask_markets(window: Window) -> Iterator[Request]:
    path = f"v4-perpetualMarkets/{milliseconds(window.now)}.json"
    yield Request("indexer", "/v4/perpetualMarkets", {}, path, "indexer")


# ---- The venue ----------------------------------------------------------------------------------


def _feeds() -> Iterator[Feed]:
    funding = dumped(
        "historicalFunding",
        ("funding_rates",),
        answers_at(_FUNDING_PATH, _symbol_of),
        parse_funding,
    )
    markets = dumped("markets", ("instruments", "open_interest"), _markets_facts, parse_markets)
    yield from (funding, markets)
    yield asked(funding, _ask_funding, _next_funding)
    yield asked(markets, _ask_markets, every_day=False)
    yield dumped(
        "market-messages",
        ("open_interest",),
        answers_at(_MARKET_MESSAGES_PATH, _symbol_of),
        parse_market_messages,
    )
    yield dumped("trades", ("liquidations",), answers_at(_TRADES_PATH, _symbol_of), parse_trades)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    relisted={f"{base}-USD": (V4_GENESIS,) for base in V3_MARKETS},
    api_hosts={"indexer": "https://indexer.dydx.trade"},
    rate_limits={"indexer": RateLimit(100, 10.0)},
)
