"""Settled funding of a calendar month, from the average premium of each interval.

rate = (average premium + clamp(0.01 % − average premium, ±0.05 %)) × hours ÷ 8, to 8 decimals.
Whole months, because the archive has nothing smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from simulator.listing import Listing
from simulator.market import DAY, Market, day_minutes
from simulator.noise import keys, uniforms

_HALF_HOUR = 30

SETTLEMENTS: dict[str, pl.DataType] = {
    "product": pl.String(),
    "symbol": pl.String(),
    "settled_at": pl.Datetime("us", "UTC"),  # the full hour
    "stamp_ms": pl.Int64(),  # as published, late by milliseconds
    "interval_hours": pl.Int64(),
    "funding_rate": pl.Decimal(18, 8),
    "mark_price": pl.Float64(),
    "index_price": pl.Float64(),
}


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> Month:
        """The month of a day."""
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return self.next.first - timedelta(days=1)

    @property
    def next(self) -> Month:
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def minus(self, months: int) -> Month:
        """So many months before."""
        number = self.year * 12 + self.month - 1 - months
        return Month(number // 12, number % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def settlement_hours(listing: Listing, day: date, *, quirks: bool) -> list[tuple[int, int]]:
    """(hour of the day, length of the interval that ends then) of a day's settlements.

    The symbol that changes its interval does so every month: 8 hours until 08:00 of the 15th,
    hourly until 16:00, then 4 hours to the end of the month.
    """
    if quirks and listing.changes_interval:
        if day.day == 15:
            return [(0, 8), (8, 8), *((hour, 1) for hour in range(9, 17)), (20, 4)]
        if day.day > 15:
            return [(hour, 4) for hour in range(0, 24, 4)]
        return [(0, 4 if day.day == 1 else 8), (8, 8), (16, 8)]
    step = listing.funding_hours
    return [(hour, step) for hour in range(listing.funding_offset, 24, step)]


def settle(market: Market, listings: Sequence[Listing], month: Month) -> pl.DataFrame:
    """Every settlement of the perpetuals among `listings` in a month, by symbol and time."""
    perpetuals = [listing for listing in listings if not listing.dated]
    if not perpetuals:
        return pl.DataFrame(schema=SETTLEMENTS)
    quirks, seed = market.plan.quirks, market.plan.seed
    start, days = day_minutes(month.first), (month.next.first - month.first).days
    begin = start - 8 * 60
    # Premium half way through each half hour; its running sum gives any interval's average.
    middles = np.arange(begin, start + days * DAY, _HALF_HOUR, dtype=np.int64) + _HALF_HOUR // 2
    premium = market.premium(perpetuals, middles)
    running = np.concatenate([np.zeros((len(perpetuals), 1)), np.cumsum(premium, axis=1)], axis=1)
    hourly = start + 60 * np.arange(days * 24, dtype=np.int64)
    index = market.index(perpetuals, hourly)
    mark = index * (1.0 + market.premium(perpetuals, hourly))

    frames = []
    for i, listing in enumerate(perpetuals):
        due = [
            (n * 24 + hour, interval)
            for n in range(days)
            for hour, interval in settlement_hours(
                listing, month.first + timedelta(days=n), quirks=quirks
            )
        ]
        hour = np.array([d[0] for d in due], dtype=np.int64)
        interval = np.array([d[1] for d in due], dtype=np.int64)
        end = (hour * 60 + 8 * 60) // _HALF_HOUR
        average = (running[i, end] - running[i, end - 2 * interval]) / (2 * interval)
        rate = (average + np.clip(0.0001 - average, -0.0005, 0.0005)) * interval / 8.0
        minutes = start + hour * 60
        late = np.zeros(len(due), dtype=np.int64)
        if quirks:
            key = keys(seed, "settlement", [listing.noise_name])
            u = uniforms(key, minutes)
            # Half of the stamps are exact, the rest a few milliseconds late.
            late = np.floor(
                (listing.jitter_ms + 1) * np.clip(2.0 * u - 1.0, 0.0, None) ** 4
            ).astype(np.int64)
            if listing.base in {"XRP", "SOL", "BNB"}:
                rate = np.where(uniforms(key, minutes + 1) < 0.08, 0.0, rate)
                tiny = uniforms(key, minutes + 2) < 0.04
                rate = np.where(tiny, np.round(rate * 3e-3, 8), rate)
        frames.append(
            pl.DataFrame(
                {
                    "product": [listing.product] * len(due),
                    "symbol": [listing.symbol] * len(due),
                    "settled_at": minutes * 60_000_000,
                    "stamp_ms": minutes * 60_000 + late,
                    "interval_hours": interval,
                    "funding_rate": np.round(rate, 8),
                    "mark_price": np.round(mark[i, hour], 8),
                    "index_price": np.round(index[i, hour], 8),
                }
            )
        )
    return pl.concat(frames).select(pl.col(name).cast(t) for name, t in SETTLEMENTS.items())
