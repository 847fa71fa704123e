"""BitMEX: inverse, quanto and linear perpetuals and futures. Closed 2026-09-23 04:00 UTC.

Docs     github.com/BitMEX/api-connectors (swagger: Funding, Instrument, Liquidation)
Time     UTC, ISO 8601 with `Z`; bulk files write the letter D between day and time.
Stamps   funding: the settlement, at 04, 12 and 20 o'clock; once a day, at 12, until 2016-06-04.
         /instrument: the last change of that instrument. Liquidations have no time: what counts
         is the arrival of the recorded message.
Rates    fraction per settlement, with binary noise (0.0006900000000000001). `fundingInterval` is
         a time of day counted from 2000-01-01 and not in every row. `fundingRateDaily` is the
         same times the settlements of a day; a row whose two rates do not fit is set aside.
OI       single-sided, contracts; `markPrice` is of the same moment.
Sides    `side` is the order: Sell closed a long. Amount is `leavesQty` of the `insert` of a
         liquidation order; its updates and deletion, and what was open before the recording
         began (`partial`), are not further orders.
Sizes    inverse (XBTUSD): a contract is 1 unit of quote. Linear (XBTUSDT): 1 coin divided by
         underlyingToPositionMultiplier. Quanto (ETHUSD): multiplier ÷ 100,000,000 XBT per point of
         price, which is what `contract_size` holds. Contracts priced in XBT (ETHU21) have coin
         amounts but no price in dollars.
Gaps     no API any more, and no bulk files of any of this. Most USDT contracts were quanto until
         autumn 2021 and linear under the same name later: which one a row is about, only instrument
         answers of its time say. Sizes differ, and are known without an answer only for those in
         `SATOSHIS_OF_QUANTO` and `COINS_OF_LINEAR`: amounts of others are NULL without one.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from transforms.answer_paths import DATED, NAMED, SUFFIX, file_times
from transforms.answers import RefusedError, RowsOf, read_json
from transforms.endpoints import answers_at, dumped
from transforms.fills import NOTHING_FILLED, accumulated
from transforms.native import Unit
from transforms.payload import Parsed, Payload
from transforms.records import (
    Fault,
    Reading,
    Records,
    assemble,
    either,
    epoch,
    exact_rate,
    iso_utc,
    number,
    sift,
    text,
    word,
)
from transforms.schemas.column import ContractKind, Margin, Side
from transforms.settlements import settlements
from transforms.venue import Instrument, Venue

NAME = "bitmex"

CLOSED = datetime(2026, 9, 23, 4, tzinfo=UTC)
SATOSHIS = 100_000_000
SIDES = {"Sell": Side.LONG.value, "Buy": Side.SHORT.value}  # order side → position closed
COINS = {"XBT": "BTC", "XBt": "BTC", "USDt": "USDT"}  # settlement is counted in the small unit
STABLECOINS = ("USDT", "USDC")
DOLLARS = ("USD", *STABLECOINS)

# Satoshis per point of price, from /instrument/active of 2021-07-22. USD names among these that
# were USDT names then kept their multiplier when they were renamed.
SATOSHIS_OF_QUANTO = {
    "AAVE": 100, "ADA": 1_000_000, "ALTMEX": 100, "BCH": 100, "BNB": 100, "DEFIMEX": 100,
    "DOGE": 100_000, "DOT": 10_000, "EOS": 10_000, "ETH": 100, "FIL": 100, "LINK": 10_000,
    "LTC": 200, "MATIC": 10_000, "SOL": 1_000, "SUSHI": 1_000, "TRX": 100_000, "UNI": 1_000,
    "VET": 100_000, "XLM": 100_000, "XRP": 20_000,
}  # fmt: skip
# Coins per contract, 1 ÷ underlyingToPositionMultiplier, from /instrument of 2022 … 2024.
COINS_OF_LINEAR = {"XBT": 1e-6, "ETH": 1e-5, "LTC": 1e-4, "JTO": 1.0}

# ---- Symbols ------------------------------------------------------------------------------------

_MONTHS = "FGHJKMNQUVXZ"
_QUOTED = re.compile(
    rf"(?P<base>[A-Z0-9]{{2,}}?)(?P<quote>USDT|USDC|USD|EUR)"
    rf"(?:(?P<month>[{_MONTHS}])(?P<year>\d\d))?"
)
_FUTURE = re.compile(rf"(?P<base>[A-Z0-9]{{2,}}?)(?P<month>[{_MONTHS}])(?P<year>\d\d)")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be a BitMEX contract.

    Without a quote in its name a future is of dollars on XBT, of XBT on any other coin.
    """
    found = _QUOTED.fullmatch(symbol) or _FUTURE.fullmatch(symbol)
    if found is None:
        return None
    parts = found.groupdict()
    coin, quote = parts["base"], parts.get("quote")
    size: float | None = 1.0
    if coin == "XBT" and quote not in STABLECOINS:
        margin, settled_in = Margin.INVERSE, "BTC"
    elif quote in STABLECOINS:
        margin, size, settled_in = Margin.LINEAR, COINS_OF_LINEAR.get(coin), quote
    elif quote is None:
        margin, settled_in = Margin.LINEAR, "BTC"
    elif quote == "USD":
        satoshis = SATOSHIS_OF_QUANTO.get(coin)
        size = None if satoshis is None else satoshis / SATOSHIS
        margin, settled_in = Margin.QUANTO, "BTC"
    else:
        return None
    dated = parts["month"] is not None
    return Instrument(
        symbol=symbol,
        base_asset=COINS.get(coin, coin),
        quote_asset=quote or ("USD" if coin == "XBT" else "BTC"),
        settle_asset=settled_in,
        margin_type=margin,
        contract_kind=ContractKind.DATED if dated else ContractKind.PERPETUAL,
        contract_size=size,
        valid_to=_delivery(parts["month"], int(parts["year"])) if dated else CLOSED,
    )


def _delivery(month: str, year: int) -> datetime:
    """Noon of the month's last Friday."""
    number_of_month = _MONTHS.index(month) + 1
    last = date(2000 + year, number_of_month, monthrange(2000 + year, number_of_month)[1])
    friday = last - timedelta(days=(last.weekday() - 4) % 7)
    return datetime(friday.year, friday.month, friday.day, 12, tzinfo=UTC)


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


# ---- Answers and messages -----------------------------------------------------------------------


def _raise_error_body(answer: object) -> None:
    """`{"error": {"message": …, "name": …}}`; on a websocket `{"status": 400, "error": …}`."""
    if isinstance(answer, dict) and "error" in answer:
        error = answer["error"]
        raise RefusedError(str(error.get("message", error) if isinstance(error, dict) else error))


def _funding_rows(answer: object) -> Sequence[object] | None:
    _raise_error_body(answer)
    # An array of arrays is several answers.
    if isinstance(answer, list) and not any(isinstance(row, list) for row in answer):
        return answer
    return [answer] if isinstance(answer, dict) and "fundingRate" in answer else None


def _instrument_rows(answer: object) -> Sequence[object] | None:
    """Contracts, each with the latest time any of the answer's has; indices and spot pairs, which
    are listed among them, are not ours."""
    _raise_error_body(answer)
    if isinstance(answer, dict) and "typ" in answer:
        answer = [answer]
    if not isinstance(answer, list) or any(isinstance(row, list) for row in answer):
        return None
    stamps = [row.get("timestamp") for row in answer if isinstance(row, dict)]
    served = max((stamp for stamp in stamps if isinstance(stamp, str)), default=None)
    return [
        {**row, "served": served} if isinstance(row, dict) else row
        for row in answer
        if not (isinstance(row, dict) and str(row.get("typ")).startswith(("MR", "IF")))
    ]


def _liquidation_rows(message: object) -> Sequence[object] | None:
    _raise_error_body(message)
    if not isinstance(message, dict):
        return None
    if message.get("table") != "liquidation":  # else a greeting or a confirmed subscription
        return [] if {"info", "success"} & set(message) else None
    rows = message.get("data")
    if not isinstance(rows, list) or "action" not in message:
        return None
    return rows if message["action"] == "insert" else []


def _read(payloads: Sequence[Payload], fields: str, rows_of: RowsOf) -> Records:
    columns = {name: (name,) for name in fields.split()}
    return read_json(NAME, payloads, columns, rows_of).with_facts(payloads)


def _interval_hours(column: str) -> Reading:
    """Hours from a time of day on 2000-01-01; none is declared as midnight."""
    epoch_of_intervals = pl.datetime(2000, 1, 1)
    stamp = pl.col(column).str.strptime(pl.Datetime("us"), "%Y-%m-%dT%H:%M:%S%.fZ", strict=False)
    hours = (stamp - epoch_of_intervals).dt.total_seconds() / 3600
    odd = Fault(
        pl.col(column).is_not_null() & ~(hours >= 0).fill_null(value=False),
        pl.format(f"{column} {{}} is not an interval", pl.col(column)),
    )
    return Reading(pl.when(hours > 0).then(hours), (odd,))


_DAILY = pl.col("funding_rate_daily")
_OF_A_DAY = pl.col("funding_rate").cast(pl.Float64) * 24 / pl.col("interval_hours_declared")
_NOT_A_DAYS = Fault(
    (_DAILY - _OF_A_DAY).abs() > 1e-7 + 0.01 * _DAILY.abs(),
    pl.format(
        "fundingRate {} every {} h is not the fundingRateDaily {}",
        pl.col("funding_rate").cast(pl.Float64),
        "interval_hours_declared",
        _DAILY,
    ),
)
"""A record contradicts itself: one of its two rates is the other's, or was changed."""


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    fields = "symbol timestamp fundingRate fundingRateDaily fundingInterval"
    records = _read(payloads, fields, _funding_rows)
    settled = settlements(
        records,
        iso_utc("timestamp"),
        exact_rate("fundingRate"),
        checks=[_NOT_A_DAYS],
        interval_hours_declared=_interval_hours("fundingInterval"),
        funding_rate_daily=number("fundingRateDaily", optional=True),
    )
    return assemble(records, [settled])


_INVERSE = pl.col("inverse") == "true"
_QUANTO = pl.col("quanto") == "true"
_PRICED_IN_DOLLARS = pl.col("quote_asset").is_in(DOLLARS)
_SIZE = (
    pl.when(_INVERSE | _QUANTO)
    .then(pl.when(pl.col("settle_asset") == "BTC").then(pl.col("multiplier").abs() / SATOSHIS))
    .otherwise(1 / pl.col("per_coin"))
)
_NO_SIZE = Fault(
    ~(_SIZE > 0).fill_null(value=False),
    pl.format(
        "size of a contract is not known: multiplier {}, per coin {}, settled in {}",
        pl.col("multiplier").cast(pl.String).fill_null("absent"),
        pl.col("per_coin").cast(pl.String).fill_null("absent"),
        "settle_asset",
    ),
)
_FACE_NOT_IN_DOLLARS = Fault(
    _INVERSE & ~_PRICED_IN_DOLLARS,
    pl.format("contracts count {}, of which no dollar price is known", "quote_asset"),
)


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """An instrument's own time is that of its last change. What did not change in the hour before
    the latest change of the answer still holds then, so that is the moment of the sample."""
    records = _read(
        payloads,
        "symbol typ underlying quoteCurrency settlCurrency multiplier isQuanto isInverse "
        "underlyingToPositionMultiplier listing expiry openInterest markPrice timestamp served",
        _instrument_rows,
    )
    facts = {
        "symbol": text("symbol"),
        "quote_asset": text("quoteCurrency"),
        "settle_asset": text("settlCurrency"),
        "multiplier": number("multiplier", optional=True),
        "per_coin": number("underlyingToPositionMultiplier", optional=True),
        "inverse": word("isInverse", {"true": "true", "false": "false"}),
        "quanto": word("isQuanto", {"true": "true", "false": "false"}),
        "served": iso_utc("served", optional=True),
    }
    records = replace(
        records,
        frame=records.frame.with_columns(
            pl.col("underlying", "quoteCurrency", "settlCurrency").replace(COINS)
        ),
    )
    listed = sift(
        records,
        "instruments",
        facts
        | {
            "at": iso_utc("timestamp", optional=True),
            "base_asset": text("underlying"),
            "typ": text("typ"),
            "valid_from": iso_utc("listing", optional=True),
            "valid_to": iso_utc("expiry", optional=True),
        },
        at="at",
        checks=[_NO_SIZE],
    )
    samples = sift(
        records,
        "open_interest",
        facts
        | {
            "at": iso_utc("timestamp"),
            "amount": number("openInterest", optional=True, minimum=0),
            "mark": number("markPrice", optional=True, minimum=0),
        },
        at="at",
        checks=[_NO_SIZE, _FACE_NOT_IN_DOLLARS],
    )
    still_holds = pl.col("served") - pl.col("at") <= timedelta(hours=1)
    moment = pl.when(still_holds).then("served").otherwise("at")
    margin = (
        pl.when(_INVERSE)
        .then(pl.lit(Margin.INVERSE.value))
        .when(_QUANTO)
        .then(pl.lit(Margin.QUANTO.value))
        .otherwise(pl.lit(Margin.LINEAR.value))
    )
    perpetual = pl.col("typ").str.starts_with("FFW")
    linear = ~_INVERSE & ~_QUANTO
    return assemble(
        records,
        [
            listed.derive(
                observed_at=pl.coalesce(moment, file_times(payloads)),
                margin_type=margin,
                contract_kind=either(perpetual, ContractKind.PERPETUAL, ContractKind.DATED),
                contract_size=_SIZE,
            ),
            samples.derive(
                sampled_at=moment,
                sampled_at_original=pl.col("at"),
                unit=pl.lit(Unit.CONTRACTS.value),
                sides=pl.lit(1),
                price=pl.when(_PRICED_IN_DOLLARS).then("mark"),
                # Whatever else is known of the symbol, its row says what a contract is.
                value_coin=pl.when(linear).then(pl.col("amount") * _SIZE),
            ),
        ],
    )


def parse_liquidations(payloads: Sequence[Payload]) -> Parsed:
    """An order that is inserted again counts once per file, as it was first. Orders that agree in
    all but their number within one message are put together."""
    records = _read(payloads, "symbol side price leavesQty orderID", _liquidation_rows)
    symbols = records.frame["symbol"].drop_nulls().unique().to_list()
    known = {s: found for s in symbols if (found := instrument(s)) is not None}
    foreign = {s: i.margin_type for s, i in known.items() if i.quote_asset not in DOLLARS}
    orders = sift(
        records,
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("arrival_ns"),
            "side": word("side", SIDES),
            "order_id": text("orderID"),
            "price": number("price", minimum=0),
            "amount": number("leavesQty", minimum=0),
        },
        at="liquidated_at",
        checks=[
            NOTHING_FILLED,
            Fault(
                _is_one_of(s for s, margin in foreign.items() if margin is Margin.INVERSE),
                pl.format("{} contracts do not count dollars", "symbol"),
            ),
        ],
    )
    first = pl.struct("liquidated_at", "side", "price", "amount").sort_by(
        "liquidated_at", "raw_row"
    )
    orders = replace(
        orders,
        rows=orders.rows.with_columns(first.first().over("raw_key", "order_id").alias("first"))
        .drop("liquidated_at", "side", "price", "amount")
        .unnest("first"),
    ).derive(unit=pl.lit(Unit.CONTRACTS.value), limit=pl.col("price"), said=pl.col("amount"))
    alike = ["symbol", "side", "limit", "said", "liquidated_at"]
    orders = accumulated(orders, alike, "order_id")
    in_dollars = ~_is_one_of(foreign)
    return assemble(
        records,
        [
            orders.derive(
                price=pl.when(in_dollars).then("price"),
                price_kind=pl.when(in_dollars).then(pl.lit("order")),
            )
        ],
    )


def _is_one_of(symbols: Iterable[str]) -> pl.Expr:
    return pl.col("symbol").is_in(pl.Series(list(symbols), dtype=pl.String).implode())


# ---- The venue ----------------------------------------------------------------------------------

_API = r"(?:api-)?(?:v1-)?"
_FUNDING_PATH = re.compile(rf"{_API}funding/{NAMED}")
_INSTRUMENT_PATH = re.compile(rf"(?:{_API}instrument(?:-active)?/|instruments){DATED}")
_LIQUIDATION_PATH = re.compile(rf"ws-liquidation/.+{SUFFIX}")


_FEEDS = (
    dumped("funding", ("funding_rates",), answers_at(_FUNDING_PATH, _symbol_of), parse_funding),
    dumped(
        "instrument",
        ("instruments", "open_interest"),
        answers_at(_INSTRUMENT_PATH, _symbol_of),
        parse_instruments,
    ),
    dumped(
        "liquidation",
        ("liquidations",),
        answers_at(_LIQUIDATION_PATH, _symbol_of),
        parse_liquidations,
    ),
)


VENUE = Venue(
    name=NAME,
    feeds=_FEEDS,
    instrument=instrument,
    # No document says how complete the liquidation table was: unknown.
    regimes=(),
    priced_by_prices=frozenset({"open_interest", "liquidations"}),
)
