"""Records on their way from text to typed rows.

`transforms.tabular` (csv) and `transforms.answers` (JSON) both end in `Records`: every cell still
text, counted before anything is interpreted. `sift` turns the text of one dataset into values;
a record of which one cell cannot be read is set aside whole, with the column and the value in the
reason, and the others go on. No number is guessed, clamped or filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import polars as pl

from transforms.coded import beside
from transforms.in_order import in_order
from transforms.native import EXACT_RATE, NATIVE_SCHEMAS, UTC_MICROS
from transforms.payload import NOTES_SCHEMA, READ_SCHEMA, REJECTED_SCHEMA, Parsed, Payload
from transforms.selecting import where

RAW_TEXT_LIMIT = 500  # characters of a rejected record that are kept
_CELL_LIMIT = 60

# Stamps outside are digits gone wrong: nothing here is older than the first coin.
EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

_SPILL = timedelta(days=1)  # how far content may lie outside the days its path claims


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that has no cells: cut off, or not of the file's shape."""

    raw_key: str
    raw_row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a batch of raw files as text.

    frame: `raw_key` (text, or an Enum of the batch's keys, ascending), `raw_row` (from 1, headers
        not counted) and text columns; an empty or absent cell is NULL.
    read: records per raw key, unreadable ones included; files without any are there with 0.
    text_of: the record at a raw key and row as it stands in the file.
    files: per raw key what its path says, once `with_facts` was told; else empty.
    """

    frame: pl.DataFrame
    read: Mapping[str, int]
    unreadable: Sequence[Unreadable]
    text_of: Callable[[str, int], str]
    files: pl.DataFrame = field(default_factory=pl.DataFrame)

    def with_facts(self, payloads: Iterable[Payload], *labels: str) -> Records:
        """Adds what each file's path says: `path_symbol`, `path_first_date`, `path_last_date`
        and `path_<label>` for each of `labels`."""
        given = list(payloads)
        columns: dict[str, list[object]] = {
            "raw_key": [p.raw_key for p in given],
            "path_symbol": [p.facts.symbol for p in given],
            "path_first_date": [p.facts.first_date for p in given],
            "path_last_date": [p.facts.last_date for p in given],
        }
        columns |= {f"path_{label}": [p.facts.labels.get(label) for p in given] for label in labels}
        schema: dict[str, pl.DataType] = {name: pl.String() for name in columns}
        schema |= {"path_first_date": pl.Date(), "path_last_date": pl.Date()}
        files = pl.DataFrame(columns, schema=schema)
        if not isinstance(self.frame.schema["raw_key"], pl.Enum):
            joined = self.frame.join(files, on="raw_key", how="left", maintain_order="left")
            return replace(self, frame=joined, files=files)
        files = files.with_columns(pl.col("raw_key").cast(self.frame.schema["raw_key"]))
        return replace(self, frame=beside(self.frame, "raw_key", files), files=files)


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be wrong with a record: a cheap condition, and words for those that meet it."""

    when: pl.Expr
    reason: pl.Expr


@dataclass(frozen=True, slots=True)
class Reading:
    """How text becomes a value, and the faults (over the text) that leave none."""

    value: pl.Expr
    faults: tuple[Fault, ...]


def _reading(column: str, value: pl.Expr, what: str, *, optional: bool) -> Reading:
    text = pl.col(column)
    unread = Fault(
        text.is_not_null() & value.is_null(),
        pl.format(f"{column} {{}} is not {what}", _shown(text)),
    )
    empty = Fault(text.is_null(), pl.lit(f"{column} is empty"))
    return Reading(value, (unread,) if optional else (empty, unread))


def _shown(text: pl.Expr) -> pl.Expr:
    return text.str.slice(0, _CELL_LIMIT)


def number(column: str, *, optional: bool = False, minimum: float | None = None) -> Reading:
    """A finite double; with `minimum`, not below it. NULL only where empty and `optional`."""
    cast = pl.col(column).cast(pl.Float64, strict=False)
    value = pl.when(cast.is_finite()).then(cast)
    reading = _reading(column, value, "a finite number", optional=optional)
    if minimum is None:
        return reading
    reason = pl.format(f"{column} {{}} is out of range", _shown(pl.col(column)))
    return replace(reading, faults=(*reading.faults, Fault(value < minimum, reason)))


def exact_rate(column: str) -> Reading:
    """A decimal fraction straight from its digits (20 decimals), exponents included."""
    value = pl.col(column).cast(EXACT_RATE, strict=False)
    return _reading(column, value, "a decimal number", optional=False)


def epoch(column: str, *, optional: bool = False) -> Reading:
    """A UTC instant from an integer of s, ms, µs or ns, told apart by magnitude."""
    stamp = pl.col(column).cast(pl.Int64, strict=False)
    micros = (
        pl.when(stamp < 100_000_000_000)
        .then(stamp * 1_000_000)
        .when(stamp < 100_000_000_000_000)
        .then(stamp * 1_000)
        .when(stamp < 100_000_000_000_000_000)
        .then(stamp)
        .otherwise(stamp // 1_000)
    )
    return _instant(column, pl.from_epoch(micros, time_unit="us").cast(UTC_MICROS), optional)


def utc_text(column: str, layout: str = "%Y-%m-%d %H:%M:%S") -> Reading:
    """A UTC instant written out without a zone."""
    parsed = pl.col(column).str.strptime(pl.Datetime("us"), layout, strict=False)
    return _instant(column, parsed.dt.replace_time_zone("UTC"), optional=False)


def iso_utc(column: str, *, optional: bool = False) -> Reading:
    """A UTC instant in ISO 8601: `T`, `D` (BitMEX files) or a space between day and time, any
    fraction of a second, `Z`, `+00:00` or nothing behind it. Another zone is no time here."""
    plain = (
        pl.col(column)
        .str.replace(r"^(\d{4}-\d\d-\d\d)[TD ]", "$1 ")
        .str.replace(r"(?:Z|\+00:?00)$", "")
    )
    parsed = plain.str.strptime(pl.Datetime("us"), "%Y-%m-%d %H:%M:%S%.f", strict=False)
    return _instant(column, parsed.dt.replace_time_zone("UTC"), optional)


def _instant(column: str, moment: pl.Expr, optional: bool) -> Reading:
    value = pl.when(moment.is_between(EARLIEST, LATEST)).then(moment)
    return _reading(column, value, "a time", optional=optional)


def text(column: str, *, optional: bool = False) -> Reading:
    return _reading(column, pl.col(column), "text", optional=optional)


def word(column: str, meanings: Mapping[str, str]) -> Reading:
    """One of a closed list of the venue's words, as what we call it."""
    value = pl.col(column).replace_strict(dict(meanings), default=None, return_dtype=pl.String)
    return _reading(column, value, f"one of {', '.join(meanings)}", optional=False)


def either(condition: pl.Expr, one: StrEnum, other: StrEnum) -> pl.Expr:
    """`one` where the condition holds, `other` where it does not or is not known."""
    return pl.when(condition).then(pl.lit(one.value)).otherwise(pl.lit(other.value))


def of_path_symbol(symbol: str = "symbol") -> Fault:
    """A record belongs to another instrument than its path names."""
    return Fault(
        pl.col(symbol) != pl.col("path_symbol"),
        pl.format("symbol {} in a file of {}", symbol, "path_symbol"),
    )


def within_path_days(moment: str) -> Fault:
    """A record lies outside the days its path claims and the day on either side of them."""
    day, first, last = pl.col(moment).dt.date(), pl.col("path_first_date"), pl.col("path_last_date")
    return Fault(
        (day < first - _SPILL) | (day > last + _SPILL),
        pl.format(
            f"{moment} {{}} lies outside the path's days {{}} to {{}}",
            pl.col(moment).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "path_first_date",
            "path_last_date",
        ),
    )


@dataclass(frozen=True, slots=True)
class Sifted:
    """The records of a batch as typed rows of one dataset, and those set aside.

    rows: `raw_key`, `raw_row`, the columns read, and the `path_` columns.
    rejected: `REJECTED_SCHEMA`.
    """

    dataset: str
    rows: pl.DataFrame
    rejected: pl.DataFrame

    def derive(self, *columns: pl.Expr, **named: pl.Expr) -> Sifted:
        """The same rows with more columns, computed from those there."""
        return replace(self, rows=self.rows.with_columns(*columns, **named))


def read_once(
    records: Records, readings: Mapping[str, Reading]
) -> tuple[Records, dict[str, Reading]]:
    """For cells that several datasets are made of: records that hold their values, and readings
    that take them from there."""
    frame = (
        records.frame.lazy()
        .with_columns(
            expression
            for name, reading in readings.items()
            for expression in (
                reading.value.alias(f"_value_{name}"),
                _any(reading.faults).alias(f"_fault_{name}"),
            )
        )
        .collect()
    )
    taken = {
        name: Reading(
            pl.col(f"_value_{name}"),
            (Fault(pl.col(f"_fault_{name}"), _first(reading.faults)),),
        )
        for name, reading in readings.items()
    }
    return replace(records, frame=frame), taken


def sift(
    records: Records,
    dataset: str,
    readings: Mapping[str, Reading],
    *,
    at: str,
    checks: Sequence[Fault] = (),
) -> Sifted:
    """Reads columns out of text; rejects the records that cannot be read or fail a check.

    readings: per column of the result. checks: faults over the result.
    at: the column of the result that is the record's time, for the rejected.
    """
    values = [
        pl.col("raw_key", "raw_row"),
        pl.col("^path_.*$"),
        *(reading.value.alias(name) for name, reading in readings.items()),
    ]
    faults = [fault for reading in readings.values() for fault in reading.faults]
    # Lazily, so that a cell is read once for its value and for all that may be wrong with it.
    typed = (
        records.frame.lazy()
        .select(*values, _any(faults).alias("faulty"))
        .with_columns(pl.col("faulty") | _any(checks))
        .collect()
    )
    # Words are put together for the few that need them; in one piece, since Polars 2.1 panics
    # when it formats a column of which one piece was filtered empty.
    faulty = where(records.frame.with_columns(typed["faulty"]), pl.col("faulty")).rechunk()
    set_aside = faulty.select(*values, _first(faults).alias("reason")).select(
        pl.col("raw_key").cast(pl.String),
        "raw_row",
        pl.col(at).alias("at"),
        pl.coalesce("reason", _first(checks)),
    )
    kept = where(typed, ~pl.col("faulty")).drop("faulty")
    return Sifted(dataset, kept, _rejected(dataset, set_aside, records))


def _any(faults: Iterable[Fault]) -> pl.Expr:
    return pl.any_horizontal(
        pl.lit(value=False), *(fault.when.fill_null(value=False) for fault in faults)
    )


def _first(faults: Iterable[Fault]) -> pl.Expr:
    nothing = pl.lit(None, pl.String)
    return pl.coalesce(nothing, *(pl.when(fault.when).then(fault.reason) for fault in faults))


def _rejected(dataset: str, set_aside: pl.DataFrame, records: Records) -> pl.DataFrame:
    cut_off = pl.DataFrame(
        {
            "raw_key": [u.raw_key for u in records.unreadable],
            "raw_row": [u.raw_row for u in records.unreadable],
            "at": [None] * len(records.unreadable),
            "reason": [u.reason for u in records.unreadable],
        },
        schema={name: REJECTED_SCHEMA[name] for name in ("raw_key", "raw_row", "at", "reason")},
    )
    both = pl.concat([set_aside, cut_off]).sort("raw_key", "raw_row")
    places = both.select("raw_key", "raw_row").iter_rows()
    texts = [records.text_of(raw_key, raw_row)[:RAW_TEXT_LIMIT] for raw_key, raw_row in places]
    return both.with_columns(
        dataset=pl.lit(dataset), raw_text=pl.Series(texts, dtype=pl.String)
    ).select(*REJECTED_SCHEMA)


def assemble(
    records: Records, sifted: Sequence[Sifted], notes: pl.DataFrame | None = None
) -> Parsed:
    """What a parser hands back: native rows by file and record, whatever order files came in.

    A native column nobody filled is NULL (not known); `rank` is 0.
    """
    rows = {part.dataset: _native(part) for part in sifted}
    counted = sorted(records.read.items())
    by_file = {"raw_key": [key for key, _ in counted], "rows_read": [count for _, count in counted]}
    each = pl.DataFrame(by_file, schema={name: READ_SCHEMA[name] for name in by_file})
    read = pl.concat(
        [
            pl.DataFrame(schema=READ_SCHEMA),
            *(
                each.select(pl.lit(part.dataset).alias("dataset"), pl.col(*by_file))
                for part in sifted
            ),
        ]
    )
    return Parsed(
        rows=rows,
        read=read,
        rejected=pl.concat([part.rejected for part in sifted]),
        notes=pl.DataFrame(schema=NOTES_SCHEMA) if notes is None else notes,
        text_of=records.text_of,
    )


def _native(part: Sifted) -> pl.DataFrame:
    absent: dict[str, pl.Expr] = {"rank": pl.lit(0)}
    schema = NATIVE_SCHEMAS[part.dataset] | {"raw_key": part.rows.schema["raw_key"]}
    native = part.rows.select(
        (pl.col(name) if name in part.rows.columns else absent.get(name, pl.lit(None)))
        .cast(dtype)
        .alias(name)
        for name, dtype in schema.items()
    )
    return in_order(native, ("raw_key", "raw_row"))
