"""Deribit: inverse (coin-margined) and linear (USDC) perpetuals and futures.

Docs     docs.deribit.com (JSON-RPC over HTTP, public methods)
Time     UTC milliseconds.
Stamps   funding: the end of the hour it is for, on the hour. Book summary: `creation_timestamp`,
         when it was made. Trades: their own time.
Rates    `interest_1h`: fraction for one hour. Funding accrues every millisecond and is never
         settled; 24 of these hours are a day. `interest_8h` is a rolling figure beside it, not
         an addend; rows in which it stands for the hour's are set aside.
OI       single-sided. Inverse: US dollars. Linear: base coin. Only the present, with `mark_price`.
Sides    a trade carries `liquidation` if a liquidated party was in it: T, its taker, whose side
         is `direction` (a sell closed a long); M, its maker, on the other side; MT, both, which
         is two liquidations.
Sizes    amounts are US dollars (inverse) or coins (linear), whatever `contract_size` says.
         Options, spot pairs and combos are listed among futures and are not ours.
Gaps     no bulk files and no history of open interest. Funding surely from 2020-01. Trades from
         2018 at history.deribit.com; the main host forgets them after a day. Since when trades
         carry the liquidation flag is not documented, so completeness is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, file_times, milliseconds, spans
from transforms.answers import RefusedError, RowsOf, read_json, rows_in, stamps_in
from transforms.endpoints import answers_at, asked, dumped, perpetuals
from transforms.fills import NOTHING_FILLED, accumulated
from transforms.native import Unit
from transforms.payload import BadPayload, Parsed, Payload
from transforms.records import (
    Fault,
    Reading,
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
from transforms.schemas.column import ContractKind, Margin, Side
from transforms.settlements import settlements
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "deribit"

DAY = timedelta(days=1)
FUNDING_WINDOW = timedelta(days=30)  # 720 hours; an answer holds about 744
TRADES_PAGE = 10_000  # of history.deribit.com
CURRENCIES = ("BTC", "ETH", "USDC")
NO_END = 32_503_708_800_000  # expiration of perpetuals: the year 3000
DOLLARS_PER_CONTRACT = {"BTC": 10.0}  # of inverse ones; others 1

# Trade's direction and who was liquidated → position.
SIDES = {
    "sell T": Side.LONG.value,
    "buy T": Side.SHORT.value,
    "buy M": Side.LONG.value,
    "sell M": Side.SHORT.value,
}
PARTIES = {"M": ("M",), "T": ("T",), "MT": ("M", "T")}

# ---- Symbols ------------------------------------------------------------------------------------

_FUTURE = re.compile(
    r"(?P<base>[A-Z0-9]+)(?:_(?P<quote>USDC|USDT))?-(?:PERPETUAL|(?P<day>\d{1,2}[A-Z]{3}\d\d))"
)
# BTC-27DEC24-100000-C, XRP_USDC-30AUG24-0d625-P; BTC-FS-27DEC24_PERP, BTC-COMBO-1; BTC_USDC
_NOT_OURS = re.compile(r"\w+-\d{1,2}[A-Z]{3}\d\d-[\dd.]+-[CP]|\w+-[A-Z]{2,}-.+|[A-Z0-9]+_[A-Z0-9]+")
_KINDS_NOT_OURS = ("option", "spot", "future_combo", "option_combo")
_IS_LINEAR = r"^[A-Z0-9]+_"


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it is no perpetual or future."""
    found = _FUTURE.fullmatch(symbol)
    if found is None:
        return None
    end = None
    if found["day"] is not None:
        try:  # delivered at 08:00 UTC
            end = datetime.strptime(found["day"], "%d%b%y").replace(hour=8, tzinfo=UTC)
        except ValueError:
            return None
    base, quote = found["base"], found["quote"]
    return Instrument(
        symbol=symbol,
        base_asset=base,
        quote_asset=quote or "USD",
        settle_asset=quote or base,
        margin_type=Margin.LINEAR if quote else Margin.INVERSE,
        contract_kind=ContractKind.PERPETUAL if end is None else ContractKind.DATED,
        contract_size=1.0 if quote else DOLLARS_PER_CONTRACT.get(base, 1.0),
        valid_to=end,
    )


def _symbol_of(name: str) -> str | None:
    return name if instrument(name) is not None else None


def _native_unit() -> pl.Expr:
    linear = pl.col("symbol").str.contains(_IS_LINEAR)
    return pl.when(linear).then(pl.lit(Unit.COIN.value)).otherwise(pl.lit(Unit.USD.value))


# ---- Answers ------------------------------------------------------------------------------------


def _result(answer: object) -> object:
    """What a JSON-RPC answer says; None if it is none."""
    if not isinstance(answer, dict):
        return None
    if (error := answer.get("error")) is not None:
        reason = (
            f"{error.get('code')}: {error.get('message')}" if isinstance(error, dict) else error
        )
        raise RefusedError(str(reason))
    return answer.get("result")


def _is_ours(row: object) -> bool:
    """False for what is surely an option, a spot pair or a combo; all else is looked at."""
    if not isinstance(row, dict):
        return True
    return (
        row.get("kind") not in _KINDS_NOT_OURS
        and _NOT_OURS.fullmatch(str(row.get("instrument_name"))) is None
    )


def _rows(answer: object) -> Sequence[object] | None:
    rows = _result(answer)
    return [row for row in rows if _is_ours(row)] if isinstance(rows, list) else None


def _instrument_rows(answer: object) -> Sequence[object] | None:
    """Each with the time of the answer, which is in microseconds."""
    rows = _rows(answer)
    if rows is None or not isinstance(answer, dict):
        return None
    served = {"served": answer.get("usOut")}
    return [row | served if isinstance(row, dict) else row for row in rows]


def _trades(answer: object) -> list[object] | None:
    result = _result(answer)
    trades = result.get("trades") if isinstance(result, dict) else None
    return trades if isinstance(trades, list) else None


def _has_more(answer: object) -> bool:
    result = _result(answer)
    return isinstance(result, dict) and result.get("has_more") is True


def _stamp(trade: object) -> int:
    """Raises KeyError, TypeError or ValueError where a trade has no time."""
    return int(trade["timestamp"])  # type: ignore[index]  # as served


def _liquidated(answer: object) -> Sequence[object] | None:
    """The parties that were liquidated in an answer's trades, one row each."""
    trades = _trades(answer)
    return None if trades is None else _parties(trades)


def _liquidated_until_next_page(answer: object) -> Sequence[object] | None:
    """Without the last millisecond of a page that is not the last: `_next_trades` asks for it
    again as a whole, so that no order is torn and none is told twice."""
    trades = _trades(answer)
    if trades is None:
        return None
    try:
        last = max(map(_stamp, trades), default=0)
        whole = [trade for trade in trades if _stamp(trade) < last]
    except (KeyError, TypeError, ValueError):
        whole = []
    return _parties(whole if whole and _has_more(answer) else trades)


def _parties(trades: Sequence[object]) -> list[object]:
    found: list[object] = []
    for trade in trades:
        if not isinstance(trade, dict):
            found.append(trade)
            continue
        flag = trade.get("liquidation")
        if flag not in (None, "", "none") and _is_ours(trade):
            found += [trade | {"party": party} for party in PARTIES.get(str(flag), (flag,))]
    return found


def _read(payloads: Sequence[Payload], fields: str, rows_of: RowsOf) -> Records:
    """Cells of the rows, and the symbol: the row's, else the path's."""
    columns = {name: (name,) for name in ("instrument_name", *fields.split())}
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads)
    symbol = pl.coalesce("instrument_name", "path_symbol")
    return replace(records, frame=records.frame.with_columns(symbol=symbol))


_HOUR_MS = 3_600_000
_EIGHT_HOURS = Fault(
    pl.col("eight_hours"),
    pl.lit("interest_1h equals interest_8h hour after hour: it is the rate of eight hours"),
)


def _with_eight_hours(records: Records) -> Records:
    """Adds `eight_hours`: the rate of the hour is that of eight, here and an hour before or
    after. The eight hours hold the hour, so that both are equal once if the seven others paid
    nothing; in the hour after that they cannot be equal again."""
    stamp = pl.col("timestamp").cast(pl.Int64, strict=False)
    hour, eight = (pl.col(f"interest_{hours}h").cast(pl.Float64, strict=False) for hours in (1, 8))
    equal = ((hour == eight) & (hour != 0)).fill_null(value=False)
    series = ("raw_key", "symbol")

    def beside(steps: int) -> pl.Expr:
        near = (stamp - stamp.shift(steps)).abs() <= _HOUR_MS
        return (near & equal.shift(steps)).over(series, order_by=stamp).fill_null(value=False)

    flag = equal & (beside(1) | beside(-1))
    return replace(records, frame=records.frame.with_columns(eight_hours=flag))


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    """Rows do not name their instrument: without the path's, they are of none."""
    records = _with_eight_hours(_read(payloads, "timestamp interest_1h interest_8h", _rows))
    hours = settlements(
        records,
        epoch("timestamp"),
        exact_rate("interest_1h"),
        checks=[_EIGHT_HOURS],
        eight_hours=Reading(pl.col("eight_hours"), ()),
    )
    return assemble(records, [hours.derive(interval_hours_declared=pl.lit(1.0))])


def parse_book_summary(payloads: Sequence[Payload]) -> Parsed:
    records = _read(payloads, "open_interest mark_price creation_timestamp", _rows)
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("creation_timestamp"),
            "amount": number("open_interest", optional=True, minimum=0),
            "price": number("mark_price", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[of_path_symbol(), within_path_days("sampled_at")],
    )
    return assemble(
        records,
        [
            samples.derive(
                sampled_at_original=pl.col("sampled_at"), unit=_native_unit(), sides=pl.lit(1)
            )
        ],
    )


def parse_trades(rows_of: RowsOf, payloads: Sequence[Payload]) -> Parsed:
    """Trades name no order: those of one instrument, millisecond and liquidated side are taken
    for the fills of one."""
    records = _read(payloads, "timestamp price amount direction party trade_id trade_seq", rows_of)
    told = records.frame.with_columns(
        pl.format("{} {}", "direction", "party").alias("direction and liquidation"),
        pl.coalesce("trade_id", "trade_seq").alias("trade_id"),
    )
    fills = sift(
        replace(records, frame=told),
        "liquidations",
        {
            "symbol": text("symbol"),
            "liquidated_at": epoch("timestamp"),
            "side": word("direction and liquidation", SIDES),
            "price": number("price", minimum=0),
            "amount": number("amount", minimum=0),
            "trade_id": text("trade_id"),
        },
        at="liquidated_at",
        checks=[of_path_symbol(), within_path_days("liquidated_at"), NOTHING_FILLED],
    )
    fills = fills.derive(
        unit=_native_unit(), price_kind=pl.lit("average"), at=pl.col("liquidated_at")
    )
    return assemble(records, [accumulated(fills, ["symbol", "side", "at"], "trade_id")])


def parse_instruments(payloads: Sequence[Payload]) -> Parsed:
    """`settlement_currency` and `instrument_type` are only in newer answers. One without a time
    of its own is dated by its file."""
    records = _read(
        payloads,
        "base_currency quote_currency settlement_currency instrument_type settlement_period "
        "contract_size creation_timestamp expiration_timestamp served",
        _instrument_rows,
    )
    end = pl.col("expiration_timestamp").replace(str(NO_END), None)
    records = replace(records, frame=records.frame.with_columns(end))
    listed = sift(
        records,
        "instruments",
        {
            "symbol": text("instrument_name"),
            "served": epoch("served", optional=True),
            "base_asset": text("base_currency"),
            "quote_asset": text("quote_currency"),
            "paid_in": text("settlement_currency", optional=True),
            "type": text("instrument_type", optional=True),
            "period": text("settlement_period"),
            "contract_size": number("contract_size"),
            "valid_from": epoch("creation_timestamp", optional=True),
            "valid_to": epoch("expiration_timestamp", optional=True),
        },
        at="served",
    )
    by_name = pl.col("symbol").str.contains(_IS_LINEAR)
    linear = pl.coalesce(pl.col("type") == "linear", by_name)
    return assemble(
        records,
        [
            listed.derive(
                observed_at=pl.coalesce("served", file_times(payloads)),
                settle_asset=pl.coalesce(
                    "paid_in", pl.when(linear).then("quote_asset").otherwise("base_asset")
                ),
                margin_type=either(linear, Margin.LINEAR, Margin.INVERSE),
                contract_kind=either(
                    pl.col("period") == "perpetual", ContractKind.PERPETUAL, ContractKind.DATED
                ),
            )
        ],
    )


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    for known in perpetuals(instrument, window):
        for start, end in spans(window, FUNDING_WINDOW):
            yield Request(
                "www",
                "/api/v2/public/get_funding_rate_history",
                {
                    "instrument_name": known.symbol,
                    # An hour that ends at the start itself is not in the answer.
                    "start_timestamp": start - 1,
                    "end_timestamp": end,
                },
                f"public-get_funding_rate_history/{known.symbol}/{start}-{end}.json",
                "public",
            )


def _ask_book_summary(window: Window) -> Iterator[Request]:
    """Only the present is answered, so nothing is asked for days long gone."""
    if window.last_date < (window.now - DAY).date():
        return
    for currency in CURRENCIES:
        yield Request(
            "www",
            "/api/v2/public/get_book_summary_by_currency",
            {"currency": currency, "kind": "future"},
            f"public-get_book_summary_by_currency/{currency}/at-{milliseconds(window.now)}.json",
            "public",
        )


def _ask_trades(window: Window) -> Iterator[Request]:
    for symbol in window.symbols:
        if instrument(symbol) is not None:
            for start, end in spans(window, DAY):
                yield _trades_page(symbol, start, end)


def _trades_page(symbol: str, start: int, end: int) -> Request:
    return Request(
        "history",
        "/api/v2/public/get_last_trades_by_instrument_and_time",
        {
            "instrument_name": symbol,
            "start_timestamp": start,
            "end_timestamp": end,
            "count": TRADES_PAGE,
            "sorting": "asc",
        },
        f"public-get_last_trades_by_instrument_and_time/{symbol}/{start}-{end}.json",
        "public",
    )


def _next_trades(request: Request, content: bytes) -> Request | None:
    """From the last millisecond of a page that is not the last, since that may be cut.

    Raises BadPayload where its end cannot be told.
    """

    def more(answer: object) -> Sequence[object] | None:
        trades = _trades(answer)
        return trades if trades is None or _has_more(answer) else []

    trades = rows_in(NAME, request.path, content, more)
    if not trades:
        return None
    start, end = (int(request.params[name]) for name in ("start_timestamp", "end_timestamp"))
    stamps = stamps_in(NAME, request.path, trades, ("timestamp",))
    first, last = min(stamps), max(stamps)
    if first < start:
        raise BadPayload(NAME, request.path, "trades from before the time asked for")
    following = last + 1 if first == last else last
    if following > end:
        return None
    return _trades_page(str(request.params["instrument_name"]), following, end)


def _ask_instruments(window: Window) -> Iterator[Request]:
    yield Request(
        "www",
        "/api/v2/public/get_instruments",
        {"currency": "any", "kind": "future"},
        f"public-get_instruments/{window.now.astimezone(UTC):%Y-%m-%d}.json",
        "public",
    )


# ---- The venue ----------------------------------------------------------------------------------

_API = r"(?:api-)?(?:v2-)?public-"
_FUNDING_PATH = rf"{_API}get_funding_rate_history/{NAMED}"
_SUMMARY_PATH = rf"{_API}get_book_summary_by_currency/(?:(?P<currency>[A-Za-z]+)/)?{NAMED}"
_TRADES_PATH = rf"{_API}get_last_trades_by_(?:instrument|currency)(?:_and_time)?/{NAMED}"
_INSTRUMENTS_PATH = rf"(?:{_API}get_instruments/|instruments){DATED}"


def _feeds() -> Iterator[Feed]:
    """Each endpoint twice: as we ask it, and as somebody else's dump of it."""
    funding = dumped(
        "funding", ("funding_rates",), answers_at(_FUNDING_PATH, _symbol_of), parse_funding
    )
    summary = dumped(
        "book-summary",
        ("open_interest",),
        answers_at(_SUMMARY_PATH, _symbol_of),
        parse_book_summary,
    )
    trades = dumped(
        "trades",
        ("liquidations",),
        answers_at(_TRADES_PATH, _symbol_of),
        partial(parse_trades, _liquidated),
    )
    instruments = dumped(
        "instruments",
        ("instruments",),
        answers_at(_INSTRUMENTS_PATH, _symbol_of),
        parse_instruments,
    )
    yield asked(funding, _ask_funding)
    # There is only what was asked in time.
    yield asked(summary, _ask_book_summary, every_day=False)
    yield replace(
        asked(trades, _ask_trades, _next_trades),
        parse=partial(parse_trades, _liquidated_until_next_page),
    )
    yield asked(instruments, _ask_instruments, every_day=False)
    yield from (funding, summary, trades, instruments)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    api_hosts={"www": "https://www.deribit.com", "history": "https://history.deribit.com"},
    rate_limits={"public": RateLimit(10, 1.0)},  # half of what is let through without a key
)
