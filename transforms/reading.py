"""A venue's raw exports through its parsers, every record counted and placed on a UTC day.

Every record of every raw file is accounted for on exactly one day, so that the day counts of a
file add up to its records over any sequence of windows:

- a row, or a rejected record whose time is known: the UTC day of its own rounded time;
- a record whose time is not known, or is not believed because it lies more than a day outside
  the days its path claims: the file's anchor day, which is the first day the path claims; else
  the earliest day among the file's other records; else the day the file was fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from transforms.coded import beside
from transforms.native import NATIVE_SCHEMAS, UTC_MICROS
from transforms.payload import NOTES_SCHEMA, REJECTED_SCHEMA, BadPayload, Facts, Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.schemas.normalised import DATASETS, TIME_COLUMN
from transforms.selecting import where
from transforms.venue import Feed, Venue

INSTRUMENTS = "instruments"
_SPILL = timedelta(days=1)  # labels, jitter and foreign time zones reach a day over
_BEHIND_ALL_OWN = 1_000_000
_SOURCE = pl.Enum(sorted(kind.value for kind in SourceKind))
_CLAIMED: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "first_date": pl.Date(),
    "last_date": pl.Date(),
    "hour": UTC_MICROS,
    "fetched_date": pl.Date(),
}


class LostRows(AssertionError):
    """Records in and rows out do not add up. A defect of a parser or of this module."""


@dataclass(frozen=True)
class Reading:
    """All feeds' findings together.

    rows: every dataset's native rows, with `source`, `precedence` and `carrier` of their feed.
        What the venue itself exports comes before what carriers bring. Here and in `rejected` and
        `files`, `raw_key` is an Enum of all the keys, in their order: the text of a key is many
        times as wide as the rest of a row, and is looked at again and again. So are `source` and
        `carrier`, of which there are few.
    files: per raw file its `symbol`, claimed `first_date`, `last_date` and `hour`, `datasets`, and
        the `anchor` day on which records without a credible time are counted.
    """

    rows: dict[str, pl.DataFrame]
    rejected: pl.DataFrame
    notes: pl.DataFrame
    files: pl.DataFrame

    @property
    def keys(self) -> set[str]:
        """The raw keys of the files that were read."""
        return set(self.files["raw_key"].to_list())

    def of(self, keys: pl.Series) -> Reading:
        """What was found in some of the files; the notes are left out."""
        mine = self.files.select("raw_key").filter(
            pl.col("raw_key").cast(pl.String).is_in(keys.implode())
        )

        def some(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.join(mine, on="raw_key", how="semi", maintain_order="left")

        return Reading(
            {name: some(rows) for name, rows in self.rows.items()},
            some(self.rejected),
            self.notes.clear(),
            some(self.files),
        )

    def onwards(self, first: date, look_back: timedelta) -> Reading:
        """Without the rows that matter to no window that begins on `first` (UTC) or later.

        look_back: how far before its first day a window looks. Rows that may be accounted on the
        anchor day of their file stay where that day is not over.
        """
        opens = datetime.combine(first, datetime.min.time(), UTC) - look_back
        coming = self.files.filter(pl.col("anchor") >= first)["raw_key"].implode()
        rows = {
            name: where(
                rows,
                (pl.col(TIME_COLUMN[name]) >= opens) | pl.col("raw_key").is_in(coming)
                if name != INSTRUMENTS
                else pl.lit(value=True),
            )
            for name, rows in self.rows.items()
        }
        return replace(self, rows=rows)

    def numbered(self, keys: pl.Enum) -> Reading:
        """The same with the places of its raw keys in another Enum, which has them all."""
        place = pl.col("raw_key").cast(keys)
        return replace(
            self,
            rows={name: rows.with_columns(place) for name, rows in self.rows.items()},
            rejected=self.rejected.with_columns(place),
            files=self.files.with_columns(place),
        )

    def beside(self, other: Reading) -> Reading:
        """The same as if both had been read together; their raw keys are of one Enum."""
        if other.files.is_empty():
            return self
        return Reading(
            {name: pl.concat([rows, other.rows[name]]) for name, rows in self.rows.items()},
            pl.concat([self.rejected, other.rejected]),
            pl.concat([self.notes, other.notes]).sort(*NOTES_SCHEMA),
            pl.concat([self.files, other.files]),
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """A feed's rows and rejected records, with raw keys as an Enum."""

    rows: dict[str, pl.DataFrame]
    rejected: pl.DataFrame


def _found(
    venue: Venue, feed: Feed, payloads: Sequence[Payload], parsed: Parsed, keys: pl.Enum
) -> _Found:
    """Raises LostRows unless rows + rejected = read, for every dataset and raw file."""
    stray = {*parsed.rows, *parsed.rejected["dataset"], *parsed.read["dataset"]} - {*feed.datasets}
    if stray:
        raise LostRows(f"{venue.name} {feed.name}: records of undeclared datasets {sorted(stray)}")
    for name, frame in parsed.rows.items():
        schema = dict(frame.schema)
        if isinstance(schema.get("raw_key"), pl.Enum):
            schema["raw_key"] = pl.String()
        if schema != NATIVE_SCHEMAS[name]:
            raise LostRows(
                f"{venue.name} {feed.name}: {name} is not in the native schema: {frame.schema}"
            )
    given = pl.DataFrame({"raw_key": [p.raw_key for p in payloads]}, schema={"raw_key": keys})
    rows = {name: _by_number(frame, keys) for name, frame in parsed.rows.items()}
    rejected, read = (_by_number(frame, keys) for frame in (parsed.rejected, parsed.read))
    by = ["dataset", "raw_key"]
    came_out = pl.concat(
        [rejected.group_by(by).agg(pl.len().alias("came_out"))]
        + [
            frame.group_by("raw_key")
            .agg(pl.len().alias("came_out"))
            .select(pl.lit(name).alias("dataset"), "raw_key", "came_out")
            for name, frame in rows.items()
        ]
    )
    wrong = (
        read.group_by(by)
        .agg(pl.col("rows_read").sum())
        .join(came_out.group_by(by).agg(pl.col("came_out").sum()), on=by, how="full", coalesce=True)
        .join(given.with_columns(pl.lit(value=True).alias("given")), on="raw_key", how="left")
        .filter(
            (pl.col("rows_read").fill_null(0) != pl.col("came_out").fill_null(0))
            | pl.col("given").is_null()
        )
        .sort(by, nulls_last=True)
    )
    if wrong.height:
        first = wrong.row(0, named=True)
        paths = {p.raw_key: p.path for p in payloads}
        raise LostRows(
            f"{venue.name}: {paths.get(first['raw_key'], first['raw_key'])}: {first['dataset']}: "
            f"{first['rows_read']} records read, {first['came_out']} rows and rejected records "
            f"came out ({wrong.height} such)"
        )
    return _Found(rows, rejected)


def _by_number(frame: pl.DataFrame, keys: pl.Enum) -> pl.DataFrame:
    """Raises LostRows for records of a file that nobody gave."""
    numbered = frame.with_columns(pl.col("raw_key").cast(keys, strict=False))
    if numbered["raw_key"].null_count():
        lost = frame.filter(numbered["raw_key"].is_null())["raw_key"][0]
        raise LostRows(f"{lost}: records of a file that was not read")
    return numbered


def _said_of(
    feed: Feed, payloads: Sequence[Payload], claims: Mapping[str, Facts], keys: pl.Enum
) -> pl.DataFrame:
    """What paths claim, with the datasets of their feed and the days they were fetched."""
    facts = [claims[payload.raw_key] for payload in payloads]
    return pl.DataFrame(
        {
            "raw_key": [payload.raw_key for payload in payloads],
            "symbol": [each.symbol for each in facts],
            "first_date": [each.first_date for each in facts],
            "last_date": [each.last_date for each in facts],
            "hour": [each.hour for each in facts],
            "fetched_date": [payload.fetched_at.astimezone(UTC).date() for payload in payloads],
        },
        schema={"raw_key": keys, **_CLAIMED},
    ).with_columns(pl.lit(list(feed.datasets), pl.List(pl.String)).alias("datasets"))


def _anchored(
    files: pl.DataFrame, rows: Mapping[str, pl.DataFrame], rejected: pl.DataFrame
) -> pl.DataFrame:
    without = files.filter(pl.col("first_date").is_null()).select("raw_key")
    stamps = [rejected.select("raw_key", "dataset", "at")]
    stamps += [
        frame.select("raw_key", pl.lit(name).alias("dataset"), at=TIME_COLUMN[name])
        for name, frame in rows.items()
        if name != INSTRUMENTS and without.height
    ]
    earliest = (
        pl.concat(stamps)
        .filter(pl.col("dataset") != INSTRUMENTS)
        .join(without, on="raw_key", how="semi")
        .group_by("raw_key")
        .agg(pl.col("at").min().dt.date().alias("earliest"))
    )
    return files.join(earliest, on="raw_key", how="left", maintain_order="left").with_columns(
        pl.coalesce("first_date", "earliest", "fetched_date").alias("anchor")
    )


def _precedence(feed: Feed) -> int:
    return feed.precedence + (0 if feed.carrier is None else _BEHIND_ALL_OWN)


def read(venue: Venue, payloads: Sequence[Payload], keys: pl.Enum | None = None) -> Reading:
    """What the parsers of these payloads' feeds find, one call per feed, counts checked.

    keys: of these files and of others whose readings are to be put beside this one, ascending.

    Raises BadPayload for a path no feed reads, and as parsers do; LostRows.
    """
    by_feed: dict[str, list[Payload]] = {feed.name: [] for feed in venue.feeds}
    # What the path itself says: `payload.facts` may tell days that were learned from the rows,
    # and those claim nothing about the days between them.
    claims: dict[str, Facts] = {}
    for payload in sorted(payloads, key=lambda p: p.raw_key):
        if payload.raw_key in claims:
            raise ValueError(f"{venue.name}: {payload.raw_key} is given twice")
        known = venue.feed_for(payload.source, payload.path)
        if known is None:
            raise BadPayload(venue.name, payload.path, f"no {payload.source} feed reads this path")
        feed, claims[payload.raw_key] = known
        by_feed[feed.name].append(payload)

    if keys is None:
        keys = pl.Enum(list(claims))
    carrier = pl.Enum(sorted({feed.carrier for feed in venue.feeds if feed.carrier is not None}))
    origin = {"source": _SOURCE, "precedence": pl.Int64(), "carrier": carrier}
    rows = {
        name: [pl.DataFrame(schema=NATIVE_SCHEMAS[name] | {"raw_key": keys} | origin)]
        for name in DATASETS
    }
    rejected = [pl.DataFrame(schema=REJECTED_SCHEMA | {"raw_key": keys})]
    notes = [pl.DataFrame(schema=NOTES_SCHEMA)]
    files = [pl.DataFrame(schema={"raw_key": keys, **_CLAIMED, "datasets": pl.List(pl.String)})]
    for feed in venue.feeds:
        batch = by_feed[feed.name]
        if not batch:
            continue
        parsed = feed.parse(batch)
        found = _found(venue, feed, batch, parsed, keys)
        notes.append(parsed.notes)
        del parsed  # it holds the batch's texts, and the next feed's are on their way
        for name, frame in found.rows.items():
            rows[name].append(
                frame.with_columns(
                    pl.lit(feed.source.value, _SOURCE).alias("source"),
                    pl.lit(_precedence(feed), pl.Int64).alias("precedence"),
                    pl.lit(feed.carrier, carrier).alias("carrier"),
                )
            )
        rejected.append(found.rejected)
        files.append(_said_of(feed, batch, claims, keys))
    found_rows = {name: pl.concat(frames) for name, frames in rows.items()}
    set_aside = pl.concat(rejected)
    return Reading(
        found_rows,
        set_aside,
        pl.concat(notes).sort(*NOTES_SCHEMA),
        _anchored(pl.concat(files), found_rows, set_aside),
    )


def placed(rows: pl.DataFrame, time_column: str, files: pl.DataFrame) -> pl.DataFrame:
    """Adds `date`, the day a record is accounted on, and `stray`: its time is not credible."""
    own = pl.col("date")
    stray = own.is_null() | ~own.is_between("_earliest", "_latest").fill_null(value=True)
    of_file = files.select(
        "raw_key",
        # A day without end on either side is no bound.
        (pl.col("first_date") - _SPILL).fill_null(date.min).alias("_earliest"),
        (pl.col("last_date") + _SPILL).fill_null(date.max).alias("_latest"),
        pl.col("anchor").alias("_anchor"),
    )
    return (
        beside(rows, "raw_key", of_file)
        .with_columns(pl.col(time_column).dt.date().alias("date"))
        .with_columns(stray.alias("stray"))
        .with_columns(pl.when("stray").then("_anchor").otherwise(own).alias("date"))
        .drop("_earliest", "_latest", "_anchor")
    )
