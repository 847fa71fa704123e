"""OKX perpetual swaps and dated futures.

Docs     okx.com/docs-v5/en; bulk files below static.okx.com/cdn/okex/traderecords (terms: API
         agreement 9.4, non-commercial). The CDN does not list: its keys are computed.
Time     UTC milliseconds, written as text. DAYS OF FILES AND OF DEFAULT DAY BARS ARE UTC+8: file D
         holds [D-1 16:00Z, D 16:00Z). Bars named `…utc` are UTC.
Stamps   funding: the settlement (in the old tree the one after it). Bars and statistics: start.
Rates    fraction per interval (8, 4, 2 or 1 hours). `fundingRate` of the API and of the old tree is
         a forecast; what was paid is `realizedRate` and `real_funding_rate`.
OI       single-sided: `oi` contracts, `oiCcy` coin, `oiUsd`.
Sides    `side` is the closing ORDER: sell = a long was liquidated (`posSide` says the same, or
         `net`). Price is the bankruptcy price; `sz` is contracts.
Sizes    a contract is ctVal × ctMult coins (linear) or US dollars (inverse: 100 for BTC, 10 for
         others). Linear sizes are known from instrument answers only, and OKX may change them.
Gaps     bulk funding from 2021-10 (old tree, until 2025-09) and 2022-01-17 (new tree, without
         twelve days of April 2025). The API keeps three months of funding and 1,440 rows of each
         statistic. Liquidations: at most one per second and contract; the first message of a
         subscription repeats recent ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, answer_facts, file_times
from transforms.answers import RefusedError, Where, read_json
from transforms.backward_pages import BackwardPages
from transforms.endpoints import Asker, Parser, PathFacts, answers_at, asked, dumped
from transforms.native import Unit
from transforms.payload import Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Reading,
    Records,
    Sifted,
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
from transforms.schemas.column import (
    Completeness,
    ContractKind,
    Margin,
    PriceSource,
    Side,
    SourceKind,
)
from transforms.settlements import settlements
from transforms.tabular import Layout, read_csv
from transforms.venue import Feed, Instrument, Pager, RateLimit, Regime, Request, Venue, Window

NAME = "okx"

DAY = timedelta(days=1)
EIGHT_HOURS = timedelta(hours=8)
OLD_TREE_FROM = date(2021, 10, 1)
NEW_TREE_FROM = date(2022, 1, 17)
NEW_TREE_LACKS = frozenset(
    date(2025, 4, day) for day in (1, 8, 10, 15, 18, 20, 22, 23, 24, 25, 28, 30)
)

SIDES = {"sell": Side.LONG.value, "buy": Side.SHORT.value}  # closing order → position
TYPES_V3 = {"3": Side.LONG.value, "4": Side.SHORT.value}  # 3 closes a long, 4 a short
MARGINS = {"linear": Margin.LINEAR.value, "inverse": Margin.INVERSE.value}
KINDS = {"SWAP": ContractKind.PERPETUAL.value, "FUTURES": ContractKind.DATED.value}
PERIOD_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240,
    **{f"{n}H{zone}": 60 * n for n in (6, 12) for zone in ("", "utc")},
    **{f"{n}D{zone}": 1440 * n for n in (1, 2, 3, 5) for zone in ("", "utc")},
    **{f"1W{zone}": 10080 for zone in ("", "utc")},
}  # fmt: skip

# ---- Symbols ------------------------------------------------------------------------------------

_INSTRUMENT = re.compile(
    r"(?P<base>[^a-z\s/._-]+)-(?P<quote>USDT|USDC|USD|USD_UM)-(?:SWAP|(?P<delivery>\d{6}))"
)
_INVERSE_USD = {"BTC": 100.0}  # and 10 for all others
_LINEAR_COINS = {"BTC-USDT": 0.01, "ETH-USDT": 0.1}  # the same in the answers of 2022 to 2025


def instrument(symbol: str) -> Instrument | None:
    """What an instId stands for, from its spelling as a whole; None for pairs, indices (BTC-USD),
    options and whatever else is no swap or future.

    USD_UM is quoted in US dollars and margined in stablecoins, so linear. Dated contracts are
    delivered at 08:00 UTC.
    """
    parts = _INSTRUMENT.fullmatch(symbol)
    if parts is None:
        return None
    base, quote, delivery = parts["base"], parts["quote"], parts["delivery"]
    inverse = quote == "USD"
    found = Instrument(
        symbol,
        base,
        "USD" if quote == "USD_UM" else quote,
        base if inverse else "USD" if quote == "USD_UM" else quote,
        Margin.INVERSE if inverse else Margin.LINEAR,
        ContractKind.PERPETUAL if delivery is None else ContractKind.DATED,
        contract_size=_INVERSE_USD.get(base, 10.0)
        if inverse
        else _LINEAR_COINS.get(f"{base}-{quote}"),
    )
    if delivery is None:
        return found
    try:
        end = datetime.strptime(delivery, "%y%m%d").replace(hour=8, tzinfo=UTC)
    except ValueError:
        return None
    return replace(found, valid_to=end)


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


# ---- Bulk funding -------------------------------------------------------------------------------

_RECORDS = "cdn/okex/traderecords"
_OF_ARCHIVE = r"(?:(?:cdn/)?okex/)?traderecords"
_NEW_DAILY = re.compile(
    rf"{_OF_ARCHIVE}/swaprates/daily/(?P<folder>\d{{8}})/allswap-fundingrates-(?P<day>[\d-]+)\.zip"
)
_NEW_MONTHLY = re.compile(
    rf"{_OF_ARCHIVE}/swaprates/monthly/(?P<folder>\d{{6}})/"
    r"(?P<symbol>[^/]+)-fundingrates-(?P<month>\d{4}-\d\d)\.zip"
)
_OLD = re.compile(
    rf"{_OF_ARCHIVE}/swaprate/monthly/(?P<folder>\d{{6}})/allswaprate-swaprate-(?P<day>[\d-]+)\.zip"
)


def _daily_facts(pattern: re.Pattern[str], path: str) -> Facts | None:
    """File D is about the last eight hours of UTC day D-1 and the first sixteen of D."""
    found = pattern.fullmatch(path)
    day = None if found is None else _day(found["day"])
    if found is None or day is None or not f"{day:%Y%m%d}".startswith(found["folder"]):
        return None
    return Facts(None, day - DAY, day)


def _monthly_facts(path: str) -> Facts | None:
    """Claims the UTC days it holds whole: not the last of its month, whose 16:00 settlement is
    in the next file, nor the eight hours before its first."""
    found = _NEW_MONTHLY.fullmatch(path)
    if found is None or _symbol_of(found["symbol"]) is None:
        return None
    first = _day(f"{found['month']}-01")
    if first is None or f"{first:%Y%m}" != found["folder"]:
        return None
    following = (first + 31 * DAY).replace(day=1)
    return Facts(found["symbol"], first, following - 2 * DAY)


def _day(stamp: str) -> date | None:
    try:
        day = date.fromisoformat(stamp)
    except ValueError:
        return None
    return day if day.isoformat() == stamp else None


def _files_of(first: date, last: date) -> Iterator[date]:
    """File days of UTC days: the last one's evening is in the file of the day after it."""
    for offset in range((last - first).days + 2):
        yield first + offset * DAY


def _daily_candidates(symbol: str | None, first: date, last: date) -> Sequence[str]:
    if symbol is not None:
        return []
    return [
        f"{_RECORDS}/swaprates/daily/{day:%Y%m%d}/allswap-fundingrates-{day}.zip"
        for day in _files_of(first, last)
        if day >= NEW_TREE_FROM and day not in NEW_TREE_LACKS
    ]


def _monthly_candidates(symbol: str | None, first: date, last: date) -> Sequence[str]:
    """Only where daily files are lacking: together the daily ones say the same in fewer files."""
    if symbol is None:
        return []
    months = {day.replace(day=1) for day in _files_of(first, last) if day in NEW_TREE_LACKS}
    return [
        f"{_RECORDS}/swaprates/monthly/{month:%Y%m}/{symbol}-fundingrates-{month:%Y-%m}.zip"
        for month in sorted(months)
    ]


def _old_candidates(symbol: str | None, first: date, last: date) -> Sequence[str]:
    """Only where the new tree, which stamps settlements themselves, has nothing."""
    if symbol is not None:
        return []
    return [
        f"{_RECORDS}/swaprate/monthly/{day:%Y%m}/allswaprate-swaprate-{day}.zip"
        for day in _files_of(first, last)
        if OLD_TREE_FROM <= day < NEW_TREE_FROM or day in NEW_TREE_LACKS
    ]


_NEW_CSV = Layout.of(
    "instrument_name funding_rate funding_time",
    words="instrument_name",
    required="instrument_name funding_rate funding_time",
)
_OLD_CSV = Layout.of(
    "instrument_name contract_type funding_rate real_funding_rate funding_time",
    words="instrument_name contract_type",
    required="instrument_name real_funding_rate funding_time",
    fallback="gbk",
)


def parse_new_tree(payloads: Sequence[Payload]) -> Parsed:
    records = read_csv(NAME, payloads, _NEW_CSV).with_facts(payloads)
    settled = settlements(
        records, epoch("funding_time"), exact_rate("funding_rate"), symbol="instrument_name"
    )
    return assemble(records, [settled])


def parse_old_tree(payloads: Sequence[Payload]) -> Parsed:
    """`real_funding_rate` was settled one interval before `funding_time`, which is when the next
    one is due: at the `funding_time` of the instrument's row before. The file's first row of an
    instrument has none before it; its interval is taken to be the next one's, or, alone in its
    file, eight hours where its stamp allows that. Else nobody can tell, and it is set aside.
    """
    records = read_csv(NAME, payloads, _OLD_CSV).with_facts(payloads)
    own = ["raw_key", "instrument_name"]
    due = epoch("funding_time").value
    step = pl.col("_due").dt.round("1m").diff().over(own, order_by="_due")
    frame = records.frame.with_columns(_due=due).with_columns(
        _step=pl.when(step.is_between(timedelta(hours=1), EIGHT_HOURS)).then(step)
    )
    alone = pl.when(pl.col("_due").dt.hour() % 8 == 0).then(pl.lit(EIGHT_HOURS))
    interval = pl.coalesce("_step", pl.col("_step").shift(-1).over(own, order_by="_due"), alone)
    frame = frame.with_columns(_settled=pl.col("_due") - interval)
    unknown = Fault(
        pl.col("_settled").is_null(),
        pl.format("the interval that ends at funding_time {} is not known", "funding_time"),
    )
    settled = sift(
        replace(records, frame=frame),
        "funding_rates",
        {
            "symbol": text("instrument_name"),
            "due": epoch("funding_time"),
            "settled_at_original": Reading(pl.col("_settled"), (unknown,)),
            "funding_rate": exact_rate("real_funding_rate"),
        },
        at="due",
        checks=[within_path_days("settled_at_original")],
    )
    return assemble(
        records, [settled.derive(settled_at=pl.col("settled_at_original").dt.round("1m"))]
    )


# ---- Answers and recordings ---------------------------------------------------------------------


def _rows(channel: str, document: object) -> Sequence[object] | None:
    """Rows of a v5 answer or of a message of `channel`; or a row of an answer by itself."""
    if not isinstance(document, dict):
        return None
    if document.get("event") == "error" or document.get("code", "0") != "0":
        raise RefusedError(f"{document.get('code')}: {document.get('msg')}")
    if "event" in document:
        return []
    if "instId" in document and "data" not in document:
        return [document]
    arg = document.get("arg")
    if "code" not in document and not (isinstance(arg, dict) and arg.get("channel") == channel):
        return None
    data = document.get("data")
    return data if isinstance(data, list) else None


_answer_rows = partial(_rows, "")


def _read(
    payloads: Sequence[Payload],
    columns: dict[str, Where],
    *labels: str,
    rows_of: Callable[[object], Sequence[object] | None] = _answer_rows,
) -> Records:
    """Cells by column, and the symbol: the row's, else the path's."""
    records = read_json(NAME, payloads, {"own": ("instId",), **columns}, rows_of)
    records = records.with_facts(payloads, *labels)
    symbol = pl.coalesce("own", "path_symbol")
    return replace(records, frame=records.frame.with_columns(symbol=symbol))


def _fields(*names: str) -> dict[str, Where]:
    return {name: (name,) for name in names}


def _cells(*names: str) -> dict[str, Where]:
    return {name: (position,) for position, name in enumerate(names)}


def _minutes(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(PERIOD_MINUTES, default=None, return_dtype=pl.Int64)


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    """What was realised; a row that has a forecast only is set aside."""
    records = _read(payloads, _fields("fundingTime", "realizedRate"))
    settled = settlements(records, epoch("fundingTime"), exact_rate("realizedRate"))
    return assemble(records, [settled])


def _interest(records: Records) -> Sifted:
    """Contracts with the figures beside them; in coin where that is all there is."""
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("ts"),
            "contracts": number("oi", optional=True, minimum=0),
            "coin": number("oiCcy", optional=True, minimum=0),
            "value_usd": number("oiUsd", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[
            of_path_symbol(),
            within_path_days("sampled_at"),
            Fault(
                pl.col("contracts").is_null() & pl.col("coin").is_null(),
                pl.lit("neither oi nor oiCcy"),
            ),
        ],
    )
    counted = pl.col("contracts").is_not_null()
    return samples.derive(
        amount=pl.coalesce("contracts", "coin"),
        unit=pl.when(counted).then(pl.lit(Unit.CONTRACTS.value)).otherwise(pl.lit(Unit.COIN.value)),
        value_coin=pl.when(counted).then("coin"),
        sides=pl.lit(1),
        sampled_at_original=pl.col("sampled_at"),
    )


def parse_open_interest(payloads: Sequence[Payload]) -> Parsed:
    """Polled: no interval."""
    rows_of = partial(_rows, "open-interest")
    records = _read(payloads, _fields("ts", "oi", "oiCcy", "oiUsd"), rows_of=rows_of)
    return assemble(records, [_interest(records)])


def parse_interest_history(payloads: Sequence[Payload]) -> Parsed:
    """Coarser periods repeat samples of finer ones, which come first."""
    records = _read(payloads, _cells("ts", "oi", "oiCcy", "oiUsd"), "period")
    minutes = _minutes("path_period")
    return assemble(
        records, [_interest(records).derive(sample_interval_minutes=minutes, rank=minutes)]
    )


_RATIOS = {
    "long-short-account-ratio-contract": "long_short_account_ratio",
    "long-short-account-ratio-contract-top-trader": "top_trader_account_ratio",
    "long-short-position-ratio-contract-top-trader": "top_trader_position_ratio",
}


def parse_ratio(column: str, payloads: Sequence[Payload]) -> Parsed:
    """Long ÷ short; 0 is no report."""
    records = _read(payloads, _cells("ts", "ratio"), "period")
    samples = sift(
        records,
        "positioning",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("ts"),
            column: number("ratio", minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), within_path_days("sampled_at")],
    )
    return assemble(
        records,
        [
            samples.derive(
                pl.when(pl.col(column) > 0).then(pl.col(column)).alias(column),
                sampled_at_original=pl.col("sampled_at"),
                rank=_minutes("path_period"),
            )
        ],
    )


def parse_bars(payloads: Sequence[Payload]) -> Parsed:
    """`[ts, open, high, low, close, (contracts, coin, quote,) confirm]`; a bar whose confirm is 0
    is still forming and is set aside. Day bars without `utc` begin at 16:00 UTC."""
    names = ("ts", "open", "high", "low", "close", "5", "6", "7", "8")
    records = _read(payloads, _cells(*names), "kind", "period")
    traded = ~pl.col("path_kind").str.contains("mark-price")
    frame = records.frame.with_columns(
        confirm=pl.when(traded).then("8").otherwise("5"),
        volume=pl.when(traded).then("5"),
        volume_coin=pl.when(traded).then("6"),
        volume_quote=pl.when(traded).then("7"),
    )
    bars = sift(
        replace(records, frame=frame),
        "prices",
        {
            "symbol": text("symbol"),
            "opened_at": epoch("ts"),
            "price_open": number("open"),
            "price_high": number("high"),
            "price_low": number("low"),
            "price_close": number("close"),
            "volume": number("volume", optional=True, minimum=0),
            "volume_value_coin": number("volume_coin", optional=True, minimum=0),
            "volume_value_usd": number("volume_quote", optional=True, minimum=0),
            "confirm": text("confirm", optional=True),
        },
        at="opened_at",
        checks=[
            of_path_symbol(),
            within_path_days("opened_at"),
            Fault(pl.col("confirm") == "0", pl.lit("the bar was still forming")),
            Fault(traded & pl.col("volume").is_null(), pl.lit("a traded price without a volume")),
        ],
    )
    return assemble(
        records,
        [
            bars.derive(
                interval_minutes=_minutes("path_period"),
                price_source=pl.when(traded)
                .then(pl.lit(PriceSource.LAST.value))
                .otherwise(pl.lit(PriceSource.MARK.value)),
                volume_unit=pl.when(traded).then(pl.lit(Unit.CONTRACTS.value)),
            )
        ],
    )


def _orders(document: object) -> Sequence[object] | None:
    """One record per order: an instrument's row lists several under `details`."""
    rows = _rows("liquidation-orders", document)
    if rows is None:
        return None
    orders: list[object] = []
    for row in rows:
        details = row.get("details") if isinstance(row, dict) else None
        if isinstance(row, dict) and isinstance(details, list):
            orders += [{"instId": row.get("instId"), "order": order} for order in details]
        else:
            orders.append(row)
    return orders


def parse_liquidations(payloads: Sequence[Payload]) -> Parsed:
    names = ("ts", "side", "posSide", "bkPx", "sz")
    columns: dict[str, Where] = {name: ("order", name) for name in names}
    records = _read(payloads, columns, rows_of=_orders)
    orders = sift(
        records,
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("ts"),
            "side": word("side", SIDES),
            "position": text("posSide", optional=True),
            "price": number("bkPx", minimum=0),
            "amount": number("sz", minimum=0),
        },
        at="liquidated_at",
        checks=[
            of_path_symbol(),
            Fault(
                pl.col("position").is_in(list(SIDES.values()))
                & (pl.col("position") != pl.col("side")),
                pl.format("posSide {} with an order that closes a {}", "position", "side"),
            ),
        ],
    )
    return assemble(records, [orders.derive(*_BANKRUPTCY)])


_BANKRUPTCY = (
    pl.lit(Unit.CONTRACTS.value).alias("unit"),
    pl.lit("bankruptcy").alias("price_kind"),
)


def _v3_orders(message: object) -> Sequence[object] | None:
    if not isinstance(message, dict):
        return None
    if message.get("event") == "error":
        raise RefusedError(f"{message.get('errorCode')}: {message.get('message')}")
    if "event" in message:
        return []
    data = message.get("data")
    return data if message.get("table") == "swap/liquidation" and isinstance(data, list) else None


def parse_liquidations_v3(payloads: Sequence[Payload]) -> Parsed:
    """`swap/liquidation` of 2020: the type of the order says which position it closed."""
    names = ("instrument_id", "created_at", "type", "price", "size")
    records = read_json(NAME, payloads, _fields(*names), _v3_orders).with_facts(payloads)
    orders = sift(
        records,
        "liquidations",
        {
            "symbol": text("instrument_id"),
            "liquidated_at": iso_utc("created_at"),
            "side": word("type", TYPES_V3),
            "price": number("price", minimum=0),
            "amount": number("size", minimum=0),
        },
        at="liquidated_at",
        checks=[of_path_symbol()],
    )
    return assemble(records, [orders.derive(*_BANKRUPTCY)])


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """An answer has no time of its own: it is dated by its file."""
    names = (
        "instType", "ctType", "ctVal", "ctMult", "ctValCcy", "settleCcy", "listTime", "expTime",
    )  # fmt: skip
    records = _read(payloads, _fields(*names))
    pair = pl.col("symbol").str.splitn("-", 3).struct
    quote = pair.field("field_1").str.strip_suffix("_UM")
    frame = records.frame.with_columns(base=pair.field("field_0"), quote=quote)
    listed = sift(
        replace(records, frame=frame),
        "instruments",
        {
            "symbol": text("symbol"),
            "base_asset": text("base"),
            "quote_asset": text("quote"),
            "settle_asset": text("settleCcy"),
            "margin_type": word("ctType", MARGINS),
            "contract_kind": word("instType", KINDS),
            "value": number("ctVal", minimum=0),
            "multiplier": number("ctMult", minimum=0),
            "counts": text("ctValCcy"),
            "valid_from": epoch("listTime", optional=True),
            "valid_to": epoch("expTime", optional=True),
        },
        at="valid_from",
        checks=[
            # A size in another currency would be a size of something else.
            Fault(
                pl.when(pl.col("margin_type") == Margin.LINEAR.value)
                .then(pl.col("counts") != pl.col("base_asset"))
                .otherwise(pl.col("counts") != "USD"),
                pl.format("ctVal of a {} contract in {}", "margin_type", "counts"),
            )
        ],
    )
    return assemble(
        records,
        [
            listed.derive(
                observed_at=file_times(payloads),
                contract_size=pl.col("value") * pl.col("multiplier"),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Series:
    """An endpoint that answers newest first, 100 rows a page.

    folder: below which path, for `period` if it has one. length: of a window that one page holds.
    keeps: how long the venue keeps it; coarser: what is asked for older days.
    """

    endpoint: str
    folder: str
    pool: str
    pages: BackwardPages
    length: timedelta
    keeps: timedelta
    period: tuple[str, str] | None = None
    dated: bool = True
    coarser: _Series | None = None

    def ask(self, window: Window) -> Iterator[Request]:
        oldest = (window.now - self.keeps).date() + DAY  # the first that is kept whole
        if self.coarser is not None and window.first_date < oldest:
            last = min(window.last_date, oldest - DAY)
            yield from self.coarser.ask(replace(window, last_date=last))
        kept = replace(window, first_date=max(window.first_date, oldest))
        for symbol in window.symbols:
            known = instrument(symbol)
            if known is None or (known.contract_kind is ContractKind.DATED and not self.dated):
                continue
            params = {"instId": symbol} | dict([self.period] if self.period else [])
            below = f"{self.folder}/{self.period[1]}" if self.period else self.folder
            request = Request("api", self.endpoint, params, f"{below}/{symbol}", self.pool)
            yield from self.pages.ask(request, kept, self.length)


def _pages(stamp: str | int, first: str, last: str) -> BackwardPages:
    """Both ends are outside of what is answered."""
    return BackwardPages(NAME, _answer_rows, (stamp,), 100, first, last, margin=1)


def _statistic(name: str, period: str, coarser: _Series | None = None) -> _Series:
    length = timedelta(minutes=96 * PERIOD_MINUTES[period])
    return _Series(
        f"/api/v5/rubik/stat/contracts/{name}",
        f"rubik-stat-contracts-{name}",
        "rubik",
        _pages(0, "begin", "end"),
        length,
        keeps=timedelta(minutes=1440 * PERIOD_MINUTES[period]),
        period=("period", period),
        coarser=coarser,
    )


def _candles(kind: str, bar: str) -> _Series:
    return _Series(
        f"/api/v5/market/{kind}",
        f"market-{kind}",
        "market",
        _pages(0, "before", "after"),
        timedelta(minutes=96 * PERIOD_MINUTES[bar]),
        keeps=timedelta(days=3650),
        period=("bar", bar),
    )


_SERIES = {
    "funding-rate-history": _Series(
        "/api/v5/public/funding-rate-history",
        "public-funding-rate-history",
        "public",
        _pages("fundingTime", "before", "after"),
        timedelta(days=30),  # 90 settlements every 8 hours; with more there are more pages
        keeps=timedelta(days=92),
        dated=False,
    ),
    "open-interest-history": _statistic(
        "open-interest-history", "15m", _statistic("open-interest-history", "1H")
    ),
    **{name: _statistic(name, "1H") for name in _RATIOS},
    "history-mark-price-candles": _candles("history-mark-price-candles", "15m"),
    "history-candles": _candles("history-candles", "1H"),
}


def _ask_instruments(window: Window) -> Iterator[Request]:
    for kind in KINDS:
        path = f"public-instruments/{kind}/{window.now.astimezone(UTC):%Y-%m-%d}.json"
        yield Request("api", "/api/v5/public/instruments", {"instType": kind}, path, "public")


# ---- The venue ----------------------------------------------------------------------------------

_ROOT = r"(?:api-)?(?:v5-)?"
_PERIOD = rf"(?P<period>{'|'.join(PERIOD_MINUTES)})"
_RUBIK = rf"{_ROOT}rubik-stat-contracts-"
_ORDERS = re.compile(
    rf"(?:{_ROOT}public-liquidation-orders/(?:[A-Z]+/)?|ws-liquidation-orders/(?:[^/]+/)*){NAMED}"
)
_SWAP_ORDERS = re.compile(rf"{_ROOT}public-liquidation-orders/SWAP/{NAMED}")


def _order_facts(path: str) -> Facts | None:
    """Swaps are asked for by family: BTC-USD is BTC-USD-SWAP and no other."""
    of_family = answer_facts(_SWAP_ORDERS, lambda name: _symbol_of(f"{name}-SWAP"), path)
    if of_family is not None and of_family.symbol is not None:
        return of_family
    return answer_facts(_ORDERS, _symbol_of, path)


def _path(pattern: str) -> PathFacts:
    return answers_at(pattern, _symbol_of)


_ANSWERS: dict[str, tuple[str, PathFacts, Parser]] = {
    "funding-rate-history": (
        "funding_rates", _path(rf"{_ROOT}public-funding-rate-history/{NAMED}"), parse_funding
    ),
    "open-interest": (
        "open_interest",
        _path(rf"(?:{_ROOT}public|ws)-open-interest/(?:[A-Z]+/)?{NAMED}"),
        parse_open_interest,
    ),
    "open-interest-history": (
        "open_interest",
        _path(rf"{_RUBIK}open-interest-history/{_PERIOD}/{NAMED}"),
        parse_interest_history,
    ),
    **{
        name: ("positioning", _path(rf"{_RUBIK}{name}/{_PERIOD}/{NAMED}"), partial(parse_ratio, to))
        for name, to in _RATIOS.items()
    },
    **{
        kind: ("prices", _path(rf"{_ROOT}market-(?P<kind>{kind})/{_PERIOD}/{NAMED}"), parse_bars)
        for kind in (
            "history-mark-price-candles", "mark-price-candles", "history-candles", "candles"
        )
    },
    "liquidation-orders": ("liquidations", _order_facts, parse_liquidations),
    "instruments": (
        "instruments",
        _path(rf"(?:{_ROOT}public-instruments/(?:[A-Z]+/)?|instruments){DATED}"),
        parse_instruments,
    ),
}  # fmt: skip


_Candidates = Callable[[str | None, date, date], Sequence[str]]
_BULK: tuple[tuple[str, int, PathFacts, _Candidates, Parser], ...] = (
    ("daily-swaprates", 0, partial(_daily_facts, _NEW_DAILY), _daily_candidates, parse_new_tree),
    ("monthly-swaprates", 1, _monthly_facts, _monthly_candidates, parse_new_tree),
    ("old-swaprate", 2, partial(_daily_facts, _OLD), _old_candidates, parse_old_tree),
)
_QUESTIONS: dict[str, tuple[Asker, Pager | None]] = {
    "instruments": (_ask_instruments, None),
    **{name: (series.ask, series.pages.next_page) for name, series in _SERIES.items()},
}


def _feeds() -> Iterator[Feed]:
    """Bulk files; each endpoint as we ask it and as somebody else's dump; recordings of 2020."""
    for name, precedence, facts, candidates, parse in _BULK:
        yield Feed(
            name=name,
            datasets=("funding_rates",),
            source=SourceKind.ARCHIVE,
            precedence=precedence,
            facts=facts,
            parse=parse,
            candidates=candidates,
            expects_every_day=name == "daily-swaprates",
        )
    for name, (dataset, path_facts, parse_answer) in _ANSWERS.items():
        dump = dumped(name, (dataset,), path_facts, parse_answer)
        yield dump
        yield asked(dump, *_QUESTIONS.get(name, (None, None)), every_day=name in _SERIES)
    yield dumped(
        "liquidation-v3",
        ("liquidations",),
        _path(rf"ws-swap[-_/]liquidation/{NAMED}"),
        parse_liquidations_v3,
    )


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    regimes=(
        Regime(
            date(2021, 1, 1),
            None,
            Completeness.THROTTLED,
            "OKX v5 docs, liquidation orders: at most one order per second and contract; not "
            "dated, so taken to hold since v5 began",
        ),
    ),
    api_hosts={"api": "https://www.okx.com"},
    rate_limits={
        "public": RateLimit(10, 2.0),  # the venue counts per instrument, we all of them together
        "rubik": RateLimit(5, 2.0),
        "market": RateLimit(10, 2.0),
    },
    archive_published_after=timedelta(days=2),
    priced_by_prices=frozenset({"open_interest"}),
)
