"""BitMEX's `/api/v1` answers, from the truth. "Now" is the end of the last simulated day.

`/funding`: oldest first unless `reverse`, paged by `start` or `startTime`, at most 500 rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from simulator.asking import Refused, limited, number
from simulator.exchange import Answer, Asked
from simulator.exchanges.bitmex.rows import funding_rows
from simulator.numerals import compact
from simulator.truth import Truth


class BitmexApi:
    """Answers from `truth/bitmex` and `dumps/bitmex` below a simulated root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._truth = Truth(root, "bitmex")

    def fault(self, _status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        return _error("simulated fault", "HTTPError")

    def answer(self, asked: Asked) -> Answer:
        """Status and body of a GET."""
        handler = {
            "/api/v1/funding": self._funding,
            "/api/v1/instrument": self._instrument,
            "/api/v1/instrument/active": self._active,
        }.get(asked.path)
        if handler is None:
            return 404, _error("Not Found", "HTTPError")
        try:
            return 200, compact(handler(asked.query))
        except Refused as refused:
            return 400, _error(str(refused), "ValidationError")

    def _funding(self, query: Mapping[str, str]) -> list[Any]:
        count = limited(query, 100, 500, "count")
        found = self._truth.settlements()
        symbol = query.get("symbol")
        rows = found.get(symbol) if symbol else pl.concat(found.values())
        if rows is None:
            return []
        for name, keep in (("startTime", pl.Expr.__ge__), ("endTime", pl.Expr.__le__)):
            if text := query.get(name):
                rows = rows.filter(keep(pl.col("settled_at"), pl.lit(_moment(name, text))))
        rows = rows.sort("settled_at", "symbol", descending=query.get("reverse") == "true")
        return funding_rows(rows.slice(number(query, "start") or 0, count))

    def _active(self, _query: Mapping[str, str]) -> list[Any]:
        found: list[Any] = json.loads((self._root / "dumps/bitmex/instruments.json").read_bytes())
        return found

    def _instrument(self, query: Mapping[str, str]) -> list[Any]:
        count, start = limited(query, 100, 500, "count"), number(query, "start") or 0
        wanted = query.get("symbol")
        found = [row for row in self._active(query) if wanted in {None, "", row["symbol"]}]
        return found[start : start + count]


def _moment(name: str, text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{name} is not a valid date") from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _error(message: str, name: str) -> bytes:
    return compact({"error": {"message": message, "name": name}})
