"""What there is to aggregate: which days of which tables are no longer what the normalised rows
would give, and pieces of work that bring them up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from flows.exclusions import TakenOut, without
from flows.instruments import venue_instruments
from flows.run import Days, Run, stretches, transforms_digest
from flows.stages.aggregate.piece import COVERAGE, Cover, Piece, Stretch
from flows.storage.partitions import Layer, fingerprint
from transforms.daily.catalogue import DAILY, tables_of
from transforms.daily.coverage import COVERAGE_LOOKBACK_DAYS
from transforms.daily.table import DailyTable
from transforms.venue import Venue

DAY = timedelta(days=1)
BYTES_A_ROW = 4
"""How much raw file is as much work as aggregating a normalised row, roughly."""
PIECE_WEIGHT = 16_000_000
COVERED_TOGETHER = 31
"""Days: who has rows is little of each, and looks at days before its own."""
REACH = timedelta(days=max(table.reach_days for table in DAILY))


def planned(run: Run, venue: Venue, days: list[date], taken: TakenOut) -> list[Piece | Cover]:
    """The work on a venue's tables of `days` (ascending), of days already there whose windows look
    at them, and of those that look at a venue-day just taken out, or back."""
    plan = _Plan.of(run, venue, days, taken)
    return [*plan.pieces(run), *plan.covers(run)]


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


def _supported(run: Run, venue: Venue) -> frozenset[str]:
    """What the venue's sources could bring: a carrier that is not configured brings nothing."""
    carriers = {s.carrier for s in run.settings.sources if s.venue == venue.name}
    feeds = (feed for feed in venue.feeds if feed.carrier in carriers)
    return frozenset(dataset for feed in feeds for dataset in feed.datasets)
