"""Years of history for a lake, made of the month it holds.

Nobody simulates and mills five years of 600 symbols to time one night. So the month's ledger rows
and partitions are written again, shifted back by so many days, as often as it takes, under other
keys. A night cannot tell: what it reads of the past it reads from there. Left out is what no night
reads: the bytes of past raw files and of their normalised rows. Between the past and the month is a
gap of `GAP`, so that no window of the month's days reaches rows that are not there.
"""

from __future__ import annotations

import io
from datetime import date, timedelta

import polars as pl

from benchmarks.mill import opened
from benchmarks.work import Work
from flows.run import Run
from flows.storage.ledger import RECORDED_BY
from flows.storage.partitions import KEY, Layer, PartitionRecord
from flows.storage.raw_shelf import IDENTITY

GAP = timedelta(days=60)
_WITH_ROWS = ("accounting", "quarantine", "conflicts", "corrections", "daily", "market")
_RECORDED_ONLY = "normalised"


def added(lake: str, archive: str, first: str, last: str, times: int) -> Work[int]:
    """Write the days first … last of `lake` into its past `times` times."""
    run = opened(archive, lake)
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return Work(lambda: _add(run, begin, end, times), lambda days: {"days": days})


def _add(run: Run, first: date, last: date, times: int) -> int:
    length = last - first + timedelta(days=1)
    raw = run.ledger.latest("raw", by=IDENTITY)
    notes = run.ledger.latest("notes", by=("raw_key", "name"))
    layers = [Layer(run.store, run.ledger, name) for name in (*_WITH_ROWS, _RECORDED_ONLY)]
    held = {
        layer.name: layer.current().filter(pl.col("date").is_between(first, last))
        for layer in layers
    }
    contents = {
        key: pl.read_parquet(io.BytesIO(run.store.get(key)))
        for name in _WITH_ROWS
        for key in held[name]["key"]
    }
    for n in range(1, times + 1):
        back = n * length + GAP
        if raw is not None:
            run.ledger.append("raw", _elsewhere(_shifted(raw, back, ("Date",)), n))
        if notes is not None:
            run.ledger.append("notes", _elsewhere(notes, n))
        for layer in layers:
            layer.record(
                _record(layer, record, back)
                if layer.name == _RECORDED_ONLY
                else _write(layer, record, contents[record["key"]], back, n)
                for record in held[layer.name].iter_rows(named=True)
            )
    return times * length.days


def _record(layer: Layer, record: dict[str, object], back: timedelta) -> PartitionRecord:
    name, venue, day, fingerprint, _, sha256, rows = record.values()
    assert isinstance(day, date)
    assert isinstance(rows, int)
    then = day - back
    key = layer.key(str(name), str(venue), then)
    return PartitionRecord(str(name), str(venue), then, str(fingerprint), key, str(sha256), rows)


def _write(
    layer: Layer, record: dict[str, object], rows: pl.DataFrame, back: timedelta, n: int
) -> PartitionRecord:
    name, venue, day, fingerprint = (record[column] for column in (*KEY, "fingerprint"))
    assert isinstance(day, date)
    past = _elsewhere(_shifted(rows, back, ("Date", "Datetime")), n)
    return layer.write(str(name), str(venue), day - back, past, str(fingerprint))


def _shifted(rows: pl.DataFrame, back: timedelta, kinds: tuple[str, ...]) -> pl.DataFrame:
    names = [name for name, kind in rows.schema.items() if str(kind.base_type()) in kinds]
    return rows.with_columns(pl.col(name) - back for name in names)


def _elsewhere(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """The same files under addresses of their own."""
    names = [name for name in ("path", "key", "raw_key", "source_url") if name in rows.columns]
    own = rows.drop(RECORDED_BY, strict=False)
    return own.with_columns(pl.col(name) + f"~{n}" for name in names)
