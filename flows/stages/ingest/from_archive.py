"""Files a venue publishes in bulk: list, skip what is held, fetch, verify, shelve."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from flows.executors import InProcess
from flows.in_threads import in_threads
from flows.recording import recorded_together
from flows.reporting import Reporter
from flows.run import Days, Run
from flows.settings import SourceSettings
from flows.stages.ingest.outcome import Outcome, Problem, set_aside, wanted
from flows.stages.ingest.together import Together
from flows.stages.ingest.unlisted import asked_by_name, ingest_by_name, listed
from flows.storage import raw_shelf
from flows.storage.archive import Archive, HttpArchive
from flows.storage.object_store import ObjectInfo, ObjectNotFound, StoreUnavailable
from flows.storage.packs import SMALL
from transforms.container import check_openable
from transforms.payload import BadPayload, Facts, Payload
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict
from transforms.venue import Feed, Venue

CHECKSUM_SUFFIX = ".CHECKSUM"
SPILL = timedelta(days=1)
"""Rows of a day may lie in its neighbours' files, and intervals need the settlement before."""


_ALGORITHMS = {64: "sha256", 32: "md5"}  # by hexadecimal digits
_SPOKEN = {"sha256": "SHA-256", "md5": "MD5"}


class Digest(NamedTuple):
    """What a venue says the digest of a file is, and of which kind."""

    algorithm: str
    hexadecimal: str


class ChecksumMismatch(ValueError):
    """The bytes are not those the venue's checksum file speaks of."""


RECORDED_TOGETHER = 2000
"""Files between two segments of the ledgers; what a killed run brought home since is fetched
again."""
WEIGHT_OF_A_FILE = 2_000
"""However small it is: reading, hashing and packing it costs as much as normalising this much."""
_FETCHED_TOGETHER = 128


@dataclass(frozen=True, slots=True)
class _Wanted:
    feed: Feed
    facts: Facts
    entry: ObjectInfo
    has_checksum: bool


class _Fetched(NamedTuple):
    """A file that is not in the store yet."""

    record: raw_shelf.RawRecord
    content: bytes


class File(NamedTuple):
    """A file to be fetched. held: the version the lake has, if any."""

    entry: ObjectInfo
    has_checksum: bool
    held: raw_shelf.Held | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Files to be fetched, those of neighbouring days beside each other."""

    source: SourceSettings
    archive: Archive
    files: tuple[File, ...]

    @property
    def weight(self) -> int:
        return len(self.files) * WEIGHT_OF_A_FILE


@dataclass
class Brought:
    """What became of `files` more files. records: of those of them, and of ones before them, whose
    bytes now lie in the store."""

    files: int
    records: list[raw_shelf.RawRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def take(self, put: Callable[[], list[raw_shelf.RawRecord]]) -> None:
        """What `put` has put into the store, or its problem: then these are fetched again."""
        try:
            self.records += put()
        except StoreUnavailable as error:
            self.problems.append(Problem(str(error), transient=True))


def ingest_archive(
    run: Run,
    source: SourceSettings,
    archive: Archive,
    days: Days,
    reporter: Reporter,
) -> Outcome:
    """Bring home what `archive` has for `days` (UTC, inclusive) and the days beside them."""
    venue = run.venue_of(source)
    outcome = Outcome()
    if isinstance(archive, HttpArchive) and asked_by_name(archive, venue):
        near = Days(days.first - SPILL, days.last + SPILL)
        outcome.add(ingest_by_name(run, source, archive, near, reporter))
    if listed(archive, venue):
        outcome.add(_ingest_listed(run, source, archive, days, reporter))
    return outcome


def _ingest_listed(
    run: Run,
    source: SourceSettings,
    archive: Archive,
    days: Days,
    reporter: Reporter,
) -> Outcome:
    venue = run.venue_of(source)
    outcome = Outcome()
    listed = _list(run, archive, venue, source.symbols, days, reporter)
    paths = [item.entry.key for item in listed]
    held = raw_shelf.held(run.ledger, venue.name, SourceKind.ARCHIVE, paths)
    news = [
        item
        for item in listed
        if (old := held.get(item.entry.key)) is None
        or not old.is_still(item.entry.etag, item.entry.size)
    ]
    outcome.unchanged = len(listed) - len(news)
    # By day, as they are read later: so a pack holds days that are wanted together.
    news.sort(key=lambda item: (item.facts.first_date or date.min, item.entry.key))
    files = [File(item.entry, item.has_checksum, held.get(item.entry.key)) for item in news]
    pieces = [
        Piece(source, archive, tuple(files[n : n + RECORDED_TOGETHER]))
        for n in range(0, len(files), RECORDED_TOGETHER)
    ]
    # What is asked over HTTP shares one connection and its limits.
    executor = InProcess() if isinstance(archive, HttpArchive) else run.executor

    def record(records: list[raw_shelf.RawRecord]) -> None:
        raw_shelf.record(run.ledger, records)
        outcome.keep(records, held)

    with (
        recorded_together(record, RECORDED_TOGETHER) as take,
        reporter.steps(f"fetch {venue.name} archive", len(news)) as advance,
    ):
        for brought in executor.each(run, fetch_piece, pieces):
            outcome.problems += brought.problems
            take(brought.records)
            for _ in range(brought.files):
                advance()
    return outcome


def fetch_piece(run: Run, piece: Piece) -> Iterator[Brought]:
    """Some files at a time. Small ones are kept together, so their records come later."""
    venue = run.venue_of(piece.source)

    def fetch(file: File) -> _Fetched | raw_shelf.RawRecord | Problem:
        try:
            return _fetch(run, venue, piece.archive, file)
        except (ChecksumMismatch, BadPayload, ObjectNotFound, StoreUnavailable) as error:
            return Problem(str(error), transient=isinstance(error, StoreUnavailable))

    places = [piece.archive, run.store]
    together = Together(run.store, concurrency=run.settings.fetch_concurrency)
    for n in range(0, len(piece.files), _FETCHED_TOGETHER):
        some = piece.files[n : n + _FETCHED_TOGETHER]
        brought = Brought(len(some))
        for result in in_threads(places, run.settings.fetch_concurrency, fetch, some):
            if isinstance(result, Problem):
                brought.problems.append(result)
            elif isinstance(result, _Fetched):
                brought.take(partial(together.add, result.record, result.content))
            else:
                brought.records.append(result)
        yield brought
    last = Brought(0)
    last.take(together.put)
    yield last


def symbol_folders(archive: Archive, venue: Venue, patterns: list[str]) -> list[tuple[Feed, str]]:
    """The symbol folders of each archive feed that hold configured symbols."""
    return [
        (feed, folder)
        for feed in listed(archive, venue)
        for root in feed.folders
        for folder in archive.folders(root)
        # A folder may be named after a pair (BTCUSD) that begins its symbols (BTCUSD_PERP).
        if wanted(folder, patterns) or any(p.startswith(folder) for p in patterns)
    ]


def _list(
    run: Run,
    archive: Archive,
    venue: Venue,
    patterns: list[str],
    days: Days,
    reporter: Reporter,
) -> list[_Wanted]:
    first, last = days.first - SPILL, days.last + SPILL
    feeds = listed(archive, venue)
    prefixes = {
        prefix
        for feed, folder in symbol_folders(archive, venue, patterns)
        if feed.prefixes is not None
        for prefix in feed.prefixes(folder, first, last)
    }
    for feed in feeds:
        if not feed.folders:  # a copy of files that are else asked for by name is looked through
            prefixes.update([""] if feed.prefixes is None else feed.prefixes("", first, last))
    with reporter.steps(f"list {venue.name} archive", len(prefixes)) as advance:

        def entries(prefix: str) -> list[ObjectInfo]:
            try:
                return list(archive.entries(prefix))
            finally:
                advance()

        listings = in_threads([archive], run.settings.fetch_concurrency, entries, sorted(prefixes))
        found = {entry.key: entry for listing in listings for entry in listing}
    chosen = []
    for path in sorted(found):
        if path.endswith(CHECKSUM_SUFFIX):
            continue
        match = venue.feed_for(SourceKind.ARCHIVE, path)
        if match is None or match[0] not in feeds:
            continue
        feed, facts = match
        if wanted(facts.symbol, patterns) and _overlaps(facts, first, last):
            chosen.append(_Wanted(feed, facts, found[path], path + CHECKSUM_SUFFIX in found))
    return chosen


def _overlaps(facts: Facts, first: date, last: date) -> bool:
    if facts.first_date is None or facts.last_date is None:
        return True
    return facts.first_date <= last and facts.last_date >= first


def _fetch(run: Run, venue: Venue, archive: Archive, file: File) -> _Fetched | raw_shelf.RawRecord:
    """A small file's bytes, which are yet to be put; the record of another, which has been."""
    path = file.entry.key
    found = venue.feed_for(SourceKind.ARCHIVE, path)
    assert found is not None, path  # noqa: S101 - it was chosen by that
    feed, facts = found
    content, verdict = _verified(run, venue, archive, file)
    fetched_at = run.clock()
    try:
        payload = Payload("", path, content, SourceKind.ARCHIVE, facts, fetched_at)
        check_openable(payload, limit=feed.largest)
    except BadPayload:
        set_aside(run.store, venue.name, SourceKind.ARCHIVE, path, content)
        raise
    record = raw_shelf.described(
        venue=venue.name,
        source=SourceKind.ARCHIVE,
        path=path,
        content=content,
        source_url=archive.url(path),
        checksum=verdict,
        etag=file.entry.etag,
        fetched_at=fetched_at,
        feed=feed.name,
        facts=facts,
    )
    if len(content) > SMALL:
        return raw_shelf.shelve(run.store, record, content)
    # Touched at its source, but the same: another pack of the same bytes would only take room.
    if file.held is not None and file.held.key == record.key:
        again = replace(record, place=file.held.place)
        if raw_shelf.is_sound(run.store, again):
            return again
    return _Fetched(record, content)


def _verified(
    run: Run, venue: Venue, archive: Archive, file: File
) -> tuple[bytes, ChecksumVerdict]:
    """The file's bytes, compared with the venue's checksum where it publishes one.

    A mismatch is asked again once: the venue may be replacing the pair just now.
    """
    path = file.entry.key
    content = archive.get(path)
    if not file.has_checksum:
        return content, ChecksumVerdict.ABSENT
    for attempt in (1, 2):
        expected = stated_digest(archive.get(path + CHECKSUM_SUFFIX), path)
        found = hashlib.new(expected.algorithm, content, usedforsecurity=False).hexdigest()
        if found == expected.hexadecimal:
            return content, ChecksumVerdict.MATCH
        if attempt == 1:
            content = archive.get(path)
    key = set_aside(run.store, venue.name, SourceKind.ARCHIVE, path, content)
    raise ChecksumMismatch(
        f"{venue.name}: {path}: {_SPOKEN[expected.algorithm]} is {found[:12]}…, the venue's "
        f"checksum file says {expected.hexadecimal[:12]}…; the bytes were set aside as {key}"
    )


def stated_digest(checksum: bytes, path: str) -> Digest:
    """The digest in a file of `sha256sum` or `md5sum` format: 64 hexadecimal digits are SHA-256
    (Binance), 32 are MD5 (KuCoin, which has used both). The name beside it must be the file's own.

    Raises ChecksumMismatch for anything else.
    """
    words = checksum.decode("utf-8", errors="replace").split()
    name = path.rsplit("/", 1)[-1]
    digits = words[0].lower() if words else ""
    algorithm = _ALGORITHMS.get(len(digits)) if set(digits) <= set(string.hexdigits) else None
    if algorithm is None or len(words) != 2 or words[1].lstrip("*") != name:
        raise ChecksumMismatch(f"{path}{CHECKSUM_SUFFIX}: not a SHA-256 or MD5 line for {name}")
    return Digest(algorithm, digits)
