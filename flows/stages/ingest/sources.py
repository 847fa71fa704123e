"""All of a run's configured sources, one after the other."""

from __future__ import annotations

import polars as pl

from flows.failures import InputUnavailable
from flows.reporting import Reporter, log
from flows.run import Days, Run
from flows.settings import SourceSettings
from flows.stages.ingest.from_api import ask_instruments, ingest_api
from flows.stages.ingest.from_archive import ingest_archive, symbol_folders
from flows.stages.ingest.from_dumps import ingest_dumps
from flows.stages.ingest.outcome import Outcome, Problem
from flows.stages.ingest.unlisted import must_list
from flows.storage import raw_shelf
from flows.storage.api import ApiSource
from flows.storage.archive import Archive, open_archive
from flows.storage.http import HttpClient
from flows.storage.object_store import LakeDamaged, StoreUnavailable


def ingest(run: Run, days: Days, reporter: Reporter, *, asked: Days | None = None) -> Outcome:
    """Fetch what every source has for `days`.

    asked: what the run is about, if `days` reach further; nothing at all about them is an error,
        while what is missing beside something is for coverage and the gate to judge.
    Raises InputUnavailable if anything is wanting; whatever did arrive stays in the lake, so the
    next attempt asks for the rest only.
    """
    outcome = Outcome()
    with HttpClient() as http:
        for source in run.settings.sources:
            try:
                outcome.add(_ingest_source(run, source, days, http, reporter))
            except StoreUnavailable as error:
                transient = not isinstance(error, LakeDamaged)
                outcome.problems.append(Problem(f"{source.venue}: {error}", transient))
    for path in outcome.ignored[:20]:
        log.warning("no feed reads this file", path=path)
    log.info(
        "ingested",
        fetched=len(outcome.fetched),
        unchanged=outcome.unchanged,
        ignored=len(outcome.ignored),
        problems=len(outcome.problems),
    )
    outcome.require_whole()
    _require_something(run, asked or days)
    return outcome


def _require_something(run: Run, days: Days) -> None:
    """Raise InputUnavailable if not one raw file is about any of the days, of whatever venue."""
    about = (pl.col("first_date") <= days.last) & (pl.col("last_date") >= days.first)
    for venue in run.venues:
        if raw_shelf.current(run.ledger, venue, about).height:
            return
    span = f"{days.first}" if days.first == days.last else f"{days.first} … {days.last}"
    addresses = [
        f"  {source.venue} {kind}: {address}"
        for source in run.settings.sources
        for kind, address in (
            ("archive", source.archive),
            ("dumps", source.dumps),
            ("api", source.api),
        )
        if address is not None
    ]
    raise InputUnavailable(
        f"no source has anything about {span}; nothing was published. Asked were:\n"
        + "\n".join(addresses)
    )


def _ingest_source(
    run: Run, source: SourceSettings, days: Days, http: HttpClient, reporter: Reporter
) -> Outcome:
    outcome = Outcome()
    archive_symbols: list[str] = []
    api: ApiSource | None = None
    # What lists the instruments comes first: archives that do not list are asked by symbol.
    if source.api is not None:
        api = ApiSource(run.venue_of(source), source.api, http, run.clock)
        outcome.add(ask_instruments(run, source, api, days, reporter))
    if source.dumps is not None:
        dumps = open_archive(source.dumps, s3=run.settings.s3.options(), http=http)
        dumps.check()
        outcome.add(ingest_dumps(run, source, dumps, reporter))
    if source.archive is not None:
        archive = open_archive(
            source.archive,
            s3=source.archive_s3.options(anonymous=not source.archive_signed),
            http=http,
        )
        if must_list(archive, run.venue_of(source)):
            archive.check()
        outcome.add(ingest_archive(run, source, archive, days, reporter))
        archive_symbols = _symbols(run, source, archive)
    if api is not None:
        outcome.add(ingest_api(run, source, api, archive_symbols, days, reporter))
    return outcome


def _symbols(run: Run, source: SourceSettings, archive: Archive) -> list[str]:
    venue = run.venue_of(source)
    folders = {folder for _, folder in symbol_folders(archive, venue, source.symbols)}
    return sorted(folder for folder in folders if venue.instrument(folder) is not None)
