"""Weeks of untidy venue tables, the same for the same seed: gaps, traces, amounts nobody knows,
venues that come, go and are delisted. Run as a module it writes all market tables to a file.
"""

# ruff: noqa: S311  nothing here is secret

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random

import polars as pl

from tests.market.given import (
    TODAY,
    Given,
    Record,
    event,
    funding,
    liquidated,
    listing,
    moment,
    open_interest,
    positioning,
    price,
    reserve,
)
from transforms.market import market_daily, market_total_daily, signals_daily
from transforms.market.table import MarketInputs

LENGTH = 10
"""Days that are computed, up to `TODAY`."""

FIRST, LAST = TODAY - timedelta(days=LENGTH - 1), TODAY
DAYS = range(-LENGTH - 30, 1)

_SYMBOLS: dict[str, Record] = {
    "BTCUSDT": {},
    "BTCUSD_PERP": {"quote_asset": "USD", "margin_type": "inverse"},
    "BTCUSD_260626": {
        "quote_asset": "USD",
        "margin_type": "inverse",
        "contract_kind": "dated",
    },
    "BTCEUR": {"quote_asset": "EUR"},
    "ETHUSDT": {"base_asset": "ETH"},
    "ETHQUANTO": {"base_asset": "ETH", "margin_type": "quanto"},
}
VENUES = ("alpha", "beta", "gamma")


def _maybe(dice: Random, value: float, unknown: float = 0.1) -> float | None:
    return None if dice.random() < unknown else value


def _times(dice: Random) -> Iterator[str]:
    for _ in range(dice.randrange(6)):
        seconds = dice.randrange(86_400)
        yield f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _instrument(venue: str, symbol: str, facts: Record, dice: Random, given: Given) -> None:
    gone_from = dice.choice([None, None, -5, -2])
    ended = gone_from is not None and dice.random() < 0.6
    given.instruments.append(
        listing(
            venue,
            symbol,
            **facts,
            valid_to=moment(gone_from, "08:00") if gone_from is not None and ended else None,
        )
    )
    usd_before = coin_before = None
    for n in DAYS:
        there = (gone_from is None or n < gone_from) and dice.random() > 0.03
        rate = _maybe(dice, dice.uniform(-0.001, 0.001), 0.05)
        if there and facts.get("contract_kind") != "dated":
            given.funding.append(funding(n, venue, rate, symbol, **facts))
        # Most days move a little, so that a flush stands out.
        coins = dice.uniform(8e3, 1e4) if dice.random() < 0.85 else dice.uniform(0, 1e3)
        usd, coin = _maybe(dice, dice.uniform(0, 1e9)), _maybe(dice, coins)
        trace = dice.random() < 0.05
        if there:
            given.open_interest.append(
                open_interest(
                    n,
                    venue,
                    symbol,
                    usd=usd,
                    coin=coin,
                    mean=None if usd is None else usd * dice.uniform(0.9, 1.1),
                    change_usd=None
                    if usd is None or usd_before is None or trace
                    else usd - usd_before,
                    change_coin=None
                    if coin is None or coin_before is None or trace
                    else coin - coin_before,
                    samples=(1, 288) if trace else (288, dice.choice([288, None])),
                    **facts,
                )
            )
        usd_before, coin_before = (usd, coin) if there and not trace else (None, None)
        if there and dice.random() < 0.8:
            given.liquidations.append(
                liquidated(
                    n,
                    venue,
                    _maybe(dice, dice.uniform(0, 1e6)),
                    _maybe(dice, dice.uniform(0, 1e6)),
                    symbol,
                    completeness=dice.choice(["complete", "complete", "throttled", "unknown"]),
                    **facts,
                )
            )
            given.events.extend(
                event(n, clock, venue, _maybe(dice, dice.uniform(0, 1e5)), symbol, **facts)
                for clock in sorted(set(_times(dice)))
            )
        if there and dice.random() < 0.7:
            given.positioning.append(
                positioning(
                    n,
                    venue,
                    _maybe(dice, dice.uniform(0.2, 5)),
                    _maybe(dice, dice.uniform(0.2, 5)),
                    symbol,
                    **facts,
                )
            )
        if there and dice.random() < 0.9:
            low, opened, closed, high = sorted(dice.uniform(1, 9) for _ in range(4))
            given.prices.append(
                price(
                    n,
                    venue,
                    symbol,
                    ohlc=(opened, high, low, closed),
                    volume=_maybe(dice, dice.uniform(0, 1e9)),
                    returned=_maybe(dice, dice.uniform(-0.1, 0.1)),
                    **facts,
                )
            )


def given(seed: int) -> Given:
    found = Given()
    for venue in VENUES:
        for symbol, facts in _SYMBOLS.items():
            dice = Random(f"{seed} {venue} {symbol}")
            if dice.random() < 0.7:
                _instrument(venue, symbol, facts, dice, found)
    dice = Random(f"{seed} reserves")
    found.reserves.extend(
        reserve(n, dice.uniform(1e5, 2e5), provider, base_asset="BTC")
        for n in DAYS
        for provider in ("counter", "other")
        if dice.random() < 0.9
    )
    return found


@cache
def inputs(seed: int) -> MarketInputs:
    return given(seed).inputs()


@cache
def computed(table: str, seed: int) -> pl.DataFrame:
    if table == "signals_daily":
        return signals_daily.compute(long_market(seed), FIRST, LAST)
    compute = {
        "market_daily": market_daily.compute,
        "market_total_daily": market_total_daily.compute,
    }
    return compute[table](inputs(seed), FIRST, LAST)


@cache
def long_market(seed: int) -> pl.DataFrame:
    """Market rows of more than a year, for signals: those of the days computed, again and again,
    each time moved a little."""
    rows = computed("market_daily", seed)
    pieces = []
    for again in range(380 // LENGTH):
        dice = Random(f"{seed} {again}")
        moved = pl.col(pl.Float64()) * dice.uniform(0.5, 1.5)
        pieces.append(
            rows.with_columns(moved, date=pl.col("date") - pl.duration(days=LENGTH * again)).filter(
                pl.int_range(pl.len()).hash(seed + again) % 10 > 0
            )
        )
    return pl.concat(pieces).sort("date", "base_asset")


def main(out: Path, seed: int) -> None:
    """Writes every table's bytes to `out`, one after the other, each as CSV with all digits."""
    with out.open("wb") as stream:
        for table in ("market_daily", "market_total_daily", "signals_daily"):
            computed(table, seed).write_csv(stream)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
