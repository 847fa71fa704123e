"""OKX's v5 answers, from the truth. "Now" is the end of the last simulated day.

Answers are newest first and all windows exclude their ends. Funding and candles page by `after`
(older) and `before` (newer), statistics by `end` and `begin`. Three months of funding are kept.
Futures are asked for like swaps, yet there are none. Errors come with HTTP 200 and a `code`.
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
from simulator.exchanges.okx.listings import listings
from simulator.exchanges.okx.rows import (
    candles,
    envelope,
    funding_rows,
    mark_candles,
    open_interest_history_rows,
    open_interest_row,
    ratio_rows,
)
from simulator.listing import Listing
from simulator.numerals import compact
from simulator.plan import Plan
from simulator.truth import DAY_MS, Truth

_MINUTES = {"5m": 5, "15m": 15, "30m": 30, "1H": 60, "4H": 240, "1Dutc": 1440}
_KEPT_DAYS = 92
_RUBIK = "/api/v5/rubik/stat/contracts"
_RATIOS = {
    "long-short-account-ratio-contract": "accounts_ratio",
    "long-short-account-ratio-contract-top-trader": "top_accounts_ratio",
    "long-short-position-ratio-contract-top-trader": "top_positions_ratio",
}
_Candles = Callable[[pl.DataFrame, int, Listing], list[list[str]]]
_CANDLES: dict[str, _Candles] = {
    "history-mark-price-candles": mark_candles,
    "history-candles": candles,
}


class OkxApi:
    """Answers from `truth/okx` below a simulated root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._truth = Truth(root, "okx")

    def fault(self, _status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        return compact({"code": "50001", "data": [], "msg": "simulated fault"})

    def answer(self, asked: Asked) -> Answer:
        """Status and body of a GET."""
        handlers: dict[str, Callable[[Mapping[str, str]], list[Any]]] = {
            "/api/v5/public/funding-rate-history": self._funding,
            "/api/v5/public/open-interest": self._open_interest,
            "/api/v5/public/instruments": self._instruments,
            f"{_RUBIK}/open-interest-history": self._history,
            **{f"{_RUBIK}/{name}": partial(self._ratio, of) for name, of in _RATIOS.items()},
            **{
                f"/api/v5/market/{name}": partial(self._candles, rows)
                for name, rows in _CANDLES.items()
            },
        }
        handler = handlers.get(asked.path)
        if handler is None:
            return 404, compact({"code": "404", "data": {}, "msg": "Not Found"})
        try:
            return 200, compact(envelope(handler(asked.query)))
        except Refused as refused:
            unknown = str(refused) == "instId"
            message = "Instrument ID doesn't exist" if unknown else f"Parameter {refused} error"
            code = "51001" if unknown else "51000"
            return 200, compact({"code": code, "data": [], "msg": message})

    def _funding(self, query: Mapping[str, str]) -> list[Any]:
        limit = limited(query, 400, 400)
        rows = self._truth.settlements().get(query.get("instId", ""))
        if rows is None:
            raise Refused("instId")
        newer, older = number(query, "before"), number(query, "after")
        oldest = self._truth.now_ms() - _KEPT_DAYS * DAY_MS
        start = max(oldest, oldest if newer is None else newer + 1)
        # All of them first: a forecast comes from the settlement before.
        found = [row for row in funding_rows(rows) if start <= int(row["fundingTime"])]
        return [row for row in found if older is None or int(row["fundingTime"]) < older][:limit]

    def _open_interest(self, query: Mapping[str, str]) -> list[Any]:
        if query.get("instType") != "SWAP":
            raise Refused("instType")
        last = self._truth.samples(self._truth.days()[1])
        wanted = query.get("instId")
        if wanted is not None and wanted not in last:
            raise Refused("instId")
        return [
            open_interest_row(
                symbol,
                rows.item(-1, "open_interest_native"),
                rows.item(-1, "open_interest_coin"),
                rows.item(-1, "open_interest_usd"),
                int(rows.item(-1, "sampled_at").timestamp()) * 1000,
            )
            for symbol, rows in last.items()
            if wanted in {None, symbol}
        ]

    def _instruments(self, query: Mapping[str, str]) -> list[Any]:
        if query.get("instType") == "FUTURES":
            return []
        if query.get("instType") != "SWAP":
            raise Refused("instType")
        file = self._root / "dumps/okx/instruments.json"
        found: list[Any] = json.loads(file.read_bytes())["data"]
        return [row for row in found if query.get("instId") in {None, row["instId"]}]

    def _snapshots(self, query: Mapping[str, str], minutes: int) -> pl.DataFrame:
        rows = self._truth.history(query.get("instId", ""), minutes)
        if rows.is_empty():
            raise Refused("instId")
        return rows

    def _samples(self, query: Mapping[str, str]) -> pl.DataFrame:
        rows = self._snapshots(query, _minutes(query, "period"))
        rows = within(rows, pl.col("stamp"), *_inside(query, "begin", "end"))
        return rows.tail(limited(query, 100, 100))

    def _history(self, query: Mapping[str, str]) -> list[Any]:
        return open_interest_history_rows(self._samples(query))

    def _ratio(self, of: str, query: Mapping[str, str]) -> list[Any]:
        return ratio_rows(self._samples(query), of)

    def _candles(self, rows_of: _Candles, query: Mapping[str, str]) -> list[Any]:
        minutes = _minutes(query, "bar")
        opened = pl.col("stamp") // (minutes * 60_000) * (minutes * 60_000)
        rows = within(self._snapshots(query, 5), opened, *_inside(query, "before", "after"))
        first, last = self._truth.days()
        # As many symbols as any plan may have had: sizes do not depend on it.
        known = {x.symbol: x for x in listings(Plan(first, last, symbols=100))}
        found = rows_of(rows, minutes, known[query["instId"]])
        return found[: limited(query, 100, 100)]


def _minutes(query: Mapping[str, str], name: str) -> int:
    minutes = _MINUTES.get(query.get(name, "5m"))
    if minutes is None:
        raise Refused(name)
    return minutes


def _inside(
    query: Mapping[str, str], newer_than: str, older_than: str
) -> tuple[int | None, int | None]:
    """First and last instant of a window that excludes its ends."""
    newer, older = number(query, newer_than), number(query, older_than)
    return None if newer is None else newer + 1, None if older is None else older - 1
