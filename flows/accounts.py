"""What became of the records of each raw file, over all days that read it.

Each normalised partition says so of its own day. Of years there are tens of thousands of those, and
a night changes a dozen: so they are added up by month, and a month is added up again where one of
its days was made anew.
"""

from __future__ import annotations

import hashlib
import io

import polars as pl

from flows.run import Run
from flows.storage.object_store import ObjectNotFound
from flows.storage.partitions import Layer, PartitionRecord, fingerprint
from transforms.schemas.normalised import Accounting

LAYER = "accounting_by_month"
COUNTS = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")

_VERSION = "1"
"""Of what is below: another one, and all months are added up again."""

_BY = ("dataset", "raw_key")
_EMPTY = Accounting.create_empty().select(*_BY, *COUNTS)


def accounts(run: Run) -> pl.DataFrame:
    """Records read, kept, folded away and quarantined, by `dataset` and `raw_key`; in no order."""
    daily = Layer(run.store, run.ledger, "accounting")
    monthly = Layer(run.store, run.ledger, LAYER)
    months = (
        daily.current()
        .filter(pl.col("rows") > 0)
        .with_columns(pl.col("date").dt.truncate("1mo"))
        .group_by("name", "venue", "date", maintain_order=True)
        .agg("key", "sha256")
    )
    held = {
        (name, venue, month): (mark, key, sha256)
        for name, venue, month, mark, key, sha256 in monthly.current()
        .select("name", "venue", "date", "fingerprint", "key", "sha256")
        .iter_rows()
    }
    found: list[pl.DataFrame] = [_EMPTY]
    made: list[PartitionRecord] = []
    for name, venue, month, keys, digests in months.iter_rows():
        mark = fingerprint(_VERSION, *digests)
        known, key, sha256 = held.get((name, venue, month), (None, "", ""))
        rows = _kept(run, key, sha256) if known == mark else None
        if rows is None:
            days = [_read(run.store.get(key)) for key in keys]
            rows = _sums(pl.concat([_EMPTY, *days])).sort(_BY)
            made.append(monthly.write(name, venue, month, rows, mark))
        found.append(rows)
    monthly.record(made)
    return _sums(pl.concat(found))


def _kept(run: Run, key: str, sha256: str) -> pl.DataFrame | None:
    """A month as it was added up; None if that is gone, or is another than the ledger speaks of (a
    killed run's): what it was made of is there."""
    try:
        content = run.store.get(key)
    except ObjectNotFound:
        return None
    return _read(content) if hashlib.sha256(content).hexdigest() == sha256 else None


def _read(content: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(content)).select(_EMPTY.columns)


def _sums(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(_BY).agg(pl.col(COUNTS).sum())
