"""A venue made of lines: every record is a JSON object of native fields, for tests.

A line is `{"dataset": …, native fields…}`; times are ISO text. `{"dataset", "rejected", "at"}` is a
record the parser sets aside. Paths: `{lines,late}/{name}[.{SYMBOL}][@{first}..{last}].jsonl`; the
feed `late` comes after `lines`. Symbols are COIN-QUOTE, `k` in front of a coin means a thousand of
it; -INV is inverse (100 dollars), -QTO quanto (a millionth of a bitcoin per point).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from transforms.native import NATIVE_SCHEMAS
from transforms.payload import READ_SCHEMA, REJECTED_SCHEMA, Facts, Parsed, Payload
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Feed, Instrument, Venue

FETCHED = datetime(2026, 7, 1, 12, tzinfo=UTC)

_PATH = re.compile(
    r"(?P<feed>\w+)/(?P<name>[^.@]+)(?:\.(?P<symbol>[\w-]+))?"
    r"(?:@(?P<first>[\d-]+)\.\.(?P<last>[\d-]+))?\.jsonl"
)
_MARGINS = {"": Margin.LINEAR, "INV": Margin.INVERSE, "QTO": Margin.QUANTO}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rule(symbol: str) -> Instrument | None:
    found = re.fullmatch(r"(k?)([A-Z]+)-([A-Z]+)(?:-(INV|QTO))?", symbol)
    if found is None:
        return None
    thousand, coin, quote, margin = found.groups()
    return Instrument(
        symbol=symbol,
        base_asset=coin,
        quote_asset=quote,
        settle_asset={"INV": coin, "QTO": "XBt"}.get(margin or "", quote),
        margin_type=_MARGINS[margin or ""],
        contract_kind=ContractKind.PERPETUAL,
        contract_size={"INV": 100.0, "QTO": 1e-6}.get(margin or "", 1.0),
        base_multiplier=1000.0 if thousand else 1.0,
    )


def _value(dtype: pl.DataType, value: object) -> object:
    if isinstance(dtype, pl.Datetime) and isinstance(value, str):
        return instant(value)
    if dtype.is_decimal() and isinstance(value, str):
        return Decimal(value)
    return value


def parse(payloads: Sequence[Payload]) -> Parsed:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in NATIVE_SCHEMAS}
    rejected: list[dict[str, Any]] = []
    read: dict[tuple[str, str], int] = {}
    for payload in payloads:
        for number, line in enumerate(payload.content.decode().splitlines(), start=1):
            record = json.loads(line)
            name = record.pop("dataset")
            origin = {"raw_key": payload.raw_key, "raw_row": number}
            read[name, payload.raw_key] = read.get((name, payload.raw_key), 0) + 1
            if "rejected" in record:
                at = instant(record["at"]) if "at" in record else None
                rejected.append(
                    origin
                    | {"dataset": name, "reason": record["rejected"], "at": at, "raw_text": line}
                )
                continue
            schema = NATIVE_SCHEMAS[name]
            values = {"rank": 0} | record
            rows[name].append({k: _value(schema[k], v) for k, v in values.items()} | origin)
    return Parsed(
        rows={
            name: pl.DataFrame(found, schema=NATIVE_SCHEMAS[name]) for name, found in rows.items()
        },
        rejected=pl.DataFrame(rejected, schema=REJECTED_SCHEMA),
        read=pl.DataFrame([(d, k, n) for (d, k), n in read.items()], READ_SCHEMA, orient="row"),
    )


def _facts(feed: str) -> Callable[[str], Facts | None]:
    def facts(path: str) -> Facts | None:
        found = _PATH.fullmatch(path)
        if found is None or found["feed"] != feed:
            return None
        return Facts(
            symbol=found["symbol"],
            first_date=date.fromisoformat(found["first"]) if found["first"] else None,
            last_date=date.fromisoformat(found["last"]) if found["last"] else None,
        )

    return facts


FEED = Feed(
    name="lines",
    datasets=tuple(NATIVE_SCHEMAS),
    source=SourceKind.ARCHIVE,
    precedence=0,
    facts=_facts("lines"),
    parse=parse,
)
LATE = replace(FEED, name="late", source=SourceKind.DUMP, precedence=1, facts=_facts("late"))


def feed_of(dataset: str, name: str, source: SourceKind = SourceKind.ARCHIVE) -> Feed:
    """A feed of one dataset, with the paths `{name}/…`."""

    def parse_one(payloads: Sequence[Payload]) -> Parsed:
        parsed = parse(payloads)
        only = {dataset: parsed.rows[dataset]}
        return Parsed(only, parsed.read, parsed.rejected, parsed.notes)

    return replace(
        FEED, name=name, datasets=(dataset,), source=source, facts=_facts(name), parse=parse_one
    )


QUIET = feed_of("liquidations", "quiet")

VENUE = Venue(name="examplex", feeds=(FEED, LATE, QUIET), instrument=rule)
PRICED = replace(VENUE, priced_by_prices=frozenset({"open_interest", "liquidations"}))


def payload(path: str, records: Iterable[dict[str, Any]] = ()) -> Payload:
    """The raw file at `path`, one line per record."""
    source = SourceKind.DUMP if path.startswith("late/") else SourceKind.ARCHIVE
    found = VENUE.feed_for(source, path)
    return Payload(
        raw_key=f"raw/examplex/{path}",
        path=path,
        content="".join(json.dumps(r) + "\n" for r in records).encode(),
        source=source,
        facts=found[1] if found else Facts(),
        fetched_at=FETCHED,
    )


def funding(at: str, rate: str = "0.0001", symbol: str = "BTC-USD", **more: Any) -> dict[str, Any]:
    return {
        "dataset": "funding_rates",
        "symbol": symbol,
        "settled_at": at,
        "settled_at_original": at,
        "funding_rate": rate,
    } | more


def open_interest(at: str, amount: float | None, **more: Any) -> dict[str, Any]:
    return {
        "dataset": "open_interest",
        "symbol": "BTC-USD",
        "sampled_at": at,
        "sampled_at_original": at,
        "amount": amount,
        "unit": "coin",
        "sides": 1,
    } | more


def liquidation(at: str, amount: float | None, **more: Any) -> dict[str, Any]:
    """Of one order by default: limit 99, 5 coins ordered, average price 100."""
    return {
        "dataset": "liquidations",
        "symbol": "BTC-USD",
        "liquidated_at": at,
        "side": "long",
        "price": 100.0,
        "price_kind": "average",
        "amount": amount,
        "unit": "coin",
        "order_price": 99.0,
        "order_quantity": 5.0,
    } | more


def bar(at: str, opened: float, close: float, **more: Any) -> dict[str, Any]:
    """An hour of the mark price by default."""
    return {
        "dataset": "prices",
        "symbol": "BTC-USD",
        "opened_at": at,
        "interval_minutes": 60,
        "price_source": "mark",
        "price_open": opened,
        "price_high": max(opened, close),
        "price_low": min(opened, close),
        "price_close": close,
    } | more


def instrument(symbol: str, observed: str, **more: Any) -> dict[str, Any]:
    return {"dataset": "instruments", "symbol": symbol, "observed_at": observed} | more
