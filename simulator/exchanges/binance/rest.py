"""Binance's REST answers about the simulated market, from the truth it wrote.

"Now" is the end of the last simulated day. Where the documentation leaves room:
- more rows than `limit` between startTime and endTime: the oldest are given, so that paging
  forward works; without startTime the newest are;
- a `limit` beyond the maximum is refused (-1130), so that no client relies on being cut short;
- `/futures/data/` is asked for `symbol` on USDⓈ-M, for `pair` on COIN-M (open interest for
  `contractType` too; ratios are those of the perpetual); in reality these are two hosts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from simulator.exchange import Answer, Asked
from simulator.truth import Truth

_PERIOD_MINUTES = {
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "12h": 720,
    "1d": 1440,
}
_KEPT_DAYS = 30
_RATIOS = {
    "topLongShortAccountRatio": "top_accounts_ratio",
    "topLongShortPositionRatio": "top_positions_ratio",
    "globalLongShortAccountRatio": "accounts_ratio",
}


class Refused(ValueError):
    """A request Binance answers with HTTP 400 and this code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _invalid(parameter: str) -> Refused:
    return Refused(-1130, f"parameter '{parameter}' is invalid.")


def failure(code: int, message: str) -> bytes:
    """An error body."""
    return json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode()


class BinanceApi:
    """Answers from `truth/` and `dumps/` below a simulated root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._truth = Truth(root, "binance")

    def fault(self, _status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        return failure(-1003, "simulated fault")

    def answer(self, asked: Asked) -> Answer:
        """Status and body of a GET."""
        path, query = asked.path, asked.query
        handlers: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "/fapi/v1/fundingRate": lambda q: self._funding("um", q),
            "/dapi/v1/fundingRate": lambda q: self._funding("cm", q),
            "/futures/data/openInterestHist": self._open_interest,
            "/futures/data/takerlongshortRatio": self._taker,
        } | {
            f"/futures/data/{name}": lambda q, column=column: self._ratio(column, q)
            for name, column in _RATIOS.items()
        }
        try:
            if path in {"/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"}:
                return self._exchange_info(path)
            if path not in handlers:
                return 404, failure(-5000, f"Path {path}, Method GET is invalid")
            rows = handlers[path](query)
        except Refused as refused:
            return 400, failure(refused.code, str(refused))
        return 200, json.dumps(rows, separators=(",", ":")).encode()

    def _exchange_info(self, path: str) -> Answer:
        name = "instruments-um.json" if path.startswith("/fapi") else "instruments.json"
        file = self._root / "dumps/binance" / name
        if not file.is_file():
            return 404, failure(-5000, "this side of the exchange was not simulated")
        return 200, file.read_bytes()

    def _funding(self, product: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        limit = _limit(query, default=100, most=1000)
        settlements = self._truth.settlements()
        symbol = query.get("symbol")
        if symbol is None and product == "cm":
            raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null.")
        if symbol is None:
            chosen = [f for f in settlements.values() if f.item(0, "product") == product]
            if not chosen:
                return []
            rows = pl.concat(chosen).sort("stamp_ms", "symbol")
        else:
            rows = settlements.get(symbol, pl.DataFrame())
            if rows.is_empty() or rows.item(0, "product") != product:
                raise Refused(-1121, "Invalid symbol.")
        rows = _page(rows, pl.col("stamp_ms"), query, limit)
        return [
            {
                "symbol": name,
                "fundingTime": stamp,
                "fundingRate": f"{rate:.8f}",
                "markPrice": f"{mark:.8f}",
            }
            for name, stamp, rate, mark in rows.select(
                "symbol", "stamp_ms", "funding_rate", "mark_price"
            ).iter_rows()
        ]

    def _samples(
        self, symbol: str, query: Mapping[str, str], *, period_start: bool
    ) -> pl.DataFrame:
        """The kept samples of a symbol on the grid of the asked period, with `stamp`."""
        limit = _limit(query, default=30, most=500)
        period = _PERIOD_MINUTES.get(query.get("period", ""))
        if period is None:
            raise _invalid("period")
        now = self._truth.now_ms()
        oldest = now - _KEPT_DAYS * 86_400_000
        start = _milliseconds(query, "startTime")
        if start is not None and start < oldest:
            raise _invalid("startTime")
        today = datetime.fromtimestamp(now / 1000, UTC).date()
        days = [today - timedelta(days=n) for n in range(_KEPT_DAYS + 1, 0, -1)]
        parts = [part for day in days if (part := self._truth.samples(day).get(symbol)) is not None]
        if not parts:
            raise Refused(-1121, "Invalid symbol.")
        sampled = pl.col("sampled_at").dt.epoch("ms")
        rows = (
            pl.concat(parts)
            .filter(sampled % (period * 60_000) == 0, sampled >= oldest, sampled <= now)
            .with_columns(stamp=sampled - (period * 60_000 if period_start else 0))
        )
        return _page(rows, pl.col("stamp"), query, limit)

    def _open_interest(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        pair = query.get("pair")
        symbol = query.get("symbol") if pair is None else self._contract(pair, query)
        if symbol is None:
            raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null.")
        names: dict[str, str] = {"symbol": symbol}
        if pair is not None:
            names = {"pair": pair, "contractType": query["contractType"]}
        return [
            names
            | {
                "sumOpenInterest": f"{native:.8f}",
                "sumOpenInterestValue": f"{value:.8f}",
                "timestamp": stamp,
            }
            for native, value, stamp in self._samples(symbol, query, period_start=False)
            .select("open_interest_native", "open_interest_value", "stamp")
            .iter_rows()
        ]

    def _contract(self, pair: str, query: Mapping[str, str]) -> str | None:
        kind = query.get("contractType")
        if kind == "PERPETUAL":
            return f"{pair}_PERP"
        if kind != "CURRENT_QUARTER":
            raise _invalid("contractType")
        today = datetime.fromtimestamp(self._truth.now_ms() / 1000, UTC).date()
        names = self._truth.samples(today - timedelta(days=1))
        return next(
            (x for x in sorted(names) if x.startswith(f"{pair}_") and not x.endswith("_PERP")), ""
        )

    def _ratio(self, column: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        pair = query.get("pair")
        names = {"symbol": _symbol(query)} if pair is None else {"pair": pair}
        symbol = _symbol(query) if pair is None else f"{pair}_PERP"
        return [
            names
            | {
                "longShortRatio": f"{ratio:.4f}",
                "longAccount": f"{ratio / (1 + ratio):.4f}",
                "shortAccount": f"{1 / (1 + ratio):.4f}",
                "timestamp": stamp,
            }
            for ratio, stamp in self._samples(symbol, query, period_start=False)
            .select(column, "stamp")
            .iter_rows()
        ]

    def _taker(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "buySellRatio": f"{ratio:.4f}",
                "buyVol": f"{volume * ratio / (1 + ratio):.4f}",
                "sellVol": f"{volume / (1 + ratio):.4f}",
                "timestamp": stamp,
            }
            for ratio, volume, stamp in self._samples(_symbol(query), query, period_start=True)
            .select("taker_ratio", "volume_coin", "stamp")
            .iter_rows()
        ]


def _symbol(query: Mapping[str, str]) -> str:
    symbol = query.get("symbol", "")
    if not symbol:
        raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null.")
    return symbol


def _milliseconds(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def _limit(query: Mapping[str, str], *, default: int, most: int) -> int:
    limit = _milliseconds(query, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise _invalid("limit")
    return limit


def _page(rows: pl.DataFrame, stamp: pl.Expr, query: Mapping[str, str], limit: int) -> pl.DataFrame:
    start, end = _milliseconds(query, "startTime"), _milliseconds(query, "endTime")
    if start is not None and end is not None and start > end:
        raise _invalid("startTime")
    if end is not None:
        rows = rows.filter(stamp <= end)
    if start is None:
        return rows.tail(limit)
    return rows.filter(stamp >= start).head(limit)
