"""The raw layer: exact bytes, kept for ever, under their address and their hash.

A file's key is `raw/{venue}/{source}/{path}@{first 12 of sha256}`: a file the venue replaces lies
beside the one it replaced, and the key does not depend on which came first. The ledger `raw` says
which of them is current (the one seen last), where it came from and what its path claims.

The key is also where the bytes are, but for small files that were fetched together: those lie in a
pack (`flows.storage.packs`). Only what reads and writes the bytes need know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from operator import attrgetter
from typing import Any

import polars as pl

from flows.in_threads import in_threads
from flows.storage import packs
from flows.storage.ledger import RECORDED_BY, Ledger
from flows.storage.object_store import ObjectStore
from flows.storage.raw_bytes import Kept, RawDamaged, contents
from transforms.coded import coded
from transforms.payload import Facts, Payload
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict

LEDGER = "raw"
IDENTITY = ("venue", "source", "path")

_SCHEMA: dict[str, pl.DataType] = {
    "venue": pl.String(),
    "source": pl.String(),
    "path": pl.String(),
    "key": pl.String(),
    "source_url": pl.String(),
    "sha256": pl.String(),
    "bytes": pl.Int64(),
    "venue_checksum": pl.String(),
    "etag": pl.String(),
    "fetched_at": pl.Datetime("us", "UTC"),
    "feed": pl.String(),
    "symbol": pl.String(),
    "first_date": pl.Date(),
    "last_date": pl.Date(),
    "labels": pl.String(),
}
_PLACE = {name: packs.SCHEMA[name] for name in ("pack", "at")}


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One line of the ledger `raw`, and where the bytes lie.

    etag: how the source tells versions apart (its ETag); None for API answers.
    first_date, last_date: UTC days the content is about, inclusive, from the path or, where the
        path claims none, from its rows; both None for a file without rows or days.
    place: in which pack; None for an object of its own.
    """

    venue: str
    source: str
    path: str
    key: str
    source_url: str
    sha256: str
    bytes: int
    venue_checksum: str
    etag: str | None
    fetched_at: datetime
    feed: str
    symbol: str | None
    first_date: date | None
    last_date: date | None
    labels: str
    place: packs.Place | None = None


def raw_key(venue: str, source: SourceKind, path: str, sha256: str) -> str:
    return f"raw/{venue}/{source.value}/{path}@{sha256[:12]}"


def described(
    *,
    venue: str,
    source: SourceKind,
    path: str,
    content: bytes,
    source_url: str,
    checksum: ChecksumVerdict,
    etag: str | None,
    fetched_at: datetime,
    feed: str,
    facts: Facts,
) -> RawRecord:
    """What the ledger is to say of these bytes, once they are stored."""
    sha256 = hashlib.sha256(content).hexdigest()
    return RawRecord(
        venue=venue,
        source=source.value,
        path=path,
        key=raw_key(venue, source, path, sha256),
        source_url=source_url,
        sha256=sha256,
        bytes=len(content),
        venue_checksum=checksum.value,
        etag=etag,
        fetched_at=fetched_at,
        feed=feed,
        symbol=facts.symbol,
        first_date=facts.first_date,
        last_date=facts.last_date,
        labels=json.dumps(dict(facts.labels), sort_keys=True),
    )


def shelve(store: ObjectStore, file: RawRecord, content: bytes) -> RawRecord:
    """Store the bytes of one file, as an object of its own; the ledger settles them."""
    # Whether or not it is there: what a loss of power cut short may have the size, and not the
    # bytes, and what a killed run put may not be on disk.
    store.put(file.key, content, settled=False)
    return replace(file, place=None)


def shelve_together(
    store: ObjectStore, files: Sequence[tuple[RawRecord, bytes]], *, concurrency: int
) -> list[RawRecord]:
    """Store the bytes of files of one venue and source: in a pack where that is worth its while,
    else each as an object of its own; the ledger settles them. Raises as `packs.packed` does."""
    if len(files) < packs.FEWEST:
        return in_threads([store], concurrency, lambda file: shelve(store, *file), files)
    first = files[0][0]
    content, places = packs.packed([(file.key, content) for file, content in files])
    pack = packs.pack_key(first.venue, SourceKind(first.source), content)
    store.put(pack, content, settled=False)
    return [
        replace(file, place=packs.Place(pack, at))
        for (file, _), at in zip(files, places, strict=True)
    ]


def record(ledger: Ledger, records: list[RawRecord]) -> None:
    """Write records to the ledgers, in an order that does not depend on who fetched first."""
    ordered = sorted(records, key=lambda r: (r.venue, r.source, r.path, r.sha256))
    packs.record(ledger, [(each.key, each.place) for each in ordered])
    columns = {name: list(map(attrgetter(name), ordered)) for name in _SCHEMA}
    ledger.append(LEDGER, pl.DataFrame(columns, schema=_SCHEMA))


def current(ledger: Ledger, venue: str, *which: pl.Expr) -> pl.DataFrame:
    """The raw files of a venue that are current, for each address the one seen last, and for which
    all of `which` holds: of years there are as many as a night needs a handful of."""
    return _current(ledger, venue).filter(*which).sort(IDENTITY)


def _current(ledger: Ledger, venue: str) -> pl.DataFrame:
    latest = ledger.latest(LEDGER, by=IDENTITY)
    if latest is None:
        return pl.DataFrame(schema=_SCHEMA)
    return latest.select(_SCHEMA.keys()).filter(pl.col("venue") == venue)


def let_go(ledger: Ledger) -> None:
    """Hold nothing of what was read about raw files: it is some 900 bytes of each."""
    for name in (LEDGER, packs.LEDGER):
        ledger.let_go(name)


def symbols(ledger: Ledger, venue: str) -> list[str]:
    """What a venue's current raw files are about, sorted."""
    return _current(ledger, venue)["symbol"].drop_nulls().unique().sort().to_list()


@dataclass(frozen=True, slots=True)
class Held:
    """The current version of a file in the lake, as its source last described it."""

    key: str
    etag: str | None
    bytes: int
    place: packs.Place | None

    def is_still(self, etag: str, size: int) -> bool:
        return (self.etag, self.bytes) == (etag, size)


def held(ledger: Ledger, venue: str, source: SourceKind, paths: Sequence[str]) -> dict[str, Held]:
    """What the lake has of these paths of a venue from one kind of source, by path."""
    asked = pl.DataFrame({"path": paths}, schema={"path": pl.String})
    files = _current(ledger, venue).filter(pl.col("source") == source.value)
    files = files.join(asked, on="path", how="semi")
    return {
        path: Held(key, etag, size, packs.place(pack, at))
        for path, key, etag, size, pack, at in packs.placed(ledger, files)
        .select("path", "key", "etag", "bytes", "pack", "at")
        .iter_rows()
    }


def history(ledger: Ledger, *which: pl.Expr) -> pl.DataFrame:
    """`every_version` for which all of `which` holds, the one replaced before the others."""
    return (
        every_version(ledger).filter(*which).drop(RECORDED_BY).sort(*IDENTITY, "fetched_at", "key")
    )


def every_version(ledger: Ledger) -> pl.DataFrame:
    """Every raw file ever seen, once per content and as it was last recorded, with the key of the
    one that replaced it; in the order in which they were recorded.

    Columns: those of the ledger and `superseded_by` (NULL: current).
    """
    everything = ledger.read(LEDGER)
    if everything is None:
        more: dict[str, pl.DataType] = {RECORDED_BY: pl.String(), "superseded_by": pl.String()}
        return pl.DataFrame(schema=_SCHEMA | more)
    files = everything.select(*_SCHEMA, RECORDED_BY).with_row_index("_row")
    # Of millions of files few have a path that another one has, and no other can be there twice.
    alike = files.filter(pl.col("path").is_duplicated())
    newest = alike.group_by(IDENTITY, maintain_order=True).agg(superseded_by=pl.col("key").last())
    versions = alike.unique("key", keep="last", maintain_order=True).join(newest, on=IDENTITY)
    replaced = versions.filter(pl.col("key") != pl.col("superseded_by"))
    again = alike.join(versions, on="_row", how="anti")
    return (
        files.join(again, on="_row", how="anti", maintain_order="left")
        .join(
            replaced.select("_row", "superseded_by"), on="_row", how="left", maintain_order="left"
        )
        .select(*_SCHEMA, RECORDED_BY, "superseded_by")
    )


def find(ledger: Ledger, key: str) -> dict[str, Any] | None:
    """The ledger's row of a raw file, placed; None if nothing with that key was ever taken in."""
    everything = ledger.read(LEDGER)
    if everything is None:
        return None
    first = everything.filter(pl.col("key") == key).head(1).select(_SCHEMA.keys())
    return next(packs.placed(ledger, first).iter_rows(named=True), None)


def called(ledger: Ledger, name: str, most: int = 5) -> list[str]:
    """Keys of raw files whose path ends in a part `name`, the newest last."""
    everything = ledger.read(LEDGER)
    if everything is None:
        return []
    alike = pl.col("path").str.split("/").list.last() == name
    return everything.filter(alike)["key"].unique(maintain_order=True).tail(most).to_list()


def is_sound(store: ObjectStore, file: RawRecord) -> bool:
    """Whether the store has the very bytes of a file where it is said to lie."""
    try:
        contents(store, [Kept(file.key, file.sha256, file.bytes, file.place)])
    except RawDamaged:
        return False
    return True


def load(store: ObjectStore, row: dict[str, Any]) -> Payload:
    """The payload that a placed row of the ledger describes, bytes and all.

    Raises RawDamaged where the lake no longer has the bytes it took in.
    """
    (payload,) = load_many(store, pl.DataFrame([row], schema_overrides=_SCHEMA | _PLACE))
    return payload


def to_load(ledger: Ledger, files: pl.DataFrame) -> pl.DataFrame:
    """What `load_many` needs to know of these rows of the ledger, in a third of their room."""
    rows = packs.placed(ledger, files)
    recurring = ("pack", "source", "symbol", "labels")
    return rows.select(
        "key",
        *(coded(rows[name]) for name in recurring),
        *("at", "sha256", "bytes", "path", "first_date", "last_date", "fetched_at"),
    )


def load_many(store: ObjectStore, rows: pl.DataFrame, *, concurrency: int = 1) -> list[Payload]:
    """The payloads that rows of the ledger describe, in their order.

    rows: placed (`packs.placed`), or from `to_load`; what lies close together in a pack is read at
        once.
    concurrency: as `in_threads` has it.
    Raises RawDamaged where the lake no longer has the bytes it took in.
    """
    wanted = [
        Kept(key, sha256, size, packs.place(pack, at))
        for key, sha256, size, pack, at in rows.select(
            "key", "sha256", "bytes", "pack", "at"
        ).iter_rows()
    ]
    read = contents(store, wanted, concurrency=concurrency)
    # Of thousands of files there are a handful of labels.
    labels: dict[str, dict[str, str]] = {
        text: json.loads(text) for text in rows["labels"].unique().to_list()
    }
    sources = {source.value: source for source in SourceKind}
    about = rows.select(
        "path", "source", "symbol", "first_date", "last_date", "labels", "fetched_at"
    )
    return [
        Payload(
            raw_key=file.key,
            path=path,
            content=content,
            source=sources[source],
            facts=Facts(symbol, first, last, labels[said]),
            fetched_at=fetched_at,
        )
        for file, content, (path, source, symbol, first, last, said, fetched_at) in zip(
            wanted, read, about.iter_rows(), strict=True
        )
    ]
