"""Aggregate: normalised partitions into daily tables, venue by venue.

A day of a table is a function of the normalised days its windows look at, of the venue's
instruments and of the code; as in the normalise stage, only days whose fingerprint changed are
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from flows.exclusions import TakenOut, without
from flows.instruments import venue_instruments
from flows.reporting import Reporter, log
from flows.run import Days, Run, stretches, transforms_digest
from flows.storage.partitions import Layer, fingerprint
from transforms.daily.catalogue import DAILY, tables_of
from transforms.daily.coverage import COVERAGE_LOOKBACK_DAYS, coverage_daily, presence
from transforms.daily.table import DailyTable, Inputs
from transforms.regimes import regime_table
from transforms.schemas.normalised import DATASETS, Accounting
from transforms.venue import Venue

DAY = timedelta(days=1)
REACH = timedelta(days=max(table.reach_days for table in DAILY))


@dataclass(frozen=True, slots=True)
class _Normalised:
    """A venue's normalised and accounting partitions, as the ledgers know them, but for the days
    the gate took out; `out` are those (`flows.exclusions.TakenOut`)."""

    rows: pl.DataFrame
    accounting: pl.DataFrame
    out: pl.DataFrame

    @classmethod
    def of(cls, run: Run, venue: Venue, out: pl.DataFrame) -> _Normalised:
        rows, accounting = (
            without(
                Layer(run.store, run.ledger, name).current().filter(pl.col("venue") == venue.name),
                out,
            )
            for name in ("normalised", "accounting")
        )
        return cls(rows, accounting, out.filter(pl.col("venue") == venue.name))

    def keys(self, dataset: str, first: date, last: date) -> list[str]:
        return self._between(self.rows, dataset, first, last)["key"].to_list()

    def accounting_keys(self, dataset: str, first: date, last: date) -> list[str]:
        return self._between(self.accounting, dataset, first, last)["key"].to_list()

    def digest(self, dataset: str, first: date, last: date) -> str:
        """Changes with any row, and with what files covered the days."""
        return fingerprint(
            *self._between(self.rows, dataset, first, last)["sha256"],
            *self._between(self.accounting, dataset, first, last)["sha256"],
        )

    @staticmethod
    def _between(frame: pl.DataFrame, dataset: str, first: date, last: date) -> pl.DataFrame:
        return frame.filter((pl.col("name") == dataset) & pl.col("date").is_between(first, last))


def aggregate_days(run: Run, days: Sequence[date], taken: TakenOut, reporter: Reporter) -> None:
    """Bring the daily tables up to date: the days asked for, and days already there whose windows
    look at them. Likewise days already there that look at a venue-day just taken out, or back."""
    for venue in run.venues.values():
        _aggregate_venue(run, venue, sorted(days), taken, reporter)


def _aggregate_venue(
    run: Run,
    venue: Venue,
    days: list[date],
    taken: TakenOut,
    reporter: Reporter,
) -> None:
    instruments = venue_instruments(run, venue)
    instruments_mark = fingerprint(instruments.write_csv())
    layer = Layer(run.store, run.ledger, "daily")
    there = layer.current().filter(pl.col("venue") == venue.name)
    held = {
        (name, day): mark
        for name, day, mark in there.select("name", "date", "fingerprint").iter_rows()
    }
    normalised = _Normalised.of(run, venue, taken.out)
    own = taken.moved.filter(pl.col("venue") == venue.name)["date"].unique().to_list()
    spans = [(days[0], days[-1]), *((day, day) for day in own)]
    near = pl.any_horizontal(
        pl.col("date").is_between(first - REACH, last + REACH) for first, last in spans
    )
    candidates = sorted({*days, *there.filter(near)["date"]})
    tables = tables_of(venue)
    with reporter.steps(f"aggregate {venue.name}", len(tables) + 1) as advance:
        for table in tables:
            marks = {
                day: fingerprint(
                    transforms_digest(),
                    instruments_mark,
                    normalised.digest(
                        table.dataset,
                        day - table.lookback_days * DAY,
                        day + table.lookahead_days * DAY,
                    ),
                )
                for day in candidates
            }
            stale = [day for day in candidates if held.get((table.name, day)) != marks[day]]
            for stretch in stretches(stale, run.settings.batch_days):
                rows = _compute(run, venue, table, normalised, instruments, stretch)
                _write(layer, venue, table.name, rows, stretch, marks)
            advance()
        _cover(run, venue, layer, normalised, instruments, candidates, held)
        advance()
    log.info("aggregated", venue=venue.name, days=len(candidates))


def _compute(
    run: Run,
    venue: Venue,
    table: DailyTable,
    normalised: _Normalised,
    instruments: pl.DataFrame,
    days: Days,
) -> pl.DataFrame:
    start = days.first - table.lookback_days * DAY
    end = days.last + table.lookahead_days * DAY
    layer = Layer(run.store, run.ledger, "normalised")
    schema = dict(DATASETS[table.dataset].create_empty().schema)
    with layer.scan(normalised.keys(table.dataset, start, end), schema) as rows:
        inputs = Inputs(
            rows=rows,
            accounting=_accounting(run, normalised, table.dataset, start, end),
            instruments=instruments,
            regimes=regime_table(venue),
            venue=venue.name,
        )
        return table.compute(inputs, days.first, days.last)


def _accounting(
    run: Run, normalised: _Normalised, dataset: str, first: date, last: date
) -> pl.DataFrame:
    empty = Accounting.create_empty().with_columns(pl.lit(None, pl.Date()).alias("date"))
    layer = Layer(run.store, run.ledger, "accounting")
    keys = normalised.accounting_keys(dataset, first, last)
    with layer.files(keys) as paths:
        # A partition written before a column was added lacks it.
        return pl.concat([empty, *map(pl.read_parquet, paths)], how="diagonal")


def _cover(
    run: Run,
    venue: Venue,
    layer: Layer,
    normalised: _Normalised,
    instruments: pl.DataFrame,
    candidates: list[date],
    held: dict[tuple[str, date], str],
) -> None:
    lookback = COVERAGE_LOOKBACK_DAYS * DAY
    datasets = sorted({table.dataset for table in tables_of(venue)})
    supported = _supported(run, venue)
    marks = {
        day: fingerprint(
            transforms_digest(),
            instruments.select("symbol", "valid_from", "valid_to").write_csv(),
            sorted(supported),
            *(normalised.digest(dataset, day - lookback, day) for dataset in datasets),
            normalised.out.filter(pl.col("date") == day).sort("dataset").write_csv(),
        )
        for day in candidates
    }
    stale = [day for day in candidates if held.get(("coverage_daily", day)) != marks[day]]
    rows_layer = Layer(run.store, run.ledger, "normalised")
    for stretch in stretches(stale, 31):
        begin, end = stretch.first - lookback, stretch.last
        seen = []
        for dataset in datasets:
            keys = normalised.keys(dataset, begin, end)
            with rows_layer.scan(keys, dict(DATASETS[dataset].create_empty().schema)) as rows:
                seen.append(presence(rows, dataset))
        files = [_accounting(run, normalised, d, begin, end) for d in datasets]
        coverage = coverage_daily(
            pl.concat(seen),
            stretch.first,
            stretch.last,
            venue=venue.name,
            datasets=supported,
            owed=datasets,
            instruments=instruments,
            accounting=pl.concat(files),
            out=normalised.out,
        )
        _write(layer, venue, "coverage_daily", coverage, stretch, marks)


def _supported(run: Run, venue: Venue) -> set[str]:
    """What the venue's sources could bring: a carrier that is not configured brings nothing."""
    carriers = {s.carrier for s in run.settings.sources if s.venue == venue.name}
    feeds = (feed for feed in venue.feeds if feed.carrier in carriers)
    return {dataset for feed in feeds for dataset in feed.datasets}


def _write(
    layer: Layer,
    venue: Venue,
    name: str,
    rows: pl.DataFrame,
    days: Days,
    marks: dict[date, str],
) -> None:
    layer.record(
        layer.write(name, venue.name, day, rows.filter(pl.col("date") == day), marks[day])
        for day in days.each()
    )
