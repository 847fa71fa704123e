"""Tardis's csv files: merged tickers and liquidations of other exchanges, by day of arrival."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from simulator.archive import Writer
from simulator.funding import Month, settle
from simulator.listing import Listing
from simulator.market import day_minutes
from simulator.noise import keys, uniforms
from simulator.plan import Plan, Quirk
from simulator.tape import Day, Tape, by_symbol, published

ARCHIVE = "archive/tardis/v1"
TICKER_COLUMNS = (
    "exchange",
    "symbol",
    "timestamp",
    "local_timestamp",
    "funding_timestamp",
    "funding_rate",
    "predicted_funding_rate",
    "open_interest",
    "last_price",
    "index_price",
    "mark_price",
)
LIQUIDATION_COLUMNS = (
    "exchange",
    "symbol",
    "timestamp",
    "local_timestamp",
    "id",
    "side",
    "price",
    "amount",
)
_DAY_US = 86_400_000_000
_UNKNOWN_AT_FIRST = 3
_BEFORE_MIDNIGHT_US = 1_640_000


@dataclass(frozen=True, slots=True)
class Carried:
    """How an exchange appears: its id; which sides its open interest counts; what price."""

    id: str
    sides: int = 1
    price: str = "average_price"
    grouped: bool = False


CARRIED: dict[str, Carried] = {
    "binance": Carried("binance-futures", price="limit_price", grouped=True),
    "bybit": Carried("bybit", sides=2),
    "okx": Carried("okex-swap"),
}


def carry(plan: Plan, tapes: Mapping[str, Tape], writer: Writer) -> Iterator[Quirk]:
    """The files of all days of a plan. Raises KeyError if an exchange has no tape."""
    for name, how in CARRIED.items():
        tape = tapes[name]
        before = tape.day(plan.first - timedelta(days=1))
        funding = _funding(tape, plan)
        for day in tape.days():
            yield from _write_day(writer, how, before, day, funding, plan)
            before = day


def _carried(day: Day) -> dict[str, Listing]:
    """USDⓈ-M of Binance, all of the others; no dated ones."""
    return {x.symbol: x for x in day.path.listings if not x.dated and x.product != "cm"}


def _arrived(rows: pl.DataFrame, stamp: pl.Expr, plan: Plan, stream: str) -> pl.DataFrame:
    """With `timestamp` and `local_timestamp` in µs: mostly within 60 ms, now and then seconds."""
    rows = rows.with_columns(timestamp=stamp).sort("timestamp", "symbol")
    key = keys(plan.seed, stream, rows["symbol"].to_list())
    # Of events at the same moment the first stays the first.
    nth = rows.select(pl.int_range(pl.len()).over("symbol", "timestamp")).to_series().to_numpy()
    place = rows["timestamp"].to_numpy()
    u = uniforms(key, place + 2 * nth)
    delay = 2_000 + np.floor(58_000 * u).astype(np.int64)
    if plan.quirks:
        late = uniforms(key, place + 2 * nth + 1)
        delay = np.where(late < 0.02, delay + np.floor(150e6 * late).astype(np.int64), delay)
    return rows.with_columns(
        local_timestamp=pl.col("timestamp") + pl.Series(delay), exchange=pl.lit("")
    )


def _of_day(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    start = day_minutes(day) * 60_000_000
    local = pl.col("local_timestamp")
    return rows.filter(local.is_between(start, start + _DAY_US, "left")).sort(
        "local_timestamp", "timestamp", "symbol", maintain_order=True
    )


def _funding(tape: Tape, plan: Plan) -> pl.DataFrame:
    """What is settled from the plan's first day to its last night, and on the day after."""
    months = [Month.of(plan.first - timedelta(days=1))]
    while months[-1].last < plan.last + timedelta(days=2):
        months.append(months[-1].next)
    settled = pl.concat([settle(tape.market, tape.listings, month) for month in months])
    return settled.select(
        "symbol",
        pl.col("settled_at").dt.epoch("us").alias("funding_timestamp"),
        pl.col("funding_rate").cast(pl.Float64).alias("settled_rate"),
    ).sort("funding_timestamp")


def _write_day(
    writer: Writer, how: Carried, before: Day, day: Day, funding: pl.DataFrame, plan: Plan
) -> Iterator[Quirk]:
    names = list(_carried(day))
    days = (before, day)
    events = pl.concat([x.events.filter("published", pl.col("symbol").is_in(names)) for x in days])
    told = _arrived(events, pl.col("at").dt.epoch("us"), plan, f"{how.id}/liquidations")
    told = _of_day(told, day.date).with_columns(
        exchange=pl.lit(how.id),
        id=pl.lit(None, pl.String),
        # Of the order: a liquidated long sells.
        side=pl.when(pl.col("position") == "long").then(pl.lit("sell")).otherwise(pl.lit("buy")),
        price=pl.col(how.price),
        amount=pl.col("quantity"),
    )
    groups = {"PERPETUALS": told} if how.grouped else by_symbol(told, names)
    for name in groups if how.grouped else names:
        rows = groups.get(name, told.clear())
        where = _place(how, "liquidations", day.date, name)
        yield from _write_csv(writer, where, rows, LIQUIDATION_COLUMNS, day.date)

    samples = pl.concat([x.samples.filter(pl.col("symbol").is_in(names)) for x in days])
    ticks = _arrived(samples, pl.col("sampled_at").dt.epoch("us"), plan, f"{how.id}/ticker")
    if plan.quirks:
        # What was so before midnight, told after it.
        before_midnight = pl.col("timestamp") - _BEFORE_MIDNIGHT_US
        at_midnight = pl.col("timestamp") % _DAY_US == 0
        ticks = ticks.with_columns(
            timestamp=pl.when(at_midnight).then(before_midnight).otherwise("timestamp")
        )
    ticks = _ticks(_of_day(ticks, day.date), how, funding)
    for name, rows in by_symbol(ticks, names).items():
        where = _place(how, "derivative_ticker", day.date, name)
        yield from _write_csv(writer, where, rows, TICKER_COLUMNS, day.date)


def _place(how: Carried, kind: str, day: date, name: str) -> str:
    return f"{ARCHIVE}/{how.id}/{kind}/{day:%Y/%m/%d}/{name}.csv.gz"


def _ticks(samples: pl.DataFrame, how: Carried, funding: pl.DataFrame) -> pl.DataFrame:
    """Ticker rows from snapshots: the next settlement's rate as it is expected until then."""
    joined = samples.sort("timestamp").join_asof(
        funding,
        left_on="timestamp",
        right_on="funding_timestamp",
        by="symbol",
        strategy="forward",
        # At the moment of a settlement the next one is expected already.
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    hours_left = (pl.col("funding_timestamp") - pl.col("timestamp")) / 3_600_000_000
    running = pl.col("settled_rate") + 1e-6 * (hours_left - 0.1).clip(0.0)
    unknown = pl.int_range(pl.len()).over("symbol") < _UNKNOWN_AT_FIRST
    return joined.sort("local_timestamp", "timestamp", "symbol").with_columns(
        exchange=pl.lit(how.id),
        funding_rate=running.round(8),
        predicted_funding_rate=pl.lit(None, pl.Float64),
        open_interest=pl.when(~unknown).then(how.sides * pl.col("open_interest_native")),
    )


def _write_csv(
    writer: Writer, where: str, rows: pl.DataFrame, columns: tuple[str, ...], day: date
) -> Iterator[Quirk]:
    content = b""
    if rows.height:
        table = rows.select(columns).with_columns(pl.selectors.float().map_batches(_plain))
        content = table.write_csv(quote_style="never").encode()
        late = rows.filter(pl.col("local_timestamp") - pl.col("timestamp") > 100_000).height
        if late:
            yield Quirk("late-arrival", where, f"{late} rows")
        spilled = rows.filter(pl.col("timestamp") < day_minutes(day) * 60_000_000).height
        if spilled:
            yield Quirk("spill-over", where, f"{spilled} rows")
    else:
        yield Quirk("empty-file", where)
    when: datetime = published(day)
    writer.write("tardis", where, gzip.compress(content, 6, mtime=0), when)


def _plain(values: pl.Series) -> pl.Series:
    """Numbers as their shortest text without an exponent."""
    text = values.cast(pl.Decimal(38, 14)).cast(pl.String)
    return text.str.strip_chars_end("0").str.strip_chars_end(".")
