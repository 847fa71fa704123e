"""Where dumps of BitMEX's tables and recordings of its streams lie, and writing them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import polars as pl

from simulator.archive import Writer
from simulator.exchanges.bitmex.rows import funding_rows, instrument_rows
from simulator.faulty import dice, recorded, without_one
from simulator.market import midnight
from simulator.noise import keys
from simulator.numerals import compact
from simulator.plan import Quirk
from simulator.tape import Day, Tape, by_symbol, next_day

DUMPS = "dumps/bitmex"
_PAGE, _OVERLAP = 500, 2


def write(tape: Tape, days: Iterable[Day], writer: Writer) -> Iterator[Quirk]:
    """Dumps of all days together, recordings and polls by day."""
    names = {listing.symbol: listing for listing in tape.listings}
    last: list[dict[str, Any]] = []
    for day in days:
        polls = day.samples.filter(pl.col("sampled_at").dt.minute() == 0).sort(
            "sampled_at", "symbol"
        )
        parts = polls.partition_by("sampled_at", maintain_order=True)
        lines = [compact(instrument_rows(part, names)) + b"\n" for part in parts]
        where = f"{DUMPS}/instrument/{day.date}.jsonl"
        writer.write("instrument", where, b"".join(lines), midnight(next_day(day.date)))
        last = instrument_rows(parts[-1], names)
        yield from _write_liquidations(tape, writer, day)
    for symbol, rows in by_symbol(tape.all_settlements, list(names)).items():
        yield from _write_funding(tape, writer, symbol, rows)
    writer.write("instruments", f"{DUMPS}/instruments.json", compact(last), tape.end)


def _write_funding(
    tape: Tape, writer: Writer, symbol: str, settlements: pl.DataFrame
) -> Iterator[Quirk]:
    where, plan = f"{DUMPS}/funding/{symbol}.json", tape.plan
    kept, quirks = without_one(settlements, where, plan.seed, quirks=plan.quirks)
    yield from quirks
    rows = funding_rows(kept)
    if plan.quirks and len(rows) > _PAGE:
        yield Quirk("page-overlap", where, f"{_OVERLAP} rows")
        starts = range(0, len(rows), _PAGE - _OVERLAP)
        rows = [row for start in starts for row in rows[start : start + _PAGE]]
    writer.write("funding", where, compact(rows), tape.end)


def _write_liquidations(tape: Tape, writer: Writer, day: Day) -> Iterator[Quirk]:
    where = f"{DUMPS}/ws-liquidation/{day.date}.jsonl"
    quirks, seed = tape.plan.quirks, tape.plan.seed
    events = day.events.filter("published").with_columns(at_ms=pl.col("at").dt.epoch("ms"))
    told = events.sort("at_ms", "symbol", "position", "quantity").select(
        "symbol", "at_ms", "position", "average_price", "quantity"
    )
    start_ms = int(midnight(day.date).timestamp()) * 1000
    # Stamped lines: (arrival, place among those of one moment, line).
    lines = [(start_ms, 0, _line(start_ms, "partial", []))]
    luck = dice(seed, "liquidation-updates", where, told.height)
    updated = 0
    end_ms = start_ms + 86_400_000 - 1
    for n, ((symbol, at, position, price, size), u) in enumerate(
        zip(told.iter_rows(), luck, strict=True)
    ):
        about = {"orderID": _order_id(seed, f"{day.date}/{n}"), "symbol": symbol}
        # The order that closes a long sells.
        opened = about | {
            "side": "Sell" if position == "long" else "Buy",
            "price": price,
            "leavesQty": int(size),
        }
        lines.append((at, 3 * n + 1, _line(at, "insert", [opened])))
        if quirks and u < 0.3 and size > 1:
            updated += 1
            left = about | {"leavesQty": max(int(size * u), 1)}
            when = min(at + 300, end_ms)
            lines.append((when, 3 * n + 2, _line(when, "update", [left])))
        when = min(at + 900, end_ms)
        lines.append((when, 3 * n + 3, _line(when, "delete", [about])))
    content, faults = recorded([x for _, _, x in sorted(lines)], where, seed, quirks=quirks)
    writer.write("ws-liquidation", where, content, midnight(next_day(day.date)))
    yield from faults
    if updated:
        yield Quirk("liquidation-updates", where, f"{updated} orders")


def _line(at_ms: int, action: str, data: list[dict[str, Any]]) -> bytes:
    message: dict[str, Any] = {"table": "liquidation", "action": action}
    if action == "partial":
        message["keys"] = ["orderID"]
        message["types"] = {
            "orderID": "guid",
            "symbol": "symbol",
            "side": "symbol",
            "price": "float",
            "leavesQty": "long",
        }
        message["filter"] = {}
    message["data"] = data
    return compact({"arrival_ns": at_ms * 1_000_000, "message": message}) + b"\n"


def _order_id(seed: int, name: str) -> str:
    high, low = (int(key) for key in keys(seed, "order", [name, f"{name}/low"]))
    return str(UUID(int=(high << 64) | low))
