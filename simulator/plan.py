"""What is asked of the simulator, and what it reports back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, get_args

Product = Literal["um", "cm"]
Scenario = Literal["calm", "long-squeeze", "deleveraging"]
KlineKind = Literal["klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"]

INTERVAL_MINUTES: dict[str, int] = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which days, instruments and events to simulate.

    first, last: UTC days, both inclusive.
    symbols: linear contracts of each exchange (on Binance USDⓈ-M symbols), at most; inverse and
        quanto ones are a fixed few.
    break_day: the day on which the price breaks in a scenario; if None `last`, or two days before
        it for `deleveraging`, whose point comes after. Two plans that share it, the seed, the
        venues and the symbols write the same bytes for the days they share.
    quirks: write the faults real files have (`simulator.exchanges`).
    products, kline_kinds, interval: of Binance.
    funding_months_before: months of fundingRate archive before the month of `first`, so that
        what is typical can be known.
    venues: the exchanges and carriers to write (`simulator.exchanges`). What is liquidated in the
        market is shared among the exchanges; a carrier brings in those whose data it has.
    """

    first: date
    last: date
    symbols: int = 12
    seed: int = 17
    scenario: Scenario = "calm"
    quirks: bool = True
    products: tuple[Product, ...] = ("um", "cm")
    kline_kinds: tuple[KlineKind, ...] = get_args(KlineKind)
    interval: str = "1h"
    break_day: date | None = None
    funding_months_before: int = 0
    venues: tuple[str, ...] = ("binance",)

    @property
    def breaks_on(self) -> date:
        """The UTC day on which the price breaks in a scenario."""
        if self.break_day is not None:
            return self.break_day
        aftermath = timedelta(days=2 if self.scenario == "deleveraging" else 0)
        return max(self.first, self.last - aftermath)

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"first ({self.first}) is after last ({self.last})")
        if self.symbols < 1:
            raise ValueError(f"symbols must be at least 1, not {self.symbols}")
        if self.interval not in INTERVAL_MINUTES:
            raise ValueError(f"interval must be one of {', '.join(INTERVAL_MINUTES)}")
        if self.scenario not in get_args(Scenario):
            raise ValueError(f"scenario must be one of {', '.join(get_args(Scenario))}")
        if not self.products or not set(self.products) <= set(get_args(Product)):
            raise ValueError(f"products must be some of {', '.join(get_args(Product))}")
        if not set(self.kline_kinds) <= set(get_args(KlineKind)):
            raise ValueError(f"kline_kinds must be some of {', '.join(get_args(KlineKind))}")
        if not self.venues:
            raise ValueError("venues must not be empty")
        if self.funding_months_before < 0:
            raise ValueError("funding_months_before must not be negative")


@dataclass(frozen=True, slots=True)
class Quirk:
    """One fault written on purpose: its name (one of `Exchange.quirks`), where, and what."""

    name: str
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written: number of files, their bytes, and the quirks in them."""

    files: int
    bytes: int
    files_by_kind: dict[str, int]
    quirks: tuple[Quirk, ...] = field(default=(), repr=False)

    def quirk_counts(self) -> dict[str, int]:
        """How many files have each quirk."""
        return dict(sorted(Counter(quirk.name for quirk in self.quirks).items()))
