"""Gate futures: USDT- and USD1-settled (linear) and BTC-settled (inverse and quanto).

Docs     www.gate.com/docs/developers/apiv4 (futures), …/futures/ws; bulk files at
         download.gatedata.org (known from public downloaders, there is no specification)
Time     UTC seconds; milliseconds where a field is called `time_ms`.
Stamps   funding: the settlement. contract_stats: the sample.
Rates    fraction per interval of that settlement; the interval is not beside it. The rate was
         fixed one interval ahead; the stamp is that of the payment.
OI       contracts, with its value in US dollars and the mark price. Taken as single-sided: the
         documentation does not say. Tickers: `total_size`, contracts.
Sides    the signs are opposite. REST liq_orders: `size` is the POSITION, > 0 a long. Pushed
         public_liquidates: `size` is the ORDER, < 0 closed a long.
Sizes    one contract is `quanto_multiplier` base coins (linear; BTC_USDT 0.0001), one US dollar
         (BTC_USD) or `quanto_multiplier` BTC per point of price (other …_USD). Only answers tell
         it, but for the few in `CONTRACT_SIZES`.
Ratios   lsr_account and top_lsr_account: by accounts. top_lsr_size: by position. lsr_taker: taker
         volume. 0 is no report.
Gaps     no settlement of December 2020 in recorded funding. liq_orders: 90 days back, an hour and
         100 orders at a time; public_liquidates from 2025-02-19, one order per second and contract
         until 2026-08-20. The same order is not told alike by the two. The sums of liquidations in
         contract_stats (some cumulative) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, SUFFIX, file_times, spans
from transforms.answers import RefusedError, read_json, rows_in, stamps_in
from transforms.endpoints import PathFacts, answers_at, asked, dumped, perpetuals
from transforms.native import Unit
from transforms.payload import BadPayload, Facts, Parsed, Payload
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
)
from transforms.schemas.column import Completeness, ContractKind, Margin, Side, SourceKind
from transforms.settlements import settlements
from transforms.tabular import Layout, read_csv
from transforms.venue import Feed, Instrument, RateLimit, Regime, Request, Venue, Window

NAME = "gate"

DAY = timedelta(days=1)
SETTLED_IN = {"USDT": "usdt", "USD1": "usd1", "USD": "btc"}  # quote → the API's word for its market
PERIOD_MINUTES = {
    "1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1440,
}  # fmt: skip
# Coins per contract where it is known without an answer (of 2023-05-24; both unchanged before).
CONTRACT_SIZES = {"BTC_USDT": 0.0001, "ETH_USDT": 0.01}
# Millions and billions of coins, told by their prices: MBABYDOGE 0.0019 USD, BABYDOGE 1.9e-9.
BUNDLES = {
    "MBABYDOGE": ("BABYDOGE", 1e6),
    "BAIDOGE": ("AIDOGE", 1e9),
    "BSHIBAI": ("SHIBAI", 1e9),
}
ASKED_PERIOD = "5m"
STATS_PAGE = 96  # eight hours; a page holds 100
ORDERS_PAGE = 100

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"(?P<base>[^a-z\s/._-]+?)_(?P<quote>USDT|USD1|USD)(?:_(?P<delivery>\d{8}))?")
_MULTIPLIER = re.compile(r"(10{3,6}(?=\D))(.+)")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be Gate futures."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    base, multiplier = BUNDLES.get(found["base"], (found["base"], 1.0))
    if (scaled := _MULTIPLIER.fullmatch(base)) is not None:
        base, multiplier = scaled[2], float(scaled[1])
    margin, settled_in, size = Margin.LINEAR, found["quote"], CONTRACT_SIZES.get(symbol)
    if found["quote"] == "USD":
        margin, settled_in = Margin.QUANTO, "BTC"
        if base == "BTC":
            margin, size = Margin.INVERSE, 1.0
    perpetual = Instrument(
        symbol,
        base,
        found["quote"],
        settled_in,
        margin,
        ContractKind.PERPETUAL,
        contract_size=size,
        base_multiplier=multiplier,
    )
    if found["delivery"] is None:
        return perpetual
    try:
        end = datetime.strptime(found["delivery"], "%Y%m%d").replace(hour=8, tzinfo=UTC)
    except ValueError:
        return None
    return replace(perpetual, contract_kind=ContractKind.DATED, valid_to=end)


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


# ---- Archive ------------------------------------------------------------------------------------

_ARCHIVED = re.compile(
    r"futures_(?:usdt|usd1|btc)/funding_applies/(?P<month>\d{6})/"
    r"(?P<symbol>[^/]+)-(?P=month)\.csv\.gz"
)
_APPLIES_CSV = Layout.of("time rate", required="time rate")


def _archive_facts(path: str) -> Facts | None:
    found = _ARCHIVED.fullmatch(path)
    if found is None or (symbol := _symbol_of(found["symbol"])) is None:
        return None
    try:
        first = date(int(found["month"][:4]), int(found["month"][4:]), 1)
    except ValueError:
        return None
    return Facts(symbol, first, (first.replace(day=28) + 4 * DAY).replace(day=1) - DAY)


def _archive_keys(symbol: str | None, first: date, last: date) -> Sequence[str]:
    """One file a month and market: the site has no listing."""
    known = None if symbol is None else instrument(symbol)
    if known is None:
        return []
    market = SETTLED_IN[known.quote_asset]
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    stamps = [f"{month // 12:04d}{month % 12 + 1:02d}" for month in months]
    return [f"futures_{market}/funding_applies/{m}/{symbol}-{m}.csv.gz" for m in stamps]


def parse_funding_csv(payloads: Sequence[Payload]) -> Parsed:
    """No header: seconds, settled rate."""
    return _settlements(read_csv(NAME, payloads, _APPLIES_CSV).with_facts(payloads))


def _settlements(records: Records) -> Parsed:
    settled = settlements(records, epoch("time"), exact_rate("rate"), symbol="path_symbol")
    return assemble(records, [settled])


# ---- Answers and messages -----------------------------------------------------------------------


def _refuse_error(answer: object) -> None:
    """`{"label":"INVALID_PARAM_VALUE","message":…}`; messages have an `error` that is mostly
    null."""
    if isinstance(answer, dict):
        if "label" in answer:
            raise RefusedError(f"the venue answers {answer['label']}: {answer.get('message')}")
        if answer.get("error"):
            raise RefusedError(f"the venue says {answer['error']}")


def _rows_with(field: str, answer: object) -> Sequence[object] | None:
    """A list of rows, or one of them."""
    _refuse_error(answer)
    if isinstance(answer, list) and not any(isinstance(row, list) for row in answer):
        return answer
    return [answer] if isinstance(answer, dict) and field in answer else None


def _pushed(channel: str, message: object) -> Sequence[object] | None:
    """Rows of a message of one channel, each with the message's time."""
    _refuse_error(message)
    if not isinstance(message, dict) or message.get("channel") != f"futures.{channel}":
        return None
    if message.get("event") in ("subscribe", "unsubscribe"):
        return []
    rows = message.get("result")
    if message.get("event") != "update" or not isinstance(rows, list | dict):
        return None
    said = message.get("time_ms") or message.get("time")
    return [{"row": row, "said": said} for row in (rows if isinstance(rows, list) else [rows])]


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    columns = {"time": ("t",), "rate": ("r",)}
    records = read_json(NAME, payloads, columns, partial(_rows_with, "r"))
    return _settlements(records.with_facts(payloads))


_RATIOS = {
    "long_short_account_ratio": "lsr_account",
    "top_trader_account_ratio": "top_lsr_account",
    "top_trader_position_ratio": "top_lsr_size",
    "taker_buy_sell_ratio": "lsr_taker",
}


def _positive(column: str) -> pl.Expr:
    """Here 0 stands for what was not reported."""
    return pl.when(pl.col(column) > 0).then(pl.col(column)).alias(column)


def parse_stats(payloads: Sequence[Payload]) -> Parsed:
    """A sample is open interest and ratios. Coarser intervals repeat finer ones, which come
    first."""
    fields = ("time", "open_interest", "open_interest_usd", "mark_price", *_RATIOS.values())
    rows_of = partial(_rows_with, "open_interest")
    columns = {name: (name,) for name in (*fields, "contract")}
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads, "period")
    symbol = pl.coalesce("contract", "path_symbol").alias("symbol")
    records = replace(records, frame=records.frame.with_columns(symbol))
    origin = {"symbol": text("symbol"), "sampled_at": epoch("time")}
    checks = [of_path_symbol(), within_path_days("sampled_at")]
    interest = sift(
        records,
        "open_interest",
        origin
        | {
            "amount": number("open_interest", minimum=0),
            "value": number("open_interest_usd", optional=True, minimum=0),
            "price": number("mark_price", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=checks,
    )
    ratios = sift(
        records,
        "positioning",
        origin | {name: number(field, optional=True, minimum=0) for name, field in _RATIOS.items()},
        at="sampled_at",
        checks=checks,
    )
    minutes = pl.col("path_period").replace_strict(
        PERIOD_MINUTES, default=None, return_dtype=pl.Int64
    )
    common = {"sampled_at_original": pl.col("sampled_at"), "rank": minutes}
    # A value of nothing beside contracts is no value.
    valued = (pl.col("value") > 0) | (pl.col("amount") == 0)
    return assemble(
        records,
        [
            interest.derive(
                _positive("price"),
                sample_interval_minutes=minutes,
                unit=pl.lit(Unit.CONTRACTS.value),
                sides=pl.lit(1),
                value_usd=pl.when(valued).then("value"),
                **common,
            ),
            ratios.derive(*map(_positive, _RATIOS), **common),
        ],
    )


def parse_tickers(payloads: Sequence[Payload]) -> Parsed:
    """Pushed when something changes. The funding rate beside it is the running one."""
    fields = {name: ("row", name) for name in ("contract", "total_size", "mark_price")}
    records = read_json(NAME, payloads, fields | {"said": ("said",)}, partial(_pushed, "tickers"))
    records = records.with_facts(payloads)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("contract"),
            "sampled_at": epoch("said"),
            "amount": number("total_size", minimum=0),
            "price": number("mark_price", optional=True, minimum=0),
        },
        at="sampled_at",
    )
    return assemble(
        records,
        [
            samples.derive(
                _positive("price"),
                sampled_at_original=pl.col("sampled_at"),
                unit=pl.lit(Unit.CONTRACTS.value),
                sides=pl.lit(1),
            )
        ],
    )


_NO_SIZE = Fault(pl.col("size") == 0, pl.lit("size is zero: neither long nor short"))


def _side(long: pl.Expr) -> pl.Expr:
    return pl.when(long).then(pl.lit(Side.LONG.value)).otherwise(pl.lit(Side.SHORT.value))


def parse_liquidation_orders(payloads: Sequence[Payload]) -> Parsed:
    """`size` is the position, > 0 a long; `order_size` is the order that closed it, or part of
    it: a position closed in steps comes again with each, and only the step is counted. The price
    is what was paid on average, else the order's."""
    fields = ("contract", "time", "time_ms", "size", "order_size", "order_price", "fill_price")
    columns = {name: (name,) for name in fields}
    records = read_json(NAME, payloads, columns, partial(_rows_with, "size")).with_facts(payloads)
    frame = records.frame.with_columns(
        pl.coalesce("contract", "path_symbol").alias("symbol"),
        pl.coalesce("time_ms", "time").alias("time"),
    )
    orders = sift(
        replace(records, frame=frame),
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("time"),
            "size": number("size"),
            "order": number("order_size", optional=True),
            "order_price": number("order_price", optional=True, minimum=0),
            "fill_price": number("fill_price", optional=True, minimum=0),
        },
        at="liquidated_at",
        checks=[
            of_path_symbol(),
            within_path_days("liquidated_at"),
            _NO_SIZE,
            Fault(
                (pl.col("fill_price").fill_null(0) <= 0)
                & (pl.col("order_price").fill_null(0) <= 0),
                pl.lit("neither a fill price nor an order price"),
            ),
        ],
    )
    filled = pl.when(pl.col("fill_price") > 0).then("fill_price")
    step = pl.when(pl.col("order") != 0).then(pl.col("order").abs())
    return assemble(
        records,
        [
            orders.derive(
                side=_side(pl.col("size") > 0),
                amount=pl.min_horizontal(pl.col("size").abs(), step),
                unit=pl.lit(Unit.CONTRACTS.value),
                price=pl.coalesce(filled, "order_price"),
                price_kind=pl.when(filled.is_not_null())
                .then(pl.lit("average"))
                .otherwise(pl.lit("order")),
            )
        ],
    )


def parse_liquidates(payloads: Sequence[Payload]) -> Parsed:
    """`size` is the order's here: < 0 sold a long. Its time is in seconds or milliseconds."""
    fields = ("contract", "price", "size", "time", "time_ms")
    columns = {name: ("row", name) for name in fields}
    records = read_json(NAME, payloads, columns, partial(_pushed, "public_liquidates"))
    records = records.with_facts(payloads)
    frame = records.frame.with_columns(pl.coalesce("time_ms", "time").alias("time"))
    orders = sift(
        replace(records, frame=frame),
        "liquidations",
        {
            "symbol": text("contract"),
            "liquidated_at": epoch("time"),
            "size": number("size"),
            "price": number("price", minimum=0),
        },
        at="liquidated_at",
        checks=[_NO_SIZE, Fault(pl.col("price") <= 0, pl.lit("price is zero"))],
    )
    return assemble(
        records,
        [
            orders.derive(
                side=_side(pl.col("size") < 0),
                amount=pl.col("size").abs(),
                unit=pl.lit(Unit.CONTRACTS.value),
                price_kind=pl.lit("order"),
            )
        ],
    )


def parse_contracts(payloads: Sequence[Payload]) -> Parsed:
    """What a contract is comes from its name; only its size and its times are told."""
    fields = ("name", "quanto_multiplier", "create_time", "launch_time", "delisted_time")
    columns = {name: (name,) for name in (*fields, "expire_time")}
    rows_of = partial(_rows_with, "quanto_multiplier")
    records = read_json(NAME, payloads, columns, rows_of)
    # 0 is no time.
    times = pl.col("create_time", "launch_time", "delisted_time", "expire_time").replace("0", None)
    known = {name: instrument(name) for name in records.frame["name"].drop_nulls().unique()}
    facts = pl.DataFrame(
        [
            (name, i.base_asset, i.quote_asset, i.settle_asset, i.margin_type.value,
             i.contract_kind.value)
            for name, i in sorted(known.items()) if i is not None
        ],
        schema=("name", "base", "quote", "settle", "margin", "kind"),
        schema_overrides=dict.fromkeys(
            ("name", "base", "quote", "settle", "margin", "kind"), pl.String
        ),
        orient="row",
    )  # fmt: skip
    frame = records.frame.join(facts, on="name", how="left", maintain_order="left")
    listed = sift(
        replace(records, frame=frame.with_columns(times)),
        "instruments",
        {
            "symbol": text("name"),
            "base_asset": text("base"),
            "quote_asset": text("quote"),
            "settle_asset": text("settle"),
            "margin_type": text("margin"),
            "contract_kind": text("kind"),
            "multiplier": number("quanto_multiplier", minimum=0),
            "created": epoch("create_time", optional=True),
            "launched": epoch("launch_time", optional=True),
            "delisted": epoch("delisted_time", optional=True),
            "expires": epoch("expire_time", optional=True),
        },
        at="created",
        checks=[
            Fault(
                (pl.col("multiplier") <= 0) & (pl.col("margin_type") != Margin.INVERSE.value),
                pl.lit("quanto_multiplier is not positive"),
            )
        ],
    )
    inverse = pl.col("margin_type") == Margin.INVERSE.value
    return assemble(
        records,
        [
            listed.derive(
                observed_at=file_times(payloads),
                contract_size=pl.when(inverse).then(1.0).otherwise("multiplier"),
                valid_from=pl.coalesce("launched", "created"),
                valid_to=pl.coalesce("delisted", "expires"),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _perpetuals(window: Window) -> Iterator[tuple[str, str]]:
    """Symbols with the API's word for their market."""
    for known in perpetuals(instrument, window):
        yield known.symbol, SETTLED_IN[known.quote_asset]


def _ask_funding(window: Window) -> Iterator[Request]:
    """A page holds 1,000 settlements, and 30 days at most 720."""
    for symbol, market in _perpetuals(window):
        for start, end in spans(window, 30 * DAY):
            yield Request(
                "api",
                f"/api/v4/futures/{market}/funding_rate",
                {"contract": symbol, "from": start // 1000, "to": end // 1000, "limit": 1000},
                f"futures-{market}-funding_rate/{symbol}/{start}-{end}.json",
                "futures",
            )


def _ask_stats(window: Window) -> Iterator[Request]:
    for symbol, market in _perpetuals(window):
        for start, end in spans(window, STATS_PAGE * timedelta(minutes=5)):
            params: dict[str, str | int] = {"contract": symbol, "interval": ASKED_PERIOD}
            yield Request(
                "api",
                f"/api/v4/futures/{market}/contract_stats",
                params | {"from": start // 1000, "limit": STATS_PAGE},
                f"futures-{market}-contract_stats/{ASKED_PERIOD}/{symbol}/{start}-{end}.json",
                "futures",
            )


def _ask_orders(window: Window) -> Iterator[Request]:
    """Of all contracts of a market at once, an hour at a time."""
    for market in sorted({market for _, market in _perpetuals(window)}):
        for start, end in spans(window, timedelta(hours=1)):
            yield _orders_between(market, start, end)


def _orders_between(market: str, start: int, end: int) -> Request:
    """From start to end, ms, whose seconds are both inclusive."""
    return Request(
        "api",
        f"/api/v4/futures/{market}/liq_orders",
        {"from": start // 1000, "to": end // 1000, "limit": ORDERS_PAGE},
        f"futures-{market}-liq_orders/all/{start}-{end}.json",
        "futures",
    )


def _next_orders(request: Request, content: bytes) -> Request | None:
    """What a full page left out: before its oldest orders, or behind its newest where it begins
    with the oldest. Orders of the second at the edge come again.

    Raises BadPayload where a page does not get anywhere: more orders than a page in one second.
    """
    rows = rows_in(NAME, request.path, content, partial(_rows_with, "size"))
    if len(rows) < ORDERS_PAGE:
        return None
    times = stamps_in(NAME, request.path, rows, ("time",))
    first, last = int(request.params["from"]), int(request.params["to"])
    edges = (first, min(times)) if times[0] >= times[-1] else (max(times), last)
    if min(times) == max(times) or edges == (first, last) or edges[0] > edges[1]:
        raise BadPayload(NAME, request.path, f"more than {ORDERS_PAGE} orders in a second")
    market = request.endpoint.split("/")[-2]
    return _orders_between(market, edges[0] * 1000, edges[1] * 1000 + 999)


def _ask_contracts(window: Window) -> Iterator[Request]:
    for market in sorted(SETTLED_IN.values()):
        path = f"futures-{market}-contracts/{window.now.astimezone(UTC):%Y-%m-%d}.json"
        yield Request("api", f"/api/v4/futures/{market}/contracts", {}, path, "futures")


# ---- The venue ----------------------------------------------------------------------------------

_MARKET = r"(?:api-)?(?:v4-)?futures-(?P<settle>usdt|usd1|usd|btc)"
_PERIOD = rf"(?P<period>{'|'.join(PERIOD_MINUTES)})"
_CHANNEL = r"ws-(?:futures\.)?"


def _path(pattern: str) -> PathFacts:
    return answers_at(pattern, _symbol_of)


def _feeds() -> Iterator[Feed]:
    """The archive, then each endpoint twice: as we ask it, and as somebody else's dump of it."""
    yield Feed(
        name="monthly-funding_applies",
        datasets=("funding_rates",),
        source=SourceKind.ARCHIVE,
        precedence=0,
        facts=_archive_facts,
        parse=parse_funding_csv,
        candidates=_archive_keys,
    )
    funding = dumped(
        "funding_rate",
        ("funding_rates",),
        _path(rf"{_MARKET}-funding_rate/{NAMED}"),
        parse_funding,
    )
    stats = dumped(
        "contract_stats",
        ("open_interest", "positioning"),
        _path(rf"{_MARKET}-contract_stats/{_PERIOD}/{NAMED}"),
        parse_stats,
    )
    orders = dumped(
        "liq_orders",
        ("liquidations",),
        _path(rf"{_MARKET}-liq_orders/{NAMED}"),
        parse_liquidation_orders,
    )
    contracts = dumped(
        "contracts",
        ("instruments",),
        _path(rf"(?:{_MARKET}-contracts/|instruments){DATED}"),
        parse_contracts,
    )
    yield asked(funding, _ask_funding)
    yield asked(stats, _ask_stats)
    yield asked(orders, _ask_orders, _next_orders, every_day=False)
    yield asked(contracts, _ask_contracts, every_day=False)
    yield from (funding, stats, orders, contracts)
    yield dumped(
        "ws-public_liquidates",
        ("liquidations",),
        _path(rf"{_CHANNEL}public_liquidates/.+{SUFFIX}"),
        parse_liquidates,
        30,
    )
    yield dumped(
        "ws-tickers",
        ("open_interest",),
        _path(rf"{_CHANNEL}tickers/.+{SUFFIX}"),
        parse_tickers,
        30,
    )


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    regimes=(
        Regime(
            date(2025, 2, 19),
            date(2026, 8, 20),
            Completeness.THROTTLED,
            "Gate futures WebSocket, public_liquidates (added 2025-02-19): at most one order per "
            "second and contract",
        ),
        Regime(
            date(2026, 8, 20),
            None,
            Completeness.COMPLETE,
            "Gate futures WebSocket change log 2026-08-20: the orders of a second are pushed "
            "together, none is left out any more",
        ),
    ),
    api_hosts={"api": "https://api.gateio.ws"},
    rate_limits={"futures": RateLimit(200, 10.0)},  # per endpoint, public
    # Quanto contracts have a price, but are paid in BTC.
    priced_by_prices=frozenset({"open_interest", "liquidations"}),
)
