"""The simulated market: prices, premium, open interest, positioning and volume of one UTC day.

Everything is a closed form of time (`simulator.noise.wander` around `simulator.scenarios`), so
that a symbol-day is the same whatever else is simulated. Contracts on one coin share its index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from simulator.coins import BTC
from simulator.listing import Listing
from simulator.noise import Floats, Ints, keys, normals, wander
from simulator.plan import Plan
from simulator.scenarios import REFERENCE_PRICE, Course, along, course

DAY = 1440
"""Minutes of a day."""

LEAD = 60
"""Minutes before the day that its grid starts: returns over the last hour are known from 00:00."""

RESERVE = 2_400_000.0
"""Bitcoins that all exchanges together hold on chain, where a scenario says nothing else."""

_INTEREST = 0.0001
_CLAMP = 0.0005


def day_minutes(day: date) -> int:
    """Minutes from 1970-01-01 to the start of a UTC day."""
    return (day - date(1970, 1, 1)).days * DAY


def moment_of(minutes: int) -> datetime:
    """The UTC moment so many minutes after 1970-01-01."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)


def midnight(day: date) -> datetime:
    """00:00 UTC of a day."""
    return datetime.combine(day, time(), tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DayPath:
    """One UTC day of the given listings; arrays are (listings, grid).

    minutes: the grid, from LEAD before 00:00 to 24:00, both inclusive, `step` apart.
    index, mark, last: US dollars per base unit. premium: fraction of the index.
    open_interest: one-sided, in native units (`Listing.contract_size`).
    settle: US dollars per settlement coin of a quanto contract, 1 for the others.
    accounts, top_accounts, top_positions: long ÷ short. taker: buy ÷ sell of the step that starts.
    volume: base coins traded in the step that starts at the grid point.
    """

    day: date
    step: int
    listings: tuple[Listing, ...]
    minutes: Ints
    index: Floats
    mark: Floats
    last: Floats
    premium: Floats
    open_interest: Floats
    accounts: Floats
    top_accounts: Floats
    top_positions: Floats
    taker: Floats
    volume: Floats
    settle: Floats

    @property
    def start(self) -> int:
        """Position of 00:00 in the grid."""
        return LEAD // self.step

    @property
    def base_per_unit(self) -> Floats:
        """Base units in one native unit; for inverse contracts US dollars."""
        size = np.array([[float(x.contract_size)] for x in self.listings])
        out: Floats = size * self.settle
        return out


def digits(listings: Sequence[Listing], *, price: bool) -> Floats:
    """10 to the power of each listing's price or quantity digits, as a column."""
    powers = [10.0 ** (x.price_digits if price else x.quantity_digits) for x in listings]
    return np.array(powers)[:, None]


def rounded(values: Floats, scale: Floats) -> Floats:
    """Values rounded to 1 ÷ scale."""
    out: Floats = np.round(values * scale) / scale
    return out


class Market:
    """The market of a plan as one exchange has it.

    share: of all that is liquidated in the market.
    """

    def __init__(self, plan: Plan, share: float = 1.0) -> None:
        self.plan = plan
        self.share = share
        self.course: Course = course(plan.scenario)
        self.break_minutes = day_minutes(plan.breaks_on)
        self.scripted = plan.scenario != "calm"

    def hours(self, minutes: Ints) -> Floats:
        """Hours from the start of the break day."""
        out: Floats = (minutes - self.break_minutes) / 60.0
        return out

    def index(self, listings: Sequence[Listing], minutes: Ints) -> Floats:
        """Index price in US dollars per base unit."""
        row = [listing.coin for listing in listings]
        beta = np.array([[listing.beta] for listing in listings])
        price = np.array([[listing.price] for listing in listings])
        return self._index(row, beta, price, minutes)

    def bitcoin(self, minutes: Ints) -> Floats:
        """Index price of BTC in US dollars."""
        beta, price = np.array([[BTC.beta]]), np.array([[BTC.price]])
        out: Floats = self._index([BTC.name], beta, price, minutes)[0]
        return out

    def reserve(self, minutes: Ints) -> Floats:
        """Bitcoins that all exchanges together hold on chain."""
        # A script's own course is slow: more noise would drown it.
        sizes = {DAY: 2e-5} if self.scripted else {DAY * 16: 0.004, DAY: 0.0003}
        noise = wander(self.plan.seed, "reserve", [BTC.name], minutes, sizes)[0]
        out: Floats = RESERVE * along(self.course.reserve, self.hours(minutes)) * np.exp(noise)
        return out

    def _index(self, names: list[str], beta: Floats, price: Floats, minutes: Ints) -> Floats:
        coins = sorted(set(names))
        if self.scripted:
            sizes = {DAY: 0.012, 240: 0.005, 60: 0.003, 5: 0.0005}
            noise = wander(self.plan.seed, "price", coins, minutes, sizes)
            # The script's own numbers are promised for BTC; the others may stray from it.
            noise *= np.array([[0.0 if coin == "BTC" else 0.5] for coin in coins])
            ripple = {60: 0.0006, 5: 0.0004}
            noise += self.course.roughness * wander(
                self.plan.seed, "ripple", coins, minutes, ripple
            )
        else:
            sizes = {DAY * 16: 0.12, DAY: 0.012, 240: 0.005, 60: 0.003, 5: 0.0005}
            noise = wander(self.plan.seed, "price", coins, minutes, sizes)
        script = np.log(along(self.course.btc_price, self.hours(minutes)) / REFERENCE_PRICE)
        row = np.array([coins.index(name) for name in names])
        out: Floats = price * np.exp(beta * script[None, :] + noise[row])
        return out

    def premium(self, listings: Sequence[Listing], minutes: Ints) -> Floats:
        """Premium of the contract over the index, as a fraction.

        A crowding of f settles at f: funding is premium + clamp(0.01 % − premium, ±0.05 %). Dated
        contracts carry a basis of 5 % a year that is gone at delivery.
        """
        names = [listing.noise_name for listing in listings]
        crowding = along(self.course.crowding, self.hours(minutes))[None, :]
        lift = _CLAMP * np.clip((crowding - _INTEREST) / _INTEREST, 0.0, 1.0)
        own = wander(self.plan.seed, "premium", names, minutes, {720: 1.6e-4, 120: 0.8e-4})
        calm = 0.25 if self.scripted else 1.0
        spread = np.array([[calm * (0.6 if x.coin == "BTC" else 1.3)] for x in listings])
        taste = np.array([[0.0 if x.coin == "BTC" else 0.12] for x in listings])
        mood = normals(keys(self.plan.seed, "mood", names)[:, None], np.zeros((1, 1), np.int64))
        excess = (crowding - _INTEREST) * np.clip(1.0 + taste * mood, 0.4, 1.8)
        basis = np.zeros((len(listings), len(minutes)))
        for i, listing in enumerate(listings):
            if listing.last_day is not None:
                delivery = day_minutes(listing.last_day) + 8 * 60
                basis[i] = 0.05 / 365 * np.clip((delivery - minutes) / DAY, 0.0, None)
        out: Floats = _INTEREST + excess + lift + spread * own + basis
        return out

    def day(self, listings: Sequence[Listing], day: date, step: int = 5) -> DayPath:
        """One UTC day, on a grid of `step` minutes (1 or 5)."""
        start = day_minutes(day)
        minutes = np.arange(start - LEAD, start + DAY + 1, step, dtype=np.int64)
        seed, names = self.plan.seed, [listing.noise_name for listing in listings]
        place = minutes[None, :]

        def one(stream: str) -> Floats:
            return normals(keys(seed, stream, names)[:, None], place)

        premium = self.premium(listings, minutes)
        fine = 10.0 ** np.array([[max(8, listing.price_digits)] for listing in listings])
        index = rounded(self.index(listings, minutes), fine)
        mark = rounded(index * (1.0 + premium), fine)
        price_scale = digits(listings, price=True)
        last = rounded(mark * (1.0 + 0.00005 * one("last")), price_scale)
        move = np.diff(np.log(index), axis=1, append=np.log(index[:, -1:]))

        coins = self._open_interest(listings, minutes)
        face = np.array([[x.contract_size] for x in listings], dtype=np.float64)
        inverse = np.array([[x.inverse] for x in listings])
        settle = self._settle(listings, minutes)
        native = np.where(inverse, coins * mark / face, coins / (face * settle))
        native = rounded(native, digits(listings, price=False))

        slow = {DAY: 0.04, 60: 0.01}
        lean = 1.0 if self.scripted else 1.25
        accounts = lean * np.exp(wander(seed, "accounts", names, minutes, slow))
        top_accounts = 1.05 * accounts * np.exp(wander(seed, "top", names, minutes, slow))
        top_positions = 1.1 * np.exp(wander(seed, "positions", names, minutes, slow))
        taker: Floats = np.exp(np.clip(60.0 * move, -0.5, 0.5) + 0.12 * one("taker"))
        busy = np.exp(0.4 * one("volume")) * (1.0 + 80.0 * np.abs(move))
        volume = rounded(
            coins * 0.0016 * step * busy, np.where(inverse, 1e8, digits(listings, price=False))
        )
        return DayPath(
            day=day,
            step=step,
            listings=tuple(listings),
            minutes=minutes,
            index=index,
            mark=mark,
            last=last,
            premium=np.round(premium, 8),
            open_interest=native,
            accounts=np.round(accounts, 8),
            top_accounts=np.round(top_accounts, 8),
            top_positions=np.round(top_positions, 8),
            taker=np.round(taker, 8),
            volume=volume,
            settle=settle,
        )

    def _settle(self, listings: Sequence[Listing], minutes: Ints) -> Floats:
        quanto = np.array([[x.margin == "quanto"] for x in listings])
        if not quanto.any():
            return np.ones((len(listings), len(minutes)))
        bitcoin = np.round(self.bitcoin(minutes), 8)
        out: Floats = np.where(quanto, bitcoin[None, :], 1.0)
        return out

    def _open_interest(self, listings: Sequence[Listing], minutes: Ints) -> Floats:
        """One-sided, in base coins."""
        names = [listing.noise_name for listing in listings]
        sizes = {DAY: 0.003, 60: 0.001, 5: 0.0004}
        if not self.scripted:
            sizes = {DAY * 8: 0.08, DAY: 0.01, 60: 0.002, 5: 0.0005}
        noise = wander(self.plan.seed, "open-interest", names, minutes, sizes)
        base = np.array([[listing.open_interest] for listing in listings])
        factor = along(self.course.open_interest, self.hours(minutes))[None, :]
        out: Floats = base * factor * np.exp(noise)
        return out
