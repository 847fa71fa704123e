"""The simulated exchange, over its sockets and in spite of its faults, is read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flows.storage.api import ApiSource
from flows.storage.archive import open_archive
from flows.storage.http import HttpClient
from flows.storage.object_store import S3Options
from simulator.faults import Faults
from simulator.plan import Plan
from simulator.serve import Server, serve
from simulator.simulate import simulate
from tests.sources.loopback import Clock
from transforms.payload import Parsed
from transforms.schemas.column import SourceKind
from transforms.venue import Feed, RateLimit, Request, Venue

EVERY_THIRD = Faults(every=3, statuses=(500, 503, 429), retry_after=1)
# All of them may fall on one file, which is asked for up to six times.
BROKEN_OFF = Faults(truncate=("*.zip",), at_most=4)
FUNDING = Request(
    host="futures",
    endpoint="/fapi/v1/fundingRate",
    params={"symbol": "BTCUSDT", "startTime": "0", "limit": "2"},
    path="fapi-v1-fundingRate/BTCUSDT-0.json",
    pool="all",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("simulated")
    simulate(Plan(date(2026, 2, 1), date(2026, 2, 2), symbols=3, products=("um",)), made)
    return made


@pytest.fixture(params=[EVERY_THIRD, BROKEN_OFF], ids=["every third fails", "bodies break off"])
def exchange(root: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    with serve(root, faults=request.param) as running:
        yield running


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    with HttpClient(monotonic=clock.monotonic) as client:
        yield client


def test_its_bucket_reads_like_its_folder(
    exchange: Server, root: Path, http: HttpClient, clock: Clock
) -> None:
    folder = open_archive(f"file:{root}/archive/binance", s3=None)
    bucket = open_archive(f"{exchange.url}/data.binance.vision", s3=None, http=http)
    found = list(bucket.entries("data/"))
    assert len(found) > 10
    assert [(e.key, e.size) for e in found] == [(e.key, e.size) for e in folder.entries("data/")]
    metrics = "data/futures/um/daily/metrics"
    assert bucket.folders(metrics) == folder.folders(metrics) != []
    for entry in found:
        assert bucket.get(entry.key) == folder.get(entry.key)
    assert clock.waits  # there were faults to be patient with


def test_its_bucket_reads_alike_over_s3(root: Path, http: HttpClient) -> None:
    with serve(root) as running:
        over_http = open_archive(f"{running.url}/data.binance.vision", s3=None, http=http)
        over_s3 = open_archive(
            "s3://data.binance.vision",
            s3=S3Options(endpoint_url=running.url, region="us-east-1", anonymous=True),
        )
        listed = list(over_http.entries("data/"))
        assert listed == list(over_s3.entries("data/")) != []
        assert over_s3.get(listed[0].key) == over_http.get(listed[0].key)


def test_its_api_is_read_page_by_page(exchange: Server, http: HttpClient, clock: Clock) -> None:
    def following(request: Request, content: bytes) -> Request | None:
        rows = json.loads(content)
        if len(rows) < 2:
            return None
        start = str(rows[-1]["fundingTime"] + 1)
        return replace(
            request,
            params={**request.params, "startTime": start},
            path=f"fapi-v1-fundingRate/BTCUSDT-{start}.json",
        )

    def parse(_: object) -> Parsed:
        raise AssertionError("asking does not parse")

    feed = Feed(
        name="funding",
        datasets=("funding_rates",),
        source=SourceKind.API,
        precedence=1,
        facts=lambda _: None,
        parse=parse,
        next_page=following,
    )
    venue = Venue(
        name="binance",
        feeds=(feed,),
        instrument=lambda _: None,
        api_hosts={"futures": "https://fapi.binance.com"},
        rate_limits={"all": RateLimit(500, 300.0)},
    )
    source = ApiSource(
        venue, exchange.url, http, clock.utc, monotonic=clock.monotonic, sleep=clock.sleep
    )
    pages = [json.loads(one.content) for one in source.ask(feed, [FUNDING])]
    whole = replace(FUNDING, params={**FUNDING.params, "limit": "1000"}, path="whole.json")
    (answer,) = source.ask(replace(feed, next_page=None), [whole])
    rows = [row for page in pages for row in page]
    assert rows == json.loads(answer.content)
    # Two days of settlements every 8 hours, in full pages of two and one that ends it.
    assert len(rows) >= 6
    assert {len(page) for page in pages[:-1]} == {2}
