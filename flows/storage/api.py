"""Asking a venue's API what its feeds want to know, within its rate limits, in a fixed order."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from pyrate_limiter import Decision, InMemoryBucket, Rate, RateItem

from flows.storage.http import Forbidden, HttpClient, HttpError, NotFound, Refused
from transforms.payload import BadPayload
from transforms.venue import Feed, RateLimit, Request, Venue

MAX_PAGES = 10_000
"""Pages of one question; more of them is a pager that does not end."""

_STEP = 0.5
"""Seconds after which a waiting thread looks whether its answer is still wanted."""


@dataclass(frozen=True, slots=True)
class Received:
    """One answer.

    content: exactly what was served.
    url: what was asked; of a POST also its body, without which the address says little.
    fetched_at: when the answer had arrived, UTC.
    """

    request: Request
    path: str
    content: bytes
    url: str
    fetched_at: datetime


class EndlessPages(RuntimeError):
    """A pager asks for a page again, or for more than `MAX_PAGES`: a fault of the venue file."""


class _Unwanted(Exception):
    """Nobody takes the answers any more."""


class RatePool:
    """A venue's rate limit, shared by threads: `weight` in any `per` seconds.

    A thread that must wait keeps those behind it waiting, so that a heavy request is not passed
    by light ones for ever. The log is pyrate-limiter's; its Limiter is not used, since it dates
    the requests that had to wait by when they should have been sent, not by when they were.
    """

    def __init__(
        self,
        name: str,
        limit: RateLimit,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._limit = limit
        self._bucket = InMemoryBucket([Rate(limit.weight, round(limit.per * 1000))])
        self._monotonic = monotonic
        self._sleep = sleep
        self._turn = threading.Lock()
        self._silence = threading.Lock()
        self._silent_until = -math.inf

    def spend(self, weight: int, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Return True when a request of this weight may be sent, False once it is not `wanted`.

        Raises ValueError for a weight that can never fit.
        """
        if weight > self._limit.weight:
            raise ValueError(
                f"a request of weight {weight} never fits rate limit {self.name!r} of "
                f"{self._limit.weight} per {self._limit.per:g} s"
            )
        with self._turn:
            while wanted():
                wait = self._wait(weight)
                if wait == 0:
                    return True
                self._sleep(min(wait, _STEP))
        return False

    def hold(self, seconds: float) -> None:
        """Nobody sends before `seconds` have passed: the venue said so to one of us."""
        until = self._monotonic() + seconds
        with self._silence:
            self._silent_until = max(self._silent_until, until)

    def _wait(self, weight: int) -> float:
        """Seconds until it is worth asking again; 0 if the weight was spent."""
        now = self._monotonic()
        if self._silent_until > now:
            return self._silent_until - now
        at = int(now * 1000)
        self._bucket.leak(at)
        # Only buckets outside this process answer with an awaitable.
        decision = cast("Decision", self._bucket.put_decision(RateItem(self.name, at, weight)))
        return 0.0 if decision.allowed else max(decision.retry_after_ms or 0, 1) / 1000


class ApiSource:
    """A venue's API.

    address: one of the venue's own addresses: then each host of `Venue.api_hosts` is asked at its
        own; any other (a simulator, a proxy) serves all of them.
    clock: the time now, UTC.
    """

    def __init__(
        self,
        venue: Venue,
        address: str,
        http: HttpClient,
        clock: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._venue = venue
        self._http = http
        self._clock = clock
        self._hosts = _hosts(venue, address)
        self._pools = {
            name: RatePool(f"{venue.name} {name}", limit, monotonic=monotonic, sleep=sleep)
            for name, limit in venue.rate_limits.items()
        }

    def ask(
        self,
        feed: Feed,
        requests: Iterable[Request],
        *,
        concurrency: int = 8,
        refused: Callable[[Request, Exception], None] | None = None,
    ) -> Iterator[Received]:
        """Ask `requests` and the pages that follow them; answers in the order of the requests,
        then of the pages, however they arrive.

        Up to `concurrency` requests are under way at a time, and as many more may be done and
        waiting to be taken.

        refused: told of a question that the venue declines to answer (NotFound, Refused, or a
            page whose answer the pager cannot read: BadPayload), after the pages it did answer;
            the others go on. None: it is raised. Always raised, after the answers before it:
            Forbidden, RegionRefused and Unavailable, since they concern the venue as a whole;
            EndlessPages; ValueError for an unknown host or rate limit.
        """
        stop = threading.Event()
        waiting: deque[tuple[Request, Future[_Chain]]] = deque()
        remaining = iter(requests)
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix=f"{self._venue.name}-api")
        try:
            while True:
                while len(waiting) < 2 * concurrency and (request := next(remaining, None)):
                    waiting.append((request, pool.submit(self._chain, feed, request, stop)))
                if not waiting:
                    return
                request, future = waiting.popleft()
                chain = future.result()
                yield from chain.pages
                if chain.error is None:
                    continue
                if refused is None or not _concerns_one(chain.error):
                    raise chain.error
                refused(request, chain.error)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _chain(self, feed: Feed, first: Request, stop: threading.Event) -> _Chain:
        """A request and its pages, up to the first that fails."""
        pages: list[Received] = []
        try:
            for page in self._pages(feed, first, stop):
                pages.append(page)
                if stop.is_set():
                    break
        except (HttpError, BadPayload, EndlessPages, ValueError, _Unwanted) as error:
            return _Chain(pages, error)
        return _Chain(pages, None)

    def _pages(self, feed: Feed, first: Request, stop: threading.Event) -> Iterator[Received]:
        asked: set[object] = set()
        request = first
        for _ in range(MAX_PAGES):
            # The path too: a page under the path of another would take its place in the lake.
            question = _question(request)
            if question in asked or request.path in asked:
                raise EndlessPages(
                    f"{self._venue.name}: feed {feed.name!r} asks for {request.path} again"
                )
            asked |= {question, request.path}
            received = self._receive(request, stop)
            yield received
            following = feed.next_page(request, received.content) if feed.next_page else None
            if following is None:
                return
            request = following
        raise EndlessPages(
            f"{self._venue.name}: feed {feed.name!r} asks for more than {MAX_PAGES} pages after "
            f"{first.path}"
        )

    def _receive(self, request: Request, stop: threading.Event) -> Received:
        try:
            base = self._hosts[request.host]
            pool = self._pools[request.pool]
        except KeyError as error:
            raise ValueError(
                f"{self._venue.name}: {request.path} names {error.args[0]!r}, which is no host or "
                "rate limit of the venue"
            ) from error
        url = f"{base}/{request.endpoint.lstrip('/')}"
        pace = _Turn(pool, request.weight, stop)
        if request.method == "POST":
            answer = self._http.post(url, request.params, pace=pace)
            said = f"POST {answer.url} {_text(request)}"
        else:
            answer = self._http.get(url, _of_address(request), pace=pace)
            said = answer.url
        return Received(request, request.path, answer.content, said, self._clock())


@dataclass(frozen=True, slots=True)
class _Chain:
    pages: list[Received]
    error: Exception | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request's place in its pool, taken anew for each attempt."""

    pool: RatePool
    weight: int
    stop: threading.Event

    def wait_turn(self) -> None:
        if not self.pool.spend(self.weight, lambda: not self.stop.is_set()):
            raise _Unwanted

    def hold(self, seconds: float) -> None:
        self.pool.hold(seconds)


def _concerns_one(error: Exception) -> bool:
    """Whether the venue declined one question, rather than us."""
    return isinstance(error, NotFound | Refused | BadPayload) and not isinstance(error, Forbidden)


def _question(request: Request) -> tuple[str, str, str, str]:
    return request.method, request.host, request.endpoint, _text(request)


def _text(request: Request) -> str:
    """A question's parameters, the same text whatever order they were written in."""
    params = request.params if request.method == "POST" else _of_address(request)
    return json.dumps(dict(params), sort_keys=True, separators=(",", ":"))


def _of_address(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in request.params.items()}


def _hosts(venue: Venue, address: str) -> dict[str, str]:
    official = {host: own.rstrip("/") for host, own in venue.api_hosts.items()}
    if _canonical(address) in {_canonical(own) for own in official.values()}:
        return official
    return dict.fromkeys(official, address.rstrip("/"))


def _canonical(address: str) -> str:
    """Scheme and host do not care about case, nor an address about its closing slash."""
    parts = urlsplit(address)
    return parts._replace(
        scheme=parts.scheme.lower(), netloc=parts.netloc.lower(), path=parts.path.rstrip("/")
    ).geturl()
