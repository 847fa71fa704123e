"""Market: the daily tables of all venues into totals and signals.

As in the other stages a day is a function of the partitions its windows look at, and only days
whose fingerprint changed are computed. A day that changed changes the 30 days after it in the
market tables, and the 364 after it in the signals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from flows.exclusions import TakenOut, without
from flows.instruments import venue_instruments
from flows.reporting import Reporter, log
from flows.run import Days, Run, stretches, transforms_digest
from flows.stages.aggregate.plan import REACH
from flows.storage.partitions import Layer, fingerprint
from transforms.market import history, market_daily, market_total_daily, signals_daily
from transforms.market.table import LOOKBACK_DAYS, MarketInputs
from transforms.schemas.evidence import Instruments
from transforms.schemas.normalised import DATASETS
from transforms.schemas.published import PUBLISHED_TABLES

DAY = timedelta(days=1)
TOGETHER_DAYS = 31
"""Computed at a time: a day of these tables is hundreds of rows, not hundreds of thousands."""

_EVENTS = "liquidations"
_READ = {
    "funding_daily": LOOKBACK_DAYS,
    "open_interest_daily": LOOKBACK_DAYS,
    "liquidations_daily": 0,
    "positioning_daily": 0,
    "prices_daily": 0,
    "reserves_daily": 0,
    _EVENTS: 1,
}
"""What the market is made from, and how many days before its own it looks at."""

_TOTALS = {
    "market_daily": market_daily.compute,
    "market_total_daily": market_total_daily.compute,
}
_SIGNALS = "signals_daily"


@dataclass(frozen=True, slots=True)
class _Sources:
    """The partitions the market is made from, by name, with rows."""

    daily: Layer
    events: Layer
    partitions: pl.DataFrame
    instruments: pl.DataFrame

    @classmethod
    def of(cls, run: Run, out: pl.DataFrame) -> _Sources:
        daily = Layer(run.store, run.ledger, "daily")
        events = Layer(run.store, run.ledger, "normalised")
        books = [venue_instruments(run, venue) for venue in run.venues.values()]
        read = pl.col("name").is_in([name for name in _READ if name != _EVENTS])
        partitions = pl.concat(
            [
                daily.current().filter(read),
                without(events.current(), out).filter(pl.col("name") == _EVENTS),
            ]
        )
        return cls(
            daily=daily,
            events=events,
            partitions=partitions.filter(pl.col("rows") > 0).sort("name", "date", "venue"),
            instruments=pl.concat([Instruments.create_empty(), *books]),
        )

    def marks(self, days: Sequence[date]) -> dict[date, str]:
        """A fingerprint of all that each day is made from."""
        ends = self.instruments.select("venue", "symbol", "base_asset", "valid_to").write_csv()
        return _marks(self.partitions, days, LOOKBACK_DAYS, fingerprint(ends))

    @contextmanager
    def inputs(self, days: Days) -> Iterator[MarketInputs]:
        with ExitStack() as open_files:
            rows = {}
            for name, lookback in _READ.items():
                keys = self.partitions.filter(
                    pl.col("name") == name,
                    pl.col("date").is_between(days.first - lookback * DAY, days.last),
                )["key"]
                layer = self.events if name == _EVENTS else self.daily
                schema = (DATASETS if name == _EVENTS else PUBLISHED_TABLES)[name]
                scan = layer.scan(keys.to_list(), dict(schema.create_empty().schema))
                rows[name] = open_files.enter_context(scan)
            yield MarketInputs(
                funding=rows["funding_daily"].collect(),
                open_interest=rows["open_interest_daily"].collect(),
                liquidations=rows["liquidations_daily"].collect(),
                positioning=rows["positioning_daily"].collect(),
                prices=rows["prices_daily"].collect(),
                reserves=rows["reserves_daily"].collect(),
                instruments=self.instruments,
                events=rows[_EVENTS],
            )


def market_days(run: Run, days: Sequence[date], taken: TakenOut, reporter: Reporter) -> None:
    """Bring the market tables up to date with the daily tables of `days` and of those near them,
    and of those near venue-days just taken out, or back."""
    layer = Layer(run.store, run.ledger, "market")
    moved = taken.moved["date"].unique().sort()
    spans = [(min(days), max(days)), *((day, day) for day in moved)]
    with reporter.steps("market", 2) as advance:
        _bring_totals(run, layer, taken, _around(spans, LOOKBACK_DAYS))
        advance()
        _bring_signals(layer, _around(spans, history.LOOKBACK_DAYS))
        advance()


def _around(spans: Sequence[tuple[date, date]], lookback_days: int) -> pl.Expr:
    """Whether a `date` may hang on tables of these days."""
    after = REACH + lookback_days * DAY
    return pl.any_horizontal(
        pl.col("date").is_between(first - REACH, last + after) for first, last in spans
    )


def _bring_totals(run: Run, layer: Layer, taken: TakenOut, around: pl.Expr) -> None:
    sources = _Sources.of(run, taken.out)
    there = layer.current().filter(pl.col("name").is_in(list(_TOTALS)))
    # Rows of days nobody asked for may be normalised already: a day is there once it has tables.
    daily = sources.partitions.filter(pl.col("name") != _EVENTS)
    days = _days_of(around, daily, there)
    marks = sources.marks(days)
    stale = _stale(there, list(_TOTALS), marks)
    for stretch in stretches(stale, TOGETHER_DAYS):
        with sources.inputs(stretch) as inputs:
            for name, compute in _TOTALS.items():
                _write(layer, name, compute(inputs, stretch.first, stretch.last), stretch, marks)
    log.info("market", days=len(stale))


def _bring_signals(layer: Layer, around: pl.Expr) -> None:
    there = layer.current()
    market = there.filter(pl.col("name") == "market_daily", pl.col("rows") > 0)
    there = there.filter(pl.col("name") == _SIGNALS)
    days = _days_of(around, market, there)
    marks = _marks(market, days, history.LOOKBACK_DAYS)
    stale = _stale(there, [_SIGNALS], marks)
    if not stale:
        return
    begin = stale[0] - history.LOOKBACK_DAYS * DAY
    keys = market.filter(pl.col("date").is_between(begin, stale[-1]))["key"].to_list()
    schema = PUBLISHED_TABLES["market_daily"].create_empty().schema
    with layer.scan(keys, dict(schema)) as scanned:
        rows = scanned.select(signals_daily.READS).collect()
    for stretch in stretches(stale, TOGETHER_DAYS):
        signals = signals_daily.compute(rows, stretch.first, stretch.last)
        _write(layer, _SIGNALS, signals, stretch, marks)
    log.info("signals", days=len(stale))


def _days_of(around: pl.Expr, *partitions: pl.DataFrame) -> list[date]:
    """Days that have, or had, something to be computed from."""
    days = pl.concat(frame.select("date") for frame in partitions)
    return days.filter(around)["date"].unique().sort().to_list()


def _marks(
    partitions: pl.DataFrame, days: Sequence[date], lookback_days: int, *more: str
) -> dict[date, str]:
    """For each day the fingerprint of the partitions of it and of so many days before."""
    parts = defaultdict(list)
    for name, venue, day, digest in partitions.select("name", "venue", "date", "sha256").rows():
        parts[day].append(f"{name}:{venue}:{digest}")
    digests = {day: fingerprint(*sorted(found)) for day, found in parts.items()}
    return {
        day: fingerprint(
            transforms_digest(),
            *more,
            *(digests.get(day - n * DAY, "") for n in range(lookback_days + 1)),
        )
        for day in days
    }


def _stale(there: pl.DataFrame, names: Sequence[str], marks: dict[date, str]) -> list[date]:
    """Days on which one of the tables was made from something else, or not at all."""
    held = {
        (name, day): mark for name, day, mark in there.select("name", "date", "fingerprint").rows()
    }
    return [
        day for day, mark in marks.items() if any(held.get((name, day)) != mark for name in names)
    ]


def _write(layer: Layer, name: str, rows: pl.DataFrame, days: Days, marks: dict[date, str]) -> None:
    layer.record(
        layer.write(name, "", day, rows.filter(pl.col("date") == day), marks[day])
        for day in days.each()
    )
