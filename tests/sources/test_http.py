"""What is tried again, for how long, and what is said when nothing helps."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import ThreadingHTTPServer

import httpx
import pytest

from flows.storage.http import (
    Forbidden,
    HttpClient,
    NotFound,
    Patience,
    Refused,
    RegionRefused,
    Unavailable,
    venue_message,
)
from tests.sources.loopback import Clock, Reply, Server

OK = Reply(200, b"fine")


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    with HttpClient(monotonic=clock.monotonic) as client:
        yield client


def impatient(clock: Clock, **changes: float) -> HttpClient:
    return HttpClient(replace(Patience(), **changes), monotonic=clock.monotonic)


def test_an_answer_is_its_bytes_and_the_address_asked(http: HttpClient, server: Server) -> None:
    url = server.on("/v1/funding", Reply(200, b"\x00\xff[]", {"X-Used": "3"}))
    answer = http.get(url, {"symbol": "BTCUSDT", "name": "a b&c"})
    assert (answer.status, answer.content) == (200, b"\x00\xff[]")
    assert answer.headers["x-used"] == "3"
    assert answer.url == f"{url}?symbol=BTCUSDT&name=a+b%26c"
    assert server.asked[0].params == {"symbol": "BTCUSDT", "name": "a b&c"}
    assert server.asked[0].headers["User-Agent"].startswith("perpmill/")


def test_a_post_carries_a_json_object(http: HttpClient, server: Server) -> None:
    url = server.on("/info", Reply(503), OK)
    assert http.post(url, {"type": "fundingHistory", "startTime": 7}).content == b"fine"
    assert len(server.asked) == 2
    for asked in server.asked:
        assert (asked.method, asked.params) == ("POST", {})
        assert asked.headers["Content-Type"] == "application/json"
        assert json.loads(asked.body) == {"type": "fundingHistory", "startTime": 7}


def test_a_post_is_never_turned_into_a_get(http: HttpClient, server: Server) -> None:
    server.on("/there", OK)
    kept = server.on("/kept", Reply(307, b"", {"Location": "/there"}))
    assert http.post(kept, {"a": 1}).content == b"fine"
    assert (server.asked[-1].method, server.asked[-1].body) == ("POST", b'{"a":1}')
    dropped = server.on("/dropped", Reply(302, b"", {"Location": "/there"}))
    with pytest.raises(Unavailable, match="redirects a POST to a GET"):
        http.post(dropped, {"a": 1})


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_asked_once(http: HttpClient, server: Server, status: int) -> None:
    url = server.on("/gone", Reply(status))
    with pytest.raises(NotFound) as raised:
        http.get(url)
    assert raised.value.url == url
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [408, 418, 425, 429, 500, 502, 503, 504, 599])
def test_failures_that_pass_are_tried_again(
    http: HttpClient, server: Server, clock: Clock, status: int
) -> None:
    assert http.get(server.on("/x", Reply(status), OK)).content == b"fine"
    assert len(server.asked) == 2
    assert len(clock.waits) == 1


def test_waits_double_with_jitter_up_to_the_longest(server: Server, clock: Clock) -> None:
    url = server.on("/x", Reply(500))
    with (
        impatient(clock, backoff=1.0, backoff_max=5.0, attempts=5) as http,
        pytest.raises(Unavailable),
    ):
        http.get(url)
    # 1·2⁰, 1·2¹, 1·2², min(5, 1·2³), each with up to 1 s more but never more than 5.
    lows = [1.0, 2.0, 4.0, 5.0]
    assert len(clock.waits) == len(lows)
    for wait, low in zip(clock.waits, lows, strict=True):
        assert low <= wait <= min(low + 1.0, 5.0)


def test_exhausted_attempts_name_address_count_and_last_error(
    http: HttpClient, server: Server
) -> None:
    url = server.on("/x", Reply(502), Reply(503, b'{"code":-1001,"msg":"Internal error"}'))
    with pytest.raises(Unavailable) as raised:
        http.get(url)
    assert str(raised.value) == (
        f"{url}: no answer after 6 attempts; last: HTTP 503: Internal error (-1001)"
    )
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        (
            {
                "Date": "Sun, 01 Mar 2026 23:59:00 GMT",
                "Retry-After": "Mon, 02 Mar 2026 00:00:30 GMT",
            },
            90.0,  # 60 s to midnight and 30 s after it, by the server's own clock
        ),
        (
            {
                "Date": "Mon, 02 Mar 2026 00:00:00 GMT",
                "Retry-After": "Sun, 01 Mar 2026 00:00:00 GMT",
            },
            0.0,  # already over
        ),
    ],
)
def test_retry_after_is_obeyed_exactly(
    http: HttpClient, server: Server, clock: Clock, headers: dict[str, str], wait: float
) -> None:
    assert http.get(server.on("/x", Reply(429, b"", headers), OK)).content == b"fine"
    assert clock.waits == [wait]


@pytest.mark.parametrize("value", ["soon", "inf", "nan", "Mon, 99 Xxx"])
def test_an_unreadable_retry_after_leaves_the_usual_wait(
    http: HttpClient, server: Server, clock: Clock, value: str
) -> None:
    assert http.get(server.on("/x", Reply(429, b"", {"Retry-After": value}), OK)).content == b"fine"
    assert 0.5 <= clock.waits[0] <= 1.0


def test_a_retry_after_beyond_the_budget_ends_it_at_once(
    http: HttpClient, server: Server, clock: Clock
) -> None:
    url = server.on("/x", Reply(418, b"banned", {"Retry-After": "181"}))
    with pytest.raises(Unavailable, match="asks to wait 181 s, more than the 180 s left"):
        http.get(url)
    assert clock.waits == []
    assert len(server.asked) == 1


def test_retry_after_is_counted_against_the_budget(
    http: HttpClient, server: Server, clock: Clock
) -> None:
    # 100 of 180 s are gone after the first wait: the second 100 is more than what is left.
    url = server.on("/x", Reply(429, b"", {"Retry-After": "100"}))
    with pytest.raises(Unavailable, match=r"no answer after 2 attempts.*100 s, more than the 80 s"):
        http.get(url)
    assert clock.waits == [100.0]


def test_slow_failures_spend_the_budget(http: HttpClient, server: Server, clock: Clock) -> None:
    # Each attempt takes 100 s: one wait fits after the first, none after the second.
    url = server.on("/x", Reply(500, before=lambda: clock.advance(100)))
    with pytest.raises(Unavailable, match=r"after 2 attempts.*the budget of 180 s is spent"):
        http.get(url)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Reply(200, b"half of", declared=100), id="truncated"),
        pytest.param(Reply(drop=True), id="dropped"),
        pytest.param(Reply(200, b"not gzip", {"Content-Encoding": "gzip"}), id="undecodable"),
    ],
)
def test_broken_answers_are_tried_again(http: HttpClient, server: Server, broken: Reply) -> None:
    assert http.get(server.on("/x", broken, OK)).content == b"fine"
    assert len(server.asked) == 2


def test_a_body_that_stays_truncated_is_never_handed_back(http: HttpClient, server: Server) -> None:
    url = server.on("/x", Reply(200, b"half of", declared=100))
    with pytest.raises(Unavailable, match="RemoteProtocolError"):
        http.get(url, stored=True)


def test_a_silent_server_is_given_up_and_asked_again(server: Server, clock: Clock) -> None:
    release = threading.Event()
    url = server.on("/x", Reply(before=lambda: release.wait(20)), OK)
    try:
        with impatient(clock, read_timeout=0.5, attempts=20, budget=1e9) as http:
            assert http.get(url).content == b"fine"
    finally:
        release.set()
    assert len(server.asked) >= 2


def test_a_body_that_trickles_is_given_up(server: Server, clock: Clock) -> None:
    url = server.on("/x", Reply(200, b"slow", before=lambda: clock.advance(11)), OK)
    with impatient(clock, body_timeout=10) as http:
        assert http.get(url).content == b"fine"
    assert len(server.asked) == 2


def test_nobody_listens(http: HttpClient) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), None) as taken:  # type: ignore[arg-type] # no request comes
        port = taken.server_address[1]
    with pytest.raises(Unavailable, match=rf"127.0.0.1:{port}.*6 attempts; last: ConnectError"):
        http.get(f"http://127.0.0.1:{port}/x")


def test_an_answer_over_the_limit_is_not_taken(server: Server, clock: Clock) -> None:
    exact, over = server.on("/exact", Reply(200, b"1234")), server.on("/over", Reply(200, b"12345"))
    with impatient(clock, max_body=4) as http:
        assert http.get(exact).content == b"1234"
        with pytest.raises(Unavailable, match="more than 4 bytes"):
            http.get(over)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, Refused, r"HTTP 400: Invalid symbol\. \(-1121\)"),
        (401, Forbidden, "HTTP 401"),
        (403, Forbidden, "HTTP 403"),
        (451, RegionRefused, r"the venue refuses this region \(HTTP 451"),
        (206, Refused, "HTTP 206"),
        (304, Refused, "HTTP 304"),
    ],
)
def test_refusals_are_final_and_say_what_the_venue_said(
    http: HttpClient, server: Server, status: int, kind: type[Refused], words: str
) -> None:
    body = b'{"code":-1121,"msg":"Invalid symbol."}' if status != 304 else b""
    url = server.on("/x", Reply(status, body))
    with pytest.raises(Refused, match=words) as raised:
        http.get(url)
    assert type(raised.value) is kind
    assert raised.value.status == status
    assert len(server.asked) == 1


def test_only_the_beginning_of_a_long_refusal_is_shown(http: HttpClient, server: Server) -> None:
    # Beyond what is read of an error page, so that one without end does no harm.
    url = server.on("/x", Reply(400, b"e" * 200_000))
    with pytest.raises(Refused) as raised:
        http.get(url)
    assert raised.value.body == "e" * 200
    assert str(raised.value) == f"{url}: HTTP 400: {'e' * 200}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"retCode":10001,"retMsg":"params error"}', "params error (10001)"),
        (b'{"error":{"message":"Not Found","name":"HTTPError"}}', "Not Found (HTTPError)"),
        (b'{"label":"INVALID_PARAM","message":"from"}', "from (INVALID_PARAM)"),
        (b'{"status":"error","err-code":"invalid","err-msg":"bad"}', "bad (invalid)"),
        (b'{"result":"error","error":"invalidArgument"}', "invalidArgument"),
        (b'["error"]', None),
        (b'{"msg":""}', None),
        (b"<html>", None),
        (b"[" * 100_000, None),
    ],
)
def test_venues_say_it_each_their_way(body: bytes, words: str | None) -> None:
    assert venue_message(body) == words


def test_redirects_are_followed_and_the_address_asked_is_kept(
    http: HttpClient, server: Server
) -> None:
    url = server.on("/old", Reply(302, b"", {"Location": "/new?signature=secret"}))
    server.on("/new", OK)
    answer = http.get(url)
    assert (answer.content, answer.url) == (b"fine", url)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_redirects_elsewhere_than_http_are_not_followed(
    http: HttpClient, server: Server, target: str
) -> None:
    url = server.on("/x", Reply(301, b"", {"Location": target}))
    with pytest.raises(Unavailable, match="which is not followed"):
        http.get(url)


def test_redirects_in_a_circle_end(http: HttpClient, server: Server) -> None:
    url = server.on("/x", Reply(301, b"", {"Location": "/x"}))
    with pytest.raises(Unavailable, match="redirects more than 5 times"):
        http.get(url)
    assert len(server.asked) == 6


def test_a_redirect_does_not_give_up_encryption(http: HttpClient) -> None:
    def serve(_: httpx.Request) -> httpx.Response:
        return httpx.Response(301, headers={"Location": "http://venue.test/x"})

    http._client = httpx.Client(transport=httpx.MockTransport(serve))
    with pytest.raises(Unavailable, match="redirects to http, which is not followed"):
        http.get("https://venue.test/x")


def test_an_untrusted_certificate_is_not_tried_again(http: HttpClient) -> None:
    tried = []

    def serve(request: httpx.Request) -> httpx.Response:
        tried.append(request)
        raise httpx.ConnectError("failed") from ssl.SSLCertVerificationError("self-signed")

    http._client = httpx.Client(transport=httpx.MockTransport(serve))
    with pytest.raises(Unavailable, match="certificate is not trusted"):
        http.get("https://venue.test/x")
    assert len(tried) == 1


@pytest.mark.parametrize("url", ["ftp://venue.test/x", "venue.test/x", "http://[::1/x"])
def test_addresses_that_are_none(http: HttpClient, clock: Clock, url: str) -> None:
    with pytest.raises(Unavailable, match=r"is no (http or https )?address"):
        http.get(url)
    assert clock.waits == []


def test_a_file_is_handed_back_as_stored(http: HttpClient, server: Server) -> None:
    packed = gzip.compress(b"a,b\n")
    url = server.on("/x.csv.gz", Reply(200, packed, {"Content-Encoding": "gzip"}))
    assert http.get(url, stored=True).content == packed
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    assert http.get(url).content == b"a,b\n"


def test_credentials_in_an_address_are_never_shown(http: HttpClient, server: Server) -> None:
    server.on("/x", OK)
    server.on("/y", Reply(400))
    secret = server.address.replace("http://", "http://me:hunter2@")
    assert http.get(f"{secret}/x").url == f"{server.address}/x"
    with pytest.raises(Refused) as raised:
        http.get(f"{secret}/y")
    assert "hunter2" not in str(raised.value)
    assert server.asked[0].headers["Authorization"].startswith("Basic ")


def test_one_client_serves_many_threads(http: HttpClient, server: Server) -> None:
    server.answer = lambda asked: Reply(200, asked.path.encode())
    paths = [f"/{n}" for n in range(64)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda path: http.get(server.address + path).content, paths))
    assert answers == [path.encode() for path in paths]


@dataclass
class Told:
    """A pace that writes down what it is told."""

    turns: int = 0
    held: list[float] = field(default_factory=list)

    def wait_turn(self) -> None:
        self.turns += 1

    def hold(self, seconds: float) -> None:
        self.held.append(seconds)


def test_each_attempt_takes_a_turn_and_each_retry_after_is_told(
    http: HttpClient, server: Server
) -> None:
    pace = Told()
    url = server.on("/x", Reply(500), Reply(429, b"", {"Retry-After": "3"}), OK)
    http.get(url, pace=pace)
    assert (pace.turns, pace.held) == (3, [3.0])


def test_waiting_for_a_turn_does_not_spend_the_budget(
    http: HttpClient, server: Server, clock: Clock
) -> None:
    class Slow(Told):
        def wait_turn(self) -> None:
            clock.advance(300)

    assert http.get(server.on("/x", Reply(500), OK), pace=Slow()).content == b"fine"
