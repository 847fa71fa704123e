"""Normalise: raw files of the days asked for into typed partitions, all venues alike.

A partition is a function of the raw files that touch its day, of what their symbols stand for, of
the corrections that concern it and of the code. Those four make its fingerprint; a partition whose
fingerprint is the same is left alone, any other is made anew from all of its raw files, so that the
order in which files arrived never shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from flows.corrections import live
from flows.failures import InputUnavailable
from flows.in_threads import in_threads
from flows.instruments import instrument_answers
from flows.reporting import Reporter, log
from flows.run import Days, Run, stretches, transforms_digest
from flows.storage import raw_shelf
from flows.storage.partitions import Layer, PartitionRecord, fingerprint
from transforms.corrections import Correction
from transforms.instruments import InstrumentBook
from transforms.normalise import Normalised, Partition, normalise_read
from transforms.payload import BadPayload, Payload
from transforms.pricing import PRICING
from transforms.reading import Reading, read
from transforms.schemas.normalised import (
    DATASETS,
    Accounting,
    Conflicts,
    CorrectedRows,
    Quarantine,
)
from transforms.venue import Venue

DAY = timedelta(days=1)
EVIDENCE = ("accounting", "quarantine", "conflicts", "corrections")
_WRITERS = 4
BATCH_BYTES = 16_000_000
PARTITIONED = tuple(name for name in DATASETS if name != "instruments")


@dataclass(frozen=True, slots=True)
class _Touch:
    """Which raw file may hold rows of which dataset on which day, and which tell their prices.

    Both frames: dataset, date, key, symbol.
    """

    own: pl.DataFrame
    prices: pl.DataFrame

    def keys(self, due: Collection[tuple[str, date]]) -> pl.Series:
        """The raw files that partitions are made of."""
        partitions = pl.DataFrame(
            sorted(due), schema={"dataset": pl.String, "date": pl.Date}, orient="row"
        )
        both = pl.concat([self.own, self.prices])
        return both.join(partitions, on=["dataset", "date"], how="semi")["key"].unique()


def normalise_days(run: Run, days: Sequence[date], reporter: Reporter) -> list[date]:
    """Bring the partitions of `days` up to date. Returns the days of which any changed.

    Raises InputUnavailable naming the file if one cannot be read at all.
    """
    changed: set[date] = set()
    for venue in run.venues.values():
        changed.update(_normalise_venue(run, venue, sorted(days), reporter))
    return sorted(changed)


def _normalise_venue(run: Run, venue: Venue, days: list[date], reporter: Reporter) -> set[date]:
    files = raw_shelf.current(run.ledger, venue.name)
    answers = instrument_answers(run, venue)
    corrections = live(run.corrections, venue, run.started_at.date())
    touches = _touches(files, venue, days)
    wanted = _fingerprints(touches, venue, answers, corrections)
    layer = Layer(run.store, run.ledger, "normalised")
    held = {
        (name, day): mark
        for name, day, mark in layer.current()
        .filter(pl.col("venue") == venue.name)
        .select("name", "date", "fingerprint")
        .iter_rows()
    }
    stale = {key: mark for key, mark in wanted.items() if held.get(key) != mark}
    stale_days = sorted({day for _, day in stale})
    weights = _bytes_by_day(files)
    batches = [
        {key: mark for key, mark in stale.items() if batch.first <= key[1] <= batch.last}
        for stretch in stretches(stale_days, run.settings.batch_days)
        for batch in light_enough(stretch, weights)
    ]
    # Once: batches share no day, so that none replaces what another one wrote.
    evidence = {name: _places(Layer(run.store, run.ledger, name)) for name in EVIDENCE}
    files_of = [set(touches.keys(due).to_list()) for due in batches]
    readings = _readings(run, venue, files, files_of)
    with reporter.steps(f"normalise {venue.name}", len(stale_days)) as advance:
        for due, reading in zip(batches, readings, strict=True):
            due_days = sorted({day for _, day in due})
            result = normalise_read(venue, reading, due_days[0], due_days[-1], answers, corrections)
            _write(run, venue, result, due, evidence)
            for _ in due_days:
                advance()
    log.info("normalised", venue=venue.name, partitions=len(stale), days=len(stale_days))
    return set(stale_days)


def _places(layer: Layer) -> set[tuple[object, ...]]:
    """Name, venue and day of the partitions there are."""
    return set(layer.current().select("name", "venue", "date").iter_rows())


def _bytes_by_day(files: pl.DataFrame) -> dict[date, int]:
    """Of raw files, by the first day they claim."""
    dated = files.filter(pl.col("first_date").is_not_null())
    return dict(dated.group_by("first_date").agg(pl.col("bytes").sum()).iter_rows())


def light_enough(days: Days, bytes_by_day: Mapping[date, int]) -> Iterator[Days]:
    """The days in pieces whose raw files are at most `BATCH_BYTES`, or that are a single day.

    A byte of a zip becomes some sixty of rows on their way: days of many instruments are more than
    a machine may hold at once.
    """
    first, held = days.first, 0
    for day in days.each():
        weight = bytes_by_day.get(day, 0)
        if day > first and held + weight > BATCH_BYTES:
            yield Days(first, day - DAY)
            first, held = day, 0
        held += weight
    yield Days(first, days.last)


def _touches(files: pl.DataFrame, venue: Venue, days: list[date]) -> _Touch:
    datasets = pl.DataFrame(
        [
            (feed.name, dataset)
            for feed in venue.feeds
            for dataset in feed.datasets
            if dataset in PARTITIONED
        ],
        schema={"feed": pl.String, "dataset": pl.String},
        orient="row",
    )
    asked = pl.DataFrame({"date": days}, schema={"date": pl.Date})
    looked_at = pl.concat([asked, asked.select(pl.col("date") - DAY)]).unique()
    near = (
        files.join(datasets, on="feed")
        .filter(pl.col("first_date").is_not_null())
        # Labels, jitter and foreign days spill over by a day at most; parsers reject the rest.
        .with_columns(
            pl.date_ranges(pl.col("first_date") - DAY, pl.col("last_date") + DAY).alias("date")
        )
        .explode("date")
        .join(looked_at, on="date", how="semi")
        .select("dataset", "date", "key", "symbol")
    )
    own = near.join(asked, on="date", how="semi").sort("dataset", "date", "key")
    return _Touch(own, _prices(near, own, venue))


def _prices(near: pl.DataFrame, own: pl.DataFrame, venue: Venue) -> pl.DataFrame:
    """Files of a day and of the day before that tell what the amounts of its rows are worth."""
    telling = near.filter(pl.col("dataset").is_in(PRICING)).drop("dataset")
    priced = own.filter(pl.col("dataset").is_in(venue.priced_by_prices))
    return (
        pl.concat([telling, telling.with_columns(pl.col("date") + DAY)])
        .join(priced.select("dataset", "date").unique(), on="date")
        .select(own.columns)
        .unique()
        .sort("dataset", "date", "key")
    )


def _fingerprints(
    touches: _Touch, venue: Venue, answers: pl.DataFrame, corrections: Sequence[Correction]
) -> dict[tuple[str, date], str]:
    both = pl.concat(
        [touches.own, touches.prices.with_columns(key=pl.format("prices of {}", "key"))]
    )
    symbols = both["symbol"].drop_nulls().unique().sort().to_list()
    book = InstrumentBook.of(venue, answers, symbols)
    identity = _identity_digests(book)
    everything = fingerprint(*(f"{s}={d}" for s, d in sorted(identity.items())))
    digests = pl.DataFrame(
        {"symbol": list(identity), "identity": list(identity.values())},
        schema={"symbol": pl.String, "identity": pl.String},
    )
    grouped = (
        both.join(digests, on="symbol", how="left", maintain_order="left")
        .with_columns(pl.col("identity").fill_null(everything))
        .group_by("dataset", "date", maintain_order=True)
        .agg((pl.col("key") + "=" + pl.col("identity")).str.join("\n").alias("parts"))
    )
    return {
        (dataset, day): fingerprint(
            transforms_digest(),
            parts,
            *(each.essence for each in corrections if each.concerns(venue, dataset, day)),
        )
        for dataset, day, parts in grouped.iter_rows()
    }


def _identity_digests(book: InstrumentBook) -> dict[str, str]:
    """Per symbol a digest of what its amounts are converted with, and since when.

    An answer that only repeats the one before it changes nothing; the first also holds before it
    was given. So neither may show here, or each night's answer would make every partition stale.
    """
    spans = book.spans.sort("symbol", "listing", "holds_from").with_columns(
        pl.struct(pl.exclude("symbol", "holds_from", "valid_from", "valid_to")).alias("facts")
    )
    before = pl.col("facts").shift(1).over("symbol")
    changes = (
        spans.filter(before.is_null() | (pl.col("facts") != before))
        .with_columns(
            pl.when(pl.col("symbol").is_first_distinct())
            .then(None)
            .otherwise("holds_from")
            .alias("holds_from")
        )
        .select(
            "symbol",
            (
                pl.col("facts").struct.json_encode()
                + pl.col("holds_from").cast(pl.String).fill_null("ever")
            ).alias("text"),
        )
        .group_by("symbol", maintain_order=True)
        .agg(pl.col("text").str.join("\n"))
    )
    return {symbol: fingerprint(text) for symbol, text in changes.iter_rows()}


def _readings(
    run: Run, venue: Venue, files: pl.DataFrame, batches: Sequence[set[str]]
) -> Iterator[Reading]:
    """What the files of each batch, named by their keys, hold.

    Files of two batches in a row are read once: of few days, those of the days between are many.
    The next batch is fetched while one is worked on.
    """
    keys = pl.Enum(sorted(set().union(*batches)))
    news = [batch - before for batch, before in zip(batches, [set(), *batches], strict=False)]
    kept: Reading | None = None
    with ThreadPoolExecutor(1) as ahead:
        coming = [ahead.submit(_fetch, run, files, news[0])] if news else []
        for number, following in enumerate([*batches[1:], set[str]()][: len(batches)]):
            payloads = coming.pop().result()
            if number + 1 < len(batches):
                coming.append(ahead.submit(_fetch, run, files, news[number + 1]))
            reading = _read(venue, payloads, keys)
            del payloads
            if kept is not None:
                reading = reading.beside(kept)
            yield reading
            kept = reading.of(following) if following else None
            del reading


def _fetch(run: Run, files: pl.DataFrame, keys: set[str]) -> list[Payload]:
    rows = files.filter(pl.col("key").is_in(list(keys))).iter_rows(named=True)
    return in_threads(
        [run.store],
        run.settings.fetch_concurrency,
        lambda row: raw_shelf.load(run.store, row),
        rows,
    )


def _read(venue: Venue, payloads: Sequence[Payload], every_key: pl.Enum) -> Reading:
    """Raises InputUnavailable naming the file if one cannot be read at all."""
    try:
        return read(venue, payloads, every_key)
    except BadPayload as error:
        raise InputUnavailable(
            f"{error}\nThe file lies in the lake as it came; nothing was published."
        ) from error


def _write(
    run: Run,
    venue: Venue,
    result: Normalised,
    due: dict[tuple[str, date], str],
    held: dict[str, set[tuple[object, ...]]],
) -> None:
    """held: per layer of evidence the partitions there are."""
    made = {(p.dataset, p.date): p for p in result.partitions}
    layers = {name: Layer(run.store, run.ledger, name) for name in EVIDENCE}
    normalised = Layer(run.store, run.ledger, "normalised")
    partitions = [
        (made.get((dataset, day)) or _untouched(dataset, venue.name, day), mark)
        for (dataset, day), mark in sorted(due.items())
    ]

    def write(item: tuple[Partition, str]) -> tuple[PartitionRecord, dict[str, PartitionRecord]]:
        made_of, mark = item
        place = (made_of.dataset, venue.name, made_of.date)
        dated = pl.lit(made_of.date).alias("date")
        evidence = {
            name: layers[name].write(*place, frame, mark)
            for name, frame in (
                ("accounting", made_of.accounting.with_columns(dated)),
                ("quarantine", made_of.quarantined),
                ("conflicts", made_of.conflicts.with_columns(dated)),
                ("corrections", made_of.corrected.with_columns(dated)),
            )
            # An empty one is written only where it has to replace one that is not.
            if frame.height or place in held[name]
        }
        return normalised.write(*place, made_of.rows, mark), evidence

    with ThreadPoolExecutor(_WRITERS) as pool:
        written = list(pool.map(write, partitions))
    for partition, _ in partitions:
        if partition.quarantined.height:
            log.warning(
                "records set aside",
                dataset=partition.dataset,
                venue=venue.name,
                date=str(partition.date),
                records=partition.quarantined.height,
                first_reason=partition.quarantined["reason"][0],
            )
    # The rows' own record comes last: a kill before it makes the next run do them again.
    run.ledger.append("notes", result.notes)
    for name, layer in layers.items():
        layer.record(evidence[name] for _, evidence in written if name in evidence)
    normalised.record(rows for rows, _ in written)


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
