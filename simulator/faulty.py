"""Faults that recordings and paged dumps of any exchange have, written on purpose.

| name | what |
|---|---|
| recording-duplicate | a message twice |
| recording-reordered | neighbouring messages swapped |
| page-overlap | the first rows of a page are the last of the one before |
| page-repeated | a page twice |
| funding-missing | one settlement is not in the dump |
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from simulator.noise import keys, uniforms
from simulator.plan import Quirk

RECORDING_QUIRKS = ("recording-duplicate", "recording-reordered")
PAGE_QUIRKS = ("page-overlap", "page-repeated")

_OVERLAP = 3


def dice(seed: int, name: str, what: str, count: int) -> list[float]:
    """`count` numbers in [0, 1) that decide about the parts of one file."""
    out: list[float] = uniforms(keys(seed, name, [what]), np.arange(count, dtype=np.int64)).tolist()
    return out


def recorded(
    lines: list[bytes], path: str, seed: int, *, quirks: bool
) -> tuple[bytes, list[Quirk]]:
    """Messages in the order of their arrival as a recorder's file, each line with its end."""
    if not quirks:
        return b"".join(lines), []
    seen: Counter[str] = Counter()
    told: list[bytes] = []
    for line, u in zip(lines, dice(seed, "recorder", path, len(lines)), strict=True):
        told.append(line)
        if u < 0.01:
            seen["recording-duplicate"] += 1
            told.append(line)
    for i, u in enumerate(dice(seed, "recorder-order", path, max(len(told) - 1, 0))):
        if u < 0.004 and told[i] != told[i + 1]:
            seen["recording-reordered"] += 1
            told[i], told[i + 1] = told[i + 1], told[i]
    return b"".join(told), [Quirk(name, path, f"{n} messages") for name, n in sorted(seen.items())]


def paged(
    rows: list[Any], size: int, path: str, seed: int, *, quirks: bool
) -> tuple[list[list[Any]], list[Quirk]]:
    """Rows cut into pages of at most `size`; at least one page, which may be empty."""
    if len(rows) <= size:
        return [rows], []
    step = size - (_OVERLAP if quirks else 0)
    pages = [rows[i : i + size] for i in range(0, max(len(rows) - size + step, 1), step)]
    if not quirks:
        return pages, []
    found = [Quirk("page-overlap", path, f"{_OVERLAP} rows")]
    u = dice(seed, "page-repeated", path, 2)
    if u[0] < 0.5:
        place = int(u[1] * len(pages))
        pages.insert(place, pages[place])
        found.append(Quirk("page-repeated", path))
    return pages, found


def without_one(
    settlements: pl.DataFrame, path: str, seed: int, *, quirks: bool
) -> tuple[pl.DataFrame, list[Quirk]]:
    """One symbol's settlements, now and then without one from the middle; never those of BTC."""
    u = dice(seed, "funding-missing", path, 2)
    symbol = str(settlements.item(0, "symbol"))
    if not quirks or u[0] >= 0.25 or settlements.height < 6 or "BTC" in symbol or "XBT" in symbol:
        return settlements, []
    place = 2 + int(u[1] * (settlements.height - 4))
    kept = pl.concat([settlements[:place], settlements[place + 1 :]])
    when = str(settlements.item(place, "settled_at"))
    return kept, [Quirk("funding-missing", path, when)]
