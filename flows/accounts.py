"""What became of the records of each raw file, over all days that read it.

Each normalised partition says so of its own day. Of years there are tens of thousands of those, and
a night changes a dozen: so they are added up by month, and a month is added up again where one of
its days was made anew.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable
from datetime import date

import polars as pl

from flows.run import Run
from flows.storage.object_store import ObjectNotFound
from flows.storage.partitions import Layer, fingerprint
from transforms.schemas.normalised import Accounting

LAYER = "accounting_by_month"
COUNTS = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")

_VERSION = "1"
"""Of what is below: another one, and all months are added up again."""

_BY = ("dataset", "raw_key")
_EMPTY = Accounting.create_empty().select(*_BY, *COUNTS)

_Place = tuple[str, str, date]
"""A dataset, a venue and the first day of a month."""


class Accounts:
    """The months of a lake, added up where they were not when this is made."""

    def __init__(self, run: Run) -> None:
        self._run = run
        daily = Layer(run.store, run.ledger, "accounting")
        self._layer = Layer(run.store, run.ledger, LAYER)
        self._days = {
            (name, venue, month): (keys, fingerprint(_VERSION, *digests))
            for name, venue, month, keys, digests in daily.current()
            .filter(pl.col("rows") > 0)
            .with_columns(pl.col("date").dt.truncate("1mo"))
            .group_by("name", "venue", "date", maintain_order=True)
            .agg("key", "sha256")
            .iter_rows()
        }
        held = {
            (name, venue, month): mark
            for name, venue, month, mark in self._layer.current()
            .select("name", "venue", "date", "fingerprint")
            .iter_rows()
        }
        self._layer.record(
            self._layer.write(*place, self._sums(place), mark)
            for place, (_, mark) in self._days.items()
            if held.get(place) != mark
        )

    def of(self, venue: str, months: Collection[date]) -> pl.DataFrame:
        """Records read, kept, folded away and quarantined in some months (the first day of each),
        by `month`, `dataset` and `raw_key`; in no order."""
        held = (
            self._layer.current()
            .filter(pl.col("venue") == venue, pl.col("date").is_in(list(months)))
            .select("name", "venue", "date", "key", "sha256")
        )
        dated = pl.lit(None, pl.Date).alias("month")
        return pl.concat(
            [_EMPTY.with_columns(dated)]
            + [
                self._month((name, venue, month), *kept).with_columns(month=month)
                for name, venue, month, *kept in held.rows()
            ]
        )

    def _month(self, place: _Place, key: str, sha256: str) -> pl.DataFrame:
        """A month as it was added up, or anew if that is gone, or is another than the ledger speaks
        of (a killed run's)."""
        if place not in self._days:
            return _EMPTY
        try:
            content = self._run.store.get(key)
        except ObjectNotFound:
            return self._sums(place)
        as_recorded = hashlib.sha256(content).hexdigest() == sha256
        return _read(content) if as_recorded else self._sums(place)

    def _sums(self, place: _Place) -> pl.DataFrame:
        keys, _ = self._days[place]
        return _sums([_read(self._run.store.get(key)) for key in keys]).sort(_BY)


def _read(content: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(content)).select(_EMPTY.columns)


def _sums(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([_EMPTY, *parts]).group_by(_BY).agg(pl.col(COUNTS).sum())
