"""What there is to normalise: which partitions are no longer what their raw files would give, and
pieces of work that bring them up to date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from flows.corrections import live
from flows.instruments import instrument_answers
from flows.run import Days, Run, stretches, transforms_digest
from flows.stages.normalise.piece import EVIDENCE, Batch, Piece
from flows.storage import raw_shelf
from flows.storage.partitions import Layer, fingerprint
from transforms.corrections import Correction
from transforms.instruments import InstrumentBook
from transforms.pricing import PRICING
from transforms.schemas.normalised import DATASETS
from transforms.venue import Venue

DAY = timedelta(days=1)
BATCH_BYTES = 16_000_000
BATCHES_A_PIECE = 8
PLANNED_TOGETHER = 31
"""Days; what is said of their files on the way takes many times as much as the list of files."""
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
        keys = both.join(partitions, on=["dataset", "date"], how="semi")["key"].sort()
        # What `unique` gives is text of its own; these stay where the list of files has them.
        return keys.filter(keys.ne_missing(keys.shift()))


def planned(run: Run, venue: Venue, days: list[date]) -> list[Piece]:
    """The work on those of `days` (ascending) whose partitions are stale."""
    files = raw_shelf.current(run.ledger, venue.name, _near(Days(min(days), max(days))))
    answers = instrument_answers(run, venue)
    corrections = live(run.corrections, venue, run.started_at.date())
    identities = _Identities.of(raw_shelf.symbols(run.ledger, venue.name), venue, answers)
    normalised = Layer(run.store, run.ledger, "normalised").current()
    held = {
        (name, day): mark
        for name, day, mark in normalised.filter(pl.col("venue") == venue.name)
        .select("name", "date", "fingerprint")
        .iter_rows()
    }
    weights = _bytes_by_day(files)
    # Several processes hold a batch each; batches much smaller take longer for their size.
    most = BATCH_BYTES // (2 if run.executor.share_memory else 1)
    batches: list[Batch] = []
    for some in stretches(days, PLANNED_TOGETHER):
        touches = _touches(files, venue, some)
        wanted = _fingerprints(touches, venue, identities, corrections)
        stale = {key: mark for key, mark in wanted.items() if held.get(key) != mark}
        for stretch in stretches(sorted({day for _, day in stale}), run.settings.batch_days):
            for light in light_enough(stretch, weights, most):
                due = {
                    key: mark for key, mark in stale.items() if light.first <= key[1] <= light.last
                }
                weight = sum(weights.get(day, 0) for day in light.each())
                batches.append(Batch(due, touches.keys(due), weight))
    # Once: batches share no day, so that none replaces what another one wrote.
    evidence = frozenset(
        (layer, *place)
        for layer in EVIDENCE
        for place in Layer(run.store, run.ledger, layer)
        .current()
        .filter(pl.col("venue") == venue.name)
        .select("name", "date")
        .iter_rows()
    )
    needed = raw_shelf.to_load(run.ledger, _of(files, batches))
    return [
        Piece(venue.name, together, _of(needed, together), answers, evidence)
        for together in _together(batches, run.executor.workers)
    ]


def _near(days: Days) -> pl.Expr:
    """Whether a raw file may hold rows of these days, or of the day before: labels, jitter and
    foreign days spill over by a day at most, and parsers reject the rest."""
    return (pl.col("first_date") <= days.last + DAY) & (pl.col("last_date") >= days.first - 2 * DAY)


def _of(files: pl.DataFrame, batches: Sequence[Batch]) -> pl.DataFrame:
    """The files that batches are made of."""
    keys = pl.concat([pl.Series("key", [], pl.String), *(batch.keys for batch in batches)])
    return files.join(keys.unique().to_frame(), on="key", how="semi")


def _together(batches: Sequence[Batch], workers: int) -> Iterator[tuple[Batch, ...]]:
    """Batches in a row, as many for each worker: the files between two of them are read once, those
    between two pieces twice."""
    rounds = -(-len(batches) // (workers * BATCHES_A_PIECE)) if workers > 1 else 1
    pieces = min(rounds * workers, len(batches))
    for n in range(pieces):
        yield tuple(batches[n * len(batches) // pieces : (n + 1) * len(batches) // pieces])


def _bytes_by_day(files: pl.DataFrame) -> dict[date, int]:
    """Of raw files, by the first day they claim."""
    dated = files.filter(pl.col("first_date").is_not_null())
    return dict(dated.group_by("first_date").agg(pl.col("bytes").sum()).iter_rows())


def light_enough(
    days: Days, bytes_by_day: Mapping[date, int], limit: int = BATCH_BYTES
) -> Iterator[Days]:
    """The days in pieces whose raw files are at most `limit` bytes, or that are a single day.

    A byte of a zip becomes some sixty of rows on their way: days of many instruments are more than
    a machine may hold at once.
    """
    first, held = days.first, 0
    for day in days.each():
        weight = bytes_by_day.get(day, 0)
        if day > first and held + weight > limit:
            yield Days(first, day - DAY)
            first, held = day, 0
        held += weight
    yield Days(first, days.last)


def _touches(files: pl.DataFrame, venue: Venue, days: Days) -> _Touch:
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
    asked = pl.DataFrame({"date": days.each()}, schema={"date": pl.Date})
    looked_at = pl.concat([asked, asked.select(pl.col("date") - DAY)]).unique()
    near = (
        files.filter(_near(days))
        .join(datasets, on="feed")
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


@dataclass(frozen=True, slots=True)
class _Identities:
    """Digests of what symbols stand for: of each `symbol`, its `identity`; and for files that name
    none, of `everything` the venue has answered, since what a rule says is part of the code."""

    each: pl.DataFrame
    everything: str

    @classmethod
    def of(cls, symbols: list[str], venue: Venue, answers: pl.DataFrame) -> _Identities:
        found = _identity_digests(InstrumentBook.of(venue, answers, symbols))
        told = sorted(answers["symbol"].unique().to_list())
        return cls(
            pl.DataFrame(
                {"symbol": list(found), "identity": list(found.values())},
                schema={"symbol": pl.String, "identity": pl.String},
            ),
            fingerprint(*(f"{symbol}={found[symbol]}" for symbol in told if symbol in found)),
        )


def _fingerprints(
    touches: _Touch, venue: Venue, identities: _Identities, corrections: Sequence[Correction]
) -> dict[tuple[str, date], str]:
    both = pl.concat(
        [touches.own, touches.prices.with_columns(key=pl.format("prices of {}", "key"))]
    )
    grouped = (
        both.join(identities.each, on="symbol", how="left", maintain_order="left")
        .with_columns(pl.col("identity").fill_null(identities.everything))
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
