"""Hyperliquid's `POST /info` answers, from the truth. "Now" is the end of the last simulated day.

fundingHistory gives at most 500 rows, the oldest from `startTime` on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from simulator.asking import Refused, number, within
from simulator.exchange import Answer, Asked
from simulator.exchanges.hyperliquid.listings import listings
from simulator.exchanges.hyperliquid.rows import context, funding_rows, universe
from simulator.numerals import compact
from simulator.plan import Plan
from simulator.truth import Truth

_PAGE = 500
_MALFORMED = b"Failed to deserialize the JSON body into the target type"


class HyperliquidApi:
    """Answers from `truth/hyperliquid` below a simulated root."""

    def __init__(self, root: Path) -> None:
        self._truth = Truth(root, "hyperliquid")

    def fault(self, _status: int) -> bytes:
        """The body of an error that has nothing to do with the question."""
        return b"null"

    def answer(self, asked: Asked) -> Answer:
        """Status and body of a POST."""
        if asked.method != "POST":
            return 405, b""
        body = asked.body
        if not isinstance(body, dict):
            return 422, _MALFORMED
        handler = {
            "fundingHistory": self._funding,
            "metaAndAssetCtxs": self._contexts,
            "meta": self._meta,
        }.get(str(body.get("type")))
        if handler is None:
            return 422, _MALFORMED
        try:
            return 200, compact(handler(body))
        except Refused:
            return 422, _MALFORMED

    def _funding(self, body: Mapping[str, Any]) -> list[Any]:
        start, end = number(body, "startTime"), number(body, "endTime")
        rows = self._truth.settlements().get(str(body.get("coin")))
        if start is None or rows is None:
            raise Refused("coin and startTime are required")
        return funding_rows(within(rows, pl.col("stamp_ms"), start, end).head(_PAGE))

    def _meta(self, _body: Mapping[str, Any]) -> dict[str, Any]:
        first, last = self._truth.days()
        names = self._truth.samples(last)
        found = listings(Plan(first, last, symbols=max(len(names), 1)))
        return universe([listing for listing in found if listing.symbol in names])

    def _contexts(self, body: Mapping[str, Any]) -> list[Any]:
        meta, rows = self._meta(body), self._truth.samples(self._truth.days()[1])
        coins = [coin["name"] for coin in meta["universe"]]
        return [meta, [context(rows[coin].row(-1, named=True)) for coin in coins]]
