"""Serves a simulated root on loopback as the exchanges would: buckets, web archives and APIs.

| address | what |
|---|---|
| `/{bucket}/…` | an exchange's bucket in path style: objects and listings, anonymous |
| `/{exchange}/…` | its folder below `archive/` likewise, or its API |
| `/fapi/…`, `/v5/…`, `/api/v5/…`, `/info`, … | its API (`Exchange.routes`) |
| `/data/…`, `/cdn/…`, … | its web archive (`Exchange.roots`) |
| `/?prefix=…` | Binance's bucket |

All is on one port: no two exchanges use the same paths. Like the real archives it ignores `Range`
and answers with the whole body.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from simulator import bucket as s3
from simulator.exchange import Api, Asked, Exchange, discover
from simulator.faults import Faults, Trouble

_BARE = "data.binance.vision"
_JSON, _XML = "application/json", "application/xml"


class Server:
    """A running server. url has no slash at the end; hits counts requests by path."""

    def __init__(self, root: Path, host: str, port: int, faults: Faults | None) -> None:
        _require_loopback(host)
        if not root.is_dir():
            raise FileNotFoundError(f"nothing to serve: {root} is not a folder")
        self.exchanges = discover()
        self.buckets = {
            name: s3.Bucket(root / "archive" / folder, name)
            for exchange in self.exchanges.values()
            for name, folder in ({exchange.name: exchange.name} | dict(exchange.buckets)).items()
        }
        self.apis: dict[str, Api] = {
            x.name: x.answer(root) for x in self.exchanges.values() if x.answer is not None
        }
        self.trouble = Trouble(faults or Faults())
        self.hits: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._minute = (0, 0)
        self.http = _Http((host, port), self)
        address, bound = self.http.server_address[:2]
        name = f"[{address!s}]" if ":" in str(address) else str(address)
        self.url = f"http://{name}:{bound}"

    def api(self, path: str) -> tuple[Exchange, str] | None:
        """The exchange whose API answers at a path, and the path as it knows it."""
        for exchange in self.exchanges.values():
            own = path.removeprefix(f"/{exchange.name}") if _inside(path, exchange) else path
            if exchange.name in self.apis and own.startswith(exchange.routes):
                return exchange, own
        return None

    def place(self, path: str) -> tuple[s3.Bucket, str]:
        """The bucket a path is about, and the key in it; without a key it is a listing."""
        name, _, key = path[1:].partition("/")
        if name in self.buckets:
            return self.buckets[name], key
        for exchange in self.exchanges.values():
            if exchange.roots and path.startswith(exchange.roots):
                return self.buckets[exchange.name], path[1:]
        return self.buckets[_BARE], path[1:]

    def count(self, path: str) -> int:
        """Count a request; how many there were in the current minute."""
        with self._lock:
            self.hits[path] += 1
            minute = int(time.time() // 60)
            used = self._minute[1] if self._minute[0] == minute else 0
            self._minute = (minute, used + 1)
            return used + 1


def _require_loopback(host: str) -> None:
    if host == "localhost":
        return
    try:
        inside = ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise ValueError(f"the simulator serves on loopback only, not on {host}")


@contextmanager
def serve(
    root: Path, host: str = "127.0.0.1", port: int = 0, *, faults: Faults | None = None
) -> Iterator[Server]:
    """Serve `root` in the background until the block ends. Port 0: any free one.

    Raises ValueError for a host that is not loopback, FileNotFoundError if root is no folder.
    """
    server = Server(root, host, port, faults)
    thread = threading.Thread(
        target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, name="simulator"
    )
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.hang_up()
        server.http.server_close()
        thread.join()


def serve_forever(
    root: Path, host: str = "127.0.0.1", port: int = 8765, *, faults: Faults | None = None
) -> None:
    """Serve `root` until interrupted."""
    with serve(root, host, port, faults=faults):
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


class _Http(ThreadingHTTPServer):
    # Threads are waited for when the server closes, after their connections have been cut.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: Server) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of ours; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End the connections clients keep open."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # The client was quicker.
                    continue


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    # Head and body go out together; without this, small answers wait for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests and the demo have better uses for their output."""

    def do_GET(self) -> None:  # the name http.server calls
        self._answer()

    def do_HEAD(self) -> None:  # the name http.server calls
        self._answer()

    def do_POST(self) -> None:  # the name http.server calls
        size = int(self.headers.get("Content-Length") or 0)
        try:
            self._answer(json.loads(self.rfile.read(size)))
        except ValueError:
            self._answer()

    def _answer(self, body: Any = None) -> None:
        owner, trouble = self.server.owner, self.server.owner.trouble
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        used = owner.count(path)
        if trouble.faults.slow_seconds:
            time.sleep(trouble.faults.slow_seconds)
        found = owner.api(path)
        status = trouble.status()
        if status is not None:
            content = s3.error("Fault", "simulated")
            if found is not None:
                content = owner.apis[found[0].name].fault(status)
            wait = trouble.faults.retry_after
            extra = {} if wait is None else {"Retry-After": f"{wait:g}"}
            self._send(status, content, _XML if found is None else _JSON, extra)
        elif found is not None:
            exchange, own = found
            asked = Asked(self.command, own, query, body)
            code, content = owner.apis[exchange.name].answer(asked)
            extra = {exchange.weight_header: str(used)} if exchange.weight_header else {}
            self._send(code, content, _JSON, extra)
        elif self.command == "POST":
            self._send(405, s3.error("MethodNotAllowed", "not for archives"), _XML, {})
        else:
            self._object(path, query)

    def _object(self, path: str, query: dict[str, str]) -> None:
        owner = self.server.owner
        bucket, key = owner.place(path)
        if not key:
            try:
                self._send(200, bucket.listing(query), _XML, {})
            except s3.BadListing as bad:
                self._send(400, s3.error("InvalidArgument", str(bad)), _XML, {})
            return
        file = bucket.file(key)
        if file is None:
            body = s3.error("NoSuchKey", "The specified key does not exist.", key)
            self._send(404, body, _XML, {})
            return
        body, stat = file.read_bytes(), file.stat()
        if owner.trouble.falsifies(path):
            body = b"0" * 64 + body[64:]
        changed = datetime.fromtimestamp(int(stat.st_mtime), UTC)
        headers = {
            "ETag": bucket.etag(file, stat),
            "Last-Modified": format_datetime(changed, usegmt=True),
        }
        cut = self.command == "GET" and owner.trouble.truncates(path)
        self._send(200, body, "application/octet-stream", headers, cut=cut)

    def _send(
        self, status: int, body: bytes, kind: str, headers: dict[str, str], *, cut: bool = False
    ) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            self.close_connection = True


def _inside(path: str, exchange: Exchange) -> bool:
    return path.startswith(f"/{exchange.name}/")
