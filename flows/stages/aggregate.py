"""Aggregate: normalised partitions into daily tables, venue by venue.

A day of a table is a function of the normalised days its windows look at, of the venue's
instruments and of the code; as in the normalise stage, only days whose fingerprint changed are
computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from flows.exclusions import TakenOut, without
from flows.instruments import venue_instruments
from flows.recording import recorded_together
from flows.reporting import Reporter, log
from flows.run import Days, Run, stretches, transforms_digest
from flows.storage.partitions import Layer, PartitionRecord, fingerprint
from transforms.daily.catalogue import DAILY, tables_of
from transforms.daily.coverage import COVERAGE_LOOKBACK_DAYS, coverage_daily, presence
from transforms.daily.table import DailyTable, Inputs
from transforms.regimes import regime_table
from transforms.schemas.normalised import DATASETS, Accounting
from transforms.venue import Venue

DAY = timedelta(days=1)
BYTES_A_ROW = 4
"""How much raw file is as much work as aggregating a normalised row, roughly."""
PIECE_WEIGHT = 16_000_000
RECORDED_TOGETHER = 100
"""Partitions between two segments of the ledger."""
COVERAGE = "coverage_daily"
COVERED_TOGETHER = 31
"""Days: who has rows is little of each, and looks at days before its own."""
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

    def height(self, dataset: str, first: date, last: date) -> int:
        return int(self._between(self.rows, dataset, first, last)["rows"].sum())

    def digest(self, dataset: str, first: date, last: date) -> str:
        """Changes with any row, and with what files covered the days."""
        return fingerprint(
            *self._between(self.rows, dataset, first, last)["sha256"],
            *self._between(self.accounting, dataset, first, last)["sha256"],
        )

    @staticmethod
    def _between(frame: pl.DataFrame, dataset: str, first: date, last: date) -> pl.DataFrame:
        return frame.filter((pl.col("name") == dataset) & pl.col("date").is_between(first, last))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days computed together: keys of the partitions their windows look at, and marks, the
    fingerprints of what is to be made."""

    days: Days
    rows: list[str]
    accounting: list[str]
    marks: dict[date, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Stretches of days of one table of one venue."""

    venue: str
    table: str
    stretches: tuple[Stretch, ...]
    instruments: pl.DataFrame

    @property
    def weight(self) -> int:
        return sum(stretch.weight for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class Cover:
    """Days of one venue whose coverage is to be made, from keys of partitions by dataset.

    supported: datasets the venue's sources could bring. out, marks: as above.
    """

    venue: str
    days: Days
    rows: dict[str, list[str]]
    accounting: dict[str, list[str]]
    supported: frozenset[str]
    instruments: pl.DataFrame
    out: pl.DataFrame
    marks: dict[date, str]
    weight: int


def aggregate_days(run: Run, days: Sequence[date], taken: TakenOut, reporter: Reporter) -> None:
    """Bring the daily tables up to date: the days asked for, and days already there whose windows
    look at them. Likewise days already there that look at a venue-day just taken out, or back."""
    plans = [_Plan.of(run, venue, sorted(days), taken) for venue in run.venues.values()]
    pieces: list[Piece | Cover] = []
    for plan in plans:
        pieces += plan.pieces(run)
        pieces += plan.covers(run)
    # The heaviest first: what is left for the end is what several workers can share evenly.
    pieces.sort(key=lambda piece: -piece.weight)
    layer = Layer(run.store, run.ledger, "daily")
    steps = sum(len(piece.stretches) if isinstance(piece, Piece) else 1 for piece in pieces)
    with (
        recorded_together(layer.record, RECORDED_TOGETHER) as take,
        reporter.steps("aggregate", steps) as advance,
    ):
        for written in run.executor.each(run, make_piece, pieces):
            take(written)
            advance()
    log.info("aggregated", pieces=len(pieces), venues=len(plans))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a venue's tables are made of, and which days may have to be made.

    held: fingerprints of the partitions there are, by table and day.
    """

    venue: Venue
    normalised: _Normalised
    instruments: pl.DataFrame
    candidates: list[date]
    held: dict[tuple[str, date], str]

    @classmethod
    def of(cls, run: Run, venue: Venue, days: list[date], taken: TakenOut) -> _Plan:
        there = Layer(run.store, run.ledger, "daily").current()
        there = there.filter(pl.col("venue") == venue.name)
        own = taken.moved.filter(pl.col("venue") == venue.name)["date"].unique().to_list()
        spans = [(days[0], days[-1]), *((day, day) for day in own)]
        near = pl.any_horizontal(
            pl.col("date").is_between(first - REACH, last + REACH) for first, last in spans
        )
        return cls(
            venue,
            _Normalised.of(run, venue, taken.out),
            venue_instruments(run, venue),
            sorted({*days, *there.filter(near)["date"]}),
            {
                (name, day): mark
                for name, day, mark in there.select("name", "date", "fingerprint").iter_rows()
            },
        )

    def pieces(self, run: Run) -> Iterator[Piece]:
        instruments_mark = fingerprint(self.instruments.write_csv())
        for table in tables_of(self.venue):
            back, ahead = table.lookback_days * DAY, table.lookahead_days * DAY
            marks = {
                day: fingerprint(
                    transforms_digest(),
                    instruments_mark,
                    self.normalised.digest(table.dataset, day - back, day + ahead),
                )
                for day in self.candidates
            }
            stale = [
                day for day in self.candidates if self.held.get((table.name, day)) != marks[day]
            ]
            made_of = [
                self._stretch(table, days, marks)
                for days in stretches(stale, run.settings.batch_days)
            ]
            for together in _together(made_of):
                yield Piece(self.venue.name, table.name, together, self.instruments)

    def covers(self, run: Run) -> Iterator[Cover]:
        """What there is to say of which instruments each dataset has."""
        normalised, lookback = self.normalised, COVERAGE_LOOKBACK_DAYS * DAY
        datasets = sorted({table.dataset for table in tables_of(self.venue)})
        supported = _supported(run, self.venue)
        listed = self.instruments.select("symbol", "valid_from", "valid_to").write_csv()
        marks = {
            day: fingerprint(
                transforms_digest(),
                listed,
                sorted(supported),
                *(normalised.digest(dataset, day - lookback, day) for dataset in datasets),
                normalised.out.filter(pl.col("date") == day).sort("dataset").write_csv(),
            )
            for day in self.candidates
        }
        stale = [day for day in self.candidates if self.held.get((COVERAGE, day)) != marks[day]]
        for days in stretches(stale, COVERED_TOGETHER):
            first, last = days.first - lookback, days.last
            yield Cover(
                self.venue.name,
                days,
                {name: normalised.keys(name, first, last) for name in datasets},
                {name: normalised.accounting_keys(name, first, last) for name in datasets},
                supported,
                self.instruments,
                normalised.out,
                {day: marks[day] for day in days.each()},
                sum(normalised.height(name, first, last) for name in datasets),
            )

    def _stretch(self, table: DailyTable, days: Days, marks: Mapping[date, str]) -> Stretch:
        first = days.first - table.lookback_days * DAY
        last = days.last + table.lookahead_days * DAY
        return Stretch(
            days,
            self.normalised.keys(table.dataset, first, last),
            self.normalised.accounting_keys(table.dataset, first, last),
            {day: marks[day] for day in days.each()},
            self.normalised.height(table.dataset, first, last) * BYTES_A_ROW,
        )


def _together(made_of: Sequence[Stretch]) -> Iterator[tuple[Stretch, ...]]:
    """Stretches in a row, as much as is worth handing over to somebody else."""
    held: list[Stretch] = []
    for stretch in made_of:
        held.append(stretch)
        if sum(each.weight for each in held) >= PIECE_WEIGHT:
            yield tuple(held)
            held = []
    if held:
        yield tuple(held)


def make_piece(run: Run, piece: Piece | Cover) -> Iterator[list[PartitionRecord]]:
    """Results one after the other: ledger lines of partitions that now lie in the store."""
    return _aggregated(run, piece) if isinstance(piece, Piece) else _covered(run, piece)


def _aggregated(run: Run, piece: Piece) -> Iterator[list[PartitionRecord]]:
    """A result a stretch."""
    venue = run.venues[piece.venue]
    table = next(table for table in tables_of(venue) if table.name == piece.table)
    schema = dict(DATASETS[table.dataset].create_empty().schema)
    layer = Layer(run.store, run.ledger, "daily")
    for stretch in piece.stretches:
        days = stretch.days
        with Layer(run.store, run.ledger, "normalised").scan(stretch.rows, schema) as rows:
            inputs = Inputs(
                rows=rows,
                accounting=_accounting(run, stretch.accounting),
                instruments=piece.instruments,
                regimes=regime_table(venue),
                venue=venue.name,
            )
            made = table.compute(inputs, days.first, days.last)
        yield _written(layer, venue, table.name, made, days, stretch.marks)


def _accounting(run: Run, keys: Sequence[str]) -> pl.DataFrame:
    empty = Accounting.create_empty().with_columns(pl.lit(None, pl.Date()).alias("date"))
    with Layer(run.store, run.ledger, "accounting").files(keys) as paths:
        # A partition written before a column was added lacks it.
        return pl.concat([empty, *map(pl.read_parquet, paths)], how="diagonal")


def _covered(run: Run, piece: Cover) -> Iterator[list[PartitionRecord]]:
    """One result."""
    venue, days = run.venues[piece.venue], piece.days
    normalised = Layer(run.store, run.ledger, "normalised")
    seen = []
    for dataset, keys in piece.rows.items():
        with normalised.scan(keys, dict(DATASETS[dataset].create_empty().schema)) as rows:
            seen.append(presence(rows, dataset))
    coverage = coverage_daily(
        pl.concat(seen),
        days.first,
        days.last,
        venue=venue.name,
        datasets=piece.supported,
        owed=sorted(piece.rows),
        instruments=piece.instruments,
        accounting=pl.concat(_accounting(run, keys) for keys in piece.accounting.values()),
        out=piece.out,
    )
    layer = Layer(run.store, run.ledger, "daily")
    yield _written(layer, venue, COVERAGE, coverage, days, piece.marks)


def _supported(run: Run, venue: Venue) -> frozenset[str]:
    """What the venue's sources could bring: a carrier that is not configured brings nothing."""
    carriers = {s.carrier for s in run.settings.sources if s.venue == venue.name}
    feeds = (feed for feed in venue.feeds if feed.carrier in carriers)
    return frozenset(dataset for feed in feeds for dataset in feed.datasets)


def _written(
    layer: Layer,
    venue: Venue,
    name: str,
    rows: pl.DataFrame,
    days: Days,
    marks: Mapping[date, str],
) -> list[PartitionRecord]:
    return [
        layer.write(name, venue.name, day, rows.filter(pl.col("date") == day), marks[day])
        for day in days.each()
    ]
