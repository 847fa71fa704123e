"""Bybit linear (USDT, USDC) and inverse (coin-margined) futures.

Docs     bybit-exchange.github.io/docs/v5 (market data, websocket public, changelog)
Time     UTC milliseconds, written as text. Answers are newest first; both ends are inclusive.
Stamps   funding: the settlement. Open interest and account ratio: the sample. Bars: their start.
Rates    fraction per interval of that settlement (8, 4, 2 or 1 hours, changing); no interval in
         the row. The rate was fixed one interval ahead; the stamp is that of the payment.
OI       `openInterest` counts BOTH sides of a contract. `singleOpenInterest` (answers since
         2026-06-11) is one side, exactly half. Linear: base coin. Inverse: US dollars. History has
         no price beside it; tickers have the mark price and a value, which is *coin* if inverse.
Sides    liquidation `S`/`side` is the POSITION: Buy = a long was liquidated. Price is the
         bankruptcy price; size is base coin (linear) or US dollars (inverse).
Sizes    no contract size: one unit is a base coin of the symbol, or one US dollar. Thousands are
         named in front (1000PEPEUSDT) or behind (SHIB1000USDT).
Gaps     no bulk files of funding, open interest or liquidations. Account ratio from 2020-07-20.
         Liquidations are pushed only: at most one per second and symbol until February 2025.
         Recordings of the old topic made after that are still throttled.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from transforms.answer_paths import DATED, NAMED, file_times
from transforms.answers import RefusedError, Where, read_json, rows_in
from transforms.backward_pages import BackwardPages
from transforms.endpoints import Asker, Parser, answers_at, asked, dumped
from transforms.native import Unit
from transforms.payload import Parsed, Payload
from transforms.records import (
    Fault,
    Records,
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
from transforms.schemas.column import (
    Completeness,
    ContractKind,
    Margin,
    PriceSource,
    Side,
)
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, Pager, RateLimit, Regime, Request, Venue, Window

NAME = "bybit"

SIDES = {"Buy": Side.LONG.value, "Sell": Side.SHORT.value}  # the position itself
PERIOD_MINUTES = {"5min": 5, "15min": 15, "30min": 30, "1h": 60, "4h": 240, "1d": 1440}
BAR_MINUTES = {  # months have no length
    "1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "120": 120, "240": 240, "360": 360,
    "720": 720, "D": 1440, "W": 10080,
}  # fmt: skip
BAR_SOURCES = {
    "kline": PriceSource.LAST.value,
    "mark-price-kline": PriceSource.MARK.value,
    "index-price-kline": PriceSource.INDEX.value,
}
CONTRACT_TYPES = {
    "LinearPerpetual": (Margin.LINEAR, ContractKind.PERPETUAL),
    "LinearFutures": (Margin.LINEAR, ContractKind.DATED),
    "InversePerpetual": (Margin.INVERSE, ContractKind.PERPETUAL),
    "InverseFutures": (Margin.INVERSE, ContractKind.DATED),
}

# ---- Symbols ------------------------------------------------------------------------------------

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DELIVERY_MONTHS = "FGHJKMNQUVXZ"  # of inverse futures: F is January, H March, Z December
_DAY = rf"-(?P<day>\d{{1,2}}(?:{'|'.join(_MONTHS)})\d{{2}})"
_BASE = r"(?P<base>[^a-z\s/._-]+?)"
_USDT = re.compile(rf"{_BASE}USDT(?:{_DAY})?")
_USDC = re.compile(rf"{_BASE}(?:PERP|{_DAY})")
_INVERSE = re.compile(rf"{_BASE}USD(?:(?P<month>[{_DELIVERY_MONTHS}])(?P<year>\d{{2}}))?")
_THOUSANDS = re.compile(r"(?P<front>10{3,7})(?P<of>\D.*)|(?P<coin>.*\D)(?P<behind>10{3,7})")
_IS_INVERSE = rf"USD(?:[{_DELIVERY_MONTHS}]\d\d)?$"


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be Bybit futures.

    Dated contracts are delivered at 08:00 UTC, those named by month on its last Friday.
    """
    if (usdt := _USDT.fullmatch(symbol)) is not None:
        return _named(symbol, usdt["base"], "USDT", usdt["day"])
    if (usdc := _USDC.fullmatch(symbol)) is not None:
        return _named(symbol, usdc["base"], "USDC", usdc["day"])
    inverse = _INVERSE.fullmatch(symbol)
    if inverse is None:
        return None
    perpetual = _named(symbol, inverse["base"], "USD", None)
    if perpetual is None or inverse["month"] is None:
        return perpetual
    year, month = 2000 + int(inverse["year"]), _DELIVERY_MONTHS.index(inverse["month"]) + 1
    last = date(year, month, monthrange(year, month)[1])
    return _dated(perpetual, last - timedelta(days=(last.weekday() - 4) % 7))


def _named(symbol: str, name: str, quote: str, delivery: str | None) -> Instrument | None:
    base, multiplier = name, 1.0
    if (scaled := _THOUSANDS.fullmatch(name)) is not None:
        base = scaled["of"] or scaled["coin"]
        multiplier = float(scaled["front"] or scaled["behind"])
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
    if delivery is None:
        return perpetual
    month = _MONTHS.index(delivery[-5:-2]) + 1
    try:
        day = date(2000 + int(delivery[-2:]), month, int(delivery[:-5]))
    except ValueError:
        return None
    return _dated(perpetual, day)


def _dated(perpetual: Instrument, day: date) -> Instrument:
    end = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return replace(perpetual, contract_kind=ContractKind.DATED, valid_to=end)


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


def _native_unit() -> pl.Expr:
    inverse = pl.col("symbol").str.contains(_IS_INVERSE)
    return pl.when(inverse).then(pl.lit(Unit.USD.value)).otherwise(pl.lit(Unit.COIN.value))


# ---- Answers ------------------------------------------------------------------------------------


def _rows(document: object) -> Sequence[object] | None:
    """Rows of a v5 answer, each with what the answer says once for all of them."""
    if not isinstance(document, dict) or "retCode" not in document:
        return None
    if document["retCode"] != "0":
        raise RefusedError(f"{document['retCode']}: {document.get('retMsg')}")
    result = document.get("result")
    rows = result.get("list") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(rows, list):
        return None
    said = {"symbol": result.get("symbol"), "time": document.get("time")}
    return [{"row": row, **said} for row in rows]


def _instrument_rows(document: object) -> Sequence[object] | None:
    """Of v5 instruments-info, or of v2 /public/symbols, which gives its time in seconds."""
    if not isinstance(document, dict) or "ret_code" not in document:
        return _rows(document)
    if document["ret_code"] != "0":
        raise RefusedError(f"{document['ret_code']}: {document.get('ret_msg')}")
    rows = document.get("result")
    seconds = str(document.get("time_now") or "").partition(".")[0]
    return [{"row": row, "time": seconds} for row in rows] if isinstance(rows, list) else None


def _read(
    payloads: Sequence[Payload],
    fields: Iterable[str | int],
    *labels: str,
    rows_of: Callable[[object], Sequence[object] | None] = _rows,
) -> Records:
    """Cells of the rows by field, `time` of the answer, and the symbol: the row's, else the
    answer's, else the path's."""
    columns: dict[str, Where] = {f"{field}": ("row", field) for field in fields}
    columns |= {"own": ("row", "symbol"), "of": ("symbol",), "time": ("time",)}
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads, *labels)
    symbol = pl.coalesce("own", "of", "path_symbol")
    return replace(records, frame=records.frame.with_columns(symbol=symbol))


def _minutes(column: str, lengths: dict[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(lengths, default=None, return_dtype=pl.Int64)


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    records = _read(payloads, ("fundingRate", "fundingRateTimestamp"))
    settled = settlements(records, epoch("fundingRateTimestamp"), exact_rate("fundingRate"))
    return assemble(records, [settled])


_NO_INTEREST = Fault(
    pl.col("single").is_null() & pl.col("both").is_null(),
    pl.lit("neither openInterest nor singleOpenInterest"),
)


def _one_sided_first() -> list[pl.Expr]:
    """The one-sided figure where the answer has it, else that of both sides."""
    single = pl.col("single").is_not_null()
    return [
        pl.coalesce("single", "both").alias("amount"),
        pl.when(single).then(1).otherwise(2).alias("sides"),
        _native_unit().alias("unit"),
    ]


def parse_open_interest(payloads: Sequence[Payload]) -> Parsed:
    """Coarser intervals repeat samples of finer ones, which come first."""
    fields = ("openInterest", "singleOpenInterest", "timestamp")
    records = _read(payloads, fields, "period")
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("timestamp"),
            "both": number("openInterest", optional=True, minimum=0),
            "single": number("singleOpenInterest", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), within_path_days("sampled_at"), _NO_INTEREST],
    )
    minutes = _minutes("path_period", PERIOD_MINUTES)
    return assemble(
        records,
        [
            samples.derive(
                *_one_sided_first(),
                sampled_at_original=pl.col("sampled_at"),
                sample_interval_minutes=minutes,
                rank=minutes,
            )
        ],
    )


def parse_tickers(payloads: Sequence[Payload]) -> Parsed:
    """A moment's open interest with the mark price and a value: of the answer's time, without one
    of its arrival. `openInterestValue` is quote (linear) or *coin* (inverse: 240,113,967 USD at
    2089.79 is 114,898)."""
    fields = (
        "openInterest", "openInterestValue", "singleOpenInterest", "singleOpenInterestValue",
        "markPrice",
    )  # fmt: skip
    records = _read(payloads, fields)
    records = replace(
        records, frame=records.frame.with_columns(pl.coalesce("time", "arrival_ns").alias("time"))
    )
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("time"),
            "both": number("openInterest", optional=True, minimum=0),
            "single": number("singleOpenInterest", optional=True, minimum=0),
            "both_value": number("openInterestValue", optional=True, minimum=0),
            "single_value": number("singleOpenInterestValue", optional=True, minimum=0),
            "mark": number("markPrice", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), _NO_INTEREST],
    )
    value = (
        pl.when(pl.col("single").is_not_null())
        .then(pl.coalesce("single_value", pl.col("both_value") / 2))
        .otherwise("both_value")
    )
    inverse = pl.col("symbol").str.contains(_IS_INVERSE)
    return assemble(
        records,
        [
            samples.derive(
                *_one_sided_first(),
                sampled_at_original=pl.col("sampled_at"),
                price=pl.when(pl.col("mark") > 0).then("mark"),
                value_coin=pl.when(inverse).then(value),
                value_usd=pl.when(~inverse).then(value),
            )
        ],
    )


def parse_account_ratio(payloads: Sequence[Payload]) -> Parsed:
    """Shares of accounts that are long and short. Two zeros are no report."""
    records = _read(payloads, ("buyRatio", "sellRatio", "timestamp"), "period")
    samples = sift(
        records,
        "positioning",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("timestamp"),
            "buy": number("buyRatio", minimum=0),
            "sell": number("sellRatio", minimum=0),
        },
        at="sampled_at",
        checks=[
            of_path_symbol(),
            within_path_days("sampled_at"),
            Fault(
                (pl.col("sell") == 0) & (pl.col("buy") > 0),
                pl.format("buyRatio {} to a sellRatio of 0 is no ratio", "buy"),
            ),
        ],
    )
    return assemble(
        records,
        [
            samples.derive(
                sampled_at_original=pl.col("sampled_at"),
                long_short_account_ratio=pl.when(pl.col("sell") > 0).then(
                    pl.col("buy") / pl.col("sell")
                ),
                rank=_minutes("path_period", PERIOD_MINUTES),
            )
        ],
    )


def parse_bars(payloads: Sequence[Payload]) -> Parsed:
    """`[start, open, high, low, close]`, and volume and turnover where the price is a traded one.

    Volume counts like open interest; turnover is quote (linear) or coin (inverse). A bar that had
    not ended when it was served is set aside: it will be there whole.
    """
    records = _read(payloads, range(7), "kind", "interval")
    minutes = _minutes("path_interval", BAR_MINUTES)
    bars = sift(
        records,
        "prices",
        {
            "symbol": text("symbol"),
            "opened_at": epoch("0"),
            "price_open": number("1"),
            "price_high": number("2"),
            "price_low": number("3"),
            "price_close": number("4"),
            "volume": number("5", optional=True, minimum=0),
            "turnover": number("6", optional=True, minimum=0),
            "served_at": epoch("time", optional=True),
        },
        at="opened_at",
        checks=[
            of_path_symbol(),
            within_path_days("opened_at"),
            Fault(
                pl.col("opened_at") + pl.duration(minutes=minutes) > pl.col("served_at"),
                pl.lit("the bar had not ended when it was served"),
            ),
            Fault(
                (pl.col("path_kind") == "kline") & pl.col("volume").is_null(),
                pl.lit("a traded price without a volume"),
            ),
        ],
    )
    traded = pl.col("path_kind") == "kline"
    inverse = pl.col("symbol").str.contains(_IS_INVERSE)
    return assemble(
        records,
        [
            bars.derive(
                price_source=pl.col("path_kind").replace_strict(BAR_SOURCES),
                interval_minutes=minutes,
                volume=pl.when(traded).then("volume"),
                volume_unit=pl.when(traded).then(_native_unit()),
                volume_value_coin=pl.when(traded & inverse).then("turnover"),
                volume_value_usd=pl.when(traded & ~inverse).then("turnover"),
            )
        ],
    )


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """v5 instruments-info and v2 /public/symbols; what v2 does not say is the rule's."""
    fields = (
        "contractType", "baseCoin", "quoteCoin", "settleCoin", "launchTime", "deliveryTime",
        "name", "base_currency", "quote_currency",
    )  # fmt: skip
    records = _read(payloads, fields, rows_of=_instrument_rows)
    no_date = pl.col("launchTime", "deliveryTime").replace("0", None)
    frame = records.frame.with_columns(
        no_date,
        symbol=pl.coalesce("symbol", "name"),
        base=pl.coalesce("baseCoin", "base_currency"),
        quote=pl.coalesce("quoteCoin", "quote_currency"),
        is_v5=pl.when(pl.col("name").is_null()).then(pl.coalesce("contractType", pl.lit("none"))),
    )
    listed = sift(
        replace(records, frame=frame),
        "instruments",
        {
            "symbol": text("symbol"),
            "served_at": epoch("time", optional=True),
            "base_asset": text("base"),
            "quote_asset": text("quote"),
            "settle_asset": text("settleCoin", optional=True),
            "contract_type": text("is_v5", optional=True),
            "valid_from": epoch("launchTime", optional=True),
            "valid_to": epoch("deliveryTime", optional=True),
        },
        at="served_at",
        checks=[
            Fault(
                ~pl.col("contract_type").is_in(list(CONTRACT_TYPES)),
                pl.format("contractType {} is no future", "contract_type"),
            )
        ],
    )
    named = pl.col("contract_type")
    margins = {name: margin.value for name, (margin, _) in CONTRACT_TYPES.items()}
    kinds = {name: kind.value for name, (_, kind) in CONTRACT_TYPES.items()}
    return assemble(
        records,
        [
            listed.derive(
                observed_at=pl.coalesce("served_at", file_times(payloads)),
                margin_type=named.replace_strict(margins, default=None, return_dtype=pl.String),
                contract_kind=named.replace_strict(kinds, default=None, return_dtype=pl.String),
                contract_size=pl.lit(1.0),
            )
        ],
    )


# ---- Recordings ---------------------------------------------------------------------------------


def _liquidation_rows(message: object) -> Sequence[object] | None:
    """Events of `allLiquidation.{symbol}` (an array) and `liquidation.{symbol}` (an object, or an
    array where they were collected from the REST endpoint of 2020 and 2021)."""
    if not isinstance(message, dict):
        return None
    if "topic" not in message:
        if message.get("success") is False:
            raise RefusedError(f"{message.get('ret_msg')}")
        return [] if "op" in message or "success" in message else None
    topic, data = message["topic"], message.get("data")
    if not isinstance(topic, str) or topic.partition(".")[0] not in (
        "allLiquidation",
        "liquidation",
    ):
        return None
    return [data] if isinstance(data, dict) else data if isinstance(data, list) else None


_EVENT = {  # names of the new topic, of the old one, and of the old one until 2022
    "symbol": ("s", "symbol"),
    "side": ("S", "side"),
    "size": ("v", "size", "qty"),
    "price": ("p", "price"),
    "at": ("T", "updatedTime", "time"),
}


def parse_liquidations(payloads: Sequence[Payload]) -> Parsed:
    columns: dict[str, Where] = {name: (name,) for names in _EVENT.values() for name in names}
    records = read_json(NAME, payloads, columns, _liquidation_rows).with_facts(payloads)
    named = {f"an {name}": pl.coalesce(*names) for name, names in _EVENT.items()}
    frame = records.frame.select(
        "raw_key", "raw_row", pl.col("^path_.*$"), *(e.alias(n[3:]) for n, e in named.items())
    )
    events = sift(
        replace(records, frame=frame),
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("at"),
            "side": word("side", SIDES),
            "price": number("price", minimum=0),
            "amount": number("size", minimum=0),
        },
        at="liquidated_at",
        checks=[of_path_symbol()],
    )
    return assemble(records, [events.derive(unit=_native_unit(), price_kind=pl.lit("bankruptcy"))])


# ---- Questions to the API -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Series:
    """An endpoint that answers newest first between two instants.

    folder: what path and parameters say beside category and symbol. length: of the window of
    which one page holds all rows at the finest spacing. dated: whether dated contracts have it.
    """

    endpoint: str
    params: dict[str, str]
    folder: str
    length: timedelta
    pages: BackwardPages
    dated: bool = False

    def ask(self, window: Window) -> Iterator[Request]:
        root = self.endpoint.lstrip("/").replace("/", "-")
        for symbol in window.symbols:
            known = instrument(symbol)
            if known is None or (known.contract_kind is ContractKind.DATED and not self.dated):
                continue
            category = "inverse" if known.margin_type is Margin.INVERSE else "linear"
            params = {"category": category, "symbol": symbol, **self.params}
            folder = "/".join(filter(None, (root, category, self.folder, symbol)))
            yield from self.pages.ask(
                Request("api", self.endpoint, params, folder, "market"), window, self.length
            )


def _pages(stamp: str | int, limit: int, first: str, last: str) -> BackwardPages:
    return BackwardPages(NAME, _rows, ("row", stamp), limit, first, last)


def _bars(kind: str, interval: str, length: timedelta) -> _Series:
    pages = _pages(0, 1000, "start", "end")
    return _Series(
        f"/v5/market/{kind}", {"interval": interval}, interval, length, pages, dated=True
    )


_SERIES = {
    "funding-history": _Series(
        "/v5/market/funding/history",
        {},
        "",
        timedelta(days=60),  # 180 settlements every 8 hours; with more there are more pages
        _pages("fundingRateTimestamp", 200, "startTime", "endTime"),
    ),
    "open-interest": _Series(
        "/v5/market/open-interest",
        {"intervalTime": "5min"},
        "5min",
        timedelta(hours=12),
        _pages("timestamp", 200, "startTime", "endTime"),
        dated=True,
    ),
    "account-ratio": _Series(
        "/v5/market/account-ratio",
        {"period": "5min"},
        "5min",
        timedelta(days=1),
        _pages("timestamp", 500, "startTime", "endTime"),
    ),
    # Fine enough to value each sample of the open interest at its own price.
    "mark-price-kline": _bars("mark-price-kline", "5", timedelta(days=3)),
    "kline": _bars("kline", "60", timedelta(days=40)),
}


def _ask_instruments(window: Window) -> Iterator[Request]:
    for category in ("linear", "inverse"):
        yield Request(
            "api",
            "/v5/market/instruments-info",
            {"category": category, "limit": "1000"},
            f"v5-market-instruments-info/{category}/{window.now.astimezone(UTC):%Y-%m-%d}.json",
            "market",
        )


def _next_instruments(request: Request, content: bytes) -> Request | None:
    """There are more linear contracts than a page holds; the cursor is empty on the last one."""
    [answer] = rows_in(NAME, request.path, content, _answer)
    cursor = answer.get("nextPageCursor") if isinstance(answer, dict) else None
    if not cursor or not isinstance(cursor, str):
        return None
    stem = request.path.removesuffix(".json")
    first, _, number_of_page = stem.partition("_")
    path = f"{first}_{int(number_of_page or 1) + 1}.json"
    return replace(request, params={**request.params, "cursor": cursor}, path=path)


def _answer(document: object) -> Sequence[object] | None:
    rows = _rows(document)
    return None if rows is None or not isinstance(document, dict) else [document["result"]]


# ---- The venue ----------------------------------------------------------------------------------

_ROOT = r"(?:api-)?(?:v5-)?market-"
_CATEGORY = r"(?:linear|inverse)"
_PERIOD = rf"(?P<period>{'|'.join(PERIOD_MINUTES)})"
_BARS = rf"{_CATEGORY}/(?P<interval>{'|'.join(BAR_MINUTES)})"

_ANSWERS: dict[str, tuple[str, str, Parser]] = {
    "funding-history": (
        "funding_rates", rf"{_ROOT}funding-history/{_CATEGORY}/{NAMED}", parse_funding
    ),
    "open-interest": (
        "open_interest",
        rf"{_ROOT}open-interest/{_CATEGORY}/{_PERIOD}/{NAMED}",
        parse_open_interest,
    ),
    "tickers": ("open_interest", rf"{_ROOT}tickers/{_CATEGORY}/{NAMED}", parse_tickers),
    "account-ratio": (
        "positioning", rf"{_ROOT}account-ratio/{_CATEGORY}/{_PERIOD}/{NAMED}", parse_account_ratio
    ),
    **{
        kind: ("prices", rf"{_ROOT}(?P<kind>{kind})/{_BARS}/{NAMED}", parse_bars)
        for kind in BAR_SOURCES
    },
    "instruments": (
        "instruments",
        rf"(?:{_ROOT}instruments-info/(?:{_CATEGORY}/)?|instruments){DATED}",
        parse_instruments,
    ),
}  # fmt: skip

_QUESTIONS: dict[str, tuple[Asker, Pager]] = {
    "instruments": (_ask_instruments, _next_instruments),
    **{name: (series.ask, series.pages.next_page) for name, series in _SERIES.items()},
}


def _feeds() -> Iterator[Feed]:
    """Each endpoint twice: as we ask it, and as somebody else's dump of it; then recordings."""
    for name, (dataset, pattern, parse) in _ANSWERS.items():
        # Of samples of one moment the ticker's, which has a price of its own.
        precedence = 19 if name == "tickers" else 20
        dump = dumped(name, (dataset,), answers_at(pattern, _symbol_of), parse, precedence)
        yield dump
        yield asked(dump, *_QUESTIONS.get(name, (None, None)), every_day=name in _SERIES)
    recorded = answers_at(rf"ws-(?:allLiquidation|liquidation)/(?:[^/]+/)*{NAMED}", _symbol_of)
    yield dumped("liquidation", ("liquidations",), recorded, parse_liquidations)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    # Nothing is documented of the time before: no regime, so unknown.
    regimes=(
        Regime(
            date(2021, 9, 1),
            date(2025, 2, 26),
            Completeness.THROTTLED,
            "Bybit: liquidation.{symbol} pushed at most one order per second and symbol since "
            "September 2021 (day not documented). allLiquidation.{symbol} began on 2025-02-20; "
            "until 2025-02-26 recordings may be of either topic",
        ),
        Regime(
            date(2025, 2, 26),
            None,
            Completeness.COMPLETE,
            "Bybit: allLiquidation.{symbol} pushes every liquidation, each 500 ms",
        ),
    ),
    api_hosts={"api": "https://api.bybit.com"},
    rate_limits={"market": RateLimit(600, 5.0)},
    priced_by_prices=frozenset({"open_interest"}),
)
