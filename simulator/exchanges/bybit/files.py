"""Where dumps of Bybit's answers and recordings of its streams lie, and writing them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from simulator.archive import Writer
from simulator.exchanges.bybit.listings import ALL_LIQUIDATIONS_FROM, instrument
from simulator.exchanges.bybit.rows import (
    envelope,
    funding_rows,
    mark_rows,
    open_interest_rows,
    ratio_rows,
)
from simulator.faulty import paged, recorded, without_one
from simulator.listing import Listing
from simulator.market import midnight
from simulator.numerals import compact
from simulator.plan import Quirk
from simulator.tape import Day, Tape, by_symbol, next_day

DUMPS = "dumps/bybit"
_BATCH_MS = 500


def write(tape: Tape, days: Iterable[Day], writer: Writer) -> Iterator[Quirk]:
    """Dumps of all days together, recordings by day."""
    samples = []
    for day in days:
        samples.append(day.samples.with_columns(stamp=pl.col("sampled_at").dt.epoch("ms")))
        yield from _write_liquidations(tape, writer, day)
    symbols = [listing.symbol for listing in tape.listings]
    for symbol, rows in by_symbol(pl.concat(samples), symbols).items():
        yield from _write_samples(tape, writer, tape.listing(symbol), rows)
    for symbol, rows in by_symbol(tape.all_settlements, symbols).items():
        folder = f"{DUMPS}/v5-market-funding-history/{tape.listing(symbol).product}"
        where = f"{folder}/{symbol}.json"
        kept, quirks = without_one(rows, where, tape.plan.seed, quirks=tape.plan.quirks)
        yield from quirks
        about = {"category": tape.listing(symbol).product}
        yield from _write_pages(tape, writer, where, funding_rows(kept), 200, about)
    now = int(tape.end.timestamp()) * 1000
    for category in ("linear", "inverse"):
        found = [instrument(x) for x in tape.listings if x.product == category]
        answer = envelope({"category": category, "list": found, "nextPageCursor": ""}, now)
        where = f"{DUMPS}/instruments-{category}.json"
        writer.write("instruments", where, compact(answer), tape.end)


def _write_samples(
    tape: Tape, writer: Writer, listing: Listing, rows: pl.DataFrame
) -> Iterator[Quirk]:
    hourly = rows.filter(pl.col("stamp") % 3_600_000 == 0)
    about = {"symbol": listing.symbol, "category": listing.product}
    interest = open_interest_rows(hourly)
    for endpoint, what, size, facts in (
        ("v5-market-open-interest/{}/1h", interest, 200, about),
        ("v5-market-account-ratio/{}/1h", ratio_rows(hourly), 500, {}),
        ("v5-market-mark-price-kline/{}/60", mark_rows(rows, 60), 1000, about),
    ):
        where = f"{DUMPS}/{endpoint.format(listing.product)}/{listing.symbol}.json"
        yield from _write_pages(tape, writer, where, what, size, facts)


def _write_pages(
    tape: Tape, writer: Writer, where: str, rows: list[Any], size: int, about: dict[str, str]
) -> list[Quirk]:
    plan = tape.plan
    pages, quirks = paged(rows, size, where, plan.seed, quirks=plan.quirks)
    now = int(tape.end.timestamp()) * 1000
    answers = [envelope(about | {"list": page}, now) for page in pages]
    content = compact(answers if len(answers) > 1 else answers[0])
    writer.write(where.split("/")[2], where, content, tape.end)
    return quirks


def _write_liquidations(tape: Tape, writer: Writer, day: Day) -> list[Quirk]:
    events = (
        day.events.filter("published")
        .with_columns(at_ms=pl.col("at").dt.epoch("ms"))
        .sort("at_ms", "symbol", "position", "quantity")
    )
    full = day.date >= ALL_LIQUIDATIONS_FROM
    topic = "allLiquidation" if full else "liquidation"
    where = f"{DUMPS}/ws-{topic}/{day.date}.jsonl"
    lines = _all_liquidation(tape, events) if full else _liquidation(tape, events)
    content, quirks = recorded(lines, where, tape.plan.seed, quirks=tape.plan.quirks)
    writer.write(f"ws-{topic}", where, content, midnight(next_day(day.date)))
    return quirks


def _numbers(tape: Tape, symbol: str, price: float, size: float) -> tuple[str, str]:
    listing = tape.listing(symbol)
    return f"{price:.{listing.price_digits}f}", f"{size:.{listing.quantity_digits}f}"


def _liquidation(tape: Tape, events: pl.DataFrame) -> list[bytes]:
    lines = []
    for symbol, at, position, price, size in _told(events):
        price_text, size_text = _numbers(tape, symbol, price, size)
        message = {
            "topic": f"liquidation.{symbol}",
            "type": "snapshot",
            "ts": at + 7,
            "data": {
                "updatedTime": at,
                "symbol": symbol,
                "side": _side(position),
                "size": size_text,
                "price": price_text,
            },
        }
        lines.append(compact(message) + b"\n")
    return lines


def _all_liquidation(tape: Tape, events: pl.DataFrame) -> list[bytes]:
    """A message per symbol and half second, with all that was liquidated in it."""
    batches: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for symbol, at, position, price, size in _told(events):
        price_text, size_text = _numbers(tape, symbol, price, size)
        row = {"T": at, "s": symbol, "S": _side(position), "v": size_text, "p": price_text}
        batches.setdefault((at // _BATCH_MS, symbol), []).append(row)
    return [
        compact(
            {
                "topic": f"allLiquidation.{symbol}",
                "type": "snapshot",
                "ts": (batch + 1) * _BATCH_MS + 3,
                "data": data,
            }
        )
        + b"\n"
        for (batch, symbol), data in sorted(batches.items(), key=lambda item: item[0])
    ]


def _told(events: pl.DataFrame) -> Iterator[tuple[str, int, str, float, float]]:
    return events.select("symbol", "at_ms", "position", "average_price", "quantity").iter_rows()


def _side(position: str) -> str:
    """Of the position, not of the order that closed it."""
    return "Buy" if position == "long" else "Sell"
