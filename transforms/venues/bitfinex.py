"""Bitfinex Derivatives: open interest from the status history, liquidations.

Docs     docs.bitfinex.com/reference: rest-public-derivatives-status(-history),
         rest-public-liquidations
Time     UTC, milliseconds.
Stamps   the moment a status shows; the moment of a liquidation.
Rates    none are read. A status tells the rate applied in the period under way, and a history of
         settled ones is published nowhere.
OI       base coins, taken as single-sided, with the mark price beside it. The history has no key
         in front, so that its cells stand one to the left of those of the live status.
Sides    AMOUNT is the position: above zero a long, below zero a short was liquidated.
Sizes    one unit is a base coin. BASE_PRICE is where the position was entered, PRICE_ACQUIRED
         where it was liquidated: the latter is the price.
Symbols  t{base}F0:{quote}F0, all perpetual and linear. UST is USDT; coins have short names of
         Bitfinex's own. Contracts quoted in BTC or euro have no price in dollars here.
Gaps     no bulk files. A liquidation is told as it is triggered (IS_MATCH 0) and again as it is
         executed (1): executions count. Triggers, margin positions on spot pairs and paper trading
         are passed over; the file's notes say how many there were. How complete the rest is, is
         documented nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import DATED, NAMED, SUFFIX, answer_facts, milliseconds, spans
from transforms.answers import RefusedError, Where, read_json, rows_in, stamps_in
from transforms.endpoints import answers_at, asked, dumped
from transforms.native import Unit
from transforms.payload import NOTES_SCHEMA, BadPayload, Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Records,
    assemble,
    epoch,
    number,
    of_path_symbol,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import ContractKind, Margin, Side
from transforms.venue import Feed, Instrument, RateLimit, Request, Venue, Window

NAME = "bitfinex"

DAY = timedelta(days=1)
STATUS_PAGE = 5000
LIQUIDATIONS_PAGE = 500
TRIGGER = "0"  # IS_MATCH of a row that tells of a liquidation before it is executed
QUOTES = {"UST": "USDT", "EUT": "EURT", "BTC": "BTC"}
COINS = {  # api-pub.bitfinex.com/v2/conf/pub:map:currency:sym
    "ALG": "ALGO", "AMP": "AMPL", "ATO": "ATOM", "DSH": "DASH", "IOT": "IOTA", "MNA": "MANA",
    "QTM": "QTUM", "STJ": "STORJ",
}  # fmt: skip

# ---- Symbols ------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"t(?P<base>[A-Z0-9]+)F0:(?P<quote>[A-Z]+)F0")
_FILED = re.compile(r"t?(?P<base>[A-Z0-9]+F0)[:_-](?P<quote>[A-Z]+F0)")
_IN_DOLLARS = ":USTF0$"


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it is no derivative of Bitfinex's, or
    one of its paper trading."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None or found["quote"] not in QUOTES or found["base"].startswith("TEST"):
        return None
    quote = QUOTES[found["quote"]]
    return Instrument(
        symbol,
        COINS.get(found["base"], found["base"]),
        quote,
        quote,
        Margin.LINEAR,
        ContractKind.PERPETUAL,
    )


def _symbol_of(name: str) -> str | None:
    """Files may be named with another sign for the colon, or without the `t`."""
    found = _FILED.fullmatch(name)
    symbol = name if found is None else f"t{found['base']}:{found['quote']}"
    return symbol if instrument(symbol) is not None else None


# ---- Paths --------------------------------------------------------------------------------------

_ROOT = r"(?:api-)?(?:v2-)?"
_HISTORY_PATH = re.compile(rf"{_ROOT}status-deriv-hist/{NAMED}")
_STATUS_PATH = re.compile(
    rf"(?:{_ROOT}status-deriv/|instruments)(?:(?<=/)(?P<at>\d{{13}}){SUFFIX}|{DATED})"
)
_LIQUIDATIONS_PATH = re.compile(rf"{_ROOT}liquidations-hist/{NAMED}")


def _status_facts(path: str) -> Facts | None:
    """Our own answers are filed under the millisecond they were asked for."""
    facts = answer_facts(_STATUS_PATH, _symbol_of, path)
    if facts is None or "at" not in facts.labels:
        return facts
    day = datetime.fromtimestamp(int(facts.labels["at"]) / 1000, UTC).date()
    return replace(facts, first_date=day, last_date=day)


# ---- Status -------------------------------------------------------------------------------------

_MTS, _MARK, _INTEREST = 0, 14, 17  # in the history; the live status has its key before them


def _refuse_error(document: object) -> None:
    """Errors come as `["error", 10020, "key: invalid"]`."""
    if isinstance(document, list) and document[:1] == ["error"]:
        raise RefusedError(f"the venue answers {': '.join(map(str, document[1:]))}")


def _statuses(document: object) -> Sequence[object] | None:
    """Rows are arrays themselves: an array of arrays of arrays is several answers. The live
    status of all pairs has those of paper trading among them, which are passed over."""
    _refuse_error(document)
    if not isinstance(document, list):
        return None
    filled = [part for part in document if isinstance(part, list) and part]
    if not document or (filled and not any(isinstance(row[0], list) for row in filled)):
        return [row for row in document if not _of_paper_trading(row)]
    if any(isinstance(part, list) for part in document) or len(document) <= _INTEREST:
        return None
    return [document]


def _of_paper_trading(row: object) -> bool:
    return isinstance(row, list) and bool(row) and str(row[0]).startswith("tTEST")


def _status_records(payloads: Sequence[Payload]) -> Records:
    columns: dict[str, Where] = {"first": (0,)}
    for name, cell in (("mts", _MTS), ("mark", _MARK), ("interest", _INTEREST)):
        columns |= {f"{name}_hist": (cell,), f"{name}_live": (cell + 1,)}
    records = read_json(NAME, payloads, columns, _statuses).with_facts(payloads)
    live = pl.col("first").str.starts_with("t")
    return replace(
        records,
        frame=records.frame.with_columns(
            pl.when(live).then("first").otherwise("path_symbol").alias("symbol"),
            *(
                pl.when(live).then(f"{name}_live").otherwise(f"{name}_hist").alias(name)
                for name in ("mts", "mark", "interest")
            ),
        ),
    )


def _samples(records: Records) -> Parsed:
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("symbol"),
            "sampled_at": epoch("mts"),
            "amount": number("interest", optional=True, minimum=0),
            "mark": number("mark", optional=True, minimum=0),
        },
        at="sampled_at",
        checks=[
            of_path_symbol(),
            within_path_days("sampled_at"),
            Fault(
                pl.col("amount").is_null() & pl.col("mark").is_null(),
                pl.lit("neither open interest nor a mark price: not a status"),
            ),
        ],
    )
    in_dollars = pl.col("symbol").str.contains(_IN_DOLLARS)
    return assemble(
        records,
        [
            samples.derive(
                sampled_at_original=pl.col("sampled_at"),
                unit=pl.lit(Unit.COIN.value),
                sides=pl.lit(1),
                price=pl.when(in_dollars & (pl.col("mark") > 0)).then("mark"),
            )
        ],
    )


def parse_history(payloads: Sequence[Payload]) -> Parsed:
    return _samples(_status_records(payloads))


def parse_status(payloads: Sequence[Payload]) -> Parsed:
    """What is listed, and its open interest: the live status of all pairs tells both."""
    records = _status_records(payloads)
    listed = sift(
        records,
        "instruments",
        {"symbol": text("symbol"), "observed_at": epoch("mts")},
        at="observed_at",
        checks=[
            Fault(
                ~pl.col("symbol").str.contains(f"^(?:{_SYMBOL.pattern})$"),
                pl.format("{} is no derivative", "symbol"),
            )
        ],
    )
    # Coins and their names are the rule's; sizes are one coin.
    linear = listed.derive(
        margin_type=pl.lit(Margin.LINEAR.value),
        contract_kind=pl.lit(ContractKind.PERPETUAL.value),
        contract_size=pl.lit(1.0),
    )
    instruments, samples = assemble(records, [linear]), _samples(records)
    return Parsed(
        rows={**instruments.rows, **samples.rows},
        read=pl.concat([instruments.read, samples.read]),
        rejected=pl.concat([instruments.rejected, samples.rejected]),
        text_of=instruments.text_of,
    )


# ---- Liquidations -------------------------------------------------------------------------------


def _positions(document: object) -> Sequence[object] | None:
    """Rows, each of which the venue wraps in an array of its own, however deep."""
    _refuse_error(document)
    if not isinstance(document, list):
        return None
    rows = _rows_below(document)
    told = any(isinstance(row, list) and row[:1] == ["pos"] for row in rows)
    return rows if told or not rows else None


def _rows_below(document: list[object]) -> list[object]:
    if not any(isinstance(part, list) for part in document):
        return [document] if document else []
    rows: list[object] = []
    for part in document:
        rows += _rows_below(part) if isinstance(part, list) else [part]
    return rows


def _passed_over(row: object) -> str | None:
    """Why a position is no execution of a liquidated derivative, if it is surely none."""
    if not isinstance(row, list) or len(row) < 9 or not isinstance(row[4], str):
        return None
    found = _SYMBOL.fullmatch(row[4])
    if found is None:
        return "margin_positions"
    if found["base"].startswith("TEST"):
        return "paper_positions"
    return "triggers" if row[8] == TRIGGER else None


def _executions(document: object) -> Sequence[object] | None:
    rows = _positions(document)
    return None if rows is None else [row for row in rows if _passed_over(row) is None]


def _others(why: str, document: object) -> Sequence[object] | None:
    rows = _positions(document)
    return None if rows is None else [row for row in rows if _passed_over(row) == why]


def parse_liquidations(payloads: Sequence[Payload]) -> Parsed:
    columns: dict[str, Where] = {
        "type": (0,), "mts": (2,), "symbol": (4,), "amount": (5,), "is_match": (8,),
        "price_acquired": (11,),
    }  # fmt: skip
    records = read_json(NAME, payloads, columns, _executions).with_facts(payloads)
    in_dollars = pl.col("symbol").str.contains(_IN_DOLLARS)
    executed = sift(
        records,
        "liquidations",
        {
            "type": word("type", {"pos": "pos"}),
            "symbol": text("symbol"),
            "liquidated_at": epoch("mts"),
            "position": number("amount"),
            "is_match": word("is_match", {"1": "1"}),
            "price": number("price_acquired", minimum=0),
        },
        at="liquidated_at",
        checks=[
            of_path_symbol(),
            within_path_days("liquidated_at"),
            Fault(pl.col("position") == 0, pl.lit("amount is zero: neither long nor short")),
            Fault(pl.col("price") <= 0, pl.lit("price_acquired is zero")),
            Fault(~in_dollars, pl.format("{} has no price in dollars", "symbol")),
        ],
    )
    side = pl.when(pl.col("position") > 0).then(pl.lit(Side.LONG.value))
    return assemble(
        records,
        [
            executed.derive(
                side=side.otherwise(pl.lit(Side.SHORT.value)),
                amount=pl.col("position").abs(),
                unit=pl.lit(Unit.COIN.value),
                price_kind=pl.lit("acquired"),
            )
        ],
        _notes(payloads),
    )


def _notes(payloads: Sequence[Payload]) -> pl.DataFrame:
    """How many positions of which kind were passed over, per file."""
    counts = [
        (key, why, str(count))
        for why in ("margin_positions", "paper_positions", "triggers")
        for key, count in read_json(NAME, payloads, {}, partial(_others, why)).read.items()
        if count
    ]
    return pl.DataFrame(counts, schema=NOTES_SCHEMA, orient="row").sort(*NOTES_SCHEMA)


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_history(window: Window) -> Iterator[Request]:
    for symbol in filter(instrument, window.symbols):
        for start, end in spans(window, DAY):
            yield _history(symbol, start, end)


def _history(symbol: str, start: int, end: int) -> Request:
    """Statuses from start to end (ms, inclusive), oldest first."""
    return Request(
        "public",
        f"/v2/status/deriv/{symbol}/hist",
        {"start": start, "end": end, "limit": STATUS_PAGE, "sort": 1},
        f"status-deriv-hist/{symbol.replace(':', '_')}/{start}-{end}.json",
        "status",
    )


def _next_history(request: Request, content: bytes) -> Request | None:
    stamps = _stamps(request, rows_in(NAME, request.path, content, _statuses), _MTS)
    end = int(request.params["end"])
    if len(stamps) < STATUS_PAGE or max(stamps) >= end:
        return None
    return _history(request.endpoint.split("/")[4], max(stamps) + 1, end)


def _ask_liquidations(window: Window) -> Iterator[Request]:
    for start, end in spans(window, DAY):
        yield _liquidations(start, end)


def _liquidations(start: int, end: int) -> Request:
    """Of all pairs, from start to end (ms, inclusive), oldest first."""
    return Request(
        "public",
        "/v2/liquidations/hist",
        {"start": start, "end": end, "limit": LIQUIDATIONS_PAGE, "sort": 1},
        f"liquidations-hist/all/{start}-{end}.json",
        "liquidations",
    )


def _next_liquidations(request: Request, content: bytes) -> Request | None:
    """The next page begins with the last millisecond of a full one, which it may not tell whole;
    what both tell is folded away."""
    stamps = _stamps(request, rows_in(NAME, request.path, content, _positions), 2)
    start, end = int(request.params["start"]), int(request.params["end"])
    if len(stamps) < LIQUIDATIONS_PAGE or max(stamps) >= end:
        return None
    if max(stamps) == start:
        raise BadPayload(NAME, request.path, "a page full of one millisecond")
    return _liquidations(max(stamps), end)


def _stamps(request: Request, rows: Sequence[object], cell: int) -> list[int]:
    """Raises BadPayload unless every row has a time of those asked for."""
    start, end = int(request.params["start"]), int(request.params["end"])
    stamps = stamps_in(NAME, request.path, rows, (cell,))
    if stamps and not start <= min(stamps) <= max(stamps) <= end:
        raise BadPayload(NAME, request.path, "rows from outside the time asked for")
    return stamps


def _ask_status(window: Window) -> Iterator[Request]:
    path = f"status-deriv/{milliseconds(window.now)}.json"
    yield Request("public", "/v2/status/deriv", {"keys": "ALL"}, path, "status")


# ---- The venue ----------------------------------------------------------------------------------


def _feeds() -> Iterator[Feed]:
    history = dumped(
        "status-deriv-hist",
        ("open_interest",),
        answers_at(_HISTORY_PATH, _symbol_of),
        parse_history,
    )
    status = dumped(
        "status-deriv", ("instruments", "open_interest"), _status_facts, parse_status, 21
    )
    liquidations = dumped(
        "liquidations-hist",
        ("liquidations",),
        answers_at(_LIQUIDATIONS_PATH, _symbol_of),
        parse_liquidations,
    )
    yield asked(history, _ask_history, _next_history)
    yield asked(status, _ask_status, every_day=False)
    yield asked(liquidations, _ask_liquidations, _next_liquidations)
    yield from (history, status, liquidations)


VENUE = Venue(
    name=NAME,
    feeds=tuple(_feeds()),
    instrument=instrument,
    api_hosts={"public": "https://api-pub.bitfinex.com"},
    rate_limits={"status": RateLimit(90, 60.0), "liquidations": RateLimit(3, 60.0)},
)
