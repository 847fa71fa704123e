"""Faults of answers and of the way they come, at an API and at an archive over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.exchange import Answer, Api, Asked
from simulator.faults import Faults
from tests.faults.fault import Fault, Outcome

R, B, Q = Outcome.REFUSED, Outcome.BLOCKED, Outcome.QUARANTINED
W, D, H = Outcome.WARNED, Outcome.DEDUPLICATED, Outcome.HARMLESS

FUNDING, OI = "/v5/market/funding/history", "/v5/market/open-interest"
Change = Callable[[Any], bytes]
HOUR_MS = 3_600_000
NIGHT_MS = 1_757_462_400_000
"""2025-09-10 00:00 UTC."""


@dataclass
class Wire:
    """How the night's server misbehaves: faults of the simulator, and answers changed by path."""

    faults: Faults = field(default_factory=Faults)
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class Changed:
    """An API some of whose answers are changed before they are sent."""

    inner: Api
    changes: dict[str, Change]

    def answer(self, asked: Asked) -> Answer:
        status, body = self.inner.answer(asked)
        change = self.changes.get(asked.path)
        return (status, body) if change is None else (status, change(json.loads(body)))

    def fault(self, status: int) -> bytes:
        return self.inner.fault(status)


def failing(**how: Any) -> Callable[[Wire], None]:
    def make(wire: Wire) -> None:
        wire.faults = Faults(**({"retry_after": 0} | how))

    return make


def answering(path: str, change: Change) -> Callable[[Wire], None]:
    def make(wire: Wire) -> None:
        wire.changes[path] = change

    return make


def always(body: str) -> Change:
    return lambda _answer: body.encode()


def listed(change: Callable[[list[Any]], list[Any]]) -> Change:
    def answer(held: Any) -> bytes:
        if "list" in held["result"]:
            held["result"]["list"] = change(held["result"]["list"])
        return json.dumps(held).encode()

    return answer


def without_hours(first: int, last: int) -> Callable[[list[Any]], list[Any]]:
    def change(rows: list[Any]) -> list[Any]:
        return [r for r in rows if not first <= (int(r["timestamp"]) - NIGHT_MS) // HOUR_MS < last]

    return change


def with_cursor(held: Any) -> bytes:
    held["result"]["nextPageCursor"] = "same"
    return json.dumps(held).encode()


def each(**values: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda rows: [row | {name: make(row) for name, make in values.items()} for row in rows]


BTC = "*/bybit/BTCUSDT"
ALL = "open_interest_daily/bybit/*"

FAULTS = (
    Fault(
        "wire-429-now-and-then",
        "Bybit's API",
        "every third request is answered 429",
        failing(every=3, statuses=(429,)),
        H,
    ),
    Fault(
        "wire-500-now-and-then",
        "Bybit's API",
        "every third request is answered 500, 502 or 503",
        failing(every=3, statuses=(500, 502, 503)),
        H,
    ),
    Fault(
        "wire-500-for-ever",
        "Bybit's API",
        "every request is answered 500",
        failing(every=1, statuses=(500,), at_most=10**6),
        R,
        ("500",),
    ),
    Fault(
        "wire-403-for-ever",
        "Bybit's API",
        "every request is answered 403",
        failing(every=1, statuses=(403,), at_most=10**6),
        R,
        ("403",),
    ),
    Fault(
        "wire-error-with-200",
        "Bybit's API, funding history",
        "retCode 10006 with HTTP 200",
        answering(FUNDING, always('{"retCode":10006,"retMsg":"Too many visits!","result":{}}')),
        R,
        ("10006",),
    ),
    Fault(
        "wire-page-with-200",
        "Bybit's API, funding history",
        "an HTML page with HTTP 200",
        answering(FUNDING, always("<html>maintenance</html>")),
        R,
        ("funding-history",),
    ),
    Fault(
        "wire-json-cut",
        "Bybit's API, funding history",
        "the JSON breaks off, HTTP says it is whole",
        answering(FUNDING, lambda held: json.dumps(held).encode()[:-30]),
        R,
        ("funding-history",),
    ),
    Fault(
        "wire-nothing-with-200",
        "Bybit's API, funding history",
        "an empty body with HTTP 200",
        answering(FUNDING, always("")),
        R,
        ("funding-history",),
    ),
    Fault(
        "wire-endless-pages",
        "Bybit's API, open interest",
        "each page has a cursor to itself",
        answering(OI, with_cursor),
        H,
        why="pages are asked for by time",
    ),
    Fault(
        "wire-page-gap",
        "Bybit's API, open interest",
        "answers lack the hours 06 to 12",
        answering(OI, listed(without_hours(6, 12))),
        W,
        ("open_interest_daily.samples_there",),
        (ALL,),
    ),
    Fault(
        "wire-rows-twice",
        "Bybit's API, open interest",
        "each row twice in its answer",
        answering(OI, listed(lambda rows: [*rows, *rows])),
        D,
    ),
    Fault(
        "wire-nothing-listed",
        "Bybit's API, open interest",
        "no rows",
        answering(OI, listed(lambda _rows: [])),
        W,
        ("coverage_daily.none_missing",),
        (ALL,),
    ),
    Fault(
        "wire-percent",
        "Bybit's API, funding history",
        "percent instead of fractions",
        answering(
            FUNDING, listed(each(fundingRate=lambda row: repr(float(row["fundingRate"]) * 100)))
        ),
        B,
        ("majors_plausible",),
    ),
    Fault(
        "wire-other-symbol",
        "Bybit's API, funding history",
        "rows of another symbol than asked",
        answering(FUNDING, listed(each(symbol=lambda _row: "DOGEUSDT"))),
        B,
        ("few_quarantined",),
    ),
    Fault(
        "wire-other-days",
        "Bybit's API, funding history",
        "rows of a year before, whatever was asked",
        answering(
            FUNDING,
            listed(
                each(
                    fundingRateTimestamp=lambda row: str(
                        int(row["fundingRateTimestamp"]) - 365 * 24 * HOUR_MS
                    )
                )
            ),
        ),
        B,
        ("funding_daily.fresh",),
    ),
)
