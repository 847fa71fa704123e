"""A raw export on its way into a parser, and what a parser hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

import polars as pl

from transforms.schemas.column import SourceKind


@dataclass(frozen=True, slots=True)
class Facts:
    """What the path of a raw export says about its content.

    symbol: the one instrument it is about; None if the content names its instruments.
    first_date, last_date: the UTC days the path claims, both inclusive; None if it claims none.
        Content may spill over by a day on either side (labels, jitter, foreign time zones).
    labels: other words of the path a parser needs, such as `interval` or `product`.
    hour: start of the one UTC hour it is about, of exports cut by the hour: there an hour without
        a file is known to be missing. None if it is about whole days, or does not say.
    """

    symbol: str | None = None
    first_date: date | None = None
    last_date: date | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    hour: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """The exact bytes of one raw export."""

    raw_key: str
    path: str
    content: bytes
    source: SourceKind
    facts: Facts
    fetched_at: datetime


class BadPayload(ValueError):
    """A raw export that cannot be read at all: not a number of it may be used.

    Names the file and, where it applies, the record and the field.
    """

    def __init__(self, venue: str, path: str, reason: str, *, row: int | None = None) -> None:
        place = path if row is None else f"{path}, record {row}"
        super().__init__(f"{venue}: {place}: {reason}")
        self.venue = venue
        self.path = path
        self.reason = reason
        self.row = row

    def __reduce__(self) -> tuple[Callable[..., BadPayload], tuple[object, ...]]:
        """As it comes back from another process."""
        return partial(BadPayload, row=self.row), (self.venue, self.path, self.reason)


REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "raw_key": pl.String(),
    "raw_row": pl.Int64(),
    "at": pl.Datetime("us", "UTC"),
    "reason": pl.String(),
    "raw_text": pl.String(),
}

READ_SCHEMA: dict[str, pl.DataType] = {
    "dataset": pl.String(),
    "raw_key": pl.String(),
    "rows_read": pl.Int64(),
}

NOTES_SCHEMA: dict[str, pl.DataType] = {
    "raw_key": pl.String(),
    "name": pl.String(),
    "value": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser found in a batch of payloads.

    rows: per dataset, a frame in that dataset's native schema (`transforms.native`); `raw_key` may
        also be an Enum of the keys of the batch.
    rejected: records set aside, `REJECTED_SCHEMA`; `at` is their time where it is known.
    read: records seen per dataset and raw file, counted before anything is interpreted, so that
        rows + rejected = rows_read can be checked (`READ_SCHEMA`).
    notes: what a parser learned about a file as a whole (`NOTES_SCHEMA`), such as its
        `label_convention`.
    text_of: the record at a raw key and number as it stands in the file, as JSON where it is of
        JSON; None where the parser cannot say. It holds on to the texts of the whole batch.
    """

    rows: Mapping[str, pl.DataFrame]
    read: pl.DataFrame
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED_SCHEMA))
    notes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NOTES_SCHEMA))
    text_of: Callable[[str, int], str] | None = field(default=None, repr=False, compare=False)
