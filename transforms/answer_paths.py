"""Where answers and recordings lie, and the windows of time they are asked for in.

`{endpoint}/[{what the answer lacks}/…]{name}[/{start}-{end}].json|.jsonl[.gz|.zst]`: the name is a
symbol or anything else; start and end (ms, both inclusive) are there where we asked ourselves.
Instrument answers end in the year or day they are of, where they say so (`-2025`, `/2026-09-01`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from transforms.native import UTC_MICROS
from transforms.payload import Facts, Payload
from transforms.venue import Window

SUFFIX = r"\.jsonl?(?:\.gz|\.zst)?"
NAMED = rf"(?P<name>[^/]+?)(?:/(?P<start>\d{{13}})-(?P<end>\d{{13}}))?{SUFFIX}"
DATED = rf"[^/]*?(?:(?<=[/-])(?P<dated>20\d\d(?:-\d\d-\d\d)?))?{SUFFIX}"

_OF_FACTS = ("name", "start", "end")


def answer_facts(
    pattern: re.Pattern[str], symbol_of: Callable[[str], str | None], path: str
) -> Facts | None:
    """What a path that matches `pattern` as a whole says; None if it does not match.

    Groups `name`, `start` and `end` become symbol and days, all others labels.
    symbol_of: the symbol a file name stands for; None where it is just a name.
    """
    found = pattern.fullmatch(path)
    if found is None:
        return None
    groups = {name: part for name, part in found.groupdict().items() if part is not None}
    labels = {name: part for name, part in groups.items() if name not in _OF_FACTS}
    symbol = symbol_of(groups["name"]) if "name" in groups else None
    if "start" not in groups:
        return Facts(symbol, labels=labels)
    return Facts(symbol, _day(groups["start"]), _day(groups["end"]), labels)


def _day(milliseconds: str) -> date:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).date()


def file_time(payload: Payload) -> datetime:
    """UTC time of an answer that names none itself: by its path's `dated`, else when fetched."""
    stamp = payload.facts.labels.get("dated")
    if stamp is not None:
        with suppress(ValueError):  # digits of a name that are no date
            day = date.fromisoformat(stamp if len(stamp) > 4 else f"{stamp}-01-01")
            return datetime.combine(day, time(), UTC)
    return payload.fetched_at.astimezone(UTC)


def file_times(payloads: Iterable[Payload]) -> pl.Expr:
    """The `file_time` of each record's file, by its `raw_key`."""
    times = {payload.raw_key: file_time(payload) for payload in payloads}
    if not times:  # nothing to replace, and then the type would stay that of the keys
        return pl.lit(None, UTC_MICROS)
    return pl.col("raw_key").replace_strict(times, return_dtype=UTC_MICROS)


def edges(window: Window) -> tuple[int, int]:
    """The first and the last ms of the window's days."""
    start = datetime.combine(window.first_date, time(), UTC)
    end = datetime.combine(window.last_date, time(), UTC) + timedelta(days=1)
    return milliseconds(start), milliseconds(end) - 1


def spans(window: Window, length: timedelta) -> Iterator[tuple[int, int]]:
    """The window's days in pieces of at most `length`, as first and last ms (inclusive), oldest
    first; none that lies in the future."""
    start = datetime.combine(window.first_date, time(), UTC)
    end = datetime.combine(window.last_date, time(), UTC) + timedelta(days=1)
    while start < min(end, window.now):
        stop = min(start + length, end)
        yield milliseconds(start), milliseconds(stop) - 1
        start = stop


def milliseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
