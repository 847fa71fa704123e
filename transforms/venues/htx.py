"""HTX (Huobi) futures: USDT-margined (linear) and coin-margined (inverse) swaps and futures.

Docs     www.htx.com/en-us/opend/newApiPages (USDT-M, Coin-M swaps and futures); bulk files at
         www.htx.com/data/ (known from public downloaders, there is no specification)
Time     UTC milliseconds, numbers or text.
Stamps   funding: the settlement, which may be hours late (2021-04-07 18:00) or additional (four on
         2021-10-28). Open interest: the moment of the answer or message.
Rates    fraction per interval. `realized_rate` is what was paid; where it is absent `funding_rate`
         is all there is. The rate was fixed one interval ahead; the stamp is that of the payment.
OI       `volume`, `amount` and `value` count BOTH sides ("sum of both buy and sell sides").
         volume: contracts; amount: coins; value: quote.
Sides    liquidation `direction` is the order: sell closed a long (trade_type 5; 6 is the short).
         Price is the bankruptcy price.
Sizes    linear: `amount` is in coins. Inverse: `volume` × contract_size US dollars, 100 for BTC, 10
         for others. Coins per linear contract are needed only where amount is absent.
Symbols  BTC-USDT, BTC-USD swaps; BTC-USDT-211210, BTC210924 dated. The archive writes
         BTC-USDT-PERP for BTC-USDT.
Gaps     liquidations for 90 days back, two hours at a time; whether all of them is documented
         nowhere. Old bulk files are removed. No history of open interest is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import (
    DATED,
    NAMED,
    SUFFIX,
    answer_facts,
    file_time,
    milliseconds,
    spans,
)
from transforms.answers import RefusedError, RowsOf, Where, read_json, rows_in
from transforms.native import UTC_MICROS, Unit
from transforms.payload import BadPayload, Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Records,
    assemble,
    epoch,
    exact_rate,
    iso_utc,
    number,
    of_path_symbol,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import ContractKind, Margin, Side, SourceKind
from transforms.tabular import Layout, read_csv
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "htx"

DAY = timedelta(days=1)
SIDES = {  # order → position closed; by direction, else by trade_type
    "sell": Side.LONG.value,
    "buy": Side.SHORT.value,
    "5": Side.LONG.value,
    "6": Side.SHORT.value,
}
# Coins per contract where it is known without an answer (of 2022-02-19).
CONTRACT_SIZES = {"BTC-USDT": 0.001, "ETH-USDT": 0.01}
DOLLARS_PER_CONTRACT = {"BTC": 100.0}
OTHER_DOLLARS_PER_CONTRACT = 10.0
FUNDING_PAGE = 50
LIQUIDATIONS_KEPT = timedelta(days=90)
LIQUIDATIONS_SPAN = timedelta(hours=2)

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"(?P<base>[^a-z\s/._-]+)-(?P<quote>USDT|USD)(?:-(?P<delivery>\d{6}))?")
_INVERSE_FUTURE = re.compile(r"(?P<base>[^a-z\s/._-]*[A-Z])(?P<delivery>\d{6})")
_MULTIPLIER = re.compile(r"(10{3,6}(?=\D))(.+)")
_IS_LINEAR = r"-USDT(?:-\d{6})?$"


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be HTX futures.

    Dated contracts are delivered at 08:00 UTC.
    """
    found = _SYMBOL.fullmatch(symbol) or _INVERSE_FUTURE.fullmatch(symbol)
    if found is None:
        return None
    parts = found.groupdict()
    coin, quote = parts["base"], parts.get("quote") or "USD"
    base, multiplier = coin, 1.0
    if (scaled := _MULTIPLIER.fullmatch(coin)) is not None:
        base, multiplier = scaled[2], float(scaled[1])
    margin, settled_in = Margin.LINEAR, quote
    size = CONTRACT_SIZES.get(f"{coin}-{quote}")
    if quote == "USD":
        margin, settled_in = Margin.INVERSE, base
        size = DOLLARS_PER_CONTRACT.get(base, OTHER_DOLLARS_PER_CONTRACT)
    perpetual = Instrument(
        symbol,
        base,
        quote,
        settled_in,
        margin,
        ContractKind.PERPETUAL,
        contract_size=size,
        base_multiplier=multiplier,
    )
    if parts["delivery"] is None:
        return perpetual
    try:
        end = datetime.strptime(parts["delivery"], "%y%m%d").replace(hour=8, tzinfo=UTC)
    except ValueError:
        return None
    return replace(perpetual, contract_kind=ContractKind.DATED, valid_to=end)


def _symbol_of(name: str) -> str | None:
    symbol = name.removesuffix("-PERP")
    return symbol if instrument(symbol) is not None else None


# ---- Archive ------------------------------------------------------------------------------------

_FOLDER = "historical_data/futures/daily/funding-rates"
_ARCHIVED = re.compile(
    rf"{_FOLDER}/(?P<name>[^/]+)/(?P=name)-fundingRates-(?P<day>\d{{4}}-\d\d-\d\d)\.zip"
)
# The columns are documented nowhere: they are known by their names, and a file without a header
# is set aside row by row.
_FUNDING_CSV = Layout.of(
    "",
    required="",
    extra="""contract_code symbol funding_time fundingTime time timestamp realized_rate
    realizedRate funding_rate fundingRate""",
)


def _archive_facts(path: str) -> Facts | None:
    found = _ARCHIVED.fullmatch(path)
    if found is None or (symbol := _symbol_of(found["name"])) is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    return Facts(symbol, day, day)


def _archive_keys(symbol: str | None, first: date, last: date) -> Sequence[str]:
    """A file a day and swap, under either of its names: the site has no listing."""
    known = None if symbol is None else instrument(symbol)
    if known is None or known.contract_kind is ContractKind.DATED:
        return []
    days = [first + n * DAY for n in range((last - first).days + 1)]
    names = (f"{symbol}-PERP", symbol)
    return [f"{_FOLDER}/{n}/{n}-fundingRates-{day:%Y-%m-%d}.zip" for day in days for n in names]


def parse_funding_csv(payloads: Sequence[Payload]) -> Parsed:
    records = read_csv(NAME, payloads, _FUNDING_CSV).with_facts(payloads)
    told = pl.coalesce("contract_code", "symbol").str.replace("-PERP$", "")
    frame = records.frame.select(
        "raw_key",
        "raw_row",
        pl.col("^path_.*$"),
        pl.coalesce(told, "path_symbol").alias("symbol"),
        pl.coalesce("funding_time", "fundingTime", "time", "timestamp").alias("funding_time"),
        pl.coalesce("realized_rate", "realizedRate", "funding_rate", "fundingRate").alias("rate"),
    )
    return _settlements(replace(records, frame=frame))


def _settlements(records: Records) -> Parsed:
    settled = sift(
        records,
        "funding_rates",
        {
            "symbol": text("symbol"),
            "settled_at_original": epoch("funding_time"),
            "funding_rate": exact_rate("rate"),
        },
        at="settled_at_original",
        checks=[of_path_symbol(), within_path_days("settled_at_original")],
    )
    rounded = pl.col("settled_at_original").dt.round("1m")
    return assemble(records, [settled.derive(settled_at=rounded)])


# ---- Answers and messages -----------------------------------------------------------------------


def _data(answer: object) -> object:
    """What an answer holds, or None if it is no answer of this venue. v1 says `status`, v3
    `code`."""
    if not isinstance(answer, dict):
        return None
    if answer.get("status") == "error" or answer.get("code") not in (None, "200"):
        code = answer.get("err_code") or answer.get("err-code") or answer.get("code")
        words = answer.get("err_msg") or answer.get("err-msg") or answer.get("msg")
        raise RefusedError(f"the venue answers {code}: {words}")
    return answer.get("data") if "status" in answer or "code" in answer else None


def _rows(field: str, answer: object) -> Sequence[object] | None:
    """Rows of an answer, each with the answer's time: they are its data, or `field` within."""
    data = _data(answer)
    rows = data.get(field) if isinstance(data, dict) else data
    ts = answer.get("ts") if isinstance(answer, dict) else None
    return [{"row": row, "ts": ts} for row in rows] if isinstance(rows, list) else None


def _pushed(channel: str, message: object) -> Sequence[object] | None:
    """Rows of a message of one channel, which is a `ch` (market data) or a `topic` (orders)."""
    if not isinstance(message, dict):
        return None
    if message.get("err-code") not in (None, "0") or message.get("status") == "error":
        raise RefusedError(f"the venue says {message.get('err-code')}: {message.get('err-msg')}")
    if message.get("op") in ("sub", "unsub", "ping", "pong") or "subbed" in message:
        return []
    if "ping" in message or "pong" in message:
        return []
    rows = message.get("data")
    about = str(message.get("ch") or message.get("topic") or "")
    if not about.endswith(f".{channel}") or not isinstance(rows, list):
        return None
    return [{"row": row, "ts": message.get("ts")} for row in rows]


def _read(payloads: Sequence[Payload], fields: Sequence[str], rows_of: RowsOf) -> Records:
    """Cells of the rows, `ts` of the answer, and the symbol: the row's, else the path's."""
    columns: dict[str, Where] = {name: ("row", name) for name in (*fields, "contract_code")}
    records = read_json(NAME, payloads, columns | {"ts": ("ts",)}, rows_of).with_facts(payloads)
    symbol = pl.coalesce("contract_code", "path_symbol").alias("symbol")
    return replace(records, frame=records.frame.with_columns(symbol))


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    fields = ("funding_time", "funding_rate", "realized_rate")
    records = _read(payloads, fields, partial(_rows, "data"))
    rate = pl.coalesce("realized_rate", "funding_rate").alias("rate")
    return _settlements(replace(records, frame=records.frame.with_columns(rate)))


def _linear() -> pl.Expr:
    return pl.col("symbol").str.contains(_IS_LINEAR)


_NO_AMOUNT = Fault(
    pl.when(_linear())
    .then(pl.coalesce("coins", "contracts").is_null())
    .otherwise(pl.col("contracts").is_null()),
    pl.lit("neither coins nor contracts"),
)


def _counted() -> list[pl.Expr]:
    """Linear contracts by their coins, where these are given; inverse ones by their number, whose
    dollars are exact."""
    by_coins = _linear() & pl.col("coins").is_not_null()
    return [
        pl.when(by_coins).then("coins").otherwise("contracts").alias("amount"),
        pl.when(by_coins)
        .then(pl.lit(Unit.COIN.value))
        .otherwise(pl.lit(Unit.CONTRACTS.value))
        .alias("unit"),
    ]


def parse_open_interest(rows_of: RowsOf, payloads: Sequence[Payload]) -> Parsed:
    """All three figures count both sides; whoever halves them halves all."""
    records = _read(payloads, ("volume", "amount", "value"), rows_of)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("ts"),
            "contracts": number("volume", optional=True, minimum=0),
            "coins": number("amount", optional=True, minimum=0),
            "value": number("value", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), _NO_AMOUNT],
    )
    return assemble(
        records,
        [
            samples.derive(
                *_counted(),
                sampled_at_original=pl.col("sampled_at"),
                sides=pl.lit(2),
                value_coin=pl.when(~_linear()).then("coins"),
                value_usd=pl.when(_linear()).then("value"),
            )
        ],
    )


def parse_liquidations(rows_of: RowsOf, payloads: Sequence[Payload]) -> Parsed:
    fields = ("direction", "trade_type", "volume", "amount", "price", "created_at")
    records = _read(payloads, fields, rows_of)
    side = pl.coalesce("direction", "trade_type").alias("direction")
    orders = sift(
        replace(records, frame=records.frame.with_columns(side)),
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("created_at"),
            "side": word("direction", SIDES),
            "price": number("price", minimum=0),
            "contracts": number("volume", optional=True, minimum=0),
            "coins": number("amount", optional=True, minimum=0),
        },
        at="liquidated_at",
        checks=[
            of_path_symbol(),
            within_path_days("liquidated_at"),
            Fault(pl.col("price") <= 0, pl.lit("price is zero")),
            _NO_AMOUNT,
        ],
    )
    return assemble(records, [orders.derive(*_counted(), price_kind=pl.lit("bankruptcy"))])


def parse_contracts(payloads: Sequence[Payload]) -> Parsed:
    """What a contract is comes from its name; its size and its times are told."""
    fields = ("contract_size", "create_date", "delivery_time")
    records = _read(payloads, fields, partial(_rows, "data"))
    known = {name: instrument(name) for name in records.frame["symbol"].drop_nulls().unique()}
    columns = ("symbol", "base", "quote", "settle", "margin", "kind")
    facts = pl.DataFrame(
        [
            (name, i.base_asset, i.quote_asset, i.settle_asset, i.margin_type.value,
             i.contract_kind.value)
            for name, i in sorted(known.items()) if i is not None
        ],
        schema=dict.fromkeys(columns, pl.String()),
        orient="row",
    )  # fmt: skip
    created = pl.col("create_date").str.replace(r"^(\d{4})(\d\d)(\d\d)$", "$1-$2-$3 00:00:00")
    frame = records.frame.join(facts, on="symbol", how="left", maintain_order="left")
    listed = sift(
        replace(records, frame=frame.with_columns(created)),
        "instruments",
        {
            "symbol": text("symbol"),
            "served_at": epoch("ts", optional=True),
            "base_asset": text("base"),
            "quote_asset": text("quote"),
            "settle_asset": text("settle"),
            "margin_type": text("margin"),
            "contract_kind": text("kind"),
            "contract_size": number("contract_size"),
            "valid_from": iso_utc("create_date", optional=True),
            "valid_to": epoch("delivery_time", optional=True),
        },
        at="served_at",
        checks=[Fault(pl.col("contract_size") <= 0, pl.lit("contract_size is not positive"))],
    )
    file_times = {p.raw_key: file_time(p) for p in payloads}
    served = pl.col("raw_key").replace_strict(file_times, return_dtype=UTC_MICROS)
    return assemble(records, [listed.derive(observed_at=pl.coalesce("served_at", served))])


# ---- Questions to the API -----------------------------------------------------------------------


def _swaps(window: Window) -> Iterator[tuple[str, str]]:
    """Perpetuals with the API of their margin."""
    for symbol in window.symbols:
        known = instrument(symbol)
        if known is not None and known.contract_kind is ContractKind.PERPETUAL:
            linear = known.margin_type is Margin.LINEAR
            yield symbol, "linear-swap-api" if linear else "swap-api"


def _ask_funding(window: Window) -> Iterator[Request]:
    """Pages are counted from the newest settlement, so that their paths claim no days.
    `_next_funding` goes on until it has seen the window."""
    start = milliseconds(datetime.combine(window.first_date, time(), UTC))
    end = milliseconds(datetime.combine(window.last_date + DAY, time(), UTC)) - 1
    for symbol, api in _swaps(window):
        params: dict[str, str | int] = {"contract_code": symbol, "page_index": 1}
        yield Request(
            "api",
            f"/{api}/v1/swap_historical_funding_rate",
            params | {"page_size": FUNDING_PAGE},
            f"{api}-v1-swap_historical_funding_rate/{symbol}/{start}-{end}-1.json",
            "market",
        )


def _least(request: Request, rows: Sequence[object], field: str) -> int:
    try:
        return min(int(row["row"][field]) for row in rows)  # type: ignore[index]  # as served
    except (KeyError, TypeError, ValueError) as error:
        raise BadPayload(NAME, request.path, f"a row without its {field}") from error


def _next_funding(request: Request, content: bytes) -> Request | None:
    """Raises BadPayload where it cannot be told how far back a page goes."""
    rows = rows_in(NAME, request.path, content, partial(_rows, "data"))
    if len(rows) < FUNDING_PAGE:
        return None
    folder, _, name = request.path.removesuffix(".json").rpartition("/")
    start, end, page = (int(part) for part in name.split("-"))
    if _least(request, rows, "funding_time") <= start:
        return None
    return replace(
        request,
        params={**request.params, "page_index": page + 1},
        path=f"{folder}/{start}-{end}-{page + 1}.json",
    )


def _ask_liquidations(window: Window) -> Iterator[Request]:
    oldest = milliseconds(window.now - LIQUIDATIONS_KEPT)
    for symbol, api in _swaps(window):
        for start, end in spans(window, LIQUIDATIONS_SPAN):
            if start >= oldest:
                params: dict[str, str | int] = {"contract": symbol, "trade_type": 0}
                yield Request(
                    "api",
                    f"/{api}/v3/swap_liquidation_orders",
                    params | {"start_time": start, "end_time": end, "direct": "prev"},
                    f"{api}-v3-swap_liquidation_orders/{symbol}/{start}-{end}.json",
                    "market",
                )


def _next_liquidations(request: Request, content: bytes) -> Request | None:
    """How many orders a page holds is not documented: the last one is empty, or tells nothing
    new."""
    rows = rows_in(NAME, request.path, content, partial(_rows, "orders"))
    if not rows:
        return None
    oldest = _least(request, rows, "query_id")
    if oldest == request.params.get("from_id"):
        return None
    folder, _, name = request.path.removesuffix(".json").rpartition("/")
    start, end, *_ = name.split("-")
    return replace(
        request,
        params={**request.params, "from_id": oldest},
        path=f"{folder}/{start}-{end}-{oldest}.json",
    )


def _ask_contracts(window: Window) -> Iterator[Request]:
    for endpoint in (
        "/linear-swap-api/v1/swap_contract_info",
        "/swap-api/v1/swap_contract_info",
        "/api/v1/contract_contract_info",
    ):
        folder = endpoint.removeprefix("/").replace("/", "-")
        path = f"{folder}/{window.now.astimezone(UTC):%Y-%m-%d}.json"
        yield Request("api", endpoint, {}, path, "market")


# ---- The venue ----------------------------------------------------------------------------------

_API = r"(?:linear-)?(?:swap-)?(?:api-)?(?:v\d-)?"
# Whole pages of history, named for the window they were asked for and their number.
_PAGE = rf"(?P<name>[^/]+?)(?:/\d{{13}}-\d{{13}}-\d+)?{SUFFIX}"
_PAGE_OF_WINDOW = rf"(?P<name>[^/]+?)(?:/(?P<start>\d{{13}})-(?P<end>\d{{13}})(?:-\d+)?)?{SUFFIX}"


def _path(pattern: str) -> Callable[[str], Facts | None]:
    return partial(answer_facts, re.compile(pattern), _symbol_of)


def _dump(
    name: str, dataset: str, pattern: str, parse: Callable[[Sequence[Payload]], Parsed]
) -> Feed:
    return Feed(
        name=f"dump-{name}",
        datasets=(dataset,),
        source=SourceKind.DUMP,
        precedence=20,
        facts=_path(pattern),
        parse=parse,
        expects_every_day=False,
    )


def _asked(dump: Feed, requests: Callable[[Window], Iterator[Request]]) -> Feed:
    """What we ask ourselves, read like somebody else's dump of it."""
    return replace(
        dump,
        name=dump.name.replace("dump-", "api-"),
        source=SourceKind.API,
        precedence=10,
        requests=requests,
        expects_every_day=dump.datasets == ("funding_rates",),
    )


def _feeds() -> Iterator[Feed]:
    yield Feed(
        name="daily-funding-rates",
        datasets=("funding_rates",),
        source=SourceKind.ARCHIVE,
        precedence=0,
        facts=_archive_facts,
        parse=parse_funding_csv,
        candidates=_archive_keys,
    )
    funding = _dump(
        "historical_funding_rate",
        "funding_rates",
        rf"(?:{_API}swap_historical_funding_rate|(?:linear-)?swap-funding)/{_PAGE}",
        parse_funding,
    )
    liquidations = _dump(
        "liquidation_orders",
        "liquidations",
        rf"{_API}(?:swap|contract)_liquidation_orders/{_PAGE_OF_WINDOW}",
        partial(parse_liquidations, partial(_rows, "orders")),
    )
    contracts = _dump(
        "contract_info",
        "instruments",
        rf"(?:{_API}(?:swap|contract)_contract_info/|instruments){DATED}",
        parse_contracts,
    )
    yield replace(_asked(funding, _ask_funding), next_page=_next_funding)
    yield replace(_asked(liquidations, _ask_liquidations), next_page=_next_liquidations)
    yield _asked(contracts, _ask_contracts)
    yield from (funding, liquidations, contracts)
    yield _dump(
        "open_interest",
        "open_interest",
        rf"{_API}(?:swap|contract)_open_interest/{NAMED}",
        partial(parse_open_interest, partial(_rows, "data")),
    )
    yield _dump(
        "ws-open_interest",
        "open_interest",
        rf"ws-open_interest/.+{SUFFIX}",
        partial(parse_open_interest, partial(_pushed, "open_interest")),
    )
    yield _dump(
        "ws-liquidation_orders",
        "liquidations",
        rf"ws-liquidation_orders/.+{SUFFIX}",
        partial(parse_liquidations, partial(_pushed, "liquidation_orders")),
    )


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    api_hosts={"api": "https://api.hbdm.com"},
    rate_limits={"market": RateLimit(240, 3.0)},  # per address, public
)
