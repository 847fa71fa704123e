"""Answers and recordings somebody else made: a folder or bucket of files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flows.reporting import Reporter
from flows.run import Run
from flows.settings import SourceSettings
from flows.stages.ingest.outcome import Outcome, Problem, set_aside, wanted, with_days
from flows.storage import raw_shelf
from flows.storage.archive import Archive
from flows.storage.object_store import ObjectInfo, ObjectNotFound, StoreUnavailable
from transforms.normalise import survey
from transforms.payload import BadPayload, Facts, Payload
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict
from transforms.venue import Feed


def ingest_dumps(run: Run, source: SourceSettings, dumps: Archive, reporter: Reporter) -> Outcome:
    """Bring home every file of a dump that a feed of the venue reads and that is not held.

    A dump's paths rarely claim days, so all of it is looked at; a file held already and unchanged
    is not fetched again.
    """
    venue = run.venue_of(source)
    outcome = Outcome()
    entries = list(dumps.entries(""))
    paths = [entry.key for entry in entries]
    held = raw_shelf.held(run.ledger, venue.name, SourceKind.DUMP, paths)
    news: list[tuple[Feed, Facts, ObjectInfo]] = []
    for entry in entries:
        match = venue.feed_for(SourceKind.DUMP, entry.key)
        if match is None:
            outcome.ignored.append(entry.key)
        elif not wanted(match[1].symbol, source.symbols):
            continue
        elif (old := held.get(entry.key)) is not None and old.is_still(entry.etag, entry.size):
            outcome.unchanged += 1
        else:
            news.append((*match, entry))

    def fetch(item: tuple[Feed, Facts, ObjectInfo]) -> raw_shelf.RawRecord | Problem:
        feed, facts, entry = item
        try:
            content = dumps.get(entry.key)
            fetched_at = run.clock()
            payload = Payload("", entry.key, content, SourceKind.DUMP, facts, fetched_at)
            try:
                facts = with_days(facts, survey(venue, payload))
            except BadPayload:
                set_aside(run.store, venue.name, SourceKind.DUMP, entry.key, content)
                raise
            file = raw_shelf.described(
                venue=venue.name,
                source=SourceKind.DUMP,
                path=entry.key,
                content=content,
                source_url=dumps.url(entry.key),
                checksum=ChecksumVerdict.ABSENT,
                etag=entry.etag,
                fetched_at=fetched_at,
                feed=feed.name,
                facts=facts,
            )
            return raw_shelf.shelve(run.store, file, content)
        except (BadPayload, ObjectNotFound, StoreUnavailable) as error:
            return Problem(str(error), transient=isinstance(error, StoreUnavailable))

    records: list[raw_shelf.RawRecord] = []
    with (
        ThreadPoolExecutor(run.settings.fetch_concurrency) as pool,
        reporter.steps(f"read {venue.name} dumps", len(news)) as advance,
    ):
        for result in pool.map(fetch, news):
            advance()
            if isinstance(result, Problem):
                outcome.problems.append(result)
            else:
                records.append(result)
    raw_shelf.record(run.ledger, records)
    outcome.keep(records, held)
    return outcome
