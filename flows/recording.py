"""Ledger lines of what is made bit by bit, written some at a time: a segment costs what many lines
do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

ITEM = TypeVar("ITEM")


@contextmanager
def recorded_together(
    record: Callable[[list[ITEM]], object],
    most: int,
    size: Callable[[ITEM], int] = lambda _: 1,
) -> Iterator[Callable[[Iterable[ITEM]], None]]:
    """A function that takes what is made, and has it recorded whenever there is enough of it.

    The rest is recorded at the end, after an error too: it lies in the store, and has to count.
    most: how much may be unrecorded, counted by `size`; what a killed run had so is made again.
    """
    held: list[ITEM] = []

    def take(made: Iterable[ITEM]) -> None:
        held.extend(made)
        if sum(map(size, held)) >= most:
            record(held.copy())
            held.clear()

    try:
        yield take
    finally:
        record(held)
