"""Bybit's v5 market answers, from the truth. "Now" is the end of the last simulated day.

A `limit` beyond the maximum is refused, so that no client relies on being cut short. Errors come
with HTTP 200 and a `retCode`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from simulator.asking import Refused, limited, number, within
from simulator.exchange import Answer, Asked
from simulator.exchanges.bybit.rows import (
    envelope,
    funding_rows,
    kline_rows,
    mark_rows,
    open_interest_rows,
    ratio_rows,
)
from simulator.numerals import compact
from simulator.truth import Truth

_MINUTES = {"5min": 5, "15min": 15, "30min": 30, "1h": 60, "4h": 240, "1d": 1440}
_BARS = {"5": 5, "15": 15, "30": 30, "60": 60, "120": 120, "240": 240, "720": 720, "D": 1440}
"""Intervals of bars, minutes; the market is known every five."""

_BAR_ROWS: dict[str, Callable[[pl.DataFrame, int], list[list[str]]]] = {
    "/v5/market/mark-price-kline": mark_rows,
    "/v5/market/kline": kline_rows,
}


class BybitApi:
    """Answers from `truth/bybit` below a simulated root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._truth = Truth(root, "bybit")

    def fault(self, _status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        return compact({"retCode": 10016, "retMsg": "simulated fault", "result": {}})

    def answer(self, asked: Asked) -> Answer:
        """Status and body of a GET."""
        handlers: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "/v5/market/funding/history": self._funding,
            "/v5/market/open-interest": self._open_interest,
            "/v5/market/account-ratio": self._ratio,
            "/v5/market/instruments-info": self._instruments,
            **{path: partial(self._bars, rows) for path, rows in _BAR_ROWS.items()},
        }
        handler = handlers.get(asked.path)
        if handler is None:
            return 404, b""
        try:
            result = handler(asked.query)
        except Refused as refused:
            return 200, compact(
                {
                    "retCode": 10001,
                    "retMsg": f"params error: {refused}",
                    "result": {},
                    "retExtInfo": {},
                    "time": self._truth.now_ms(),
                }
            )
        return 200, compact(envelope(result, self._truth.now_ms()))

    def _found(self, query: Mapping[str, str], rows: pl.DataFrame) -> pl.DataFrame:
        if rows.is_empty() or rows.item(0, "product") != _category(query):
            raise Refused("symbol invalid")
        return rows

    def _funding(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = limited(query, 200, 200)
        start, end = number(query, "startTime"), number(query, "endTime")
        if start is not None and end is None:
            raise Refused("startTime without endTime")
        rows = self._truth.settlements().get(query.get("symbol", ""), pl.DataFrame())
        rows = within(self._found(query, rows), pl.col("stamp_ms"), start, end).tail(limit)
        return {"category": _category(query), "list": funding_rows(rows)}

    def _samples(self, query: Mapping[str, str], period: str, start: str, end: str) -> pl.DataFrame:
        minutes = _MINUTES.get(query.get(period, ""))
        if minutes is None:
            raise Refused(f"{period} invalid")
        rows = self._truth.history(query.get("symbol", ""), minutes)
        window = (number(query, start), number(query, end))
        return within(self._found(query, rows), pl.col("stamp"), *window)

    def _page(
        self, query: Mapping[str, str], rows: pl.DataFrame, limit: int
    ) -> tuple[pl.DataFrame, str]:
        """The newest rows that the cursor leaves, and the cursor for those before."""
        cursor = number(query, "cursor")
        if cursor is not None:
            rows = rows.filter(pl.col("stamp") < cursor)
        page = rows.tail(limit)
        return page, str(page.item(0, "stamp")) if rows.height > page.height else ""

    def _open_interest(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = limited(query, 50, 200)
        rows = self._samples(query, "intervalTime", "startTime", "endTime")
        page, cursor = self._page(query, rows, limit)
        return {
            "symbol": query["symbol"],
            "category": _category(query),
            "list": open_interest_rows(page),
            "nextPageCursor": cursor,
        }

    def _ratio(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = limited(query, 50, 500)
        rows = self._samples(query, "period", "startTime", "endTime")
        page, cursor = self._page(query, rows, limit)
        return {"list": ratio_rows(page), "nextPageCursor": cursor}

    def _bars(
        self, rows_of: Callable[[pl.DataFrame, int], list[list[str]]], query: Mapping[str, str]
    ) -> dict[str, Any]:
        """The newest bars of those that start between `start` and `end`."""
        limit = limited(query, 200, 1000)
        minutes = _BARS.get(query.get("interval", ""))
        if minutes is None:
            raise Refused("interval invalid")
        rows = self._found(query, self._truth.history(query.get("symbol", ""), 5))
        length = minutes * 60_000
        opened = pl.col("stamp") // length * length
        rows = within(rows, opened, number(query, "start"), number(query, "end"))
        return {
            "symbol": query["symbol"],
            "category": _category(query),
            "list": rows_of(rows, minutes)[:limit],
        }

    def _instruments(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = limited(query, 500, 1000)
        file = self._root / f"dumps/bybit/instruments-{_category(query)}.json"
        found = json.loads(file.read_bytes())["result"]["list"]
        if symbol := query.get("symbol"):
            found = [row for row in found if row["symbol"] == symbol]
        begin = number(query, "cursor") or 0
        more = str(begin + limit) if begin + limit < len(found) else ""
        page = found[begin : begin + limit]
        return {"category": _category(query), "list": page, "nextPageCursor": more}


def _category(query: Mapping[str, str]) -> str:
    category = query.get("category", "linear")
    if category not in {"linear", "inverse"}:
        raise Refused("category invalid")
    return category
