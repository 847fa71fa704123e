"""A signal's way back: the window it looks at, today's place in it, and the parts of the score."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from flows.explain.part import Part
from flows.explain.published import Build
from flows.explain.question import Question, command
from flows.explain.signal_score import crowd, deleveraging, score
from flows.explain.signal_windows import Window, windows
from transforms.market import signals_daily
from transforms.market.history import ENOUGH_DAYS, TYPICAL_DAYS

DAY = timedelta(days=1)
_NEIGHBOURS = 2
"""How many known days below and above today's value are shown."""


def market(build: Build, asked: Question) -> pl.DataFrame:
    """What the day's signals are made from: a year of the asset in the market."""
    return build.table(
        "market_daily",
        "base_asset = ? AND date BETWEEN ? AND ?",
        [asked.symbol, asked.day - (TYPICAL_DAYS - 1) * DAY, asked.day],
    )


def made(asked: Question, rows: pl.DataFrame) -> pl.DataFrame:
    """The table's rows of the day, computed from these."""
    return signals_daily.compute(rows.select(signals_daily.READS), asked.day, asked.day)


def parts(asked: Question, rows: pl.DataFrame, row: dict[str, Any]) -> list[Part]:
    found = windows(asked.day, rows)
    today = rows.filter(pl.col("date") == asked.day).row(0, named=True)
    return [
        *(_of_window(asked, window) for window in found.values()),
        crowd(found, today, row),
        deleveraging(found, today, row),
        score(asked, found, today, row),
    ]


_SAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "typical": (
        "OI-weighted funding, 365 days: its median is what is typical",
        ("funding_typical_8h", "crowded_side", "score_funding"),
    ),
    "funding": (
        "OI-weighted funding, 90 days: today's rank",
        ("funding_percentile_90d", "funding_history_days", "crowded_side", "score_funding"),
    ),
    "interest": (
        "Open interest in coin chained from daily changes, 90 days: today's rank",
        ("open_interest_percentile_90d", "open_interest_history_days", "score_open_interest"),
    ),
    "leverage": ("Leverage ratio, 90 days: today's rank", ("score_leverage",)),
    "accounts": ("Long/short accounts, 90 days: today's rank", ("score_long_short",)),
    "liquidated": (
        "Liquidations on days of today's completeness, 90 days: today's rank",
        ("liquidations_percentile_90d", "liquidations_history_days", "deleveraged"),
    ),
    "liquidated_share": (
        "Liquidated share of open interest, the same days: today's rank",
        ("score_liquidations",),
    ),
    "moves": (
        "Absolute changes of open interest in coin, 90 days before: the median is the normal move",
        ("deleveraged",),
    ),
}


def _of_window(asked: Question, window: Window) -> Part:
    title, columns = _SAYS[window.name]
    gives: dict[str, Any] = {}
    for column in columns:
        if column == "funding_typical_8h":
            gives[column] = window.median if window.today else None
        elif column.endswith("percentile_90d"):
            gives[column] = window.rank
        elif column.endswith("history_days"):
            # Without today's completeness there are no days like it.
            gives[column] = len(window.values)
    if window.name == "liquidated" and not window.today:
        gives["liquidations_history_days"] = 0
    notes = [f"{len(window.values)} known days; a signal needs {ENOUGH_DAYS}"]
    if window.median is not None:
        notes.append(f"median {window.median!r}")
    if window.rank is not None:
        notes.append(
            f"today {window.values[-1]!r}: {window.below} days below, {window.equal} equal "
            f"(itself among them), so ({window.below} + ½ × {window.equal}) / "
            f"{len(window.values)} = {window.rank!r}"
        )
    return Part(title, columns, _neighbours(asked, window), gives, tuple(notes))


def _neighbours(asked: Question, window: Window) -> list[dict[str, Any]]:
    """The days next to today in order of value, the lowest first; around the median where today is
    not in the window."""
    order = sorted(zip(window.values, window.days, strict=True))
    if not order:
        return []
    at = len(order) // 2
    if window.today:
        at = next(n for n, (_, day) in enumerate(order) if day == asked.day)
    low = max(0, at - _NEIGHBOURS)
    return [
        {
            "place": place,
            "date": day,
            "value": value,
            "today": day == asked.day,
            "explain": command("market_daily", day, asked.symbol, column=window.source),
        }
        for place, (value, day) in list(enumerate(order, start=1))[low : at + _NEIGHBOURS + 1]
    ]
