"""The table `raw_files` month by month: all raw files ever taken in, and what became of them.

After years of a few venues it has millions of rows, of which a night changes some hundreds. So it
is kept as partitions of a layer, by venue and by the month of the first day a file is about. As in
the stages a partition is a function of what it is made from: the ledger's rows of its files, the
accounts of the days near theirs, what corrections dropped on them, and the feeds. Those are its
mark, and it is put together anew where that is another one. Its fingerprint is the mark and a
digest of the columns that are the same whenever a file was fetched, with a colon between them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from flows.accounts import COUNTS, Accounts
from flows.run import Run
from flows.storage import raw_shelf
from flows.storage.ledger import RECORDED_BY
from flows.storage.object_store import ObjectNotFound
from flows.storage.parquet import parquet_bytes
from flows.storage.partitions import Layer, PartitionRecord, fingerprint
from transforms.schemas.evidence import RawFiles
from transforms.schemas.published import primary_key, stable_columns

TABLE = LAYER = "raw_files"
NO_DAY = date(1970, 1, 1)
"""Stands for the month of files that are about no day."""

_VERSION = "1"
"""Of how a partition is made: another one, and all are made anew."""

_NEAR = timedelta(days=27)
"""A record counts on a day its file is about, or on one beside it (`transforms.reading.placed`)."""

_MADE_TOGETHER = 250_000
"""Files: so many are joined with their counts at once."""


@dataclass(frozen=True, slots=True)
class Month:
    """Files of a venue that are about days from a month on.

    month: its first day, or `NO_DAY`. first, last: UTC days on which records of them may count,
    None for `NO_DAY`. said: what the ledger says of them, in short.
    """

    venue: str
    month: date
    files: int
    first: date | None
    last: date | None
    said: str

    def counted_in(self) -> list[date]:
        """First days of the months in which records of these files may count."""
        if self.first is None or self.last is None:
            return []
        found = [self.first.replace(day=1)]
        while (after := (found[-1] + timedelta(days=31)).replace(day=1)) <= self.last:
            found.append(after)
        return found


class Inventory:
    """`raw_files` as the lake has it, brought up to date when it is opened.

    corrected: `CorrectedRows` with the `date` of their partition.
    """

    def __init__(self, run: Run, corrected: pl.DataFrame) -> None:
        self._run = run
        self._layer = Layer(run.store, run.ledger, LAYER)
        self._accounts = Accounts(run)
        self._dropped = corrected.filter(pl.col("rows_dropped") > 0)
        self._feeds = _feeds(run)
        self._files = raw_shelf.every_version(run.ledger).with_columns(_month())
        months = _months(self._files)
        marks = self._marks(months)
        held = {
            (venue, month): known.partition(":")[0]
            for venue, month, known in self._layer.current()
            .select("venue", "date", "fingerprint")
            .iter_rows()
        }
        self._months = {(each.venue, each.month): each for each in months}
        stale = [each for each in months if held.get((each.venue, each.month)) != marks[each]]
        for some in _together(stale):
            self._layer.record(
                self._written(each, rows, marks[each]) for each, rows in self._made(some)
            )

    @cached_property
    def partitions(self) -> pl.DataFrame:
        """The ledger lines of the partitions, with the digest of what does not hang on when a file
        was fetched as their `sha256`."""
        return self._held.with_columns(
            pl.col("fingerprint").str.split(":").list.last().alias("sha256")
        )

    @cached_property
    def _held(self) -> pl.DataFrame:
        # Of a month whose files have all turned out to be about another one a line is left.
        there = pl.DataFrame(
            list(self._months), schema={"venue": pl.String, "date": pl.Date}, orient="row"
        )
        return self._layer.current().join(
            there, on=["venue", "date"], how="semi", maintain_order="left"
        )

    @property
    def height(self) -> int:
        """Rows of the whole table."""
        return int(self.partitions["rows"].sum())

    def rows(self, venue: str, month: date) -> pl.DataFrame:
        """One partition, in the order of the table's key."""
        held = self._held.filter(pl.col("venue") == venue, pl.col("date") == month)
        key, sha256 = held.select("key", "sha256").row(0)
        try:
            content = self._run.store.get(key)
        except ObjectNotFound:
            content = b""
        if hashlib.sha256(content).hexdigest() == sha256:
            return pl.read_parquet(io.BytesIO(content))
        # It is gone, or what a killed run put in its place: what it was made of is there.
        ((_, rows),) = self._made([self._months[venue, month]])
        return rows

    def whole(self) -> Iterator[pl.DataFrame]:
        """All partitions, one by one."""
        for venue, month in self.partitions.select("venue", "date").iter_rows():
            yield self.rows(venue, month)

    def _marks(self, months: Iterable[Month]) -> dict[Month, str]:
        days = pl.concat(
            Layer(self._run.store, self._run.ledger, name)
            .current()
            .select(pl.lit(name).alias("layer"), "venue", "name", "date", "fingerprint", "sha256")
            # Notes come with the rows, and with nothing else that could tell of them.
            for name in ("normalised", "accounting")
        )
        counted = _digests(days)
        dropped = _digests(
            self._dropped.select("venue", "dataset", "date", "raw_key", "rows_dropped")
        )
        feeds = {
            venue: fingerprint(*rows.rows()) for (venue,), rows in self._feeds.group_by("venue")
        }
        return {
            each: fingerprint(
                _VERSION,
                *RawFiles.create_empty().schema.items(),
                feeds.get(each.venue),
                each.said,
                *(
                    f"{month} {counted.get((each.venue, month))} {dropped.get((each.venue, month))}"
                    for month in each.counted_in()
                ),
            )
            for each in months
        }

    def _made(self, months: list[Month]) -> Iterator[tuple[Month, pl.DataFrame]]:
        """The rows of some months of one venue, each as it would be alone."""
        venue = months[0].venue
        files = self._files.filter(
            pl.col("venue") == venue, pl.col("month").is_in([each.month for each in months])
        )
        near = pl.DataFrame(
            [(each.month, month) for each in months for month in each.counted_in()],
            schema={"month": pl.Date, "counted_in": pl.Date},
            orient="row",
        )
        places = (
            files.select("key", "month", "first_date", "last_date")
            .join(near, on="month")
            .filter(
                pl.col("counted_in").is_between(
                    (pl.col("first_date") - _NEAR).dt.truncate("1mo"), pl.col("last_date") + _NEAR
                )
            )
        )
        counts = _added_up(
            self._accounts.of(venue, near["counted_in"].unique().to_list()), places, COUNTS
        )
        dropped = _added_up(
            self._dropped.filter(pl.col("venue") == venue).with_columns(
                pl.col("date").dt.truncate("1mo").alias("month")
            ),
            places,
            ["rows_dropped"],
        )
        rows = (
            files.join(self._feeds, on=["venue", "feed"])
            .join(counts, on=["dataset", "key"], how="left")
            .join(dropped, on=["dataset", "key"], how="left")
            .with_columns(
                pl.when(_of_no_day()).then(0).otherwise(name).alias(name) for name in COUNTS
            )
            .with_columns(
                pl.when(pl.col("rows_read").is_not_null()).then(pl.col("rows_dropped").fill_null(0))
            )
            .join(self._conventions, on="key", how="left")
            .sort(primary_key(RawFiles))
        )
        for each in months:
            own = rows.filter(pl.col("month") == each.month)
            yield each, own.select(RawFiles.column_names())

    @cached_property
    def _conventions(self) -> pl.DataFrame:
        notes = self._run.ledger.latest("notes", by=("raw_key", "name"))
        if notes is None:
            return pl.DataFrame(schema={"key": pl.String, "label_convention": pl.String})
        return notes.filter(pl.col("name") == "label_convention").select(
            pl.col("raw_key").alias("key"), pl.col("value").alias("label_convention")
        )

    def _written(self, month: Month, rows: pl.DataFrame, mark: str) -> PartitionRecord:
        return self._layer.write(TABLE, month.venue, month.month, rows, f"{mark}:{_digest(rows)}")


def _month() -> pl.Expr:
    return pl.col("first_date").dt.truncate("1mo").fill_null(NO_DAY).alias("month")


def _months(files: pl.DataFrame) -> list[Month]:
    found = (
        files.group_by("venue", "month")
        .agg(
            files=pl.len(),
            first=pl.col("first_date").min() - _NEAR,
            last=pl.col("last_date").max() + _NEAR,
            newest=pl.col(RECORDED_BY).last(),
            replaced=pl.format("{} {}", "key", "superseded_by").drop_nulls().sort().str.join("\n"),
        )
        .sort("venue", "month")
    )
    return [
        Month(venue, month, count, first, last, fingerprint(count, newest, replaced))
        for venue, month, count, first, last, newest, replaced in found.iter_rows()
    ]


def _added_up(rows: pl.DataFrame, places: pl.DataFrame, counts: Sequence[str]) -> pl.DataFrame:
    """Counts of records, by dataset and file, over the months in which they may be.

    rows: with `dataset`, `raw_key` and `month`. places: `key` and `counted_in`.
    """
    return (
        rows.rename({"raw_key": "key"})
        .join(places, left_on=["key", "month"], right_on=["key", "counted_in"], how="semi")
        .group_by("dataset", "key")
        .agg(pl.col(counts).sum())
    )


def _together(months: Iterable[Month]) -> Iterator[list[Month]]:
    """Months of one venue of which there are not too many files."""
    held: list[Month] = []
    for each in months:
        files = sum(month.files for month in held) + each.files
        if held and (held[0].venue != each.venue or files > _MADE_TOGETHER):
            yield held
            held = []
        held.append(each)
    if held:
        yield held


def _digests(rows: pl.DataFrame) -> dict[tuple[str, date], str]:
    """Of what rows with a `venue` and a `date` say, by venue and month."""
    grouped = (
        rows.sort(rows.columns)
        .with_columns(pl.col("date").dt.truncate("1mo").alias("month"))
        .group_by("venue", "month", maintain_order=True)
        .agg(
            pl.concat_str(pl.col(rows.columns).cast(pl.String), separator=" ")
            .str.join("\n")
            .alias("text")
        )
    )
    return {(venue, month): fingerprint(text) for venue, month, text in grouped.iter_rows()}


def _digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(parquet_bytes(rows.select(stable_columns(RawFiles)))).hexdigest()


def _feeds(run: Run) -> pl.DataFrame:
    """Which datasets are read from which feed, and who carries it."""
    return pl.DataFrame(
        [
            (venue.name, feed.name, dataset, feed.carrier)
            for venue in run.venues.values()
            for feed in venue.feeds
            for dataset in feed.datasets
        ],
        schema={
            "venue": pl.String,
            "feed": pl.String,
            "dataset": pl.String,
            "carrier": pl.String,
        },
        orient="row",
    )


def _of_no_day() -> pl.Expr:
    """A file in which no row of any day was found: nothing counts it, since no day reads it."""
    return (
        pl.col("first_date").is_null()
        & pl.col("rows_read").is_null()
        & (pl.col("dataset") != "instruments")
    )
