"""Archives that do not list their files are asked for them by name."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from flows import reporting
from flows.run import Days, Run
from flows.settings import SourceSettings
from flows.stages.ingest.from_archive import ingest_archive
from flows.stages.ingest.outcome import Outcome
from flows.storage import raw_shelf
from flows.storage.archive import open_archive
from flows.storage.http import HttpClient, Patience
from tests.normalise.examplex import FEED, VENUE, instrument, payload
from tests.sources.loopback import Asked, Reply, Server
from tests.stages.given import NOW, run_of, shelve
from transforms.payload import Facts
from transforms.schemas.column import SourceKind
from transforms.venue import Feed

DAY = date(2025, 1, 2)
DAYS = (date(2025, 1, 1), DAY, date(2025, 1, 3))  # and the days beside it
RATES = gzip.compress(b"1735776000,0.0001\n", mtime=0)

_PATH = re.compile(r"rates/(?P<symbol>[^/]+)/(?P<day>[\d-]+)\.csv\.gz")


def facts(path: str) -> Facts | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    day = date.fromisoformat(found["day"])
    return Facts(None if found["symbol"] == "all" else found["symbol"], day, day)


def candidates(symbol: str | None, first: date, last: date) -> Sequence[str]:
    days = range((last - first).days + 1)
    return [f"rates/{symbol or 'all'}/{first + timedelta(days=n)}.csv.gz" for n in days]


def of_symbols(symbol: str | None, first: date, last: date) -> Sequence[str]:
    return [] if symbol is None else candidates(symbol, first, last)


BY_NAME: Feed = replace(
    FEED, name="rates", datasets=("funding_rates",), facts=facts, candidates=of_symbols
)
LISTING = replace(FEED, name="answers", source=SourceKind.DUMP)  # says which instruments there are
EXAMPLEX = replace(VENUE, feeds=(BY_NAME, LISTING))


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(Patience(attempts=1)) as client:
        yield client


def ingest(
    run: Run, address: str, http: HttpClient, symbols: Sequence[str] = ("BTC-USD",)
) -> Outcome:
    source = SourceSettings(venue="examplex", archive=address, symbols=list(symbols))
    archive = open_archive(address, s3=None, http=http)
    return ingest_archive(run, source, archive, Days(DAY, DAY), reporting.LoggingReporter())


def paths(outcome: Outcome) -> list[str]:
    assert outcome.problems == []
    return [record.path for record in outcome.fetched]


def serve(server: Server, files: dict[str, bytes], **headers: str) -> None:
    def answer(asked: Asked) -> Reply:
        content = files.get(asked.path.removeprefix("/"))
        if content is None:
            return Reply(404, b"no such file")
        tag = f'"{len(content)}"'
        if headers and asked.headers.get("If-None-Match") == tag:
            return Reply(304)
        return Reply(200, content, {"ETag": tag} if headers else {})

    server.answer = answer


def asked(server: Server) -> list[str]:
    return sorted(one.path.removeprefix("/") for one in server.asked)


def test_each_name_is_asked_for_once_and_a_404_is_no_failure(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    run = run_of(tmp_path, EXAMPLEX)
    serve(server, {f"rates/BTC-USD/{DAY}.csv.gz": RATES})
    outcome = ingest(run, server.address, http, ["BTC-USD", "ETH-USD"])
    assert paths(outcome) == [f"rates/BTC-USD/{DAY}.csv.gz"]
    assert asked(server) == [
        f"rates/{symbol}/{day}.csv.gz" for symbol in ("BTC-USD", "ETH-USD") for day in DAYS
    ]
    (held,) = raw_shelf.current(run.ledger, "examplex").to_dicts()
    assert run.store.get(held["key"]) == RATES
    assert (held["symbol"], held["first_date"], held["feed"]) == ("BTC-USD", DAY, "rates")
    assert held["source_url"] == f"{server.address}/rates/BTC-USD/{DAY}.csv.gz"


def test_files_about_many_symbols_need_none(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    venue = replace(EXAMPLEX, feeds=(replace(BY_NAME, candidates=candidates),))
    serve(server, {f"rates/all/{DAY}.csv.gz": RATES})
    with capture_logs() as said:
        outcome = ingest(run_of(tmp_path, venue), server.address, http, ["*"])
    assert paths(outcome) == [f"rates/all/{DAY}.csv.gz"]
    assert not [line for line in said if line["log_level"] == "warning"]


def test_patterns_take_their_symbols_from_the_instrument_answers(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    run = run_of(tmp_path, EXAMPLEX)
    serve(server, {})
    listed = [
        instrument("BTC-USD", "2025-01-01"),
        instrument("BTC-EUR", "2025-01-01", valid_to="2024-12-31"),  # no longer traded
        instrument("ETH-USD", "2025-01-01"),
    ]
    dump = replace(payload("lines/i.jsonl", listed), source=SourceKind.DUMP)
    # Instruments have no days of their own: a row of another dataset dates the file.
    with_day = replace(dump, content=dump.content + _rate())
    shelve(run, EXAMPLEX, with_day)
    ingest(run, server.address, http, ["BTC-*"])
    assert asked(server) == [f"rates/BTC-USD/{day}.csv.gz" for day in DAYS]


def _rate() -> bytes:
    return (
        b'{"dataset": "funding_rates", "symbol": "BTC-USD", "settled_at": "2025-01-02",'
        b' "settled_at_original": "2025-01-02", "funding_rate": "0.1"}\n'
    )


def test_patterns_without_any_symbols_are_said_so(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    with capture_logs() as said:
        outcome = ingest(run_of(tmp_path, EXAMPLEX), server.address, http, ["*", "BTC?"])
    assert paths(outcome) == []
    assert server.asked == []
    (line,) = [line for line in said if line["log_level"] == "warning"]
    assert line["event"] == "no symbols to ask an archive for that does not list its files"
    assert (line["venue"], line["feed"], line["symbols"]) == ("examplex", "rates", ["*", "BTC?"])


@pytest.mark.parametrize("tags", [{}, {"etag": "yes"}], ids=["without", "with entity tags"])
def test_a_held_file_is_taken_again_only_if_it_changed(
    tmp_path: Path, server: Server, http: HttpClient, tags: dict[str, str]
) -> None:
    run = run_of(tmp_path, EXAMPLEX)
    files = {f"rates/BTC-USD/{DAY}.csv.gz": RATES}
    serve(server, files, **tags)
    assert len(paths(ingest(run, server.address, http))) == 1
    again = ingest(run, server.address, http)
    assert (paths(again), again.unchanged) == ([], 1)
    # A venue that replaced its file: both versions stay, the new one counts.
    files[f"rates/BTC-USD/{DAY}.csv.gz"] = gzip.compress(b"1735776000,0.0002\n" * 99, mtime=0)
    assert len(paths(ingest(run, server.address, http))) == 1
    assert raw_shelf.history(run.ledger).height == 2
    assert raw_shelf.current(run.ledger, "examplex").height == 1


def test_a_site_that_is_down_is_asked_once(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    server.answer = lambda _: Reply(503)
    run = run_of(tmp_path, EXAMPLEX)
    settings = run.settings.model_copy(update={"fetch_concurrency": 1})
    outcome = ingest(replace(run, settings=settings), server.address, http, ["A-USD", "B-USD"])
    (problem,) = outcome.problems
    assert problem.transient
    assert "HTTP 503" in problem.text
    assert len(server.asked) == 1


def test_damaged_bytes_are_set_aside(tmp_path: Path, server: Server, http: HttpClient) -> None:
    run = run_of(tmp_path, EXAMPLEX)
    serve(server, {f"rates/BTC-USD/{DAY}.csv.gz": RATES[:-9]})
    outcome = ingest(run, server.address, http)
    (problem,) = outcome.problems
    assert not problem.transient
    assert outcome.fetched == []
    (aside,) = run.store.entries("rejected/")
    assert run.store.get(aside.key) == RATES[:-9]


def test_days_to_come_are_not_asked_for(tmp_path: Path, server: Server, http: HttpClient) -> None:
    run = run_of(tmp_path, EXAMPLEX)
    serve(server, {})
    today = NOW.date()
    source = SourceSettings(venue="examplex", archive=server.address, symbols=["BTC-USD"])
    archive = open_archive(server.address, s3=None, http=http)
    ingest_archive(run, source, archive, Days(today, today), reporting.LoggingReporter())
    assert asked(server) == [
        f"rates/BTC-USD/{day}.csv.gz" for day in (today - timedelta(days=1), today)
    ]


def test_a_copy_in_a_folder_is_looked_through(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    for symbol, day in (("BTC-USD", DAY), ("ETH-USD", DAY), ("BTC-USD", date(2024, 1, 1))):
        file = tmp_path / "copy" / "rates" / symbol / f"{day}.csv.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(RATES)
    outcome = ingest(run_of(tmp_path, EXAMPLEX), f"file:{tmp_path / 'copy'}", http, ["BTC*"])
    assert paths(outcome) == [f"rates/BTC-USD/{DAY}.csv.gz"]
    assert server.asked == []


def test_a_feed_that_cannot_read_what_it_asks_for_is_a_fault_of_the_venue_file(
    tmp_path: Path, server: Server, http: HttpClient
) -> None:
    def odd(symbol: str | None, *_: Any) -> Sequence[str]:
        return [] if symbol is None else ["elsewhere.csv"]

    venue = replace(EXAMPLEX, feeds=(replace(BY_NAME, candidates=odd),))
    with pytest.raises(ValueError, match=r"'rates' asks for elsewhere\.csv"):
        ingest(run_of(tmp_path, venue), server.address, http)
