"""A part of a market number: what went into it, and what that comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

CLOSE_ENOUGH = 1e-9
"""Of a value: as much may sums in another order differ, and no more."""


@dataclass(frozen=True, slots=True)
class Part:
    """columns: which values it explains. rows: the contributions, the largest first where that
    says something; `explain` in a row is the command that goes on from there. gives: what they
    come to, by column. notes: what has to be known to read them."""

    title: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    gives: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def said(self, published: dict[str, Any]) -> dict[str, Any]:
        """As plain values; `agrees` says per column whether the contributions come to what is
        published."""
        return {
            "title": self.title,
            "columns": list(self.columns),
            "notes": list(self.notes),
            "rows": self.rows,
            "gives": [
                {
                    "column": column,
                    "published": published[column],
                    "from_rows": value,
                    "agrees": same(published[column], value),
                }
                for column, value in self.gives.items()
                if column in published
            ],
        }


def same(published: object, found: object) -> bool:
    """Equal, or apart by no more than another order of adding up can make."""
    if isinstance(published, float) and isinstance(found, int | float):
        return math.isclose(published, found, rel_tol=CLOSE_ENOUGH, abs_tol=1e-15)
    return published == found


def total(values: Sequence[float | None]) -> float | None:
    """Σ of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def largest_first(
    rows: list[dict[str, Any]], size: Callable[[dict[str, Any]], float | None]
) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -abs(size(row) or 0.0))
