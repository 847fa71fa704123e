"""A piece of the aggregate stage: days of one daily table of a venue, or of what is said of its
coverage, from partitions to partitions. It can be done by any process that reaches the lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from flows.run import Days, Run
from flows.storage.partitions import Layer, PartitionRecord
from transforms.daily.catalogue import tables_of
from transforms.daily.coverage import coverage_daily, presence
from transforms.daily.table import Inputs
from transforms.regimes import regime_table
from transforms.schemas.normalised import DATASETS, Accounting
from transforms.venue import Venue

COVERAGE = "coverage_daily"


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
