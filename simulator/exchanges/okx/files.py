"""Where dumps of OKX's answers and recordings of its streams lie, and writing them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from simulator.archive import Writer
from simulator.exchanges.okx.archive import write_archive
from simulator.exchanges.okx.listings import family, instrument
from simulator.exchanges.okx.rows import envelope, funding_rows, open_interest_row, ratio_rows
from simulator.faulty import dice, paged, recorded, without_one
from simulator.market import midnight
from simulator.numerals import compact
from simulator.plan import Quirk
from simulator.tape import Day, Tape, by_symbol, next_day

DUMPS = "dumps/okx"
_RATIO = "rubik-stat-contracts-long-short-account-ratio-contract/1H"


def write(tape: Tape, days: Iterable[Day], writer: Writer) -> Iterator[Quirk]:
    """Archive and dumps of all days together, recordings and polls by day."""
    samples = []
    for day in days:
        rows = day.samples.with_columns(stamp=pl.col("sampled_at").dt.epoch("ms"))
        samples.append(rows.filter(pl.col("stamp") % 3_600_000 == 0))
        _write_open_interest(writer, day, rows)
        yield from _write_liquidations(tape, writer, day)
    yield from write_archive(tape, writer)
    symbols = [listing.symbol for listing in tape.listings]
    for symbol, rows in by_symbol(pl.concat(samples), symbols).items():
        where = f"{DUMPS}/{_RATIO}/{symbol}.json"
        yield from _write_pages(tape, writer, where, ratio_rows(rows))
    for symbol, rows in by_symbol(tape.all_settlements, symbols).items():
        where = f"{DUMPS}/public-funding-rate-history/{symbol}.json"
        kept, quirks = without_one(rows, where, tape.plan.seed, quirks=tape.plan.quirks)
        yield from quirks
        yield from _write_pages(tape, writer, where, funding_rows(kept))
    found = compact(envelope([instrument(listing) for listing in tape.listings]))
    writer.write("instruments", f"{DUMPS}/instruments.json", found, tape.end)


def _write_pages(tape: Tape, writer: Writer, where: str, rows: list[Any]) -> list[Quirk]:
    pages, quirks = paged(rows, 100, where, tape.plan.seed, quirks=tape.plan.quirks)
    answers = [envelope(page) for page in pages]
    content = compact(answers if len(answers) > 1 else answers[0])
    writer.write(where.split("/")[2], where, content, tape.end)
    return quirks


def _write_open_interest(writer: Writer, day: Day, rows: pl.DataFrame) -> None:
    polled = rows.sort("stamp", "symbol").select(
        "symbol", "open_interest_native", "open_interest_coin", "open_interest_usd", "stamp"
    )
    # Contracts of one poll answer within milliseconds of each other.
    lines = [
        compact(open_interest_row(symbol, oi, coin, usd, stamp + n % 7))
        for n, (symbol, oi, coin, usd, stamp) in enumerate(polled.iter_rows())
    ]
    where = f"{DUMPS}/public-open-interest/{day.date}.jsonl"
    content = b"".join(line + b"\n" for line in lines)
    writer.write("public-open-interest", where, content, midnight(next_day(day.date)))


def _write_liquidations(tape: Tape, writer: Writer, day: Day) -> Iterator[Quirk]:
    events = (
        day.events.filter("published")
        .with_columns(at_ms=pl.col("at").dt.epoch("ms"))
        .sort("at_ms", "symbol", "position", "quantity")
        .select("symbol", "at_ms", "position", "average_price", "quantity")
    )
    where = f"{DUMPS}/ws-liquidation-orders/{day.date}.jsonl"
    quirks, seed = tape.plan.quirks, tape.plan.seed
    luck = dice(seed, "position-net", where, events.height)
    details: list[tuple[str, dict[str, str]]] = []
    net = 0
    for (symbol, at, position, price, size), u in zip(events.iter_rows(), luck, strict=True):
        hidden = quirks and u < 0.1
        net += hidden
        row = {
            "bkLoss": "0",
            "bkPx": f"{price:.{tape.listing(symbol).price_digits}f}",
            "ccy": "",
            "posSide": "net" if hidden else position,
            "side": "sell" if position == "long" else "buy",
            "sz": f"{size:.0f}",
            "ts": str(at),
        }
        details.append((symbol, row))
    lines = [_message(tape, symbol, [row]) for symbol, row in details]
    if quirks and len(details) > 10:
        # After a reconnect the first message repeats what a contract had last.
        place = len(details) // 2
        symbol = details[place - 1][0]
        again = [row for name, row in details[:place] if name == symbol][-3:]
        lines.insert(place, _message(tape, symbol, again))
        yield Quirk("recording-snapshot", where, f"{len(again)} events of {symbol}")
    content, faults = recorded(lines, where, seed, quirks=quirks)
    writer.write("ws-liquidation-orders", where, content, midnight(next_day(day.date)))
    yield from faults
    if net:
        yield Quirk("position-net", where, f"{net} events")


def _message(tape: Tape, symbol: str, details: list[dict[str, str]]) -> bytes:
    of = family(tape.listing(symbol))
    data = {
        "details": details,
        "instFamily": of,
        "instId": symbol,
        "instType": "SWAP",
        "uly": of,
    }
    arg = {"channel": "liquidation-orders", "instType": "SWAP"}
    return compact({"arg": arg, "data": [data]}) + b"\n"
