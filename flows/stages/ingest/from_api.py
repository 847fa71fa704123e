"""What a venue's archive does not have yet, asked from its API; each answer's bytes are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from flows.reporting import Reporter
from flows.run import Days, Run
from flows.settings import SourceSettings
from flows.stages.ingest.outcome import Outcome, Problem, set_aside, wanted, with_days
from flows.stages.ingest.symbols import listed_symbols, named
from flows.storage import raw_shelf
from flows.storage.api import ApiSource, Received
from flows.storage.http import HttpError, Unavailable
from transforms.normalise import survey
from transforms.payload import BadPayload, Payload
from transforms.schemas.column import SourceKind
from transforms.schemas.evidence import ChecksumVerdict
from transforms.venue import Feed, Request, Venue, Window

DAY = timedelta(days=1)


def ingest_api(
    run: Run,
    source: SourceSettings,
    api: ApiSource,
    archive_symbols: Sequence[str],
    days: Days,
    reporter: Reporter,
) -> Outcome:
    """Ask for the symbol-days of `days` (UTC, inclusive) that no archive file or final answer has.

    An answer is final if it was fetched after the days it is about; others are asked again.
    Symbols are those of the instrument answers, which have to be there (`ask_instruments`).
    """
    venue = run.venue_of(source)
    outcome = Outcome()
    # An archive keeps the folders of symbols long delisted; where the venue says what trades,
    # asking for the others would be a request each for nothing.
    known = listed_symbols(run, source.venue, days) or [*archive_symbols, *named(source.symbols)]
    symbols = sorted({s for s in known if wanted(s, source.symbols)})
    for feed in _asking(venue):
        if "instruments" not in feed.datasets:
            gaps = missing_days(_coverage(run, venue, feed, days), symbols, days)
            outcome.add(_ask(run, source, api, feed, gaps, reporter))
    return outcome


def ask_instruments(
    run: Run, source: SourceSettings, api: ApiSource, days: Days, reporter: Reporter
) -> Outcome:
    """Ask, once a UTC day, which instruments there are: that says what else can be asked for."""
    outcome = Outcome()
    for feed in _asking(run.venue_of(source)):
        if "instruments" in feed.datasets and not _asked_today(run, source.venue, feed):
            outcome.add(_ask(run, source, api, feed, [(days, ())], reporter))
    return outcome


def _asking(venue: Venue) -> list[Feed]:
    return [f for f in venue.feeds if f.source is SourceKind.API and f.requests is not None]


def missing_days(
    covered: dict[str, set[date]], symbols: Sequence[str], days: Days
) -> list[tuple[Days, tuple[str, ...]]]:
    """Windows of consecutive days each symbol lacks, with the symbols that lack exactly them."""
    wanting: dict[tuple[date, date], list[str]] = defaultdict(list)
    for symbol in symbols:
        start: date | None = None
        for day in days.each():
            if day in covered.get(symbol, ()):
                if start is not None:
                    wanting[start, day - DAY].append(symbol)
                start = None
            elif start is None:
                start = day
        if start is not None:
            wanting[start, days.last].append(symbol)
    return [(Days(*window), tuple(names)) for window, names in sorted(wanting.items())]


def _coverage(run: Run, venue: Venue, feed: Feed, days: Days) -> dict[str, set[date]]:
    """Those of `days` that each symbol has from the archive for the feed's datasets, or finally
    from this feed."""
    archived = [
        f.name
        for f in venue.feeds
        if f.source is SourceKind.ARCHIVE and set(feed.datasets) <= set(f.datasets)
    ]
    final = pl.col("fetched_at") >= pl.col("last_date").cast(pl.Datetime("us", "UTC")) + DAY
    files = raw_shelf.current(
        run.ledger,
        venue.name,
        pl.col("symbol").is_not_null(),
        pl.col("first_date") <= days.last,
        pl.col("last_date") >= days.first,
        pl.col("feed").is_in(archived) | ((pl.col("feed") == feed.name) & final),
    )
    covered: dict[str, set[date]] = defaultdict(set)
    for symbol, first, last in files.select("symbol", "first_date", "last_date").iter_rows():
        covered[symbol].update(Days(max(first, days.first), min(last, days.last)).each())
    return covered


def _asked_today(run: Run, venue_name: str, feed: Feed) -> bool:
    today = run.clock().date()
    files = raw_shelf.current(run.ledger, venue_name, pl.col("feed") == feed.name)
    return any(fetched.date() == today for fetched in files["fetched_at"])


def _ask(
    run: Run,
    source: SourceSettings,
    api: ApiSource,
    feed: Feed,
    gaps: list[tuple[Days, tuple[str, ...]]],
    reporter: Reporter,
) -> Outcome:
    assert feed.requests is not None  # noqa: S101 - chosen so by the caller
    outcome = Outcome()
    now = run.clock()
    requests = [
        request
        for window, symbols in gaps
        for request in feed.requests(Window(window.first, window.last, symbols, now))
    ]

    def refused(request: Request, error: Exception) -> None:
        """One question the venue declines does not keep the others from being asked."""
        problem = f"{source.venue} {feed.name}: {request.path}: {error}"
        outcome.problems.append(Problem(problem, transient=False))

    with reporter.steps(f"ask {source.venue} {feed.name}", len(requests)) as advance:
        try:
            for received in api.ask(
                feed, requests, concurrency=run.settings.fetch_concurrency, refused=refused
            ):
                advance()
                try:
                    outcome.fetched.append(_shelve(run, source.venue, feed, received))
                except BadPayload as error:
                    outcome.problems.append(Problem(str(error), transient=False))
        except HttpError as error:
            outcome.problems.append(Problem(str(error), isinstance(error, Unavailable)))
        finally:
            raw_shelf.record(run.ledger, outcome.fetched)
    return outcome


def _shelve(run: Run, venue_name: str, feed: Feed, received: Received) -> raw_shelf.RawRecord:
    venue = run.venues[venue_name]
    facts = feed.facts(received.path)
    if facts is None:
        raise BadPayload(venue_name, received.path, f"feed {feed.name} cannot read its own path")
    payload = Payload(
        "", received.path, received.content, SourceKind.API, facts, received.fetched_at
    )
    try:
        facts = with_days(facts, survey(venue, payload))
    except BadPayload:
        set_aside(run.store, venue_name, SourceKind.API, received.path, received.content)
        raise
    file = raw_shelf.described(
        venue=venue_name,
        source=SourceKind.API,
        path=received.path,
        content=received.content,
        source_url=received.url,
        checksum=ChecksumVerdict.ABSENT,
        etag=None,
        fetched_at=received.fetched_at,
        feed=feed.name,
        facts=facts,
    )
    return raw_shelf.shelve(run.store, file, received.content)
