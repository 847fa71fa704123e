"""A piece of the normalise stage: some batches of days of one venue, in a row, from raw files to
partitions in the store. It can be done by any process that reaches the lake.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import polars as pl

from flows.corrections import live
from flows.failures import InputUnavailable
from flows.run import Run
from flows.storage import raw_shelf
from flows.storage.partitions import Layer, PartitionRecord
from transforms.normalise import Partition, looks_back, normalised_datasets
from transforms.payload import BadPayload, Payload
from transforms.reading import Reading, read
from transforms.schemas.normalised import (
    DATASETS,
    Accounting,
    Conflicts,
    CorrectedRows,
    Quarantine,
)
from transforms.venue import Venue

EVIDENCE = ("accounting", "quarantine", "conflicts", "corrections")
_WRITERS = 4

Place = tuple[str, date]
"""A dataset and a UTC day, of one venue."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Partitions made together.

    due: their fingerprints. keys: of the raw files they are made of, ascending. weight: of those
    of their own days, in bytes.
    """

    due: Mapping[Place, str]
    keys: pl.Series
    weight: int

    @property
    def days(self) -> list[date]:
        return sorted({day for _, day in self.due})


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Batches of one venue, their days ascending.

    files: the raw files of all batches, as `raw_shelf.to_load` gives them. answers: see
    `normalised_datasets`. evidence: layer, dataset and day of the partitions of evidence there are.
    """

    venue: str
    batches: tuple[Batch, ...]
    files: pl.DataFrame
    answers: pl.DataFrame | None
    evidence: frozenset[tuple[str, str, date]]

    @property
    def weight(self) -> int:
        return sum(batch.weight for batch in self.batches)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a batch: the ledger lines of what now lies in the store.

    set_aside: per partition with quarantined records what is said of them.
    """

    days: list[date]
    notes: pl.DataFrame
    rows: list[PartitionRecord]
    evidence: dict[str, list[PartitionRecord]]
    set_aside: list[dict[str, str | int]]


def mill_piece(run: Run, piece: Piece) -> Iterator[Made]:
    """One result a batch; nothing of it counts before its lines stand in the ledgers.

    Raises InputUnavailable naming the file if one cannot be read at all.
    """
    readings = _readings(run, run.venues[piece.venue], piece.files, piece.batches)
    if pl.thread_pool_size() > 1:  # a query seldom has work for more than one core
        readings = _one_ahead(readings, len(piece.batches))
    with closing(readings):
        for batch in piece.batches:
            # Handed on at once: nothing of a batch may be held for longer than it is worked on.
            yield _batch(run, piece, batch, next(readings))


def _one_ahead(
    readings: Generator[Reading, None, None], count: int
) -> Generator[Reading, None, None]:
    """The same `count` readings; while one is worked on, the next is read."""
    with closing(readings), ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(next, readings)]
        for number in range(1, count + 1):
            handed_on = [coming.pop().result()]
            if number < count:
                coming.append(reader.submit(next, readings))
            yield handed_on.pop()


def _batch(run: Run, piece: Piece, batch: Batch, reading: Reading) -> Made:
    """Each dataset is written while the next one is made."""
    venue = run.venues[piece.venue]
    corrections = live(run.corrections, venue, run.started_at.date())
    days, notes = batch.days, reading.notes
    made = normalised_datasets(venue, reading, days[0], days[-1], piece.answers, corrections)
    del reading
    writer = _Writer(run, venue.name, piece.evidence)
    with ThreadPoolExecutor(_WRITERS) as pool:
        pending = {
            (partition.dataset, partition.date): pool.submit(writer.write, partition, mark)
            for dataset in made
            for partition in dataset
            if (mark := batch.due.get((partition.dataset, partition.date))) is not None
        }
        pending |= {
            place: pool.submit(writer.write, _untouched(place[0], venue.name, place[1]), mark)
            for place, mark in batch.due.items()
            if place not in pending
        }
        written = [pending[place].result() for place in sorted(pending)]
    return Made(
        days,
        notes,
        [each.rows for each in written],
        {
            name: [each.evidence[name] for each in written if name in each.evidence]
            for name in EVIDENCE
        },
        [each.set_aside for each in written if each.set_aside is not None],
    )


def _readings(
    run: Run, venue: Venue, files: pl.DataFrame, batches: Sequence[Batch]
) -> Generator[Reading, None, None]:
    """What the files of each batch hold that matters to it, or to a later one.

    Files of two batches in a row are read once: of few days, those of the days between are many.
    The next batch is fetched while one is worked on.
    """
    kept: Reading | None = None
    with ThreadPoolExecutor(1) as ahead:
        coming = [ahead.submit(_fetch, run, files, batch.keys) for batch in batches[:1]]
        for number, following in enumerate([*batches[1:], None][: len(batches)]):
            batch = batches[number]
            payloads = coming.pop().result()
            if following is not None:
                news = following.keys.filter(~following.keys.is_in(batch.keys.implode()))
                coming.append(ahead.submit(_fetch, run, files, news))
            keys = pl.Enum(batch.keys)
            reading = _read(venue, payloads, keys)
            del payloads
            if kept is not None:
                reading = reading.beside(kept.numbered(keys))
            if following is not None:
                kept = reading.onwards(following.days[0], looks_back(venue)).of(following.keys)
            handed_on = [reading]
            del reading
            yield handed_on.pop()


def _fetch(run: Run, files: pl.DataFrame, keys: pl.Series) -> list[Payload]:
    rows = files.join(keys.to_frame(), on="key", how="semi", maintain_order="left")
    return raw_shelf.load_many(run.store, rows, concurrency=run.settings.fetch_concurrency)


def _read(venue: Venue, payloads: Sequence[Payload], every_key: pl.Enum) -> Reading:
    """Raises InputUnavailable naming the file if one cannot be read at all."""
    try:
        return read(venue, payloads, every_key)
    except BadPayload as error:
        raise InputUnavailable(
            f"{error}\nThe file lies in the lake as it came; nothing was published."
        ) from error


@dataclass(frozen=True, slots=True)
class _Written:
    """Ledger lines of a partition and its evidence; what is said of its quarantined records."""

    rows: PartitionRecord
    evidence: dict[str, PartitionRecord]
    set_aside: dict[str, str | int] | None


class _Writer:
    """Puts partitions with their evidence into the store.

    held: layer, dataset and day of the evidence there is.
    """

    def __init__(self, run: Run, venue: str, held: Collection[tuple[str, str, date]]) -> None:
        self._venue = venue
        self._held = held
        self._layers = {
            name: Layer(run.store, run.ledger, name) for name in (*EVIDENCE, "normalised")
        }

    def write(self, partition: Partition, mark: str) -> _Written:
        dataset, day = partition.dataset, partition.date
        dated = pl.lit(day).alias("date")
        frames = {
            "accounting": partition.accounting.with_columns(dated),
            "quarantine": partition.quarantined,
            "conflicts": partition.conflicts.with_columns(dated),
            "corrections": partition.corrected.with_columns(dated),
        }
        evidence = {
            name: self._layers[name].write(dataset, self._venue, day, frame, mark)
            for name, frame in frames.items()
            # An empty one is written only where it has to replace one that is not.
            if frame.height or (name, dataset, day) in self._held
        }
        rows = self._layers["normalised"].write(dataset, self._venue, day, partition.rows, mark)
        return _Written(rows, evidence, _set_aside(partition))


def _set_aside(partition: Partition) -> dict[str, str | int] | None:
    if partition.quarantined.is_empty():
        return None
    return {
        "dataset": partition.dataset,
        "venue": partition.venue,
        "date": str(partition.date),
        "records": partition.quarantined.height,
        "first_reason": partition.quarantined["reason"][0],
    }


def _untouched(dataset: str, venue_name: str, day: date) -> Partition:
    """A day on which a file's neighbourhood falls, but none of its rows."""
    return Partition(
        dataset=dataset,
        venue=venue_name,
        date=day,
        rows=DATASETS[dataset].create_empty(),
        quarantined=Quarantine.create_empty(),
        conflicts=Conflicts.create_empty(),
        accounting=Accounting.create_empty(),
        corrected=CorrectedRows.create_empty(),
    )
