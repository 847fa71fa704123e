"""What the columns of a csv file are: by its header where it has one, else in documented order."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Layout:
    """The documented shape of a csv file.

    columns: in the order of a file that has no header.
    words: those of them that are not numbers; a header is told from data by the others.
    required: without one of these in its header a file cannot be used.
    extra: columns that only a header can bring.
    fallback: how a file is encoded that is not UTF-8 throughout; "" where that does not happen.
    """

    columns: tuple[str, ...]
    required: tuple[str, ...]
    words: frozenset[str] = frozenset()
    extra: tuple[str, ...] = ()
    fallback: str = ""

    @classmethod
    def of(
        cls, columns: str, *, required: str, words: str = "", extra: str = "", fallback: str = ""
    ) -> Layout:
        """From names separated by white space."""
        return cls(
            tuple(columns.split()),
            tuple(required.split()),
            frozenset(words.split()),
            tuple(extra.split()),
            fallback,
        )

    @property
    def wanted(self) -> tuple[str, ...]:
        return self.columns + self.extra


@lru_cache(maxsize=256)
def header_of(line: bytes, layout: Layout) -> tuple[str, ...] | None:
    """The names of columns; None if the line is a record. The same few come again and again."""
    cells = cells_of(decoded(line)) or []
    return tuple(map(_name, cells)) if _is_header(cells, layout) else None


def _name(cell: str) -> str:
    """A column's name; of a bilingual one (`funding_time/下一周期时间戳`) the first."""
    return cell.partition("/")[0].strip()


def decoded(line: bytes) -> str:
    """Headers may be bilingual, in UTF-8 or GBK."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("gbk", "replace")


def _is_header(cells: Sequence[str], layout: Layout) -> bool:
    """A header names a known column, or has no number where the documented order has numbers.

    One bad number in the first record does not make it a header.
    """
    names = set(map(_name, cells))
    if names & set(layout.wanted):
        return True
    numeric = [
        cell
        for name, cell in zip(layout.columns, cells, strict=False)
        if name not in layout.words and cell
    ]
    return bool(numeric) and not any(_is_number(cell) for cell in numeric)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def cells_of(line: str) -> list[str] | None:
    """None where a quote is left open or closed in the middle of a cell."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None
