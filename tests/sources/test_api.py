"""Answers come in order, whole and untouched; limits hold; a pager that does not end is stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from pyrate_limiter import Decision, RateItem

from flows.storage import api
from flows.storage.api import ApiSource, EndlessPages, RatePool, Received
from flows.storage.http import Forbidden, HttpClient, Patience, Refused, Unavailable
from tests.sources.loopback import Asked, Clock, Reply, Server
from transforms.payload import BadPayload, Parsed, Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Feed, Pager, RateLimit, Request, Venue

SYMBOLS = [f"S{n:02d}USDT" for n in range(20)]


def question(symbol: str, page: int = 0, *, weight: int = 1, host: str = "futures") -> Request:
    return Request(
        host=host,
        endpoint="/v1/funding",
        params={"symbol": symbol, "page": str(page)},
        path=f"v1-funding/{symbol}-{page}.json",
        pool="all",
        weight=weight,
    )


def three_pages(request: Request, content: bytes) -> Request | None:
    """Pages 0, 1 and 2: what the answer says is what is asked next."""
    following = json.loads(content)["next"]
    return None if following is None else question(request.params["symbol"], following)


def serve_three_pages(asked: Asked) -> Reply:
    page = int(asked.params["page"])
    body = {"symbol": asked.params["symbol"], "page": page, "next": page + 1 if page < 2 else None}
    # Spaces that no encoder of ours would write: the bytes must come back as they are.
    return Reply(200, json.dumps(body, indent=3).encode() + b"\r\n")


def parse_nothing(_: Sequence[Payload]) -> Parsed:
    raise AssertionError("asking does not parse")


def feed(next_page: Pager | None = None) -> Feed:
    return Feed(
        name="funding",
        datasets=("funding_rates",),
        source=SourceKind.API,
        precedence=1,
        facts=lambda _: None,
        parse=parse_nothing,
        next_page=next_page,
    )


AMPLE = RateLimit(1000, 1.0)


def venue(limit: RateLimit = AMPLE, **hosts: str) -> Venue:
    return Venue(
        name="examplex",
        feeds=(),
        instrument=lambda _: None,
        api_hosts=hosts or {"futures": "https://futures.examplex.test"},
        rate_limits={"all": limit},
    )


@pytest.fixture
def source(clock: Clock, server: Server) -> Iterator[Callable[..., ApiSource]]:
    with HttpClient(Patience(attempts=3), monotonic=clock.monotonic) as http:

        def make(of: Venue | None = None, address: str = server.address) -> ApiSource:
            return ApiSource(
                of or venue(),
                address,
                http,
                clock.utc,
                monotonic=clock.monotonic,
                sleep=clock.sleep,
            )

        yield make


Make = Callable[..., ApiSource]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_answers_follow_the_order_of_requests_and_pages(
    source: Make, server: Server, concurrency: int
) -> None:
    # The first symbol's answers wait until those of a later one have gone out.
    later_is_out = threading.Event()

    def answer(asked: Asked) -> Reply:
        if asked.params["symbol"] == SYMBOLS[0] and concurrency > 1:
            later_is_out.wait(20)
        elif asked.params["symbol"] == SYMBOLS[3]:
            later_is_out.set()
        return serve_three_pages(asked)

    server.answer = answer
    requests = [question(symbol) for symbol in SYMBOLS]
    received = list(source().ask(feed(three_pages), requests, concurrency=concurrency))
    expected = [question(symbol, page) for symbol in SYMBOLS for page in (0, 1, 2)]
    assert [one.request for one in received] == expected
    assert [one.path for one in received] == [request.path for request in expected]
    for one in received:
        asked = Asked("/v1/funding", one.request.params, {})
        assert one.content == serve_three_pages(asked).body
        assert one.url.startswith(f"{server.address}/v1/funding?symbol=")
        assert one.fetched_at.tzinfo is UTC


def hour_of_funding(start: int) -> Request:
    return Request(
        host="futures",
        endpoint="/info",
        params={"type": "fundingHistory", "startTime": start},
        path=f"fundingHistory/BTC-{start}.json",
        pool="all",
        method="POST",
    )


def test_a_post_is_asked_with_a_json_object_and_paged_like_a_get(
    source: Make, server: Server
) -> None:
    def answer(asked: Asked) -> Reply:
        assert asked.method == "POST"
        assert asked.params == {}
        start = json.loads(asked.body)["startTime"]
        assert start in (0, 3600)  # a number, as it was given
        return Reply(200, json.dumps({"next": 3600 if start == 0 else None}).encode())

    def following(_: Request, content: bytes) -> Request | None:
        start = json.loads(content)["next"]
        return None if start is None else hour_of_funding(start)

    server.answer = answer
    first, second = source().ask(feed(following), [hour_of_funding(0)])
    assert (first.request, second.request) == (hour_of_funding(0), hour_of_funding(3600))
    # The address alone would not say what was asked.
    assert second.url == (
        f'POST {server.address}/info {{"startTime":3600,"type":"fundingHistory"}}'
    )


def test_a_post_is_retried_and_spends_weight_like_a_get(
    source: Make, server: Server, clock: Clock
) -> None:
    server.on("/info", Reply(500), Reply(200, b"[]"))
    began = clock.monotonic()
    list(source(venue(RateLimit(1, 60.0))).ask(feed(), [hour_of_funding(0)]))
    assert [json.loads(asked.body)["startTime"] for asked in server.asked] == [0, 0]
    assert clock.monotonic() - began >= 60


def test_numbers_of_an_address_are_written_out(source: Make, server: Server) -> None:
    server.on("/info", Reply(200, b"[]"))
    list(source().ask(feed(), [replace(hour_of_funding(7), method="GET")]))
    assert server.asked[0].params == {"type": "fundingHistory", "startTime": "7"}


def test_a_feed_without_pages_asks_once(source: Make, server: Server) -> None:
    server.answer = lambda _: Reply(200, b"[]")
    (received,) = source().ask(feed(), [question("BTCUSDT")])
    assert received == Received(
        request=question("BTCUSDT"),
        path="v1-funding/BTCUSDT-0.json",
        content=b"[]",
        url=f"{server.address}/v1/funding?symbol=BTCUSDT&page=0",
        fetched_at=datetime(2026, 3, 1, 0, 16, 40, tzinfo=UTC),  # the clock starts 1000 s into it
    )


def test_nothing_is_asked_for_nothing(source: Make, server: Server) -> None:
    assert list(source().ask(feed(), [])) == []
    assert server.asked == []


def test_requests_are_drawn_as_answers_are_taken(source: Make, server: Server) -> None:
    server.answer = lambda _: Reply(200, b"[]")
    drawn = []

    def requests() -> Iterator[Request]:
        for n in range(1000):
            drawn.append(n)
            yield question(f"S{n}")

    answers = source().ask(feed(), requests(), concurrency=2)
    assert next(answers).request.params["symbol"] == "S0"
    # Twice the concurrency and the one that was taken.
    assert len(drawn) <= 5
    answers.close()
    assert len(server.asked) <= 5


def test_each_host_is_asked_at_its_own_address_or_all_at_the_one_given(source: Make) -> None:
    real = venue(futures="https://fapi.examplex.test/", coins="https://dapi.examplex.test")
    own = {"futures": "https://fapi.examplex.test", "coins": "https://dapi.examplex.test"}
    for address in ("https://fapi.examplex.test", "https://DAPI.examplex.test/"):
        assert source(real, address)._hosts == own
    for address in ("http://127.0.0.1:8000/proxy/", "http://fapi.examplex.test"):
        assert source(real, address)._hosts == dict.fromkeys(own, address.rstrip("/"))


def test_an_address_with_a_path_is_kept(source: Make, server: Server) -> None:
    server.on("/proxy/v1/funding", Reply(200, b"[]"))
    (received,) = source(address=f"{server.address}/proxy/").ask(feed(), [question("X")])
    assert received.content == b"[]"


@pytest.mark.parametrize(
    "pager",
    [
        pytest.param(lambda request, _: request, id="the same request"),
        pytest.param(
            lambda request, _: question("X", 1 - int(request.params["page"])), id="two in turn"
        ),
        pytest.param(
            lambda request, _: replace(
                request, params=dict(reversed(request.params.items())), path="elsewhere.json"
            ),
            id="the same in another order",
        ),
        pytest.param(
            lambda request, _: replace(
                request, params=request.params | {"page": 0}, path="elsewhere.json"
            ),
            id="the same as a number",
        ),
        pytest.param(
            lambda request, _: Request(
                request.host,
                request.endpoint,
                {"cursor": str(len(request.params))},
                request.path,
                request.pool,
            ),
            id="another request under the same path",
        ),
    ],
)
def test_a_pager_that_repeats_itself_is_stopped(source: Make, server: Server, pager: Pager) -> None:
    server.answer = lambda _: Reply(200, b"[]")
    taken = []
    with pytest.raises(EndlessPages, match=r"examplex: feed 'funding' asks for .* again"):
        taken.extend(source().ask(feed(pager), [question("X")]))
    assert len(server.asked) <= 2


def test_the_same_parameters_by_another_method_are_another_question(
    source: Make, server: Server
) -> None:
    server.answer = lambda _: Reply(200, b"[]")

    def by_post(request: Request, _: bytes) -> Request | None:
        return (
            replace(request, method="POST", path="posted.json") if request.method == "GET" else None
        )

    assert len(list(source().ask(feed(by_post), [question("X")]))) == 2
    assert [asked.method for asked in server.asked] == ["GET", "POST"]


def test_pages_without_end_are_stopped(
    source: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_PAGES", 7)
    server.answer = lambda _: Reply(200, b"[]")
    endless = feed(lambda request, _: question("X", int(request.params["page"]) + 1))
    with pytest.raises(EndlessPages, match="more than 7 pages"):
        list(source().ask(endless, [question("X")]))
    assert len(server.asked) == 7


def refuse(bad: str, reply: Reply) -> Callable[[Asked], Reply]:
    """Pages for all symbols, but `reply` to the second page of one."""

    def answer(asked: Asked) -> Reply:
        if (asked.params["symbol"], asked.params["page"]) == (bad, "1"):
            return reply
        return serve_three_pages(asked)

    return answer


def test_a_refused_question_is_raised_after_the_answers_before_it(
    source: Make, server: Server
) -> None:
    server.answer = refuse("S01USDT", Reply(400, b'{"code":-1130,"msg":"startTime is invalid."}'))
    answers = source().ask(feed(three_pages), [question(symbol) for symbol in SYMBOLS])
    taken = [next(answers).path for _ in range(4)]
    with pytest.raises(Refused, match=r"HTTP 400: startTime is invalid\. \(-1130\)"):
        next(answers)
    assert taken == [
        *(question("S00USDT", page).path for page in (0, 1, 2)),
        question("S01USDT", 0).path,
    ]


def test_a_refused_question_can_be_told_while_the_others_go_on(
    source: Make, server: Server
) -> None:
    server.answer = refuse("S01USDT", Reply(404))
    told: list[tuple[Request, Exception]] = []
    received = list(
        source().ask(
            feed(three_pages),
            [question(symbol) for symbol in SYMBOLS],
            refused=lambda request, error: told.append((request, error)),
        )
    )
    assert [request for request, _ in told] == [question("S01USDT")]
    # Twenty symbols of three pages, less the two pages after the refusal.
    assert len(received) == 20 * 3 - 2


def test_an_answer_the_pager_cannot_read_is_kept_and_told(source: Make, server: Server) -> None:
    server.answer = lambda _: Reply(200, b'{"retCode":10001}')

    def read(request: Request, content: bytes) -> Request | None:
        raise BadPayload("examplex", request.path, "retCode 10001")

    told: list[Exception] = []
    answers = source().ask(feed(read), [question("X")], refused=lambda _, error: told.append(error))
    assert [one.content for one in answers] == [b'{"retCode":10001}']
    assert [type(error) for error in told] == [BadPayload]


@pytest.mark.parametrize(
    ("reply", "kind"), [(Reply(503), Unavailable), (Reply(403), Forbidden), (Reply(451), Forbidden)]
)
def test_what_concerns_the_whole_venue_is_always_raised(
    source: Make, server: Server, reply: Reply, kind: type[Exception]
) -> None:
    server.answer = lambda _: reply
    told: list[Exception] = []
    with pytest.raises(kind):
        list(
            source().ask(
                feed(),
                [question(symbol) for symbol in SYMBOLS],
                concurrency=1,
                refused=lambda _, error: told.append(error),
            )
        )
    assert told == []


def test_a_host_or_limit_the_venue_does_not_have(source: Make, server: Server) -> None:
    with pytest.raises(ValueError, match="names 'spot', which is no host or rate limit"):
        list(source().ask(feed(), [question("X", host="spot")]))


def test_weights_are_summed_across_threads(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    # 10 per 60 s and 22 to spend, in whatever order the threads come: at least three windows.
    pool = RatePool("x", RateLimit(10, 60.0), monotonic=clock.monotonic, sleep=clock.sleep)
    sent: list[tuple[float, int]] = []
    decide = pool._bucket.put_decision

    def note(item: RateItem) -> Decision:
        decision = decide(item)
        assert isinstance(decision, Decision)
        if decision.allowed:
            sent.append((item.timestamp / 1000, item.weight))
        return decision

    monkeypatch.setattr(pool._bucket, "put_decision", note)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(pool.spend, [4, 4, 2, 4, 4, 4]))
    assert len(sent) == 6
    for at, _ in sent:
        inside = sum(weight for other, weight in sent if at - 60 < other <= at)
        assert inside <= 10
    assert sum(weight for _, weight in sent) == 22
    assert clock.monotonic() - 1000 >= 120


def test_a_pool_waits_no_longer_than_it_must(clock: Clock) -> None:
    pool = RatePool("x", RateLimit(3, 10.0), monotonic=clock.monotonic, sleep=clock.sleep)
    began = clock.monotonic()
    sent = []
    for _ in range(7):
        pool.spend(1)
        sent.append(round(clock.monotonic() - began, 1))
    assert sent == [0.0, 0.0, 0.0, 10.0, 10.0, 10.0, 20.0]
    assert max(clock.waits) <= 0.5  # in steps, so that nobody waits for what is not wanted


def test_a_weight_that_never_fits(clock: Clock) -> None:
    pool = RatePool("x", RateLimit(3, 10.0), monotonic=clock.monotonic, sleep=clock.sleep)
    with pytest.raises(ValueError, match="weight 4 never fits rate limit 'x' of 3 per 10 s"):
        pool.spend(4)
    assert pool.spend(0)


def test_what_is_not_wanted_spends_nothing(clock: Clock) -> None:
    pool = RatePool("x", RateLimit(1, 1e9), monotonic=clock.monotonic, sleep=clock.sleep)
    assert not pool.spend(1, lambda: False)
    assert pool.spend(1)
    # Full for ever now: whoever waits leaves as soon as it is not wanted.
    wanted = iter([True, True, False])
    assert not pool.spend(1, lambda: next(wanted))
    assert clock.waits == [0.5, 0.5]


def test_requests_keep_to_the_rate_limit(source: Make, server: Server, clock: Clock) -> None:
    times: list[float] = []

    def answer(_: Asked) -> Reply:
        times.append(clock.monotonic())
        return Reply(200, b"[]")

    server.answer = answer
    # Weight 20 of 50 per minute: two a minute, so 6 need three minutes.
    requests = [question(symbol, weight=20) for symbol in SYMBOLS[:6]]
    list(source(venue(RateLimit(50, 60.0))).ask(feed(), requests, concurrency=1))
    assert [round((at - times[0]) / 60) for at in times] == [0, 0, 1, 1, 2, 2]


def test_a_retry_spends_weight_too(source: Make, server: Server, clock: Clock) -> None:
    server.on("/v1/funding", Reply(500), Reply(200, b"[]"))
    began = clock.monotonic()
    list(source(venue(RateLimit(1, 60.0))).ask(feed(), [question("X")]))
    assert clock.monotonic() - began >= 60


def test_a_retry_after_silences_everybody(source: Make, server: Server, clock: Clock) -> None:
    times: list[float] = []
    replies = iter([Reply(429, b"", {"Retry-After": "100"})] + [Reply(200, b"[]")] * 3)

    def answer(_: Asked) -> Reply:
        times.append(clock.monotonic())
        return next(replies)

    server.answer = answer
    asked = source()
    list(asked.ask(feed(), [question("X")], concurrency=1))
    asked._pools["all"].hold(50)
    list(asked.ask(feed(), [question("Y"), question("Z")], concurrency=2))
    waits = [round(later - earlier) for earlier, later in pairwise(times)]
    assert waits == [100, 50, 0]
