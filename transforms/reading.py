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
from dataclasses import dataclass
from datetime import UTC

import polars as pl

from transforms.native import NATIVE_SCHEMAS, UTC_MICROS
from transforms.payload import NOTES_SCHEMA, REJECTED_SCHEMA, BadPayload, Facts, Parsed, Payload
from transforms.schemas.normalised import DATASETS, TIME_COLUMN
from transforms.venue import Feed, Venue

INSTRUMENTS = "instruments"
_SPILL = pl.duration(days=1)  # labels, jitter and foreign time zones reach a day over
_BEHIND_ALL_OWN = 1_000_000


class LostRows(AssertionError):
    """Records in and rows out do not add up. A defect of a parser or of this module."""


@dataclass(frozen=True)
class Reading:
    """All feeds' findings together.

    rows: every dataset's native rows, with `source`, `precedence` and `carrier` of their feed.
        What the venue itself exports comes before what carriers bring.
    files: per raw file its `symbol`, claimed `first_date`, `last_date` and `hour`, `datasets`, and
        the `anchor` day on which records without a credible time are counted.
    """

    rows: dict[str, pl.DataFrame]
    rejected: pl.DataFrame
    notes: pl.DataFrame
    files: pl.DataFrame


def _check_counts(venue: Venue, feed: Feed, payloads: Sequence[Payload], parsed: Parsed) -> None:
    """Raises LostRows unless rows + rejected = read, for every dataset and raw file."""
    stray = {*parsed.rows, *parsed.rejected["dataset"], *parsed.read["dataset"]} - {*feed.datasets}
    if stray:
        raise LostRows(f"{venue.name} {feed.name}: records of undeclared datasets {sorted(stray)}")
    for name, frame in parsed.rows.items():
        if dict(frame.schema) != NATIVE_SCHEMAS[name]:
            raise LostRows(
                f"{venue.name} {feed.name}: {name} is not in the native schema: {frame.schema}"
            )
    by = ["dataset", "raw_key"]
    came_out = pl.concat(
        [parsed.rejected.select(by)]
        + [f.select(pl.lit(name).alias("dataset"), "raw_key") for name, f in parsed.rows.items()]
    ).group_by(by)
    paths = pl.DataFrame(
        {"raw_key": [p.raw_key for p in payloads], "path": [p.path for p in payloads]}
    )
    wrong = (
        parsed.read.group_by(by)
        .agg(pl.col("rows_read").sum())
        .join(came_out.agg(pl.len().alias("came_out")), on=by, how="full", coalesce=True)
        .join(paths, on="raw_key", how="left")
        .filter(
            (pl.col("rows_read").fill_null(0) != pl.col("came_out").fill_null(0))
            | pl.col("path").is_null()
        )
        .sort(by, nulls_last=True)
    )
    if wrong.height:
        first = wrong.row(0, named=True)
        raise LostRows(
            f"{venue.name}: {first['path'] or first['raw_key']}: {first['dataset']}: "
            f"{first['rows_read']} records read, {first['came_out']} rows and rejected records "
            f"came out ({wrong.height} such)"
        )


def _anchored(
    files: pl.DataFrame, rows: Mapping[str, pl.DataFrame], rejected: pl.DataFrame
) -> pl.DataFrame:
    stamps = [rejected.select("raw_key", "dataset", "at")]
    stamps += [
        frame.select("raw_key", pl.lit(name).alias("dataset"), at=TIME_COLUMN[name])
        for name, frame in rows.items()
    ]
    earliest = (
        pl.concat(stamps)
        .filter(pl.col("dataset") != INSTRUMENTS)
        .group_by("raw_key")
        .agg(pl.col("at").min().dt.date().alias("earliest"))
    )
    return files.join(earliest, on="raw_key", how="left").with_columns(
        pl.coalesce("first_date", "earliest", "fetched_date").alias("anchor")
    )


def _precedence(feed: Feed) -> int:
    return feed.precedence + (0 if feed.carrier is None else _BEHIND_ALL_OWN)


def read(venue: Venue, payloads: Sequence[Payload]) -> Reading:
    """What the parsers of these payloads' feeds find, one call per feed, counts checked.

    Raises BadPayload for a path no feed reads, and as parsers do; LostRows.
    """
    by_feed: dict[str, list[Payload]] = {feed.name: [] for feed in venue.feeds}
    # What the path itself says: `payload.facts` may tell days that were learned from the rows,
    # and those claim nothing about the days between them.
    claims: dict[str, Facts] = {}
    for payload in sorted(payloads, key=lambda p: p.raw_key):
        if payload.raw_key in claims:
            raise ValueError(f"{venue.name}: {payload.raw_key} is given twice")
        found = venue.feed_for(payload.source, payload.path)
        if found is None:
            raise BadPayload(venue.name, payload.path, f"no {payload.source} feed reads this path")
        feed, claims[payload.raw_key] = found
        by_feed[feed.name].append(payload)

    origin = {"source": pl.String(), "precedence": pl.Int64(), "carrier": pl.String()}
    rows = {name: [pl.DataFrame(schema=NATIVE_SCHEMAS[name] | origin)] for name in DATASETS}
    rejected = [pl.DataFrame(schema=REJECTED_SCHEMA)]
    notes = [pl.DataFrame(schema=NOTES_SCHEMA)]
    files: list[tuple[object, ...]] = []
    for feed in venue.feeds:
        batch = by_feed[feed.name]
        if not batch:
            continue
        parsed = feed.parse(batch)
        _check_counts(venue, feed, batch, parsed)
        for name, frame in parsed.rows.items():
            rows[name].append(
                frame.with_columns(
                    pl.lit(feed.source.value).alias("source"),
                    pl.lit(_precedence(feed), pl.Int64).alias("precedence"),
                    pl.lit(feed.carrier, pl.String).alias("carrier"),
                )
            )
        rejected.append(parsed.rejected)
        notes.append(parsed.notes)
        files += [
            (
                p.raw_key,
                claims[p.raw_key].symbol,
                claims[p.raw_key].first_date,
                claims[p.raw_key].last_date,
                claims[p.raw_key].hour,
                p.fetched_at.astimezone(UTC).date(),
                list(feed.datasets),
            )
            for p in batch
        ]
        del parsed  # it holds the batch's texts, and the next feed's are on their way
    found_rows = {name: pl.concat(frames) for name, frames in rows.items()}
    set_aside = pl.concat(rejected)
    claimed = pl.DataFrame(
        files,
        schema={
            "raw_key": pl.String(),
            "symbol": pl.String(),
            "first_date": pl.Date(),
            "last_date": pl.Date(),
            "hour": UTC_MICROS,
            "fetched_date": pl.Date(),
            "datasets": pl.List(pl.String()),
        },
        orient="row",
    )
    return Reading(
        found_rows,
        set_aside,
        pl.concat(notes).sort(*NOTES_SCHEMA),
        _anchored(claimed, found_rows, set_aside),
    )


def placed(rows: pl.DataFrame, time_column: str, files: pl.DataFrame) -> pl.DataFrame:
    """Adds `date`, the day a record is accounted on, and `stray`: its time is not credible."""
    own = pl.col(time_column).dt.date()
    stray = (
        own.is_null()
        | (own < pl.col("first_date") - _SPILL).fill_null(value=False)
        | (own > pl.col("last_date") + _SPILL).fill_null(value=False)
    )
    return (
        rows.join(
            files.select("raw_key", "first_date", "last_date", "anchor"), on="raw_key", how="left"
        )
        .with_columns(stray.alias("stray"))
        .with_columns(pl.when("stray").then("anchor").otherwise(own).alias("date"))
        .drop("first_date", "last_date", "anchor")
    )
