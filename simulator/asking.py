"""What API answers have in common: reading a question, and choosing rows by time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl


class Refused(ValueError):
    """A question the exchange would answer with an error; each API gives it its own shape."""


def number(query: Mapping[str, Any], name: str) -> int | None:
    """A whole number, from text or JSON. Raises Refused."""
    value = query.get(name)
    if value is None or value == "":
        return None
    if not str(value).isdecimal():
        raise Refused(f"{name} invalid")
    return int(value)


def limited(query: Mapping[str, Any], default: int, most: int, name: str = "limit") -> int:
    """How many rows to give. More than `most` is refused, so that no client relies on a cut."""
    limit = number(query, name)
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise Refused(f"{name} invalid")
    return limit


def within(rows: pl.DataFrame, stamp: pl.Expr, start: int | None, end: int | None) -> pl.DataFrame:
    """Rows with `start <= stamp <= end`, as far as these are given."""
    if start is not None:
        rows = rows.filter(stamp >= start)
    return rows if end is None else rows.filter(stamp <= end)
