"""Bitget futures: USDT- and USDC-margined (linear) and coin-margined (inverse).

Docs     www.bitget.com/api-doc (contract: v2 market; uta: v3 market and websocket), mix v1 before
Time     UTC milliseconds, mostly written as text.
Stamps   funding: the settlement. Open interest: the sample. Bars: their start.
Rates    `fundingRate` is the fraction per interval of that settlement; no interval in the row.
         `capitalRate` (mix v1) and the rates of tickers are running ones and are not read.
OI       base coins, single-sided as far as is documented: `size`, `openInterest`,
         `holdingAmount`, or `holding` (mix v1). Tickers have the mark price beside it.
Sides    v3 liquidation `side` is the POSITION: buy = a long was liquidated. `amount` is its value
         in quote (13.70319 = 83.1 × 0.1649): coins are amount ÷ price.
Sizes    one unit is a base coin of the symbol, for inverse contracts too.
Symbols  BTCUSDT, BTCPERP (USDC), BTCUSD; mix v1 wrote BTCUSDT_UMCBL, BTCPERP_CMCBL and BTCUSD_DMCBL
         for the same contracts. The names without the ending are used here.
Gaps     no bulk files of any of this, no history of open interest. Liquidations are pushed only:
         the largest of each side per pair and second.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, SUFFIX, edges, file_times, spans
from transforms.answers import RefusedError, RowsOf, Where, read_json, rows_in, stamps_in
from transforms.endpoints import PathFacts, answers_at, asked, dumped, perpetuals
from transforms.native import Unit
from transforms.payload import Parsed, Payload
from transforms.records import (
    Fault,
    Records,
    assemble,
    either,
    epoch,
    exact_rate,
    number,
    of_path_symbol,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import (
    Completeness,
    ContractKind,
    Margin,
    PriceSource,
    Side,
)
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, RateLimit, Regime, Request, Venue, Window

NAME = "bitget"

SUCCESS = "00000"
SIDES = {"buy": Side.LONG.value, "sell": Side.SHORT.value}  # the position itself
PRODUCTS = {"USDT": "usdt-futures", "USDC": "usdc-futures", "USD": "coin-futures"}  # by quote
BAR_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "4H": 240, "6H": 360, "12H": 720,
}  # fmt: skip
BAR_SOURCES = {"mark": PriceSource.MARK.value, "index": PriceSource.INDEX.value}
ASKED_BARS = "15m"
BARS_PAGE = timedelta(days=2)  # 192 bars; a page holds 200
FUNDING_PAGE = 100

# ---- Symbols ------------------------------------------------------------------------------------

_MIX_V1 = r"_[UDC]MCBL"
_DELIVERY_MONTHS = "FGHJKMNQUVXZ"
_NAME_OF_COIN = r"[^a-z\s/._-]+?"
_QUOTES = "USDT|USDC|PERP|USD"
_SYMBOL = re.compile(
    rf"(?P<base>{_NAME_OF_COIN})(?P<quote>{_QUOTES})"
    rf"(?:(?P<month>[{_DELIVERY_MONTHS}])(?P<year>\d\d)|_(?P<delivery>\d{{6}}))?"
)
_ENDS = rf"(?:[{_DELIVERY_MONTHS}]\d\d|_\d{{6}})"
_IS_FUTURES = rf"^{_NAME_OF_COIN}(?:{_QUOTES}){_ENDS}?$"
_IS_INVERSE = rf"USD{_ENDS}?$"
# 1MBABYDOGE is a million; 1INCH and 0G are names of coins.
_MULTIPLIER = re.compile(r"(1M(?=[A-Z]{3})|10{3,6}(?=\D))(.+)")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be Bitget futures.

    Dated contracts are delivered at 08:00 UTC, those named by month on its last Friday.
    """
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    quote = "USDC" if found["quote"] == "PERP" else found["quote"]
    base, multiplier = found["base"], 1.0
    if (scaled := _MULTIPLIER.fullmatch(base)) is not None:
        base, multiplier = scaled[2], 1e6 if scaled[1] == "1M" else float(scaled[1])
    inverse = quote == "USD"
    perpetual = Instrument(
        symbol,
        base,
        quote,
        base if inverse else quote,
        Margin.INVERSE if inverse else Margin.LINEAR,
        ContractKind.PERPETUAL,
        base_multiplier=multiplier,
    )
    if found["month"] is None and found["delivery"] is None:
        return perpetual
    try:
        day = _delivery(found["month"], found["year"], found["delivery"])
    except ValueError:
        return None
    end = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return replace(perpetual, contract_kind=ContractKind.DATED, valid_to=end)


def _delivery(month: str | None, year: str | None, day: str | None) -> date:
    """Raises ValueError for digits that are no date."""
    if day is not None:
        return datetime.strptime(day, "%y%m%d").replace(tzinfo=UTC).date()
    number_of_month = _DELIVERY_MONTHS.index(month or "") + 1
    full_year = 2000 + int(year or "")
    last = date(full_year, number_of_month, monthrange(full_year, number_of_month)[1])
    return last - timedelta(days=(last.weekday() - 4) % 7)


def _symbol_of(name: str) -> str | None:
    symbol = re.sub(_MIX_V1, "", name)
    return symbol if instrument(symbol) is not None else None


# ---- Answers and messages -----------------------------------------------------------------------


def _data(answer: object) -> object:
    """What an answer holds, or None if it is no answer of this venue."""
    if not isinstance(answer, dict) or "code" not in answer:
        return None
    if answer["code"] != SUCCESS:
        raise RefusedError(f"the venue answers {answer['code']}: {answer.get('msg')}")
    return answer.get("data")


def _rows(lists: Sequence[str], answer: object) -> Sequence[object] | None:
    """Rows of an answer, each with the times the answer gives: they are its data, a list of a
    name among `lists` within, or the data is the one row."""
    data = _data(answer)
    said = {"at": answer.get("requestTime")} if isinstance(answer, dict) else {}
    if isinstance(data, dict):
        said["ts"] = data.get("ts")
        data = next((data[name] for name in lists if name in data), [data])
    return [{"row": row, **said} for row in data] if isinstance(data, list) else None


def _pushed(channel: str, message: object) -> Sequence[object] | None:
    """Rows of a message of one channel (v3: topic), each with what the message says of all."""
    if message == "pong":
        return []
    if not isinstance(message, dict):
        return None
    if message.get("event") == "error":
        raise RefusedError(f"the venue says {message.get('code')}: {message.get('msg')}")
    arg, rows = message.get("arg"), message.get("data")
    if not isinstance(arg, dict) or channel not in (arg.get("channel"), arg.get("topic")):
        return None
    if "event" in message:
        return []  # a subscription was confirmed
    if not isinstance(rows, list):
        return None
    of = arg.get("instId") or arg.get("symbol")
    return [{"row": row, "of": of, "ts": message.get("ts")} for row in rows]


def _read(
    payloads: Sequence[Payload], columns: dict[str, Where], rows_of: RowsOf, *labels: str
) -> Records:
    """Rows with their symbol as it is written today: their own, else the path's."""
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads, *labels)
    symbol = pl.coalesce("own", "path_symbol").str.replace(_MIX_V1, "").alias("symbol")
    return replace(records, frame=records.frame.with_columns(symbol))


_OWN: dict[str, Where] = {"own": ("row", "symbol")}


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    """A settlement's time is called settleTime (mix v1), fundingTime (v2) or fundingRateTimestamp
    (v3)."""
    columns: dict[str, Where] = _OWN | {
        "rate": ("row", "fundingRate"),
        "v1": ("row", "settleTime"),
        "v2": ("row", "fundingTime"),
        "v3": ("row", "fundingRateTimestamp"),
    }
    records = _read(payloads, columns, partial(_rows, ("resultList",)))
    stamp = pl.coalesce("v2", "v3", "v1").alias("fundingTime")
    settled = settlements(
        replace(records, frame=records.frame.with_columns(stamp)),
        epoch("fundingTime"),
        exact_rate("rate"),
    )
    return assemble(records, [settled])


def _snapshots(records: Records) -> Parsed:
    """From `symbol`, `amount`, `mark` and `time`, the moment of the snapshot."""
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("time"),
            "amount": number("amount", minimum=0),
            "mark": number("mark", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol()],
    )
    return assemble(
        records,
        [
            samples.derive(
                sampled_at_original=pl.col("sampled_at"),
                price=pl.when(pl.col("mark") > 0).then("mark"),
                unit=pl.lit(Unit.COIN.value),
                sides=pl.lit(1),
            )
        ],
    )


def parse_open_interest(payloads: Sequence[Payload]) -> Parsed:
    """Of open-interest (no price beside it) and of tickers, of all generations."""
    amounts = ("size", "openInterest", "holdingAmount", "amount")
    columns: dict[str, Where] = {name: ("row", name) for name in (*amounts, "markPrice")}
    columns |= _OWN | {"ts": ("ts",), "row_ts": ("row", "ts"), "stamp": ("row", "timestamp")}
    columns |= {"at": ("at",)}
    records = _read(payloads, columns, partial(_rows, ("openInterestList", "list")))
    frame = records.frame.with_columns(
        pl.coalesce(*amounts).alias("amount"),
        pl.coalesce("row_ts", "ts", "stamp", "at").alias("time"),
        pl.col("markPrice").alias("mark"),
    )
    return _snapshots(replace(records, frame=frame))


def parse_tickers(payloads: Sequence[Payload]) -> Parsed:
    """Pushed tickers: mix v1 (holding, systemTime), v2 (holdingAmount, ts), v3 (openInterest, the
    time of the message)."""
    fields = ("holding", "holdingAmount", "openInterest", "markPrice", "systemTime", "ts")
    columns: dict[str, Where] = {name: ("row", name) for name in fields}
    columns |= {"own": ("row", "instId"), "of": ("of",), "said": ("ts",)}
    rows_of = partial(_pushed, "ticker")
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads)
    frame = records.frame.with_columns(
        pl.coalesce("own", "of").str.replace(_MIX_V1, "").alias("symbol"),
        pl.coalesce("holding", "holdingAmount", "openInterest").alias("amount"),
        pl.coalesce("systemTime", "ts", "said").alias("time"),
        pl.col("markPrice").alias("mark"),
    )
    return _snapshots(replace(records, frame=frame))


def parse_liquidations(payloads: Sequence[Payload]) -> Parsed:
    """`amount` is quote, so that it counts as dollars and its coins are amount ÷ price."""
    fields = ("side", "price", "amount", "ts")
    columns: dict[str, Where] = _OWN | {name: ("row", name) for name in fields}
    records = _read(payloads, columns, partial(_pushed, "liquidation"))
    orders = sift(
        records,
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("ts"),
            "side": word("side", SIDES),
            "price": number("price", minimum=0),
            "amount": number("amount", minimum=0),
        },
        at="liquidated_at",
        checks=[Fault(pl.col("price") <= 0, pl.lit("price is zero"))],
    )
    return assemble(
        records,
        [orders.derive(unit=pl.lit(Unit.USD.value), price_kind=pl.lit("order"))],
    )


def parse_bars(payloads: Sequence[Payload]) -> Parsed:
    """`[start, open, high, low, close, …]` of the mark or the index: no volume is traded at it."""
    names = ("time", "open", "high", "low", "close")
    columns: dict[str, Where] = {name: ("row", place) for place, name in enumerate(names)}
    columns |= {"at": ("at",), "own": ("row", "symbol")}
    records = _read(payloads, columns, partial(_rows, ()), "kind", "interval")
    minutes = pl.col("path_interval").replace_strict(
        BAR_MINUTES, default=None, return_dtype=pl.Int64
    )
    bars = sift(
        records,
        "prices",
        {
            "symbol": text("symbol"),
            "opened_at": epoch("time"),
            "price_open": number("open"),
            "price_high": number("high"),
            "price_low": number("low"),
            "price_close": number("close"),
            "served_at": epoch("at", optional=True),
        },
        at="opened_at",
        checks=[
            within_path_days("opened_at"),
            Fault(
                pl.col("opened_at") + pl.duration(minutes=minutes) > pl.col("served_at"),
                pl.lit("the bar had not ended when it was served"),
            ),
        ],
    )
    return assemble(
        records,
        [
            bars.derive(
                price_source=pl.col("path_kind").replace_strict(BAR_SOURCES),
                interval_minutes=minutes,
            )
        ],
    )


def parse_contracts(payloads: Sequence[Payload]) -> Parsed:
    """Of mix v1 and v2, dated by requestTime, else by the file. Sizes are coins: nothing is told
    of them. Missing times are written `` or `-1`."""
    fields = ("baseCoin", "quoteCoin", "launchTime", "deliveryTime", "offTime")
    columns: dict[str, Where] = _OWN | {name: ("row", name) for name in fields} | {"at": ("at",)}
    records = _read(payloads, columns, partial(_rows, ("list",)))
    times = pl.col("launchTime", "deliveryTime", "offTime").replace(["-1", "0"], None)
    listed = sift(
        replace(records, frame=records.frame.with_columns(times)),
        "instruments",
        {
            "symbol": text("symbol"),
            "served_at": epoch("at", optional=True),
            "base_asset": text("baseCoin"),
            "quote_asset": text("quoteCoin"),
            "valid_from": epoch("launchTime", optional=True),
            "delivered": epoch("deliveryTime", optional=True),
            "off": epoch("offTime", optional=True),
        },
        at="served_at",
        checks=[
            Fault(
                ~pl.col("symbol").str.contains(_IS_FUTURES),
                pl.format("{} is no name of futures", "symbol"),
            )
        ],
    )
    inverse = pl.col("symbol").str.contains(_IS_INVERSE)
    dated = pl.col("symbol").str.contains(rf"{_ENDS}$")
    return assemble(
        records,
        [
            listed.derive(
                observed_at=pl.coalesce("served_at", file_times(payloads)),
                settle_asset=pl.when(inverse).then("base_asset").otherwise("quote_asset"),
                margin_type=either(inverse, Margin.INVERSE, Margin.LINEAR),
                contract_kind=either(dated, ContractKind.DATED, ContractKind.PERPETUAL),
                contract_size=pl.lit(1.0),
                valid_to=pl.coalesce("delivered", "off"),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _perpetuals(window: Window) -> Iterator[tuple[str, str]]:
    """Symbols with the venue's word for their product."""
    for known in perpetuals(instrument, window):
        yield known.symbol, PRODUCTS[known.quote_asset]


def _ask_funding(window: Window) -> Iterator[Request]:
    """Pages are counted from the newest settlement: the first one holds whatever is newest, so
    its path claims no days. `_next_funding` goes on until it has seen the window."""
    start, end = edges(window)
    for symbol, product in _perpetuals(window):
        params: dict[str, str | int] = {"symbol": symbol, "productType": product}
        yield Request(
            "api",
            "/api/v2/mix/market/history-fund-rate",
            params | {"pageSize": FUNDING_PAGE, "pageNo": 1},
            f"mix-market-history-fund-rate/{product}/{symbol}/{start}-{end}-1.json",
            "market",
        )


def _next_funding(request: Request, content: bytes) -> Request | None:
    """Raises BadPayload where it cannot be told how far back a page goes."""
    rows = rows_in(NAME, request.path, content, partial(_rows, ("resultList",)))
    if len(rows) < FUNDING_PAGE:
        return None
    window = request.path.rpartition("/")[2].removesuffix(".json")
    start, end, page = window.split("-")
    stamps = stamps_in(NAME, request.path, rows, ("row", "fundingTime"))
    oldest = min(stamps)
    if oldest <= int(start):
        return None
    following = int(page) + 1
    return replace(
        request,
        params={**request.params, "pageNo": following},
        path=request.path.replace(f"/{window}.json", f"/{start}-{end}-{following}.json"),
    )


def _ask_bars(window: Window) -> Iterator[Request]:
    """Bars of the mark, which give open interest its price."""
    for symbol, product in _perpetuals(window):
        for start, end in spans(window, BARS_PAGE):
            params: dict[str, str | int] = {"symbol": symbol, "productType": product}
            params |= {"granularity": ASKED_BARS, "startTime": start, "endTime": end, "limit": 200}
            yield Request(
                "api",
                "/api/v2/mix/market/history-mark-candles",
                params,
                f"mix-market-history-mark-candles/{product}/{ASKED_BARS}/{symbol}"
                f"/{start}-{end}.json",
                "market",
            )


def _ask_contracts(window: Window) -> Iterator[Request]:
    for product in sorted(PRODUCTS.values()):
        path = f"mix-market-contracts/{product}/{window.now.astimezone(UTC):%Y-%m-%d}.json"
        params = {"productType": product}
        yield Request("api", "/api/v2/mix/market/contracts", params, path, "market")


# ---- The venue ----------------------------------------------------------------------------------

_MARKET = r"(?:api-)?(?:v[23]-)?(?:mix-)?(?:v1-)?market"
_PRODUCT = r"(?:(?P<product>[A-Za-z-]+)/)?"
_BARS = rf"history-(?P<kind>{'|'.join(BAR_SOURCES)})-candles"
# Whole pages of history, named for the window they were asked for and their number.
_PAGE = rf"(?P<name>[^/]+?)(?:/\d{{13}}-\d{{13}}-\d+)?{SUFFIX}"


def _path(pattern: str) -> PathFacts:
    return answers_at(pattern, _symbol_of)


def _feeds() -> Iterator[Feed]:
    funding = dumped(
        "history-fund-rate",
        ("funding_rates",),
        _path(rf"{_MARKET}-history-fund-?[rR]ate/{_PRODUCT}{_PAGE}"),
        parse_funding,
    )
    bars = dumped(
        "history-candles",
        ("prices",),
        _path(rf"{_MARKET}-{_BARS}/{_PRODUCT}(?P<interval>{'|'.join(BAR_MINUTES)})/{NAMED}"),
        parse_bars,
    )
    contracts = dumped(
        "contracts",
        ("instruments",),
        _path(rf"(?:{_MARKET}-contracts/{_PRODUCT}|instruments){DATED}"),
        parse_contracts,
    )
    yield asked(funding, _ask_funding, _next_funding)
    yield asked(bars, _ask_bars)
    yield asked(contracts, _ask_contracts, every_day=False)
    yield from (funding, bars, contracts)
    yield dumped(
        "open-interest",
        ("open_interest",),
        _path(rf"{_MARKET}-(?:open-interest|tickers?)/{_PRODUCT}{NAMED}"),
        parse_open_interest,
    )
    yield dumped("ws-ticker", ("open_interest",), _path(rf"ws-ticker/.+{SUFFIX}"), parse_tickers)
    yield dumped(
        "ws-liquidation",
        ("liquidations",),
        _path(rf"ws-liquidation/.+{SUFFIX}"),
        parse_liquidations,
    )


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    regimes=(
        Regime(
            # API v3 and with it the channel; pushed liquidations are recorded from then on only.
            date(2025, 1, 1),
            None,
            Completeness.THROTTLED,
            "Bitget API v3, Liquidation Channel: of each second the largest liquidation of each "
            "side per pair",
        ),
    ),
    api_hosts={"api": "https://api.bitget.com"},
    rate_limits={"market": RateLimit(20, 1.0)},
    priced_by_prices=frozenset({"open_interest"}),
)
