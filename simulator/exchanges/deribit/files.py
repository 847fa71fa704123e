"""Where dumps of Deribit's answers lie, and writing them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from simulator.archive import Writer
from simulator.exchanges.deribit.listings import instrument
from simulator.exchanges.deribit.rows import envelope, funding_rows, summary_rows, trades
from simulator.faulty import paged, without_one
from simulator.market import midnight
from simulator.numerals import compact
from simulator.plan import Quirk
from simulator.tape import Day, Tape, by_symbol, next_day

DUMPS = "dumps/deribit"
CURRENCIES = ("BTC", "ETH", "USDC")
_HOURS, _TRADES = 744, 1000


def write(tape: Tape, days: Iterable[Day], writer: Writer) -> Iterator[Quirk]:
    """Trades and polls by day, funding of all days together."""
    for day in days:
        yield from _write_summaries(tape, writer, day)
        yield from _write_trades(tape, writer, day)
    plan, now = tape.plan, int(tape.end.timestamp()) * 1000
    symbols = [listing.symbol for listing in tape.listings]
    for symbol, rows in by_symbol(tape.all_settlements, symbols).items():
        where = f"{DUMPS}/public-get_funding_rate_history/{symbol}.json"
        kept, quirks = without_one(rows, where, plan.seed, quirks=plan.quirks)
        yield from quirks
        pages, quirks = paged(funding_rows(kept), _HOURS, where, plan.seed, quirks=plan.quirks)
        yield from quirks
        _write_answers(writer, where, [envelope(page, now) for page in pages], tape)
    for currency in CURRENCIES:
        found = [
            instrument(x) for x in tape.listings if x.product == currency and x.trades_on(plan.last)
        ]
        where = f"{DUMPS}/instruments-{currency}.json"
        writer.write("instruments", where, compact(envelope(found, now)), tape.end)


def _write_answers(writer: Writer, where: str, answers: list[dict[str, Any]], tape: Tape) -> None:
    content = compact(answers if len(answers) > 1 else answers[0])
    writer.write(where.split("/")[2], where, content, tape.end)


def _write_trades(tape: Tape, writer: Writer, day: Day) -> Iterator[Quirk]:
    plan = tape.plan
    symbols = [listing.symbol for listing in day.path.listings]
    samples, events = by_symbol(day.samples, symbols), by_symbol(day.events, symbols)
    now = int(midnight(next_day(day.date)).timestamp()) * 1000
    for symbol in symbols:
        own = events.get(symbol, day.events.clear())
        found = trades(tape.listing(symbol), samples[symbol], own, plan.seed)
        name = f"{symbol}-{day.date}.json"
        where = f"{DUMPS}/public-get_last_trades_by_instrument_and_time/{name}"
        pages, quirks = paged(found, _TRADES, where, plan.seed, quirks=plan.quirks)
        yield from quirks
        answers = [
            envelope({"trades": page, "has_more": page is not pages[-1]}, now) for page in pages
        ]
        _write_answers(writer, where, answers, tape)


def _write_summaries(tape: Tape, writer: Writer, day: Day) -> Iterator[Quirk]:
    listings = {listing.symbol: listing for listing in day.path.listings}
    polls = day.samples.filter(pl.col("sampled_at").dt.minute() == 0).sort("sampled_at")
    for currency in CURRENCIES:
        where = f"{DUMPS}/public-get_book_summary_by_currency/{currency}/{day.date}.jsonl"
        lines = []
        for part in polls.filter(product=currency).partition_by("sampled_at", maintain_order=True):
            rows = summary_rows(part, listings)
            if tape.plan.quirks and currency == "BTC":
                rows.append(_option(rows[0]))
            now = int(part.item(0, "sampled_at").timestamp()) * 1000 + 40
            lines.append(compact(envelope(rows, now)) + b"\n")
        content = b"".join(lines)
        writer.write("summaries", where, content, midnight(next_day(day.date)))
        if tape.plan.quirks and currency == "BTC":
            yield Quirk("summary-option", where, f"{len(lines)} rows")


def _option(like: dict[str, Any]) -> dict[str, Any]:
    """A call on bitcoin at the moment of another row."""
    return {
        "base_currency": "BTC",
        "quote_currency": "BTC",
        "instrument_name": "BTC-31DEC27-100000-C",
        "open_interest": 123.4,
        "mark_price": 0.0512,
        "last": 0.051,
        "mid_price": None,
        "volume": 1.5,
        "volume_usd": 2700.5,
        "underlying_index": "BTC-31DEC27",
        "creation_timestamp": like["creation_timestamp"],
    }
