"""Files of any size, part by part: what their parts come to, and the texts of their records.

A part is parsed and let go before the next one is inflated, so that of a file there is never more
in memory than one part and the typed rows so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from transforms.coded import in_words
from transforms.in_order import in_order
from transforms.native import NATIVE_SCHEMAS
from transforms.payload import NOTES_SCHEMA, READ_SCHEMA, REJECTED_SCHEMA, Parsed

TextOf = Callable[[str, int], str]
"""The record at a raw key and number as it stands in the file."""


@dataclass(frozen=True, slots=True)
class Texts:
    """How many records a part has, and the text of each, by raw key and number in the file."""

    count: int
    of: TextOf


@dataclass(slots=True)
class TextsInPassing:
    """Finds the texts of records that are not held, by reading their file once more.

    Records asked for in the order of the file cost one reading. parts_of: the parts of a file by
    its raw key; raises KeyError for one that is not known.
    """

    parts_of: Callable[[str], Iterator[Texts]]
    _raw_key: str | None = None
    _coming: Iterator[Texts] = field(default_factory=lambda: iter(()))
    _part: Texts | None = None
    _before: int = 0

    def text(self, raw_key: str, raw_row: int) -> str:
        """The record as it stands in its file. Raises KeyError where there is none."""
        if raw_key != self._raw_key or raw_row <= self._before:
            self._coming = self.parts_of(raw_key)
            self._raw_key, self._part, self._before = raw_key, None, 0
        while self._part is None or raw_row > self._before + self._part.count:
            self._before += self._part.count if self._part else 0
            self._part = next(self._coming, None)
            if self._part is None:
                self._raw_key = None
                raise KeyError(raw_row)
        return self._part.of(raw_key, raw_row)


def detached(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, chosen from a part, without the rest of its text: Polars shares the buffers
    of long strings between a column and what is chosen from it."""
    return rows.with_columns(
        pl.concat_str(name, pl.lit("")) for name, dtype in rows.schema.items() if dtype == pl.String
    )


def together(parts: Iterable[Parsed], datasets: Sequence[str], text_of: TextOf) -> Parsed:
    """What parts, of one file or of several, come to as a whole, in an order not theirs.

    datasets: of the parts.
    """
    # What finds the texts of a part holds all its text.
    found = [replace(part, text_of=None) for part in parts]
    empty = {name: pl.DataFrame(schema=NATIVE_SCHEMAS[name]) for name in datasets}
    rows = {
        name: in_order(
            pl.concat([none, *(in_words(p.rows[name]) for p in found)]), ("raw_key", "raw_row")
        )
        for name, none in empty.items()
    }
    read = pl.concat([pl.DataFrame(schema=READ_SCHEMA), *(part.read for part in found)])
    rejected = pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *(p.rejected for p in found)])
    notes = pl.concat([pl.DataFrame(schema=NOTES_SCHEMA), *(part.notes for part in found)])
    return Parsed(
        rows,
        read.group_by("dataset", "raw_key")
        .agg(pl.col("rows_read").sum())
        .sort("dataset", "raw_key"),
        rejected.sort("dataset", "raw_key", "raw_row"),
        notes.sort("raw_key", "name"),
        text_of,
    )
