"""forceOrder recordings: one file of websocket messages a day, as a recorder left running has them.

One native event a line, bare. `S` is the side of the closing order: SELL closes a long.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from simulator.exchanges.binance.quirks import chances
from simulator.listing import Listing
from simulator.plan import Quirk


@dataclass(frozen=True, slots=True)
class Message:
    """One forceOrder event; numbers as their text."""

    symbol: str
    side: str
    original: str
    limit: str
    average: str
    status: str
    last: str
    accumulated: str
    at: int

    def line(self) -> str:
        """As Binance sends it; `E` is 5 ms after the order's own time `T`."""
        return (
            f'{{"e":"forceOrder","E":{self.at + 5},"o":{{"s":"{self.symbol}","S":"{self.side}",'
            f'"o":"LIMIT","f":"IOC","q":"{self.original}","p":"{self.limit}",'
            f'"ap":"{self.average}","X":"{self.status}","l":"{self.last}",'
            f'"z":"{self.accumulated}","T":{self.at}}}}}\n'
        )


def rewritten(number: str) -> str:
    """The same number as a program writes it that went through floats: 13888 becomes 13888.0."""
    return repr(float(number))


def record(
    events: pl.DataFrame, listings: dict[str, Listing], day: date, *, quirks: bool, seed: int
) -> tuple[bytes, list[Quirk]]:
    """The recording of a day from its published USDⓈ-M events; `Quirk.path` is left empty."""
    messages = [
        _message(row, listings[row[0]])
        for row in events.sort("at", "symbol", "position", "quantity")
        .select(
            "symbol",
            pl.col("at").dt.epoch("ms"),
            "position",
            "average_price",
            "limit_price",
            "quantity",
            "last_quantity",
        )
        .iter_rows()
    ]
    if not quirks:
        return "".join(message.line() for message in messages).encode(), []
    return _with_quirks(messages, listings, day, seed)


def _message(row: tuple[str, int, str, float, float, float, float], listing: Listing) -> Message:
    symbol, at, position, average, limit, quantity, last = row
    price, size = listing.price_digits, listing.quantity_digits
    amount = f"{quantity:.{size}f}"
    return Message(
        symbol=symbol,
        side="SELL" if position == "long" else "BUY",
        original=amount,
        limit=f"{limit:.{price}f}",
        average=f"{average:.{price}f}",
        status="FILLED",
        last=f"{last:.{size}f}",
        accumulated=amount,
        at=at,
    )


def _with_quirks(
    messages: list[Message], listings: dict[str, Listing], day: date, seed: int
) -> tuple[bytes, list[Quirk]]:
    seen: Counter[str] = Counter()
    taken = {(message.symbol, message.at // 1000) for message in messages}
    dice = chances(seed, "recording", str(day), len(messages))
    timed: list[tuple[int, int, str]] = []
    for n, (message, u) in enumerate(zip(messages, dice, strict=True)):
        timed.append((message.at, 3 * n + 1, message.line()))
        if u < 0.01:
            seen["recording-duplicate"] += 1
            timed.append((message.at, 3 * n + 2, message.line()))
        elif u < 0.015:
            seen["recording-rewritten-number"] += 1
            again = replace(message, original=rewritten(message.original))
            timed.append((message.at, 3 * n + 2, again.line()))
        elif (
            u < 0.03
            and (part := _first_part(message, listings[message.symbol])) is not None
            # The throttle holds for partial fills too: none in a second that has a message.
            and (part.symbol, part.at // 1000) not in taken
        ):
            taken.add((part.symbol, part.at // 1000))
            seen["recording-partial-fills"] += 1
            timed.append((part.at, 3 * n, part.line()))
    lines = [line for _, _, line in sorted(timed)]
    swaps = chances(seed, "recording-order", str(day), max(len(lines) - 1, 0))
    for i, u in enumerate(swaps):
        if u < 0.004:
            seen["recording-reordered"] += 1
            lines[i], lines[i + 1] = lines[i + 1], lines[i]
    return "".join(lines).encode(), [
        Quirk(name, "", f"{count} messages") for name, count in sorted(seen.items())
    ]


def _first_part(message: Message, listing: Listing) -> Message | None:
    """The message about an order's first fill, two seconds before it was complete."""
    size = listing.quantity_digits
    part = f"{float(message.original) * 0.4:.{size}f}"
    if float(part) == 0 or part == message.original or message.at % 86_400_000 < 2_000:
        return None
    return replace(
        message, status="PARTIALLY_FILLED", last=part, accumulated=part, at=message.at - 2_000
    )
