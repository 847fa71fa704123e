"""Binance USDⓈ-M (um) and COIN-M (cm) futures.

Docs     github.com/binance/binance-public-data, developers.binance.com/docs/derivatives
Time     UTC. Milliseconds (microseconds are told by their digits); metrics write
         `YYYY-MM-DD HH:MM:SS`. Settlement stamps are up to tens of ms late.
Stamps   klines: start of the bar. openInterestHist and the account and position ratios: end of the
         period; takerlongshortRatio: its start. metrics: see `_label_convention`.
Rates    fraction per interval of that settlement; 1, 2, 4 or 8 hours, changing over time.
OI       single-sided. um: coin, value in quote. cm: contracts, and the value column is *coin*.
Sides    `side`/`S` is the order: SELL closed a long. Amount is the accumulated fill (`z`), price
         the average (`ap`); `p` is the limit price.
Sizes    um: base units of the symbol. cm: 100 USD per BTC contract, 10 USD per other.
Gaps     liquidationSnapshot: um removed, cm 2023-06-25 … 2024-10-14 only, each row written twice.
         metrics: BTCUSDT from 2020-09-01, others 2021-12-01; rows of 2020-09 … 2021-05 doubled.
         monthly klines lack days that daily have, and the reverse. Fundings of the current month
         are only at the API; what `/futures/data/` answers ends after 30 days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, SUFFIX, edges, file_times, milliseconds
from transforms.answers import (
    PART_BYTES,
    RefusedError,
    RowsOf,
    json_texts,
    read_json,
    read_json_in_parts,
    rows_in,
    stamps_in,
)
from transforms.coded import beside
from transforms.endpoints import Asker, Parser, asked, dumped, perpetuals
from transforms.native import Unit
from transforms.passing import together
from transforms.payload import NOTES_SCHEMA, BadPayload, Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Records,
    assemble,
    either,
    epoch,
    exact_rate,
    number,
    of_path_symbol,
    read_once,
    sift,
    text,
    utc_text,
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
from transforms.venue import Feed, Instrument, RateLimit, Regime, Request, Venue, Window

NAME = "binance"

DAY = timedelta(days=1)
SAMPLE_MINUTES = 5
NO_DATE = ("4133404800000", "0")  # in exchangeInfo; the former is 2100-12-25
LABELS_START_PERIODS_FROM = date(2026, 6, 25)
API_KEEPS = timedelta(days=30)  # of /futures/data/
FUNDING_PAGE = 1000
SAMPLES_PAGE = 500  # a UTC day of 5-minute samples is 288

SIDES = {"SELL": Side.LONG.value, "BUY": Side.SHORT.value}  # order side → position closed
PERIOD_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360,
    "8h": 480, "12h": 720, "1d": 1440,
}  # fmt: skip
LISTED_BARS = "1h"  # the bars looked for in an archive; other lengths are read where handed over
KLINE_SOURCES = {
    "klines": PriceSource.LAST.value,
    "markPriceKlines": PriceSource.MARK.value,
    "indexPriceKlines": PriceSource.INDEX.value,
    "premiumIndexKlines": PriceSource.PREMIUM.value,
}

# ---- Symbols ------------------------------------------------------------------------------------

_UM = re.compile(
    r"(?P<base>[^a-z\s/._-]+?)(?P<quote>USDT|USDC|FDUSD|BUSD|USD1|(?<=ETH)BTC)"
    r"(?:_(?P<delivery>\d{6})|SETTLED\d*)?"
)
_CM = re.compile(r"(?P<base>[^a-z\s/._-]+?)USD_(?:PERP|(?P<delivery>\d{6}))")
_PAIR = re.compile(r"(?P<pair>[^a-z\s/._-]+?USD)(?:_PERP(?:ETUAL)?)?")
# COIN-M pairs that read like a coin quoted in BUSD.
_PAIRS_LIKE_BUSD = frozenset({"BNBUSD", "ARBUSD"})
# 1MBABYDOGE is a million; 1INCH, 0G, 2Z and 4 are names of coins.
_MULTIPLIER = re.compile(r"(1M(?=[A-Z]{3})|10{3,6}(?=\D))(.+)")
_IS_CM = r"USD_(?:PERP|\d{6})$"
_QUOTED_IN_USD = r"(?:USDT|USDC|FDUSD|BUSD|USD1)(?:_\d{6}|SETTLED\d*)?$"


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it cannot be Binance futures."""
    if (cm := _CM.fullmatch(symbol)) is not None:
        base = cm["base"]
        size = 100.0 if base == "BTC" else 10.0
        return _dated(
            Instrument(
                symbol,
                base,
                "USD",
                base,
                Margin.INVERSE,
                ContractKind.PERPETUAL,
                contract_size=size,
            ),
            cm["delivery"],
        )
    um = _UM.fullmatch(symbol)
    if um is None or symbol in _PAIRS_LIKE_BUSD:
        return None
    base, multiplier = um["base"], 1.0
    if (scaled := _MULTIPLIER.fullmatch(base)) is not None:
        multiplier = 1e6 if scaled[1] == "1M" else float(scaled[1])
        base = scaled[2]
    return _dated(
        Instrument(
            symbol,
            base,
            um["quote"],
            um["quote"],
            Margin.LINEAR,
            ContractKind.PERPETUAL,
            base_multiplier=multiplier,
        ),
        um["delivery"],
    )


def _dated(perpetual: Instrument, delivery: str | None) -> Instrument | None:
    """With a delivery day YYMMDD: the dated contract, delivered at 08:00 UTC."""
    if delivery is None:
        return perpetual
    try:
        end = datetime.strptime(delivery, "%y%m%d").replace(hour=8, tzinfo=UTC)
    except ValueError:
        return None
    return replace(perpetual, contract_kind=ContractKind.DATED, valid_to=end)


# ---- Archive paths ------------------------------------------------------------------------------


def _archive_facts(product: str, cadence: str, kind: str, path: str) -> Facts | None:
    root = f"data/futures/{product}/{cadence}/{kind}/"
    if not path.startswith(root):
        return None
    below = path.removeprefix(root).split("/")
    if len(below) < 2:
        return None
    folder, *between, file = below
    word_in_name, labels = kind, {"product": product, "kind": kind}
    if kind in KLINE_SOURCES:
        if len(between) != 1 or between[0] not in PERIOD_MINUTES:
            return None
        word_in_name = between[0]
        labels["interval"] = word_in_name
    elif between:
        return None
    stamp = file.removeprefix(f"{folder}-{word_in_name}-").removesuffix(".zip")
    days = _days_of(stamp, cadence)
    if days is None or file != f"{folder}-{word_in_name}-{stamp}.zip":
        return None
    # COIN-M index prices are filed under the pair, BTCUSD.
    by_pair = product == "cm" and kind == "indexPriceKlines"
    return Facts(f"{folder}_PERP" if by_pair else folder, days[0], days[1], labels)


def _days_of(stamp: str, cadence: str) -> tuple[date, date] | None:
    try:
        first = date.fromisoformat(stamp if cadence == "daily" else f"{stamp}-01")
    except ValueError:
        return None
    if cadence == "daily":
        return (first, first) if first.isoformat() == stamp else None
    return first, (first.replace(day=28) + 4 * DAY).replace(day=1) - DAY


def _archive_prefixes(
    product: str, cadence: str, kind: str, folder: str, first: date, last: date
) -> Sequence[str]:
    """One prefix per month: a listing page holds a month of days with their checksums."""
    word_in_name = LISTED_BARS if kind in KLINE_SOURCES else kind
    below = f"{folder}/{LISTED_BARS}" if kind in KLINE_SOURCES else folder
    root = f"data/futures/{product}/{cadence}/{kind}/{below}/{folder}-{word_in_name}-"
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{root}{month // 12:04d}-{month % 12 + 1:02d}" for month in months]


# ---- Archive parsers ----------------------------------------------------------------------------

_FUNDING_CSV = Layout.of(
    "calc_time funding_interval_hours last_funding_rate", required="calc_time last_funding_rate"
)
_METRICS_CSV = Layout.of(
    """create_time symbol sum_open_interest sum_open_interest_value
    count_toptrader_long_short_ratio sum_toptrader_long_short_ratio count_long_short_ratio
    sum_taker_long_short_vol_ratio""",
    words="create_time symbol",
    required="create_time symbol sum_open_interest sum_open_interest_value",
)
_SNAPSHOT_CSV = Layout.of(
    """time side order_type time_in_force original_quantity price average_price order_status
    last_fill_quantity accumulated_fill_quantity""",
    words="side order_type time_in_force order_status",
    required="time side price average_price accumulated_fill_quantity",
    extra="symbol",  # in private copies of the withdrawn um files
)
_KLINES_CSV = Layout.of(
    """open_time open high low close volume close_time quote_volume count taker_buy_volume
    taker_buy_quote_volume ignore""",
    required="open_time open high low close volume quote_volume",
)


def _non_zero(column: str) -> pl.Expr:
    """Here 0 stands for what was not reported."""
    return pl.when(pl.col(column) != 0).then(pl.col(column)).alias(column)


def _quoted_in_usd() -> pl.Expr:
    return pl.col("symbol").str.contains(_QUOTED_IN_USD)


def _native_unit() -> pl.Expr:
    inverse = pl.col("symbol").str.contains(_IS_CM)
    return pl.when(inverse).then(pl.lit(Unit.CONTRACTS.value)).otherwise(pl.lit(Unit.COIN.value))


def parse_funding_csv(payloads: Sequence[Payload]) -> Parsed:
    records = read_csv(NAME, payloads, _FUNDING_CSV).with_facts(payloads)
    settled = settlements(
        records,
        epoch("calc_time"),
        exact_rate("last_funding_rate"),
        symbol="path_symbol",
        interval_hours_declared=number("funding_interval_hours", optional=True, minimum=0),
    )
    return assemble(records, [settled.derive(_non_zero("interval_hours_declared"))])


def parse_metrics_csv(payloads: Sequence[Payload]) -> Parsed:
    """um: OI in coin and value in quote. cm: OI in contracts and value in *coin* (5,578,700
    contracts × 100 USD ÷ 18,265.009 = 30,543, the price of that day)."""
    records = read_csv(NAME, payloads, _METRICS_CSV).with_facts(payloads, "product")
    at = "sampled_at_original"
    records, origin = read_once(records, {"symbol": text("symbol"), at: utc_text("create_time")})
    checks = [of_path_symbol(), within_path_days(at)]
    interest = sift(
        records,
        "open_interest",
        origin
        | {
            "amount": number("sum_open_interest", optional=True, minimum=0),
            "value": number("sum_open_interest_value", optional=True, minimum=0),
        },
        at=at,
        checks=checks,
    )
    ratios = sift(
        records,
        "positioning",
        origin
        | {
            name: number(column, optional=True, minimum=0)
            for name, column in {
                "top_trader_account_ratio": "count_toptrader_long_short_ratio",
                "top_trader_position_ratio": "sum_toptrader_long_short_ratio",
                "long_short_account_ratio": "count_long_short_ratio",
                "taker_buy_sell_ratio": "sum_taker_long_short_vol_ratio",
            }.items()
        },
        at=at,
        checks=checks,
    )
    conventions = _label_conventions(records)
    reported = pl.col("amount").is_not_null()
    interest = interest.derive(_non_zero("amount")).derive(
        _native_unit().alias("unit"),
        sides=pl.lit(1),
        sample_interval_minutes=pl.lit(SAMPLE_MINUTES),
        value_usd=pl.when(reported & _quoted_in_usd()).then("value"),
        value_coin=pl.when(reported & (pl.col("path_product") == "cm")).then("value"),
    )
    ratios = ratios.derive(*map(_non_zero, _RATIOS))
    placed = [replace(part, rows=_on_grid(part.rows, conventions)) for part in (interest, ratios)]
    notes = conventions.select(
        pl.col("raw_key").cast(pl.String), name=pl.lit("label_convention"), value="label_convention"
    ).select(*NOTES_SCHEMA)
    return assemble(records, placed, notes)


_RATIOS = (
    "long_short_account_ratio",
    "top_trader_account_ratio",
    "top_trader_position_ratio",
    "taker_buy_sell_ratio",
)


def _floored(stamp: pl.Expr) -> pl.Expr:
    """On the 5-minute grid if at most a minute behind it (`02:00:01`), else as stamped."""
    grid = stamp.dt.truncate(f"{SAMPLE_MINUTES}m")
    return pl.when(stamp - grid <= timedelta(minutes=1)).then(grid).otherwise(stamp)


def _label_conventions(records: Records) -> pl.DataFrame:
    """Per metrics file, how its labels run, and how many minutes its samples lie behind them.

    Either 00:00 … 23:55 of the file's day or 00:05 … 00:00 of the next; both occur in most years.
    Only the two midnights tell them apart, so the *set* of labels is asked for them: rows are not
    in order, and a file with holes, or with one row, may have neither midnight.

    from_midnight   own midnight, not the next
    to_midnight     the next midnight, not its own
    both_midnights  00:00 … 23:55 and a stray row of the next day
    no_midnight     neither: nothing can be told

    A label counts as the moment of its sample, except from 2026-06-25 on, when USDⓈ-M files that
    begin at their own midnight label the start of a period that was sampled 5 minutes later. With
    no midnight in sight the rule of the time is taken. COIN-M files always ran from midnight.
    """
    label = _floored(utc_text("create_time").value)
    midnight = pl.col("path_first_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    start_of_period = (
        (pl.col("path_product") == "um")
        & (pl.col("path_first_date") >= LABELS_START_PERIODS_FROM)
        & (pl.col("label_convention") != "to_midnight")
    )
    midnights = (
        # By text first: parsing and grouping all labels would cost as much as the rest.
        records.frame.filter(
            pl.col("create_time").str.contains(" 00:0[01]:"),
            pl.col("symbol") == pl.col("path_symbol"),
        )
        .group_by("raw_key")
        .agg(own=(label == midnight).any(), following=(label == midnight + DAY).any())
    )
    files = records.files.filter(pl.col("raw_key").is_in([k for k, n in records.read.items() if n]))
    return (
        beside(files, "raw_key", midnights)
        .with_columns(
            label_convention=pl.when(pl.col("own") & pl.col("following"))
            .then(pl.lit("both_midnights"))
            .when("own")
            .then(pl.lit("from_midnight"))
            .when("following")
            .then(pl.lit("to_midnight"))
            .otherwise(pl.lit("no_midnight"))
        )
        .with_columns(shift_minutes=pl.when(start_of_period).then(SAMPLE_MINUTES).otherwise(0))
        .sort("raw_key")
    )


def _on_grid(rows: pl.DataFrame, conventions: pl.DataFrame) -> pl.DataFrame:
    """Adds `sampled_at` and `rank`: a file's own day comes before a stray row of its neighbour."""
    label = _floored(pl.col("sampled_at_original"))
    shifts = conventions.select("raw_key", "shift_minutes")
    return beside(rows, "raw_key", shifts).with_columns(
        sampled_at=label + pl.duration(minutes=pl.col("shift_minutes")),
        rank=(label.dt.date() != pl.col("path_first_date")).cast(pl.Int64),
    )


def _priced() -> list[pl.Expr]:
    """The average price, or the order's limit price where no average is given ("0" counts so)."""
    average = pl.when(pl.col("average_price") > 0).then("average_price")
    return [
        pl.coalesce(average, "order_price").alias("price"),
        pl.when(average.is_not_null())
        .then(pl.lit("average"))
        .otherwise(pl.lit("limit"))
        .alias("price_kind"),
    ]


_NO_PRICE = Fault(
    (pl.col("average_price").fill_null(0) <= 0) & (pl.col("order_price").fill_null(0) <= 0),
    pl.lit("neither an average nor a limit price"),
)


def parse_snapshot_csv(payloads: Sequence[Payload]) -> Parsed:
    records = read_csv(NAME, payloads, _SNAPSHOT_CSV).with_facts(payloads)
    records = replace(
        records, frame=records.frame.with_columns(pl.coalesce("symbol", "path_symbol"))
    )
    orders = sift(
        records,
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("time"),
            "side": word("side", SIDES),
            "order_price": number("price", optional=True, minimum=0),
            "average_price": number("average_price", optional=True, minimum=0),
            "order_quantity": number("original_quantity", optional=True, minimum=0),
            "last_quantity": number("last_fill_quantity", optional=True, minimum=0),
            "amount": number("accumulated_fill_quantity", minimum=0),
            "order_status": text("order_status", optional=True),
        },
        at="liquidated_at",
        checks=[of_path_symbol(), within_path_days("liquidated_at"), _NO_PRICE],
    )
    return assemble(records, [orders.derive(*_priced(), unit=_native_unit())])


def parse_klines_csv(payloads: Sequence[Payload]) -> Parsed:
    """Bars of the last, mark, index or premium price; only the last price has a volume.

    cm: volume in contracts, and the column headed quote_volume is base coin.
    """
    records = read_csv(NAME, payloads, _KLINES_CSV)
    records = records.with_facts(payloads, "product", "kind", "interval")
    bars = sift(
        records,
        "prices",
        {
            "symbol": text("path_symbol"),
            "opened_at": epoch("open_time"),
            "price_open": number("open"),
            "price_high": number("high"),
            "price_low": number("low"),
            "price_close": number("close"),
            "volume": number("volume", minimum=0),
            "quote_volume": number("quote_volume", minimum=0),
            "taker_buy_volume": number("taker_buy_volume", optional=True, minimum=0),
        },
        at="opened_at",
        checks=[within_path_days("opened_at")],
    )
    traded = pl.col("path_kind") == "klines"
    inverse = pl.col("path_product") == "cm"
    return assemble(
        records,
        [
            bars.derive(
                price_source=pl.col("path_kind").replace_strict(KLINE_SOURCES),
                interval_minutes=_minutes("path_interval"),
                volume=pl.when(traded).then("volume"),
                volume_unit=pl.when(traded).then(_native_unit()),
                volume_value_coin=pl.when(traded & inverse).then("quote_volume"),
                volume_value_usd=pl.when(traded & _quoted_in_usd()).then("quote_volume"),
                taker_buy_volume=pl.when(traded).then("taker_buy_volume"),
            )
        ],
    )


def _minutes(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(PERIOD_MINUTES, default=None, return_dtype=pl.Int64)


# ---- Paths of answers and recordings ------------------------------------------------------------

_PERIOD = rf"(?P<period>{'|'.join(PERIOD_MINUTES)})"

_ANSWER_PATHS = {
    "fundingRate": rf"(?:api-)?[fd]api(?:-v\d+)?-fundingRate/{NAMED}",
    "forceOrder": rf"ws-forceOrder/(?P<recorded>.+){SUFFIX}",
    "exchangeInfo": rf"(?:(?:api-)?[fd]api(?:-v\d+)?-exchangeInfo/|instruments){DATED}",
}
_ANSWER_PATHS |= {
    endpoint: rf"(?:api-)?futures-data-{endpoint}/{_PERIOD}/{NAMED}"
    for endpoint in (
        "openInterestHist",
        "topLongShortAccountRatio",
        "topLongShortPositionRatio",
        "globalLongShortAccountRatio",
        "takerlongshortRatio",
    )
}


def _answer_facts(endpoint: str, path: str) -> Facts | None:
    found = re.fullmatch(_ANSWER_PATHS[endpoint], path)
    if found is None:
        return None
    parts = found.groupdict()
    labels = {name: part for name in ("period", "dated") if (part := parts.get(name)) is not None}
    days: tuple[date, date] | tuple[None, None] = (None, None)
    if parts.get("start") is not None:
        # Days are those of the samples; the taker ratio alone is asked for by starts of periods.
        late = _start_label(endpoint, labels.get("period"))
        days = ((_instant(parts["start"]) + late).date(), (_instant(parts["end"]) + late).date())
    symbol = _symbol_of(parts.get("name")) or _recorded_symbol(parts.get("recorded") or "")
    return Facts(symbol, days[0], days[1], labels)


def _recorded_symbol(name: str) -> str | None:
    """The instrument whose own stream was recorded, where folder or file are named after it
    (`BTCUSDT/2025-01-26`, `btcusdt@forceOrder`): its silence about the others is no zero of theirs.
    Any other name is a recording of the whole market."""
    parts = map(str.upper, re.split("[/@-]", name))
    return next((part for part in parts if instrument(part) is not None), None)


def _start_label(endpoint: str, period: str | None) -> timedelta:
    minutes = PERIOD_MINUTES[period] if endpoint == "takerlongshortRatio" and period else 0
    return timedelta(minutes=minutes)


def _instant(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _symbol_of(name: str | None) -> str | None:
    """The instrument a file name gives. COIN-M samples are filed by pair and contract type."""
    if name is None:
        return None
    if instrument(name) is not None:
        return name
    pair = _PAIR.fullmatch(name)
    return None if pair is None else f"{pair['pair']}_PERP"


# ---- Parsers of answers and recordings ----------------------------------------------------------


def _raise_error_body(answer: object) -> None:
    """Errors come as `{"code": -1130, "msg": …}`, some of them with HTTP status 200."""
    if isinstance(answer, dict) and "code" in answer and "msg" in answer:
        raise RefusedError(f"the venue answers {answer['code']}: {answer['msg']}")


def _list_rows(answer: object) -> Sequence[object] | None:
    _raise_error_body(answer)
    # An array of arrays is several answers.
    if isinstance(answer, list) and not any(isinstance(row, list) for row in answer):
        return answer
    return [answer] if isinstance(answer, dict) and "symbol" in answer else None


def _listed_instruments(answer: object) -> Sequence[object] | None:
    _raise_error_body(answer)
    if not isinstance(answer, dict) or not isinstance(answer.get("symbols"), list):
        return None
    served = {"serverTime": answer.get("serverTime")}
    return [row | served if isinstance(row, dict) else row for row in answer["symbols"]]


def _force_orders(message: object) -> Sequence[object] | None:
    _raise_error_body(message)
    if isinstance(message, list):  # several events, each with its own type
        return message if all(isinstance(m, dict) and "o" in m for m in message) else None
    if not isinstance(message, dict):
        return None
    event = message.get("data", message)  # combined streams wrap the event
    if "result" in message and "id" in message:
        return []  # a subscription was confirmed
    if isinstance(event, list):
        return event
    return [event] if isinstance(event, dict) and event.get("e") == "forceOrder" else None


def _read(payloads: Sequence[Payload], columns: Sequence[str], rows_of: RowsOf) -> Records:
    """Answer rows with the `symbol` they are about: their own, that of their COIN-M pair, or the
    path's."""
    names = ("symbol", "pair", "contractType", *columns)
    records = read_json(NAME, payloads, {name: (name,) for name in names}, rows_of)
    records = records.with_facts(payloads, "period")
    perpetual = pl.col("contractType").fill_null("PERPETUAL") == "PERPETUAL"
    other = pl.format("{}_{}", "pair", "contractType")  # fails the check against the path's symbol
    of_pair = pl.when(perpetual).then(pl.format("{}_PERP", "pair")).otherwise(other)
    symbol = pl.coalesce("symbol", of_pair, "path_symbol")
    return replace(records, frame=records.frame.with_columns(symbol=symbol))


def parse_funding_answers(payloads: Sequence[Payload]) -> Parsed:
    """markPrice is empty in old rows and absent in some recordings."""
    records = _read(payloads, ("fundingTime", "fundingRate", "markPrice"), _list_rows)
    settled = settlements(
        records,
        epoch("fundingTime"),
        exact_rate("fundingRate"),
        mark_price=number("markPrice", optional=True, minimum=0),
    )
    return assemble(records, [settled.derive(_non_zero("mark_price"))])


def parse_interest_answers(payloads: Sequence[Payload]) -> Parsed:
    """A zero is a zero here. Coarser periods repeat samples of finer ones, which come first."""
    columns = ("timestamp", "sumOpenInterest", "sumOpenInterestValue")
    records = _read(payloads, columns, _list_rows)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("timestamp"),
            "amount": number("sumOpenInterest", minimum=0),
            "value": number("sumOpenInterestValue", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), within_path_days("sampled_at")],
    )
    inverse = pl.col("symbol").str.contains(_IS_CM)
    return assemble(
        records,
        [
            samples.derive(
                _native_unit().alias("unit"),
                sampled_at_original=pl.col("sampled_at"),
                sample_interval_minutes=_minutes("path_period"),
                rank=_minutes("path_period"),
                sides=pl.lit(1),
                value_usd=pl.when(_quoted_in_usd()).then("value"),
                value_coin=pl.when(inverse).then("value"),
            )
        ],
    )


_RATIO_ENDPOINTS = {
    "topLongShortAccountRatio": ("top_trader_account_ratio", "longShortRatio"),
    "topLongShortPositionRatio": ("top_trader_position_ratio", "longShortRatio"),
    "globalLongShortAccountRatio": ("long_short_account_ratio", "longShortRatio"),
    "takerlongshortRatio": ("taker_buy_sell_ratio", "buySellRatio"),
}


def parse_ratio_answers(endpoint: str, payloads: Sequence[Payload]) -> Parsed:
    column, field = _RATIO_ENDPOINTS[endpoint]
    records = _read(payloads, ("timestamp", field), _list_rows)
    samples = sift(
        records,
        "positioning",
        {
            "symbol": text("symbol"),
            "sampled_at_original": epoch("timestamp"),
            column: number(field, optional=True, minimum=0),
        },
        at="sampled_at_original",
        checks=[of_path_symbol(), within_path_days("sampled_at_original")],
    )
    starts = endpoint == "takerlongshortRatio"
    late = _minutes("path_period") if starts else pl.lit(0)
    return assemble(
        records,
        [
            samples.derive(
                _non_zero(column),
                sampled_at=pl.col("sampled_at_original") + pl.duration(minutes=late),
                rank=_minutes("path_period"),
            )
        ],
    )


def parse_force_orders(payloads: Sequence[Payload], *, size: int = PART_BYTES) -> Parsed:
    """forceOrder events; the day is that of the order (`o.T`), not of the message (`E`).

    Recordings may be of years: they are read in parts of `size` bytes of text.
    """
    fields = ("s", "S", "q", "p", "ap", "X", "l", "z", "T")
    columns = {name: ("o", name) for name in fields}
    parts = read_json_in_parts(NAME, payloads, columns, _force_orders, size=size)
    texts = json_texts(NAME, payloads, columns, _force_orders)
    return together((_orders(part, payloads) for part in parts), ("liquidations",), texts)


def _orders(records: Records, payloads: Sequence[Payload]) -> Parsed:
    records = records.with_facts(p for p in payloads if p.raw_key in records.read)
    orders = sift(
        records,
        "liquidations",
        {
            "symbol": text("s"),
            "liquidated_at": epoch("T"),
            "side": word("S", SIDES),
            "order_price": number("p", optional=True, minimum=0),
            "average_price": number("ap", optional=True, minimum=0),
            "order_quantity": number("q", optional=True, minimum=0),
            "last_quantity": number("l", optional=True, minimum=0),
            "amount": number("z", minimum=0),
            "order_status": text("X", optional=True),
        },
        at="liquidated_at",
        checks=[_NO_PRICE],
    )
    return assemble(records, [orders.derive(*_priced(), unit=_native_unit())])


def parse_exchange_info(payloads: Sequence[Payload]) -> Parsed:
    """Only COIN-M answers have a contractSize. An answer without serverTime is dated by its file:
    by the name (`-YYYY[-MM-DD]`), else by when it was fetched."""
    fields = (
        "symbol", "baseAsset", "quoteAsset", "marginAsset", "contractSize", "onboardDate",
        "deliveryDate", "serverTime",
    )  # fmt: skip
    columns = {name: (name,) for name in fields}
    records = read_json(NAME, payloads, columns, _listed_instruments)
    no_date = pl.col("onboardDate", "deliveryDate").replace(NO_DATE, None)
    records = replace(records, frame=records.frame.with_columns(no_date))
    listed = sift(
        records,
        "instruments",
        {
            "symbol": text("symbol"),
            "served_at": epoch("serverTime", optional=True),
            "base_asset": text("baseAsset"),
            "quote_asset": text("quoteAsset"),
            "settle_asset": text("marginAsset"),
            "size": number("contractSize", optional=True),
            "valid_from": epoch("onboardDate", optional=True),
            "valid_to": epoch("deliveryDate", optional=True),
        },
        at="served_at",
    )
    inverse = pl.col("size").is_not_null()
    dated = pl.col("symbol").str.contains(r"_\d{6}$")
    return assemble(
        records,
        [
            listed.derive(
                observed_at=pl.coalesce("served_at", file_times(payloads)),
                margin_type=either(inverse, Margin.INVERSE, Margin.LINEAR),
                contract_kind=either(dated, ContractKind.DATED, ContractKind.PERPETUAL),
                contract_size=pl.col("size").fill_null(1.0),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    """Ascending from startTime; `_next_funding` goes on behind the last settlement of a page."""
    for known in perpetuals(instrument, window):
        host = "dapi" if known.margin_type is Margin.INVERSE else "fapi"
        yield _page(
            Request(host, f"/{host}/v1/fundingRate", {"symbol": known.symbol}, "", "funding"),
            f"{host}-v1-fundingRate/{known.symbol}",
            FUNDING_PAGE,
            *edges(window),
        )


def _page(request: Request, folder: str, limit: int, start: int, end: int) -> Request:
    """`request` for start … end, both inclusive, in ms."""
    span = {"startTime": str(start), "endTime": str(end), "limit": str(limit)}
    return replace(request, params={**request.params, **span}, path=f"{folder}/{start}-{end}.json")


def _next_funding(request: Request, content: bytes) -> Request | None:
    """The page after a full one. Raises BadPayload where its end cannot be told."""
    rows = rows_in(NAME, request.path, content, _list_rows)
    if len(rows) < FUNDING_PAGE:
        return None
    start, end = int(request.params["startTime"]), int(request.params["endTime"])
    last = max(stamps_in(NAME, request.path, rows, ("fundingTime",)))
    if last < start:
        raise BadPayload(NAME, request.path, "settlements from before the time asked for")
    folder = request.path.rpartition("/")[0]
    return None if last >= end else _page(request, folder, FUNDING_PAGE, last + 1, end)


def _ask_samples(endpoint: str, window: Window) -> Iterator[Request]:
    """One question per symbol and UTC day (288 samples, a page is 500), of the days the venue
    still keeps in full. COIN-M is asked by pair and has no taker ratio."""
    period = f"{SAMPLE_MINUTES}m"
    late = _start_label(endpoint, period)
    for symbol in window.symbols:
        known = instrument(symbol)
        if known is None:
            continue
        host, name, params = "fapi", symbol, {"symbol": symbol}
        if known.margin_type is Margin.INVERSE:
            if known.contract_kind is ContractKind.DATED or endpoint == "takerlongshortRatio":
                continue
            pair = symbol.removesuffix("_PERP")
            host, name, params = "dapi", f"{pair}_PERPETUAL", {"pair": pair}
            if endpoint == "openInterestHist":
                params["contractType"] = "PERPETUAL"
        params["period"] = period
        for offset in range((window.last_date - window.first_date).days + 1):
            start = datetime.combine(window.first_date, time(), UTC) + offset * DAY
            if window.now - API_KEEPS <= start <= window.now:
                yield _page(
                    Request(host, f"/futures/data/{endpoint}", params, "", "futures-data"),
                    f"futures-data-{endpoint}/{period}/{name}",
                    SAMPLES_PAGE,
                    milliseconds(start - late),
                    milliseconds(start + DAY - late) - 1,
                )


def _ask_instruments(window: Window) -> Iterator[Request]:
    for host in ("fapi", "dapi"):
        path = f"{host}-v1-exchangeInfo/{window.now.astimezone(UTC):%Y-%m-%d}.json"
        yield Request(host, f"/{host}/v1/exchangeInfo", {}, path, host)


# ---- The venue ----------------------------------------------------------------------------------


def _archive_feeds() -> Iterator[Feed]:
    for product in ("um", "cm"):
        for cadence, kind, datasets, parse in (
            ("monthly", "fundingRate", ("funding_rates",), parse_funding_csv),
            ("daily", "metrics", ("open_interest", "positioning"), parse_metrics_csv),
            ("daily", "liquidationSnapshot", ("liquidations",), parse_snapshot_csv),
            *((c, k, ("prices",), parse_klines_csv)
              for c in ("daily", "monthly") for k in KLINE_SOURCES),
        ):  # fmt: skip
            yield Feed(
                name=f"{product}-{cadence}-{kind}",
                datasets=datasets,
                source=SourceKind.ARCHIVE,
                # Of bars in both, the daily file wins: monthly ones lack days.
                precedence=int(kind in KLINE_SOURCES and cadence == "monthly"),
                facts=partial(_archive_facts, product, cadence, kind),
                parse=parse,
                folders=(f"data/futures/{product}/{cadence}/{kind}/",),
                prefixes=partial(_archive_prefixes, product, cadence, kind),
                # No file on a day on which nothing was liquidated; monthly bars come late.
                expects_every_day=kind != "liquidationSnapshot"
                and not (kind in KLINE_SOURCES and cadence == "monthly"),
            )


def _answer_feeds() -> Iterator[Feed]:
    """Each endpoint twice: as we ask it, and as somebody else's dump of it."""
    endpoints: dict[str, tuple[str, Parser, Asker | None]] = {
        "fundingRate": ("funding_rates", parse_funding_answers, _ask_funding),
        "openInterestHist": (
            "open_interest", parse_interest_answers, partial(_ask_samples, "openInterestHist")
        ),
        "exchangeInfo": ("instruments", parse_exchange_info, _ask_instruments),
        "forceOrder": ("liquidations", parse_force_orders, None),
    }  # fmt: skip
    for endpoint in _RATIO_ENDPOINTS:
        ratio_parser = partial(parse_ratio_answers, endpoint)
        endpoints[endpoint] = ("positioning", ratio_parser, partial(_ask_samples, endpoint))
    for endpoint, (dataset, parse, requests) in endpoints.items():
        dump = dumped(endpoint, (dataset,), partial(_answer_facts, endpoint), parse)
        yield asked(
            dump,
            requests,
            _next_funding if endpoint == "fundingRate" else None,
            every_day=dataset not in ("liquidations", "instruments"),
        )
        yield dump


VENUE = Venue(
    name=NAME,
    feeds=(*_archive_feeds(), *_answer_feeds()),
    instrument=instrument,
    regimes=(
        Regime(
            date(2019, 9, 8),
            date(2021, 4, 27),
            Completeness.COMPLETE,
            "Binance: every forced order was pushed until 2021-04-27",
        ),
        Regime(
            date(2021, 4, 27),
            None,
            Completeness.THROTTLED,
            "Binance change log 2021-04-27: at most the latest order per symbol and second",
        ),
    ),
    # Redenominated 1:100; the old contract lives on as BNXUSDTSETTLED.
    relisted={"BNXUSDT": (datetime(2023, 2, 22, tzinfo=UTC),)},
    api_hosts={"fapi": "https://fapi.binance.com", "dapi": "https://dapi.binance.com"},
    rate_limits={
        "fapi": RateLimit(2400, 60.0),
        "dapi": RateLimit(2400, 60.0),
        "funding": RateLimit(500, 300.0),  # shared with fundingInfo
        "futures-data": RateLimit(1000, 300.0),
    },
)
