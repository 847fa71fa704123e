"""The windows of known days that signals look at, with each day's value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

import polars as pl

from transforms.market.history import (
    ENOUGH_DAYS,
    SIGNIFICANT_DIGITS,
    WINDOW_DAYS,
    with_ratio,
)

DAY = timedelta(days=1)
RATE = "funding_rate_8h_oi_weighted"
CHANGE = "open_interest_change_pct"


@dataclass(frozen=True, slots=True)
class Window:
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


def windows(day: date, rows: pl.DataFrame) -> dict[str, Window]:
    """By name. rows: `MarketDaily` of one asset, a year up to the day."""
    days = with_ratio(rows).sort("date").to_dicts()
    near = [each for each in days if each["date"] > day - WINDOW_DAYS * DAY]
    before = [each for each in days if day - WINDOW_DAYS * DAY <= each["date"] < day]
    level = days[-1]["liquidations_completeness"] if days else None
    alike = [
        each for each in near if level is not None and each["liquidations_completeness"] == level
    ]

    def window(name: str, column: str, among: Sequence[dict[str, Any]], source: str = "") -> Window:
        known = [each for each in among if each[column] is not None]
        return Window(
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
    moves = window("moves", CHANGE, before)
    return {
        "typical": window("typical", RATE, days),
        "funding": window("funding", RATE, near),
        "interest": Window(index.name, index.source, index.days, _rounded(values), index.today),
        "leverage": window("leverage", "leverage_ratio", near),
        "accounts": window("accounts", "long_short_account_ratio", near),
        "liquidated": window("liquidated", "liquidations_total_usd", alike),
        "liquidated_share": window("liquidated_share", "liquidations_to_open_interest", alike),
        "moves": Window(
            moves.name, moves.source, moves.days, [abs(value) for value in moves.values], False
        ),
    }


def _rounded(values: list[float]) -> list[float]:
    """As ranks see them."""
    return pl.Series(values, dtype=pl.Float64).round_sig_figs(SIGNIFICANT_DIGITS).to_list()
