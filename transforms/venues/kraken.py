"""Kraken Futures (Crypto Facilities): inverse and flexible (linear) perpetuals and futures.

Docs     docs.kraken.com/api/docs/futures-api (historical funding rates, charts and analytics,
         instruments, websocket `trade`)
Time     UTC. Funding and instruments: ISO 8601 with `Z`. Analytics: seconds. Bars, trades: ms.
Stamps   funding: as given, taken as the settlement. Analytics and bars: start of the bucket.
Rates    `relativeFundingRate` is the fraction per interval. `fundingRate` is money per contract
         and is never read. Hourly now; the interval is seen in the rows.
OI       single-sided, as open, high, low and close of a bucket, of which the close is taken. PF_
         and FF_ count base coins, PI_ and FI_ US dollars. No price beside it: mark bars give it.
Sides    a liquidation is a trade of type `liquidation`; `side` is the taker's order: sell closed
         a long. One order is several trades (fills) of one moment, each with a `uid`.
Sizes    one unit is a base coin (PF_, FF_) or one US dollar (PI_, FI_).
Symbols  PF_XBTUSD, PI_XBTUSD perpetual; FF_XBTUSD_251226, FI_XBTUSD_251226 dated; written in
         lower case by the instruments of 2021. XBT is BTC. A lower-case x inside is the name's own
         (PF_AAPLxUSD).
Gaps     no bulk files. The funding endpoint has no window: each answer is the whole history. How
         complete the liquidations among the trades are is documented nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, SUFFIX, file_times, spans
from transforms.answers import RefusedError, RowsOf, Where, read_json, rows_in, stamps_in
from transforms.endpoints import PathFacts, answers_at, asked, dumped, perpetuals
from transforms.fills import NOTHING_FILLED, accumulated
from transforms.native import UTC_MICROS, Unit
from transforms.payload import BadPayload, Parsed, Payload
from transforms.records import (
    Fault,
    Records,
    assemble,
    either,
    epoch,
    exact_rate,
    iso_utc,
    number,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import ContractKind, Margin, PriceSource, Side
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "kraken"

DAY = timedelta(days=1)
COINS = {"XBT": "BTC", "XDG": "DOGE"}  # their names elsewhere
SIDES = {"sell": Side.LONG.value, "buy": Side.SHORT.value}  # taker's order → position closed
OTHER_TRADES = frozenset({"fill", "assignment", "termination", "block"})
INDICES = frozenset({"spot index", "real time index"})  # listed, but nothing one can hold
MARGINS = {
    "futures_inverse": Margin.INVERSE.value,
    "flexible_futures": Margin.LINEAR.value,
}
BUCKET_SECONDS = (60, 300, 900, 1800, 3600, 14400, 43200, 86400, 604800)
BAR_MINUTES = {
    "1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "12h": 720, "1d": 1440,
    "1w": 10080,
}  # fmt: skip
BAR_SOURCES = {
    "mark": PriceSource.MARK.value,
    "spot": PriceSource.INDEX.value,  # of the underlying spot index
    "trade": PriceSource.LAST.value,
}
ASKED_SECONDS = 300  # a UTC day is 288 buckets
ASKED_BARS = "5m"
_MILLISECONDS_FROM = 100_000_000_000  # a stamp above is not in seconds

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"(?P<kind>[PF][FI])_(?P<base>[A-Za-z0-9]+?)USD(?:_(?P<delivery>\d{6}))?")
_IS_INVERSE = "^[PF]I_"


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be one of Kraken Futures'.

    A dated contract ends at 16:00 London time; without an instrument answer 16:00 UTC stands for
    it, an hour late in summer.
    """
    found = _SYMBOL.fullmatch(symbol)
    if found is None or (found["kind"][0] == "P") != (found["delivery"] is None):
        return None
    base = COINS.get(found["base"], found["base"])
    inverse = found["kind"][1] == "I"
    perpetual = Instrument(
        symbol,
        base,
        "USD",
        base if inverse else "USD",
        Margin.INVERSE if inverse else Margin.LINEAR,
        ContractKind.PERPETUAL,
    )
    if found["delivery"] is None:
        return perpetual
    try:
        end = datetime.strptime(found["delivery"], "%y%m%d").replace(hour=16, tzinfo=UTC)
    except ValueError:
        return None
    return replace(perpetual, contract_kind=ContractKind.DATED, valid_to=end)


def _symbol_of(name: str) -> str | None:
    symbol = name.upper() if name.islower() else name
    return symbol if instrument(symbol) is not None else None


def _in_capitals(column: str) -> pl.Expr:
    """The answers of 2021 write symbols in lower case: the same instruments."""
    given = pl.col(column)
    return (
        pl.when(given == given.str.to_lowercase()).then(given.str.to_uppercase()).otherwise(given)
    )


def _native_unit() -> pl.Expr:
    inverse = pl.col("symbol").str.contains(_IS_INVERSE)
    return pl.when(inverse).then(pl.lit(Unit.USD.value)).otherwise(pl.lit(Unit.COIN.value))


# ---- Answers and messages -----------------------------------------------------------------------


def _refuse_error(document: object) -> None:
    """v3 reports errors as `{"result":"error","error":…}`, charts as a list of `errors`."""
    if not isinstance(document, dict):
        return
    if document.get("result") == "error":
        raise RefusedError(f"the venue answers {document.get('error') or document.get('errors')}")
    errors = document.get("errors")
    if isinstance(errors, list) and errors:
        raise RefusedError(f"the venue answers {errors}")


def _settlements(document: object) -> Sequence[object] | None:
    _refuse_error(document)
    rates = document.get("rates") if isinstance(document, dict) else None
    return rates if isinstance(rates, list) else None


def _buckets(document: object) -> Sequence[object] | None:
    """A column of stamps beside a column of values, as rows. Raises ValueError for columns of
    different lengths: which value belongs to which stamp cannot be told."""
    _refuse_error(document)
    result = document.get("result") if isinstance(document, dict) else None
    if not isinstance(result, dict):
        return None
    stamps, values = result.get("timestamp"), result.get("data")
    if not isinstance(stamps, list) or not isinstance(values, list):
        return None
    if len(stamps) != len(values):
        raise RefusedError(f"{len(stamps)} stamps beside {len(values)} values")
    return [{"at": at, "ohlc": value} for at, value in zip(stamps, values, strict=True)]


def _bars(document: object) -> Sequence[object] | None:
    _refuse_error(document)
    candles = document.get("candles") if isinstance(document, dict) else None
    return candles if isinstance(candles, list) else None


def _liquidations(message: object) -> Sequence[object] | None:
    """The liquidations among the trades of a message; its other trades are of no dataset here."""
    _refuse_error(message)
    if not isinstance(message, dict):
        return None
    if message.get("event") in ("alert", "error", "subscribed_failed"):
        raise RefusedError(f"the venue says {message.get('message')}")
    if "event" in message or message.get("feed") == "heartbeat":
        return []  # a subscription was confirmed
    if message.get("feed") == "trade_snapshot":
        trades = message.get("trades")
        if not isinstance(trades, list):
            return None
    elif message.get("feed") == "trade":
        trades = [message]
    else:
        return None
    return [t for t in trades if not (isinstance(t, dict) and t.get("type") in OTHER_TRADES)]


def _listed(document: object) -> Sequence[object] | None:
    _refuse_error(document)
    rows = document.get("instruments") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(rows, list):
        return None
    served = {"serverTime": document.get("serverTime")}
    return [
        row | served if isinstance(row, dict) else row
        for row in rows
        if not (isinstance(row, dict) and row.get("type") in INDICES)
    ]


def _of_path(
    payloads: Sequence[Payload], columns: dict[str, Where], rows_of: RowsOf, *labels: str
) -> Records:
    """Rows that do not say which instrument they are of: their path does. With `path_fetched_at`,
    since an answer does not say when it was given either."""
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads, *labels)
    fetched = pl.DataFrame(
        [(p.raw_key, p.fetched_at.astimezone(UTC)) for p in payloads],
        schema={"raw_key": pl.String(), "path_fetched_at": UTC_MICROS},
        orient="row",
    )
    joined = records.frame.join(fetched, on="raw_key", how="left", maintain_order="left")
    return replace(records, frame=joined)


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    fields = ("timestamp", "relativeFundingRate")
    records = _of_path(payloads, {name: (name,) for name in fields}, _settlements)
    settled = settlements(
        records, iso_utc("timestamp"), exact_rate("relativeFundingRate"), symbol="path_symbol"
    )
    return assemble(records, [settled])


def parse_open_interest(payloads: Sequence[Payload]) -> Parsed:
    """The close of a bucket is what stood when it ended. It counts at the bucket's last
    millisecond, so that a bucket of a day is of that day; one still open is set aside."""
    columns: dict[str, Where] = {"at": ("at",), "close": ("ohlc", 3)}
    records = _of_path(payloads, columns, _buckets, "seconds")
    seconds = pl.col("path_seconds").cast(pl.Int64)
    ends = pl.col("sampled_at_original") + pl.duration(seconds=seconds)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("path_symbol"),
            "sampled_at_original": epoch("at"),
            "amount": number("close", minimum=0),
        },
        at="sampled_at_original",
        checks=[
            within_path_days("sampled_at_original"),
            Fault(ends > pl.col("path_fetched_at"), pl.lit("the bucket had not ended when served")),
        ],
    )
    return assemble(
        records,
        [
            samples.derive(
                _native_unit().alias("unit"),
                sampled_at=ends - pl.duration(milliseconds=1),
                sample_interval_minutes=seconds // 60,
                rank=seconds,
                sides=pl.lit(1),
            )
        ],
    )


def parse_bars(payloads: Sequence[Payload]) -> Parsed:
    """Bars of the mark, the underlying spot index and trades; only the latter have a volume."""
    fields = ("time", "open", "high", "low", "close", "volume")
    records = _of_path(payloads, {name: (name,) for name in fields}, _bars, "kind", "interval")
    minutes = pl.col("path_interval").replace_strict(
        BAR_MINUTES, default=None, return_dtype=pl.Int64
    )
    bars = sift(
        records,
        "prices",
        {
            "symbol": text("path_symbol"),
            "opened_at": epoch("time"),
            "price_open": number("open"),
            "price_high": number("high"),
            "price_low": number("low"),
            "price_close": number("close"),
            "volume": number("volume", optional=True, minimum=0),
        },
        at="opened_at",
        checks=[
            within_path_days("opened_at"),
            Fault(
                pl.col("opened_at") + pl.duration(minutes=minutes) > pl.col("path_fetched_at"),
                pl.lit("the bar had not ended when served"),
            ),
        ],
    )
    traded = pl.col("path_kind") == "trade"
    return assemble(
        records,
        [
            bars.derive(
                price_source=pl.col("path_kind").replace_strict(BAR_SOURCES),
                interval_minutes=minutes,
                volume=pl.when(traded).then("volume"),
                volume_unit=pl.when(traded).then(_native_unit()),
            )
        ],
    )


def parse_trades(payloads: Sequence[Payload]) -> Parsed:
    """Liquidations among recorded trades. What was taken for one symbol and side in one
    millisecond counts as one order, at its average price; a snapshot repeats trades."""
    fields = ("product_id", "uid", "side", "type", "time", "qty", "price")
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _liquidations)
    records = records.with_facts(payloads)
    unnamed = pl.format("{}×{}", "qty", "price")
    fills = sift(
        replace(
            records,
            frame=records.frame.with_columns(
                _in_capitals("product_id"), pl.coalesce("uid", unnamed).alias("uid")
            ),
        ),
        "liquidations",
        {
            "symbol": text("product_id"),
            "fill": text("uid", optional=True),
            "type": word("type", {"liquidation": "liquidation"}),
            "liquidated_at": epoch("time"),
            "side": word("side", SIDES),
            "amount": number("qty", minimum=0),
            "price": number("price", minimum=0),
        },
        at="liquidated_at",
        checks=[NOTHING_FILLED, Fault(pl.col("price") <= 0, pl.lit("price is zero"))],
    ).derive(_native_unit().alias("unit"), price_kind=pl.lit("average"))
    return assemble(records, [accumulated(fills, ("symbol", "side", "liquidated_at"), "fill")])


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """Dated by serverTime, else by the file. The answers of 2021 name neither base nor quote."""
    fields = (
        "symbol", "type", "base", "quote", "contractSize", "openingDate", "lastTradingTime",
        "serverTime",
    )  # fmt: skip
    records = read_json(NAME, payloads, {name: (name,) for name in fields}, _listed)
    symbol = _in_capitals("symbol")
    records = replace(
        records,
        frame=records.frame.with_columns(
            symbol,
            pl.coalesce("base", symbol.str.extract(r"^[A-Z]{2}_(.+?)USD(?:_\d+)?$")).alias("base"),
            pl.coalesce("quote", symbol.str.extract(r"(USD)(?:_\d+)?$")).alias("quote"),
        ),
    )
    listed = sift(
        records,
        "instruments",
        {
            "symbol": text("symbol"),
            "served_at": iso_utc("serverTime", optional=True),
            "margin_type": word("type", MARGINS),
            "base_asset": text("base"),
            "quote_asset": text("quote"),
            "contract_size": number("contractSize"),
            "valid_from": iso_utc("openingDate", optional=True),
            "valid_to": iso_utc("lastTradingTime", optional=True),
        },
        at="served_at",
        checks=[Fault(pl.col("contract_size") <= 0, pl.lit("contractSize is not positive"))],
    )
    inverse = pl.col("margin_type") == Margin.INVERSE.value
    return assemble(
        records,
        [
            listed.derive(
                observed_at=pl.coalesce("served_at", file_times(payloads)),
                settle_asset=pl.when(inverse).then("base_asset").otherwise("quote_asset"),
                contract_kind=either(
                    pl.col("valid_to").is_null(), ContractKind.PERPETUAL, ContractKind.DATED
                ),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    """One question per perpetual: the endpoint answers with the whole history, so the path claims
    no days."""
    for known in perpetuals(instrument, window):
        yield Request(
            "futures",
            "/derivatives/api/v3/historicalfundingrates",
            {"symbol": known.symbol},
            f"derivatives-api-v3-historicalfundingrates/{known.symbol}/{window.now:%Y-%m-%d}.json",
            "derivatives",
        )


def _ask_open_interest(window: Window) -> Iterator[Request]:
    for symbol in filter(instrument, window.symbols):
        for start, end in spans(window, DAY):
            yield _buckets_from(symbol, start, end)


def _buckets_from(symbol: str, start: int, end: int) -> Request:
    """Buckets that begin from start to end (ms, inclusive)."""
    return Request(
        "futures",
        f"/api/charts/v1/analytics/{symbol}/open-interest",
        {"since": start // 1000, "to": end // 1000, "interval": ASKED_SECONDS},
        f"api-charts-v1-analytics/open-interest/{ASKED_SECONDS}/{symbol}/{start}-{end}.json",
        "charts",
    )


def _ask_bars(window: Window) -> Iterator[Request]:
    """Bars of the mark, which give open interest its price."""
    for symbol in filter(instrument, window.symbols):
        for start, end in spans(window, DAY):
            yield _bars_from(symbol, start, end)


def _bars_from(symbol: str, start: int, end: int) -> Request:
    return Request(
        "futures",
        f"/api/charts/v1/mark/{symbol}/{ASKED_BARS}",
        {"from": start // 1000, "to": end // 1000},
        f"api-charts-v1/mark/{ASKED_BARS}/{symbol}/{start}-{end}.json",
        "charts",
    )


def _next_page(
    make: Callable[[str, int, int], Request],
    rows_of: RowsOf,
    stamp: str,
    step: timedelta,
    request: Request,
    content: bytes,
) -> Request | None:
    """What follows an answer that says there is more, from behind its last row on.

    Raises BadPayload where that row cannot be told, or lies before the time asked for.
    """
    rows = rows_in(NAME, request.path, content, rows_of)
    answer = json.loads(content)
    if not rows or not (answer.get("more_candles") or answer.get("result", {}).get("more")):
        return None
    folder, _, window = request.path.removesuffix(".json").rpartition("/")
    start, end = (int(edge) for edge in window.split("-"))
    last = max(stamps_in(NAME, request.path, rows, (stamp,)))
    behind = (last if last > _MILLISECONDS_FROM else last * 1000) + step // timedelta(
        milliseconds=1
    )
    if behind <= start:
        raise BadPayload(NAME, request.path, "rows from before the time asked for")
    return None if behind > end else make(folder.rpartition("/")[2], behind, end)


def _ask_instruments(window: Window) -> Iterator[Request]:
    path = f"derivatives-api-v3-instruments/{window.now.astimezone(UTC):%Y-%m-%d}.json"
    yield Request("futures", "/derivatives/api/v3/instruments", {}, path, "derivatives")


# ---- The venue ----------------------------------------------------------------------------------

_SECONDS = rf"(?P<seconds>{'|'.join(map(str, BUCKET_SECONDS))})"
_BARS = rf"(?P<kind>{'|'.join(BAR_SOURCES)})/(?P<interval>{'|'.join(BAR_MINUTES)})"
# Whole histories, named for the day they were asked on.
_OF_A_DAY = rf"(?P<name>[^/]+?)(?:/20\d\d-\d\d-\d\d)?{SUFFIX}"
_CHARTS = r"(?:api-)?charts(?:-v\d+)?"
_DERIVATIVES = r"(?:derivatives-)?(?:api-)?(?:v\d+-)?"


def _feeds() -> Iterator[Feed]:
    """Each endpoint twice: as we ask it, and as somebody else's dump of it."""
    funding = dumped(
        "historicalfundingrates",
        ("funding_rates",),
        _path(rf"{_DERIVATIVES}historical-?funding-?rates/{_OF_A_DAY}"),
        parse_funding,
    )
    open_interest = dumped(
        "open-interest",
        ("open_interest",),
        _path(rf"{_CHARTS}-analytics/open-interest/{_SECONDS}/{NAMED}"),
        parse_open_interest,
    )
    bars = dumped("bars", ("prices",), _path(rf"{_CHARTS}/{_BARS}/{NAMED}"), parse_bars)
    instruments = dumped(
        "instruments",
        ("instruments",),
        _path(rf"(?:{_DERIVATIVES}instruments/|instruments){DATED}"),
        parse_instruments,
    )
    bucket, bar = timedelta(seconds=ASKED_SECONDS), timedelta(minutes=BAR_MINUTES[ASKED_BARS])
    next_buckets = partial(_next_page, _buckets_from, _buckets, "at", bucket)
    next_bars = partial(_next_page, _bars_from, _bars, "time", bar)
    yield asked(funding, _ask_funding)
    yield asked(open_interest, _ask_open_interest, next_buckets)
    yield asked(bars, _ask_bars, next_bars)
    yield asked(instruments, _ask_instruments, every_day=False)
    yield from (funding, open_interest, bars, instruments)
    yield dumped("ws-trade", ("liquidations",), _path(rf"ws-trade/.+{SUFFIX}"), parse_trades)


def _path(pattern: str) -> PathFacts:
    return answers_at(pattern, _symbol_of)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    api_hosts={"futures": "https://futures.kraken.com"},
    # 500 per 10 s is what v3 grants an account; nothing is said of charts.
    rate_limits={"derivatives": RateLimit(250, 10.0), "charts": RateLimit(100, 10.0)},
    priced_by_prices=frozenset({"open_interest"}),
)
