"""CryptoQuant: what an aggregator's charts export about bitcoin at all exchanges together.

    dumps/cryptoquant/BTC_exchange_reserve.csv    coins that exchanges hold on chain
    dumps/cryptoquant/open_interest.csv           US dollars
    dumps/cryptoquant/funding_fee.csv             percent per 8 hours
    dumps/cryptoquant/BTC_price.csv               US dollars
    truth/cryptoquant/daily.parquet               the same as numbers (`DAILY`)

- `Date,Data`, UTF-8 with a byte order mark, LF, no line end after the last row, oldest first; days
  are UTC, without zeros in front (`2021.1.8`); below 0.0001 numbers have an exponent (`-6.92E-05`).
- A day's amounts and prices are those of its end; its funding is the mean of what the perpetuals
  settled on it. The last row is of the day after the plan, as of six in the morning: still
  forming, and another number in the export of the day after.
- The exchanges are those of the plan, and others beside them that nobody simulates: OTHERS of the
  open interest. The price is the index. What is liquidated is not among these files.

Files hold all days of the plan. Of plans that share what `simulate` asks for, the rows of finished
days are the same bytes; the last row is not.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain

import numpy as np
import polars as pl

from simulator.archive import Writer
from simulator.exchange import Exchange
from simulator.funding import Month, settle
from simulator.market import DAY, Market, day_minutes, moment_of
from simulator.numerals import trimmed
from simulator.plan import Plan, Quirk
from simulator.tape import Tape, next_day, open_interest_value, published

DUMPS = "dumps/cryptoquant"
OTHERS = 0.2
"""Share of the open interest of all exchanges that is at exchanges nobody simulates."""

DAILY: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "reserve_coin": pl.Float64(),
    "open_interest_coin": pl.Float64(),  # in no file: what the dollars are of
    "open_interest_usd": pl.Float64(),
    "funding_rate_8h": pl.Float64(),  # fraction
    "price_usd": pl.Float64(),
    "still_forming": pl.Boolean(),
}

_COIN = "BTC"
_BOM = b"\xef\xbb\xbf"
_FORMING_UNTIL = 6 * 60
_EXPONENT_BELOW = 1e-4


def carry(plan: Plan, tapes: Mapping[str, Tape], writer: Writer) -> Iterator[Quirk]:
    """The exports and their truth; nothing is wrong with them."""
    exchanges = list(tapes.values())
    forming = next_day(plan.last)
    days = [plan.first + timedelta(days=n) for n in range((forming - plan.first).days + 1)]
    minutes = np.array(
        [day_minutes(day) + (_FORMING_UNTIL if day == forming else DAY) for day in days]
    )
    market = Market(plan)
    interest = [
        _open_interest(exchanges, day, int(minute))
        for day, minute in zip(days, minutes, strict=True)
    ]
    paid = _funding(exchanges, published(plan.last))
    truth = pl.DataFrame(
        {
            "date": days,
            "reserve_coin": np.round(market.reserve(minutes), 8),
            "open_interest_coin": [coin for coin, _ in interest],
            "open_interest_usd": [float(round(usd)) for _, usd in interest],
            # To nine decimals of a percent.
            "funding_rate_8h": [round(paid[day], 11) for day in days],
            "price_usd": np.round(market.bitcoin(minutes), 5),
            "still_forming": [day == forming for day in days],
        },
        schema=DAILY,
    )
    for name, column, factor, places in (
        ("BTC_exchange_reserve", "reserve_coin", 1, 8),
        ("open_interest", "open_interest_usd", 1, 0),
        ("funding_fee", "funding_rate_8h", 100, 9),
        ("BTC_price", "price_usd", 1, 5),
    ):
        values = [factor * value for value in truth[column]]
        content = export(days, values, places)
        writer.write("reference", f"{DUMPS}/{name}.csv", content, published(plan.last))
    buffer = io.BytesIO()
    truth.write_parquet(buffer, compression="zstd", compression_level=1)
    where = "truth/cryptoquant/daily.parquet"
    writer.write("truth", where, buffer.getvalue(), published(plan.last))
    return iter(())


def export(days: list[date], values: list[float], places: int) -> bytes:
    """The csv of a chart, its numbers with at most so many decimals."""
    rows = [
        f"{day.year}.{day.month}.{day.day},{_number(value, places)}"
        for day, value in zip(days, values, strict=True)
    ]
    return _BOM + "\n".join(["Date,Data", *rows]).encode()


def _number(value: float, places: int) -> str:
    """As spreadsheets write it: `34065.6384`, `-6.92E-05`."""
    small = 0 < abs(value) < _EXPONENT_BELOW
    return f"{value:.2E}" if small else trimmed(value, places)


def _open_interest(exchanges: list[Tape], day: date, minute: int) -> tuple[float, float]:
    """One-sided coins and US dollars at a minute of a day, its end included."""
    coins = dollars = 0.0
    for tape in exchanges:
        traded = [
            x
            for x in tape.listings
            if x.coin == _COIN
            and x.trades_on(day)
            and (x.delivery is None or moment_of(minute) < x.delivery)
        ]
        if not traded:
            continue
        path = tape.market.day(traded, day)
        at = int(np.searchsorted(path.minutes, minute))
        value, amount = open_interest_value(path), path.open_interest * path.base_per_unit
        inverse = np.array([[x.inverse] for x in traded])
        coins += float(np.where(inverse, value, amount)[:, at].sum())
        dollars += float(np.where(inverse, amount, value)[:, at].sum())
    whole = 1.0 - OTHERS
    return coins / whole, dollars / whole


def _funding(exchanges: list[Tape], now: datetime) -> dict[date, float]:
    """By day the rate per 8 hours that the perpetuals settled until `now`, each hour alike."""
    rates: dict[date, Decimal] = {}
    hours: dict[date, int] = {}
    for tape in exchanges:
        traded = [x for x in tape.listings if x.coin == _COIN and not x.dated]
        # The tape ends at midnight, the forming day is six hours old.
        later = settle(tape.market, traded, Month.of(now.date())).filter(
            pl.col("settled_at").is_between(tape.end, now)
        )
        known = tape.all_settlements.filter(pl.col("symbol").is_in([x.symbol for x in traded]))
        columns = ("settled_at", "interval_hours", "funding_rate")
        for settled, interval, rate in chain(
            known.select(columns).iter_rows(), later.select(columns).iter_rows()
        ):
            day = settled.date()
            rates[day] = rates.get(day, Decimal(0)) + rate
            hours[day] = hours.get(day, 0) + interval
    return {day: float(8 * rates[day] / hours[day]) for day in rates}


EXCHANGE = Exchange(name="cryptoquant", carry=carry)
