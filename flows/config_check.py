"""`perpmill config check`: every key valid, every address reachable."""

from __future__ import annotations

from rich.console import Console

from flows.failures import Exit
from flows.run import Run
from flows.settings import Settings
from flows.stages.ingest.unlisted import must_list
from flows.storage.archive import open_archive
from flows.storage.http import HttpClient, HttpError, NotFound, Patience, Refused
from flows.storage.object_store import StoreUnavailable


def check(settings: Settings, console: Console) -> Exit:
    """Print one line per address; INPUT_UNAVAILABLE if any cannot be reached.

    Raises ConfigError for what is wrong in the file itself.
    """
    run = Run.begin(settings, "config check")
    problems = 0

    def say(name: str, address: str, problem: Exception | None) -> None:
        nonlocal problems
        problems += problem is not None
        verdict = "ok" if problem is None else str(problem)
        console.print(f"{name:<24} {address}  {verdict}", markup=False, highlight=False)

    say("lake", settings.lake, _writable(run))
    if settings.corrections is not None:
        expired = sum(not entry.is_live(run.started_at.date()) for entry in run.corrections)
        said = f"{len(run.corrections)} entries" + (f" ({expired} expired)" if expired else "")
        say("corrections", f"{settings.corrections}: {said}", None)
    with HttpClient() as http:
        for source in settings.sources:
            signed = source.archive_s3.options(anonymous=not source.archive_signed)
            for kind, address, options in (
                ("archive", source.archive, signed),
                ("dumps", source.dumps, settings.s3.options()),
            ):
                if address is None:
                    continue
                try:
                    archive = open_archive(address, s3=options, http=http)
                    # One that cannot be listed is asked for files by name, and has no front door.
                    if kind == "dumps" or must_list(archive, run.venue_of(source)):
                        archive.check()
                    problem: Exception | None = None
                except (StoreUnavailable, HttpError) as error:
                    problem = error
                say(f"{source.venue} {kind}", address, problem)
            if source.api is not None:
                say(f"{source.venue} api", source.api, _answers(source.api))
            if source.archive is source.api is source.dumps is None:
                say(source.venue, "", ValueError("names no archive, api or dumps"))
    return Exit.INPUT_UNAVAILABLE if problems else Exit.DONE


def _writable(run: Run) -> Exception | None:
    key = f"probe/{run.run_id}"
    try:
        run.store.put(key, b"perpmill")
        run.store.delete(key)
    except StoreUnavailable as error:
        return error
    return None


def _answers(address: str) -> Exception | None:
    """Whether anybody answers there at all; what the root of an API says does not matter."""
    with HttpClient(Patience(attempts=1)) as http:
        try:
            http.get(address)
        except (NotFound, Refused):
            return None
        except HttpError as error:
            return error
    return None
