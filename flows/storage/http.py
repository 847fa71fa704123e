"""Asking servers for bytes over HTTP: patient with failures that pass, plain about the others.

Tried again, with a growing wait that has jitter: connections that fail or break off, bodies
shorter than their Content-Length, and the statuses of `RETRIED`. A `Retry-After` (RFC 9110,
10.2.3: seconds or a date) replaces that wait exactly; one that asks for more than what is left of
the budget ends the attempts at once, since asking sooner would only earn a longer ban (Binance:
429, then 418, https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info).
"""

from __future__ import annotations

import json
import math
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Protocol, Self

import httpx
import stamina

RETRIED = frozenset({408, 418, 425, 429})
"""Statuses that pass with time, beside all of 500 to 599. 418 is Binance's ban for asking on."""

NOT_MODIFIED = 304
"""The server still has the version whose entity tag was sent along (RFC 9110, 13.1.2)."""

MAX_REDIRECTS = 5
_SHOWN_CHARACTERS = 200
_ERROR_BODY_BYTES = 64 * 1024


class HttpError(Exception):
    """A question that got no usable answer; `url` is what was asked, without any credentials."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason


class NotFound(HttpError):
    """HTTP 404 or 410: the server works and has no such thing. Not a failure, and not a zero."""


class Refused(HttpError):
    """The server will not answer this question, however often it is asked.

    status is its HTTP status; body begins what it said, at most 200 characters.
    """

    def __init__(self, url: str, reason: str, *, status: int, body: str = "") -> None:
        super().__init__(url, reason)
        self.status = status
        self.body = body


class Forbidden(Refused):
    """HTTP 401 or 403: the server asks who we are, or knows and objects."""


class RegionRefused(Forbidden):
    """HTTP 451: the venue serves nobody from here; no other question will do better."""


class Unavailable(HttpError):
    """No answer within the attempts and the time allowed, or one that cannot be taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with status 200, or `NOT_MODIFIED` where that was asked for.

    url: the address asked, before any redirect.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str


class Pace(Protocol):
    """A rate limit that requests share; retries are requests too."""

    def wait_turn(self) -> None:
        """Return when one more request may be sent."""

    def hold(self, seconds: float) -> None:
        """The server asked for this long a silence."""


class _Passing(Exception):
    """A failure that may pass; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a question is asked, and how much is taken for an answer. Times are seconds.

    connect_timeout, read_timeout: without any progress, before an attempt is given up.
    body_timeout: in which a body must be complete, so that a trickle cannot last for ever.
    attempts, budget: a question is given up after this many attempts, or once this much time is
        spent on it (waiting for one's turn in a rate limit does not count), whichever is first.
    backoff, backoff_max: first and longest wait between attempts; it doubles, and up to one
        further `backoff` is added at random.
    max_body: bytes, after decoding.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    body_timeout: float = 900.0
    attempts: int = 6
    budget: float = 180.0
    backoff: float = 0.5
    backoff_max: float = 30.0
    max_body: int = 2 * 1024**3


class HttpClient:
    """Questions with retries over one connection pool; may be used from many threads at once.

    connections: kept open, thus how many threads make progress at once.
    monotonic: the clock that time is measured with, in seconds.
    """

    def __init__(
        self,
        patience: Patience = Patience(),
        *,
        connections: int = 32,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._monotonic = monotonic
        self._client = httpx.Client(
            # A thread waits for a free connection as long as it takes: those in use time out.
            timeout=httpx.Timeout(
                patience.read_timeout, connect=patience.connect_timeout, pool=None
            ),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"User-Agent": user_agent()},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._client.close()

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        stored: bool = False,
        unless: str | None = None,
        pace: Pace | None = None,
    ) -> Answer:
        """The answer to one question.

        stored: hand back the bytes as the server keeps them (a file), never unpacked, even where
            it labels a `.gz` as a content encoding. Otherwise a transfer may be compressed.
        unless: an entity tag; where the server still has the version of it, the answer has the
            status `NOT_MODIFIED` and no content.
        pace: told before each attempt, and of each `Retry-After`.
        Raises NotFound, Refused (Forbidden, RegionRefused) or Unavailable.
        """
        request = self._request("GET", url, params=params)
        if stored:
            request.headers["Accept-Encoding"] = "identity"
        if unless is not None:
            request.headers["If-None-Match"] = unless
        return self._ask(request, stored=stored, pace=pace)

    def post(self, url: str, body: Mapping[str, object], *, pace: Pace | None = None) -> Answer:
        """The answer to a question that is asked with a JSON object.

        It must change nothing at the server: like a `get` it is asked again after a failure.
        Raises as `get` does, and Unavailable where a redirect would drop the body.
        """
        return self._ask(self._request("POST", url, json=body), stored=False, pace=pace)

    def _request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
    ) -> httpx.Request:
        try:
            return self._client.build_request(method, url, params=params, json=json)
        except (httpx.InvalidURL, ValueError) as error:
            raise Unavailable(url, f"is no address: {error}") from error

    def _ask(self, request: httpx.Request, *, stored: bool, pace: Pace | None) -> Answer:
        return _Question(
            self._client, request, self._patience, self._monotonic, stored=stored, pace=pace
        ).ask()


class _Question:
    """One question on its way: attempts made and time spent, apart from other threads'."""

    def __init__(
        self,
        client: httpx.Client,
        request: httpx.Request,
        patience: Patience,
        monotonic: Callable[[], float],
        *,
        stored: bool,
        pace: Pace | None,
    ) -> None:
        self._client = client
        self._request = request
        self._patience = patience
        self._monotonic = monotonic
        self._stored = stored
        self._pace = pace
        self._url = shown(request.url)
        self._made = 0
        self._spent = 0.0
        self._ended = 0.0
        self._gave_up = ""

    def ask(self) -> Answer:
        patience = self._patience
        attempt = stamina.retry(
            on=self._wait_for,
            attempts=patience.attempts,
            timeout=None,  # ours, since turns in a rate limit do not count
            wait_initial=patience.backoff,
            wait_max=patience.backoff_max,
            wait_jitter=patience.backoff,
        )(self._attempt)
        try:
            return attempt(self._url)
        except _Passing as error:
            times = "1 attempt" if self._made == 1 else f"{self._made} attempts"
            raise Unavailable(
                self._url, f"no answer after {times}; last: {error}{self._gave_up}"
            ) from error

    def _wait_for(self, error: Exception) -> bool | float:
        """For stamina: whether to try again, or after how many seconds exactly."""
        if not isinstance(error, _Passing):
            return False
        left = self._patience.budget - self._spent
        wait = error.wait
        if self._pace is not None and wait is not None:
            self._pace.hold(wait)
        if (wait or 0.0) >= left:
            self._gave_up = (
                f" (the budget of {self._patience.budget:g} s is spent)"
                if wait is None
                else f" (asks to wait {wait:g} s, more than the {max(left, 0.0):g} s left)"
            )
            return False
        return True if wait is None else wait

    def _attempt(self, _url: str) -> Answer:
        """One attempt; takes the address so that stamina's log line says what is tried again."""
        now = self._monotonic
        if self._made:
            self._spent += now() - self._ended
        self._made += 1
        if self._pace is not None:
            self._pace.wait_turn()
        began = now()
        try:
            return self._exchange(began)
        except httpx.UnsupportedProtocol as error:
            raise Unavailable(self._url, "is no http or https address") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            if _untrusted(error):
                raise Unavailable(self._url, f"its certificate is not trusted: {error}") from error
            raise _Passing(f"{type(error).__name__}: {error}") from error
        finally:
            self._ended = now()
            self._spent += self._ended - began

    def _exchange(self, began: float) -> Answer:
        request = self._request
        for _ in range(MAX_REDIRECTS + 1):
            response = self._client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return self._answer(response, began)
                request = self._redirected(request, response.next_request)
            finally:
                response.close()
        raise Unavailable(self._url, f"redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, request: httpx.Request, following: httpx.Request) -> httpx.Request:
        schemes = (request.url.scheme, following.url.scheme)
        if schemes[1] not in {"http", "https"} or schemes == ("https", "http"):
            raise Unavailable(self._url, f"redirects to {schemes[1]}, which is not followed")
        if following.method != request.method:
            # 301 to 303 make a GET of a POST: another question than was asked.
            raise Unavailable(self._url, f"redirects a {request.method} to a {following.method}")
        return following

    def _answer(self, response: httpx.Response, began: float) -> Answer:
        status = response.status_code
        content = self._body(response, began)
        # Nothing but 200: a 206 nobody asked for would be a part taken for the whole.
        if status == 200 or (status == NOT_MODIFIED and "If-None-Match" in self._request.headers):
            return Answer(status, dict(response.headers), content, self._url)
        body = content[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
        said = f"HTTP {status}"
        if words := venue_message(content) or " ".join(body.split()):
            said += f": {words[:_SHOWN_CHARACTERS]}"
        if status in RETRIED or status >= 500:
            raise _Passing(said, _retry_after(response.headers))
        if status in {404, 410}:
            raise NotFound(self._url, said)
        if status == 451:
            raise RegionRefused(
                self._url, f"the venue refuses this region ({said})", status=status, body=body
            )
        if status in {401, 403}:
            raise Forbidden(self._url, said, status=status, body=body)
        raise Refused(self._url, said, status=status, body=body)

    def _body(self, response: httpx.Response, began: float) -> bytes:
        limit = self._patience.max_body if response.status_code == 200 else _ERROR_BODY_BYTES
        body = bytearray()
        for chunk in response.iter_raw() if self._stored else response.iter_bytes():
            body += chunk
            if len(body) > limit and response.status_code != 200:
                break
            if len(body) > limit:
                raise Unavailable(self._url, f"answers with more than {limit:,} bytes")
            if self._monotonic() - began > self._patience.body_timeout:
                raise _Passing(f"the body took more than {self._patience.body_timeout:g} s")
        return bytes(body)


def user_agent() -> str:
    """`perpmill/` and the installed version; `source` where it runs from a checkout."""
    try:
        return f"perpmill/{version('perpmill')}"
    except PackageNotFoundError:
        return "perpmill/source"


def shown(url: httpx.URL) -> str:
    """An address without user name and password, fit for logs and for the raw files' origin."""
    return str(url.copy_with(userinfo=b""))


def venue_message(content: bytes) -> str | None:
    """What an error body says for people, if it is JSON of a shape venues use.

    `msg` (Binance, OKX, Bitget), `retMsg` (Bybit), `message` (Gate, BitMEX under `error`, Deribit
    likewise), `err-msg` and `err_msg` (HTX), `error` (Kraken); with its code where there is one.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        found = found["error"]
    if not isinstance(found, dict):
        return None
    for name in ("msg", "retMsg", "message", "err-msg", "err_msg", "error"):
        words = found.get(name)
        if isinstance(words, str) and words:
            codes = (found.get(key) for key in ("code", "retCode", "label", "name", "err-code"))
            code = next((code for code in codes if isinstance(code, int | str)), None)
            return words if code is None else f"{words} ({code})"
    return None


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds to wait; None if the server does not say, or says nothing that can be read.

    A date is taken from the server's own clock (its `Date`), so that a clock of ours that is off
    does not matter.
    """
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until = _http_date(value)
        if until is None:
            return None
        here = _http_date(headers.get("Date", "")) or datetime.now(UTC)
        seconds = (until - here).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _untrusted(error: BaseException) -> bool:
    """Whether a TLS certificate was rejected: no waiting mends that."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
