"""The raw layer: exact bytes, kept for ever, under their address and their hash.

An object's key is `raw/{venue}/{source}/{path}@{first 12 of sha256}`: a file the venue replaces
lies beside the one it replaced, and the key does not depend on which came first. The ledger `raw`
says which of them is current (the one seen last), where it came from and what its path claims.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter

import polars as pl

from flows.storage.ledger import Ledger
from flows.storage.object_store import LakeDamaged, ObjectNotFound, ObjectStore
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


_REMEDY = "raw files are kept for ever and never edited: bring it back from a copy of the lake"


class RawDamaged(LakeDamaged):
    """A raw file in the lake is gone, or is not what was taken in."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One line of the ledger `raw`.

    etag: how the source tells versions apart (its ETag); None for API answers.
    first_date, last_date: UTC days the content is about, inclusive, from the path or, where the
        path claims none, from its rows; both None for a file without rows or days.
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


def raw_key(venue: str, source: SourceKind, path: str, sha256: str) -> str:
    return f"raw/{venue}/{source.value}/{path}@{sha256[:12]}"


def shelve(
    store: ObjectStore,
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
    """Store the bytes and describe them for the ledger, which settles them."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = raw_key(venue, source, path, sha256)
    # Whether or not it is there: what a loss of power cut short may have the size, and not the
    # bytes, and what a killed run put may not be on disk.
    store.put(key, content, settled=False)
    return RawRecord(
        venue=venue,
        source=source.value,
        path=path,
        key=key,
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


def record(ledger: Ledger, records: list[RawRecord]) -> None:
    """Write records to the ledger, in an order that does not depend on who fetched first."""
    ordered = sorted(records, key=lambda r: (r.venue, r.source, r.path, r.sha256))
    columns = {name: list(map(attrgetter(name), ordered)) for name in _SCHEMA}
    ledger.append(LEDGER, pl.DataFrame(columns, schema=_SCHEMA))


def current(ledger: Ledger, venue: str) -> pl.DataFrame:
    """The raw files of a venue that are current: for each address the one seen last."""
    latest = ledger.latest(LEDGER, by=IDENTITY)
    if latest is None:
        return pl.DataFrame(schema=_SCHEMA)
    return latest.filter(pl.col("venue") == venue).select(_SCHEMA.keys()).sort(IDENTITY)


@dataclass(frozen=True, slots=True)
class Held:
    """The current version of a file in the lake, as its source last described it."""

    key: str
    etag: str | None
    bytes: int

    def is_still(self, etag: str, size: int) -> bool:
        return (self.etag, self.bytes) == (etag, size)


def held(ledger: Ledger, venue: str, source: SourceKind) -> dict[str, Held]:
    """What the lake has of a venue from one kind of source, by path."""
    files = current(ledger, venue).filter(pl.col("source") == source.value)
    return {
        path: Held(key, etag, size)
        for path, key, etag, size in files.select("path", "key", "etag", "bytes").iter_rows()
    }


def history(ledger: Ledger) -> pl.DataFrame:
    """Every raw file ever seen, once per content, with the key of the one that replaced it.

    Columns: those of the ledger and `superseded_by` (NULL: current).
    """
    everything = ledger.read(LEDGER)
    if everything is None:
        return pl.DataFrame(schema=_SCHEMA | {"superseded_by": pl.String()})
    newest = everything.group_by(IDENTITY, maintain_order=True).agg(
        pl.col("key").last().alias("current_key")
    )
    return (
        everything.unique("key", keep="first", maintain_order=True)
        .join(newest, on=IDENTITY, how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("key") != pl.col("current_key"))
            .then(pl.col("current_key"))
            .alias("superseded_by")
        )
        .select(*_SCHEMA, "superseded_by")
        .sort(*IDENTITY, "fetched_at", "key")
    )


def load(store: ObjectStore, row: dict[str, object]) -> Payload:
    """The payload a ledger row describes, bytes and all.

    Raises RawDamaged where the lake no longer has the bytes it took in.
    """
    labels: dict[str, str] = json.loads(str(row["labels"]))
    first, last, fetched_at = row["first_date"], row["last_date"], row["fetched_at"]
    assert isinstance(fetched_at, datetime)  # noqa: S101 - the ledger's schema says so
    return Payload(
        raw_key=str(row["key"]),
        path=str(row["path"]),
        content=_as_taken_in(store, str(row["key"]), str(row["sha256"])),
        source=SourceKind(str(row["source"])),
        facts=Facts(
            symbol=None if row["symbol"] is None else str(row["symbol"]),
            first_date=first if isinstance(first, date) else None,
            last_date=last if isinstance(last, date) else None,
            labels=labels,
        ),
        fetched_at=fetched_at,
    )


def _as_taken_in(store: ObjectStore, key: str, sha256: str) -> bytes:
    """Numbers made of other bytes than the ledger speaks of could not be traced back."""
    try:
        content = store.get(key)
    except ObjectNotFound as error:
        raise RawDamaged(f"{store.url(key)} is gone from the lake; {_REMEDY}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RawDamaged(
            f"{store.url(key)} was altered in the lake: its SHA-256 is {found[:12]}…, taken in "
            f"was {sha256[:12]}…; {_REMEDY}"
        )
    return content
