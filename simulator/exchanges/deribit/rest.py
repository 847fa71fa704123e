"""Deribit's public JSON-RPC answers over GET, from the truth.

"Now" is the end of the last simulated day. Funding: at most 744 rows, the newest of the window.
Trades: `sorting` asc or desc (the default), `has_more` where it cuts, `count` at most 10000 as
history.deribit.com has it, which is another host in reality (www.deribit.com: 1000).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from simulator.asking import Refused, limited, number
from simulator.exchange import Answer, Asked
from simulator.exchanges.deribit.listings import listings
from simulator.exchanges.deribit.rows import envelope, funding_rows, summary_rows, trades
from simulator.liquidations import EVENTS
from simulator.listing import Listing
from simulator.numerals import compact
from simulator.plan import Plan
from simulator.truth import DAY_MS, Truth

_PREFIX = "/api/v2/public/"
_HOURS = 744
_MOST_TRADES = 10_000


class DeribitApi:
    """Answers from `truth/deribit` and `dumps/deribit` below a simulated root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._truth = Truth(root, "deribit")

    def fault(self, _status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        return _error(10040, "retry")

    def answer(self, asked: Asked) -> Answer:
        """Status and body of a GET."""
        handler = {
            "get_funding_rate_history": self._funding,
            "get_instruments": self._instruments,
            "get_book_summary_by_currency": self._summary,
            "get_last_trades_by_instrument_and_time": self._trades,
        }.get(asked.path.removeprefix(_PREFIX))
        if handler is None:
            return 400, _error(-32601, "Method not found")
        try:
            return 200, compact(envelope(handler(asked.query), self._truth.now_ms()))
        except Refused as refused:
            return 400, _error(-32602, "Invalid params", str(refused))

    def _listings(self) -> dict[str, Listing]:
        first, last = self._truth.days()
        # As many symbols as any plan may have had: names and sizes do not depend on it.
        return {x.symbol: x for x in listings(Plan(first, last, symbols=100))}

    def _window(self, query: Mapping[str, str]) -> tuple[int, int]:
        start, end = number(query, "start_timestamp"), number(query, "end_timestamp")
        if start is None or end is None:
            raise Refused("start_timestamp and end_timestamp are required")
        return start, end

    def _funding(self, query: Mapping[str, str]) -> list[Any]:
        start, end = self._window(query)
        rows = self._truth.settlements().get(query.get("instrument_name", ""))
        if rows is None:
            raise Refused("instrument_name")
        found = funding_rows(rows)
        return [row for row in found if start <= row["timestamp"] <= end][-_HOURS:]

    def _instruments(self, query: Mapping[str, str]) -> list[Any]:
        wanted = query.get("currency", "any")
        names = ("BTC", "ETH", "USDC") if wanted == "any" else (wanted,)
        found: list[Any] = []
        for name in names:
            file = self._root / f"dumps/deribit/instruments-{name}.json"
            if name not in {"BTC", "ETH", "USDC"} or not file.is_file():
                raise Refused("currency")
            found += json.loads(file.read_bytes())["result"]
        return found if query.get("kind", "future") == "future" else []

    def _summary(self, query: Mapping[str, str]) -> list[Any]:
        parts = self._truth.samples(self._truth.days()[1]).values()
        wanted = [x for x in parts if x.item(0, "product") == query.get("currency")]
        if not wanted:
            raise Refused("currency")
        last = pl.concat([rows.tail(1) for rows in wanted])
        return summary_rows(last, self._listings())

    def _trades(self, query: Mapping[str, str]) -> dict[str, Any]:
        start, end = self._window(query)
        count = limited(query, 10, _MOST_TRADES, "count")
        listing = self._listings().get(query.get("instrument_name", ""))
        if listing is None:
            raise Refused("instrument_name")
        seed = int(json.loads((self._root / "truth/plan.json").read_bytes())["seed"])
        found: list[dict[str, Any]] = []
        first, last = self._truth.days()
        for day in _days(max(start, _ms(first)), min(end, self._truth.now_ms() - 1)):
            samples = self._truth.samples(day).get(listing.symbol)
            if samples is None or day > last:
                continue
            events = self._truth.liquidations(day).get(listing.symbol)
            if events is None:
                events = pl.DataFrame(schema=EVENTS)
            found += trades(listing, samples, events, seed)
        found = [row for row in found if start <= row["timestamp"] <= end]
        if query.get("sorting", "desc") != "asc":
            found.reverse()
        return {"trades": found[:count], "has_more": len(found) > count}


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _days(start: int, end: int) -> list[date]:
    first = datetime.fromtimestamp(start / 1000, UTC).date()
    return [first + timedelta(days=n) for n in range(max((end - _ms(first)) // DAY_MS + 1, 0))]


def _error(code: int, message: str, detail: str = "") -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if detail:
        error["data"] = {"reason": detail}
    return compact({"jsonrpc": "2.0", "error": error, "testnet": False})
