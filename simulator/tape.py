"""What happened at one exchange: the truth its exports are written from, day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from simulator.funding import Month, settle
from simulator.liquidations import liquidate
from simulator.listing import Listing
from simulator.market import DayPath, Market, midnight
from simulator.noise import Floats
from simulator.plan import Plan

SLOTS = 288
"""Snapshots of a day, five minutes apart."""

SAMPLES: dict[str, pl.DataType] = {
    "product": pl.String(),
    "symbol": pl.String(),
    "sampled_at": pl.Datetime("us", "UTC"),
    "index_price": pl.Float64(),  # US dollars per base unit, as the other two
    "mark_price": pl.Float64(),
    "last_price": pl.Float64(),
    "open_interest_native": pl.Float64(),  # one-sided, `Listing.contract_size`
    "open_interest_value": pl.Float64(),  # US dollars; of inverse contracts coins
    "open_interest_coin": pl.Float64(),  # canonical coins; of quanto contracts the exposure
    "open_interest_usd": pl.Float64(),
    "accounts_ratio": pl.Float64(),  # long ÷ short
    "top_accounts_ratio": pl.Float64(),
    "top_positions_ratio": pl.Float64(),
    "taker_ratio": pl.Float64(),  # buy ÷ sell of the five minutes that start
    "volume_coin": pl.Float64(),  # base units of those minutes
    "premium": pl.Float64(),  # fraction of the index
}


def next_day(day: date) -> date:
    """The day after."""
    return day + timedelta(days=1)


def published(day: date) -> datetime:
    """When a day's files appear: the next day at six."""
    return midnight(next_day(day)) + timedelta(hours=6)


def by_symbol(frame: pl.DataFrame, symbols: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Rows per symbol, for the symbols that have any."""
    parts = frame.partition_by("symbol", as_dict=True, maintain_order=True)
    return {symbol: parts[(symbol,)] for symbol in symbols if (symbol,) in parts}


def alive(listing: Listing, day: date, steps: int) -> int:
    """How many of a day's `steps` equal parts a listing trades in: a third on its delivery day."""
    return max(1, steps // 3) if listing.last_day == day else steps


def open_interest_value(path: DayPath) -> Floats:
    """One-sided open interest in US dollars; of inverse contracts in *coin*."""
    inverse = np.array([[x.inverse] for x in path.listings])
    amount = path.open_interest * path.base_per_unit
    out: Floats = np.where(
        inverse, np.round(amount / path.mark, 8), np.round(amount * path.mark, 2)
    )
    return out


def samples(path: DayPath) -> pl.DataFrame:
    """The snapshots of a day by symbol and time (`SAMPLES`); needs a grid of 5 minutes."""
    value, amount = open_interest_value(path), path.open_interest * path.base_per_unit
    frames = []
    for i, listing in enumerate(path.listings):
        first, kept = (
            path.start + listing.sampled_from // path.step,
            alive(listing, path.day, SLOTS),
        )
        span = slice(first, first + kept)
        columns = {
            "product": np.repeat(listing.product, kept).tolist(),
            "symbol": np.repeat(listing.symbol, kept).tolist(),
            "sampled_at": path.minutes[span] * 60_000_000,
            "index_price": path.index[i, span],
            "mark_price": path.mark[i, span],
            "last_price": path.last[i, span],
            "open_interest_native": path.open_interest[i, span],
            "open_interest_value": value[i, span],
            "open_interest_coin": (value if listing.inverse else amount)[i, span]
            * listing.multiplier,
            "open_interest_usd": (amount if listing.inverse else value)[i, span],
            "accounts_ratio": path.accounts[i, span],
            "top_accounts_ratio": path.top_accounts[i, span],
            "top_positions_ratio": path.top_positions[i, span],
            "taker_ratio": path.taker[i, span],
            "volume_coin": path.volume[i, span],
            "premium": path.premium[i, span],
        }
        frames.append(pl.DataFrame(columns))
    if not frames:
        return pl.DataFrame(schema=SAMPLES)
    return pl.concat(frames).select(pl.col(name).cast(kind) for name, kind in SAMPLES.items())


@dataclass(frozen=True)
class Day:
    """One UTC day of an exchange."""

    date: date
    path: DayPath
    market: Market
    throttled: bool
    eventful: Callable[[pl.DataFrame], pl.DataFrame]

    @cached_property
    def events(self) -> pl.DataFrame:
        """Every liquidation (`simulator.liquidations.EVENTS`), by symbol and time."""
        return self.eventful(liquidate(self.market, self.path, throttled=self.throttled))

    @cached_property
    def samples(self) -> pl.DataFrame:
        """Its snapshots."""
        return samples(self.path)


@dataclass(frozen=True)
class Tape:
    """An exchange over the days of a plan."""

    plan: Plan
    venue: str
    market: Market
    listings: tuple[Listing, ...]
    throttled: Callable[[date], bool]
    eventful: Callable[[pl.DataFrame], pl.DataFrame]

    def days(self) -> Iterator[Day]:
        """Day by day; each is made anew every time."""
        for number in range((self.plan.last - self.plan.first).days + 1):
            yield self.day(self.plan.first + timedelta(days=number))

    def day(self, day: date) -> Day:
        """One day, also outside the plan."""
        trading = [listing for listing in self.listings if listing.trades_on(day)]
        path = self.market.day(trading, day)
        return Day(day, path, self.market, self.throttled(day), self.eventful)

    def months(self) -> list[Month]:
        """The months of which settlements are known."""
        month = Month.of(self.plan.first).minus(self.plan.funding_months_before)
        found = []
        while month.first <= self.plan.last:
            found.append(month)
            month = month.next
        return found

    @property
    def end(self) -> datetime:
        """The end of the plan's last day: the present."""
        return midnight(next_day(self.plan.last))

    def settlements(self, month: Month) -> pl.DataFrame:
        """What was settled in a month until the end of the plan."""
        return settle(self.market, self.listings, month).filter(pl.col("settled_at") < self.end)

    @cached_property
    def all_settlements(self) -> pl.DataFrame:
        """Of all its months, by month, symbol and time."""
        return pl.concat([self.settlements(month) for month in self.months()])

    def listing(self, symbol: str) -> Listing:
        """By symbol. Raises KeyError."""
        return {listing.symbol: listing for listing in self.listings}[symbol]
