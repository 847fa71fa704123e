"""Files of archives that cannot be listed: each is asked for by the name it would have.

Such a site says 404 to a name it does not have, which is no failure and no zero: coverage tells
what is missing. A file that is held is asked for with its entity tag, so that one the venue
replaced is noticed and an unchanged one costs no transfer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from flows.reporting import Reporter, log
from flows.run import Days, Run
from flows.settings import SourceSettings
from flows.stages.ingest.outcome import Outcome, Problem, set_aside, wanted
from flows.stages.ingest.symbols import listed_symbols, named
from flows.storage import raw_shelf
from flows.storage.archive import Archive, HttpArchive
from flows.storage.object_store import ObjectNotFound, StoreUnavailable
from transforms.container import check_openable
from transforms.payload import BadPayload, Payload
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict
from transforms.venue import Feed, Venue


def asked_by_name(archive: Archive, venue: Venue) -> list[Feed]:
    """Feeds whose files are asked for one by one: over HTTP, where a feed knows their names."""
    if not isinstance(archive, HttpArchive):
        return []
    return [f for f in _of_archives(venue) if f.candidates is not None]


def listed(archive: Archive, venue: Venue) -> list[Feed]:
    """The other feeds of an archive, whose files it lists."""
    by_name = asked_by_name(archive, venue)
    return [feed for feed in _of_archives(venue) if feed not in by_name]


def must_list(archive: Archive, venue: Venue) -> bool:
    """Whether the archive is of no use unless it lists its files."""
    return bool(listed(archive, venue)) or not asked_by_name(archive, venue)


def _of_archives(venue: Venue) -> list[Feed]:
    return [feed for feed in venue.feeds if feed.source is SourceKind.ARCHIVE]


def ingest_by_name(
    run: Run, source: SourceSettings, archive: HttpArchive, days: Days, reporter: Reporter
) -> Outcome:
    """Bring home what the archive has of the files that feeds of `asked_by_name` know to name.

    Symbols are those configured by name and those of the venue's instrument answers that match.
    """
    venue = run.venue_of(source)
    files = _candidates(run, source, asked_by_name(archive, venue), days)
    paths = [path for path, _ in files]
    held = raw_shelf.held(run.ledger, venue.name, SourceKind.ARCHIVE, paths)
    down = threading.Event()

    def fetch(item: tuple[str, Feed]) -> raw_shelf.RawRecord | Problem | None:
        path, feed = item
        old = held.get(path)
        if down.is_set():
            return None
        try:
            record = _fetch(run, venue, archive, path, feed, None if old is None else old.etag)
        except ObjectNotFound:
            return None
        except StoreUnavailable as error:
            down.set()  # every other question would wait as long for the same answer
            return Problem(f"{error}\n    the files after it were not asked for", transient=True)
        except BadPayload as error:
            return Problem(str(error), transient=False)
        return None if record is None or (old and record.key == old.key) else record

    outcome = Outcome()
    with (
        ThreadPoolExecutor(run.settings.fetch_concurrency) as pool,
        reporter.steps(f"ask {venue.name} archive", len(files)) as advance,
    ):
        for (path, _), result in zip(files, pool.map(fetch, files), strict=True):
            advance()
            if isinstance(result, Problem):
                outcome.problems.append(result)
            elif result is not None:
                outcome.fetched.append(result)
            elif path in held:
                outcome.unchanged += 1
    raw_shelf.record(run.ledger, outcome.fetched)
    return outcome


def _candidates(
    run: Run, source: SourceSettings, feeds: Sequence[Feed], days: Days
) -> list[tuple[str, Feed]]:
    """Paths to ask for, of days that have begun."""
    listed_ones = [s for s in listed_symbols(run, source.venue, days) if wanted(s, source.symbols)]
    symbols = sorted({*named(source.symbols), *listed_ones})
    files: dict[str, Feed] = {}
    for feed in feeds:
        assert feed.candidates is not None  # noqa: S101 - chosen so by the caller
        of_many = feed.candidates(None, days.first, days.last)
        if not symbols and not of_many:
            log.warning(
                "no symbols to ask an archive for that does not list its files",
                venue=source.venue,
                feed=feed.name,
                symbols=source.symbols,
                hint="configure symbols by name, or an api or dumps that list the instruments",
            )
        for symbol in (None, *symbols):
            paths = of_many if symbol is None else feed.candidates(symbol, days.first, days.last)
            files.update((path, feed) for path in paths if _begun(run.clock().date(), feed, path))
    return sorted(files.items(), key=lambda item: item[0])


def _begun(today: date, feed: Feed, path: str) -> bool:
    """Raises ValueError where a feed asks for what it does not read."""
    facts = feed.facts(path)
    if facts is None:
        raise ValueError(f"feed {feed.name!r} asks for {path}, which it does not read")
    return facts.first_date is None or facts.first_date <= today


def _fetch(
    run: Run, venue: Venue, archive: HttpArchive, path: str, feed: Feed, etag: str | None
) -> raw_shelf.RawRecord | None:
    """None if the file is as it was."""
    found = archive.get_unless(path, etag)
    if found is None:
        return None
    facts = feed.facts(path)
    assert facts is not None  # noqa: S101 - `_begun` saw to it
    fetched_at = run.clock()
    try:
        payload = Payload("", path, found.content, SourceKind.ARCHIVE, facts, fetched_at)
        check_openable(payload, limit=feed.largest)
    except BadPayload:
        set_aside(run.store, venue.name, SourceKind.ARCHIVE, path, found.content)
        raise
    file = raw_shelf.described(
        venue=venue.name,
        source=SourceKind.ARCHIVE,
        path=path,
        content=found.content,
        source_url=archive.url(path),
        checksum=ChecksumVerdict.ABSENT,
        etag=found.etag,
        fetched_at=fetched_at,
        feed=feed.name,
        facts=facts,
    )
    return raw_shelf.shelve(run.store, file, found.content)
