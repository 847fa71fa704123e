"""Where Hyperliquid's archives and dumps of its answers lie, and writing them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from simulator.archive import Writer
from simulator.exchanges.hyperliquid.archive import BY_BLOCK_FROM, contexts, fills, lz4
from simulator.exchanges.hyperliquid.rows import funding_rows
from simulator.faulty import without_one
from simulator.market import midnight
from simulator.numerals import compact
from simulator.plan import Quirk
from simulator.tape import Day, Tape, by_symbol, next_day, published

ARCHIVE, DUMPS = "archive/hyperliquid", "dumps/hyperliquid"
_PAGE, _OVERLAP = 500, 1


def write(tape: Tape, days: Iterable[Day], writer: Writer) -> Iterator[Quirk]:
    """Contexts and fills by day, funding of all days together."""
    plan = tape.plan
    for day in days:
        where = f"{ARCHIVE}/asset_ctxs/{day.date:%Y%m%d}.csv.lz4"
        grid = day.market.day(day.path.listings, day.date, 1)
        content, quirks = contexts(day.market, grid, where, quirks=plan.quirks)
        writer.write("asset_ctxs", where, lz4(content), published(day.date))
        yield from quirks
        _write_fills(tape, writer, day)
    symbols = [listing.symbol for listing in tape.listings]
    for symbol, settlements in by_symbol(tape.all_settlements, symbols).items():
        where = f"{DUMPS}/fundingHistory/{symbol}.json"
        kept, quirks = without_one(settlements, where, plan.seed, quirks=plan.quirks)
        yield from quirks
        rows = funding_rows(kept)
        if plan.quirks and len(rows) > _PAGE:
            # The next page is asked for from the last row on.
            starts = range(0, len(rows) - _OVERLAP, _PAGE - _OVERLAP)
            rows = [row for start in starts for row in rows[start : start + _PAGE]]
            yield Quirk("page-overlap", where, f"{_OVERLAP} rows")
        writer.write("fundingHistory", where, compact(rows), tape.end)


def _write_fills(tape: Tape, writer: Writer, day: Day) -> None:
    names = {listing.symbol: listing for listing in tape.listings}
    tree = "node_fills_by_block" if day.date >= BY_BLOCK_FROM else "node_fills"
    hours = fills(day.date, names, day.samples, day.events, tape.plan.seed)
    for hour, content in enumerate(hours):
        where = f"{ARCHIVE}/{tree}/hourly/{day.date:%Y%m%d}/{hour}.lz4"
        over = midnight(day.date) + timedelta(hours=hour + 1)
        writer.write("node_fills", where, lz4(content), min(over, midnight(next_day(day.date))))
