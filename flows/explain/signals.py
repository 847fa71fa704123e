"""A signal's way back: the window it looks at, today's place in it, and the parts of the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

import polars as pl

from flows.explain.part import Part
from flows.explain.published import Build
from flows.explain.question import Question, command
from transforms.market import signals_daily
from transforms.market.history import (
    ENOUGH_DAYS,
    SIGNIFICANT_DIGITS,
    TYPICAL_DAYS,
    WINDOW_DAYS,
    with_ratio,
)
from transforms.market.score import (
    BUILDING,
    CROWDED_BY,
    CROWDED_RANKS,
    HIGH,
    LEAST_WEIGHT,
    NORMAL_MOVE,
    PARTS,
    TOP_DECILE,
)

DAY = timedelta(days=1)
_FUNDING = "funding_rate_8h_oi_weighted"
_CHANGE = "open_interest_change_pct"
_NEIGHBOURS = 2
"""How many known days below and above today's value are shown."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Known days of the market that a signal looks at, oldest first, with their values.

    today: whether the day itself has a value, the last then. source: the column of market_daily.
    """

    name: str
    source: str
    days: list[date]
    values: list[float]
    today: bool

    @property
    def enough(self) -> bool:
        return len(self.values) >= ENOUGH_DAYS

    @property
    def median(self) -> float | None:
        return median(self.values) if self.enough else None

    @property
    def below(self) -> int:
        return sum(value < self.values[-1] for value in self.values)

    @property
    def equal(self) -> int:
        return sum(value == self.values[-1] for value in self.values)

    @property
    def rank(self) -> float | None:
        if not self.enough or not self.today:
            return None
        return (self.below + 0.5 * self.equal) / len(self.values)


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
    windows = _windows(asked.day, rows)
    today = rows.filter(pl.col("date") == asked.day).row(0, named=True)
    found = [_of_window(asked, window) for window in windows.values()]
    return [*found, _crowd(windows, today, row), _deleveraged(windows, today, row), _score(row)]


def _windows(day: date, rows: pl.DataFrame) -> dict[str, _Window]:
    days = with_ratio(rows).sort("date").to_dicts()
    near = [each for each in days if each["date"] > day - WINDOW_DAYS * DAY]
    before = [each for each in days if day - WINDOW_DAYS * DAY <= each["date"] < day]
    level = days[-1]["liquidations_completeness"] if days else None
    alike = [
        each for each in near if level is not None and each["liquidations_completeness"] == level
    ]

    def window(
        name: str, column: str, among: Sequence[dict[str, Any]], source: str = ""
    ) -> _Window:
        known = [each for each in among if each[column] is not None]
        return _Window(
            name,
            source or column,
            [each["date"] for each in known],
            _rounded([each[column] for each in known]),
            bool(known) and known[-1]["date"] == day,
        )

    index = window("interest", "open_interest_ratio", near, "open_interest_coin")
    chained = [each["open_interest_ratio"] for each in near if each["open_interest_ratio"]]
    running, values = 1.0, []
    for number, ratio in enumerate(chained):
        running = 1.0 if number == 0 else running * ratio
        values.append(running)
    moves = window("moves", _CHANGE, before)
    return {
        "typical": window("typical", _FUNDING, days),
        "funding": window("funding", _FUNDING, near),
        "interest": _Window(index.name, index.source, index.days, _rounded(values), index.today),
        "leverage": window("leverage", "leverage_ratio", near),
        "accounts": window("accounts", "long_short_account_ratio", near),
        "liquidated": window("liquidated", "liquidations_total_usd", alike),
        "liquidated_share": window("liquidated_share", "liquidations_to_open_interest", alike),
        "moves": _Window(
            moves.name, moves.source, moves.days, [abs(value) for value in moves.values], False
        ),
    }


def _rounded(values: list[float]) -> list[float]:
    """As ranks see them."""
    return pl.Series(values, dtype=pl.Float64).round_sig_figs(SIGNIFICANT_DIGITS).to_list()


_SAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "typical": (
        "OI-weighted funding, 365 days: its median is what is typical",
        ("funding_typical_8h",),
    ),
    "funding": (
        "OI-weighted funding, 90 days: today's rank",
        ("funding_percentile_90d", "funding_history_days"),
    ),
    "interest": (
        "Open interest in coin chained from daily changes, 90 days: today's rank",
        ("open_interest_percentile_90d", "open_interest_history_days", "score_open_interest"),
    ),
    "leverage": ("Leverage ratio, 90 days: today's rank", ("score_leverage",)),
    "accounts": ("Long/short accounts, 90 days: today's rank", ("score_long_short",)),
    "liquidated": (
        "Liquidations on days of today's completeness, 90 days: today's rank",
        ("liquidations_percentile_90d", "liquidations_history_days"),
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


def _of_window(asked: Question, window: _Window) -> Part:
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


def _neighbours(asked: Question, window: _Window) -> list[dict[str, Any]]:
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


def _crowd(windows: dict[str, _Window], today: dict[str, Any], row: dict[str, Any]) -> Part:
    rate, typical, rank = today[_FUNDING], row["funding_typical_8h"], windows["funding"].rank
    side: str | None = None
    notes = []
    if rate is not None and typical is not None and rank is not None:
        beyond = rate - typical
        side = "none"
        if beyond >= CROWDED_BY and rank >= CROWDED_RANKS[1]:
            side = "long"
        elif beyond <= -CROWDED_BY and rank <= CROWDED_RANKS[0]:
            side = "short"
        notes.append(
            f"funding beyond the typical: {rate!r} − {typical!r} = {beyond!r}, rank {rank!r}"
        )
    notes.append(
        f"longs from +{CROWDED_BY} and rank {CROWDED_RANKS[1]} on, shorts from −{CROWDED_BY} and "
        f"rank {CROWDED_RANKS[0]} down"
    )
    return Part("The crowded side", ("crowded_side",), [], {"crowded_side": side}, tuple(notes))


def _deleveraged(windows: dict[str, _Window], today: dict[str, Any], row: dict[str, Any]) -> Part:
    change, usual = today[_CHANGE], windows["moves"].median
    place = row["liquidations_percentile_90d"]
    found: bool | None = None
    notes = [
        f"open interest has to fall by more than {NORMAL_MOVE} × the normal move",
        f"and the liquidations' rank has to be {TOP_DECILE} or above",
    ]
    if change is not None and usual is not None:
        limit = -NORMAL_MOVE * usual
        notes.append(f"change {change!r}, limit {limit!r}, liquidations' rank {place!r}")
        if place is not None:
            found = change < limit and place >= TOP_DECILE
    return Part("Deleveraging", ("deleveraged",), [], {"deleveraged": found}, tuple(notes))


def _score(row: dict[str, Any]) -> Part:
    rows = [
        {
            "part": part.name,
            "value": row[part.name],
            "weight": part.weight,
            "points": None if row[part.name] is None else row[part.name] * part.weight,
            "whole_at_excess": part.scale,
            "ended_by_deleveraging": part.ends_by_deleveraging and row["deleveraged"] is True,
        }
        for part in PARTS
    ]
    known = [each for each in rows if each["value"] is not None]
    weights = sum(each["weight"] for each in known)
    points = sum(each["points"] for each in known)
    basis = row["score_funding"] is not None and row["score_open_interest"] is not None
    score = 100 * points / max(weights, LEAST_WEIGHT) if basis else None
    risk: str | None = None
    if score is not None:
        over = row["crowded_side"] == "none" or row["deleveraged"] is True
        risk = "none" if over or score < BUILDING else "building"
        risk = "high" if not over and score >= HIGH else risk
    gives = {"overheated_score": score, "squeeze_risk": risk}
    notes = (
        "a part is max(0, 2 × rank − 1) × min(1, excess / whole_at_excess)",
        "funding and accounts are ranked from the side that pays",
        f"100 × {points!r} / max({LEAST_WEIGHT}, {weights})",
        f"risk: high from {HIGH}, building from {BUILDING}; none without a crowd, or deleveraged",
    )
    columns = (*gives, *(part.name for part in PARTS))
    return Part("The score: parts × weights", columns, rows, gives, notes)
