"""HTTP servers on this machine that answer as a site does, and fail as sites do.

```
class Files(LoopbackServer):
    def respond(self, request):
        return Reply(body=b"content", ranges=True)


with Files() as server:
    server.inject("GET /big*", status(503), cut(100))  # the first two answers
    server.inject("GET /*", stall, forever=True)  # all others
    requests.get(f"{server.url}/big", timeout=1)
    assert [request.route for request in server.requests] == ["GET /big"]
```

A fault gets the request and the right reply, and returns the reply to send.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import functools
import itertools
import json
import os
import re
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclasses.dataclass(frozen=True)
class Request:
    """What a client sent; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def route(self) -> str:
        """Method and path, which patterns of faults are matched with."""
        return f"{self.method} {self.path}"

    def json(self) -> Any:
        """Returns the body, which must be JSON."""
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True)
class Reply:
    """What to send back.

    Args:
        status: of the response; None closes the connection without one.
        body: the whole body, even where the client asked for a range.
        headers: beside Content-Length, Content-Range and Connection.
        ranges: whether a `Range` is obeyed.
        length: whether to say how long the body is.
        cut: bytes of the body to send before the connection is closed.
        stall: bytes of the body to send before the server falls silent.
        drip: seconds after each byte of the body; 0 for all at once.
        late: seconds before the answer.
    """

    status: int | None = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ranges: bool = False
    length: bool = True
    cut: int | None = None
    stall: int | None = None
    drip: float = 0.0
    late: float = 0.0


Fault = Callable[[Request, Reply], Reply]


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """Returns a reply whose body is JSON; `Retry_After` means `Retry-After`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(
        status,
        json.dumps(value).encode(),
        {"Content-Type": "application/json", **named},
    )


class LoopbackServer:
    """A server at a free port of 127.0.0.1. Subclasses write `respond`.

    It never blocks at the end, whatever clients do. A mistake in `respond` gives the
    client a 500 and fails the test at the end of the `with`.

    Args:
        tls: context with a certificate: the server speaks HTTPS.
        proxy: whether the server is a proxy (`HTTPS_PROXY`) that plays every host a
            client asks it to connect to; `tls` then belongs to these hosts.

    Attributes:
        requests: all requests so far, in order.
        port: where it listens.
        errors: mistakes of the server itself.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, proxy: bool = False) -> None:
        self.tls = tls
        self.proxy = proxy
        self.requests: list[Request] = []
        self.stopped = threading.Event()
        self.errors: list[Exception] = []
        self._faults: list[tuple[str, Iterator[Fault]]] = []
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.loopback = self
        self.port = self._http.server_address[1]

    def respond(self, request: Request) -> Reply:
        """Returns the right answer to a request. Subclasses write it."""
        raise NotImplementedError(f"{type(self).__name__} must write `respond`.")

    def inject(self, pattern: str, *faults: Fault, forever: bool = False) -> None:
        """Makes the next requests fail.

        Args:
            pattern: shell pattern for the routes, such as `"GET /files/*"`.
            *faults: one for each request that matches, in order.
            forever: whether to begin again after the last.
        """
        turns = itertools.cycle(faults) if forever else iter(faults)
        with self._lock:
            self._faults.append((pattern, turns))

    def count(self, pattern: str) -> int:
        """Returns how many requests there were for routes that match."""
        return sum(fnmatch.fnmatchcase(r.route, pattern) for r in list(self.requests))

    def url_of(self, host: str = "127.0.0.1") -> str:
        """Returns the address under another name of this machine, as "localhost"."""
        scheme = "https" if self.tls and not self.proxy else "http"
        return f"{scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return self.url_of()

    def __enter__(self) -> Any:
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.end_connections()
        self._http.server_close()
        if self.errors:
            raise self.errors[0]

    def answer(self, request: Request) -> Reply:
        """Logs a request and returns the reply to it, with the fault that is due."""
        with self._lock:
            self.requests.append(request)
        try:
            reply = self.respond(request)
            fault = self._due(request.route)
            return fault(request, reply) if fault else reply
        except Exception as error:
            self.errors.append(error)
            return Reply(500, repr(error).encode())

    def _due(self, route: str) -> Fault | None:
        with self._lock:
            for pattern, turns in self._faults:
                if fnmatch.fnmatchcase(route, pattern):
                    fault = next(turns, None)
                    if fault:
                        return fault
        return None


def status(code: int, **headers: str) -> Fault:
    """Answers with an HTML page, as a load balancer does; `Retry_After="1"`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    page = b"<html><body>Sorry</body></html>"
    return lambda request, reply: Reply(
        code, page, {"Content-Type": "text/html", **named}
    )


def close(request: Request, reply: Reply) -> Reply:
    """Closes the connection without an answer."""
    return Reply(status=None)


def stall(request: Request, reply: Reply) -> Reply:
    """Sends the headers, half of the body, and then nothing more."""
    return dataclasses.replace(reply, stall=len(reply.body) // 2)


def silent(request: Request, reply: Reply) -> Reply:
    """Takes the request and never answers."""
    return Reply(status=None, stall=0)


def drip(seconds: float) -> Fault:
    """Sends one byte now and then, so that no silence is long."""
    return lambda request, reply: dataclasses.replace(reply, drip=seconds)


def late(seconds: float) -> Fault:
    """Answers rightly, after a while."""
    return lambda request, reply: dataclasses.replace(reply, late=seconds)


def cut(size: int, length: bool = True) -> Fault:
    """Closes the connection after some bytes of the body.

    Args:
        size: how many.
        length: whether the headers say how many there should have been.
    """
    return lambda request, reply: dataclasses.replace(reply, cut=size, length=length)


def bit_flip(request: Request, reply: Reply) -> Reply:
    """Changes one bit in the middle of the body."""
    body = bytearray(reply.body)
    body[len(body) // 2] ^= 1
    return dataclasses.replace(reply, body=bytes(body))


def without_headers(*names: str) -> Fault:
    """Leaves headers out, such as that with a hash."""
    left_out = {name.lower() for name in names}
    return lambda request, reply: dataclasses.replace(
        reply,
        headers={k: v for k, v in reply.headers.items() if k.lower() not in left_out},
    )


def ignore_range(request: Request, reply: Reply) -> Reply:
    """Sends the whole body with status 200, whatever part was asked for."""
    return dataclasses.replace(reply, ranges=False)


def redirect(url: str) -> Fault:
    """Sends the client elsewhere."""
    return lambda request, reply: Reply(302, headers={"Location": url})


def in_turn(*faults: Fault) -> Fault:
    """Makes one fault of several, each of which gets what the one before left."""

    def all_of_them(request: Request, reply: Reply) -> Reply:
        for fault in faults:
            reply = fault(request, reply)
        return reply

    return all_of_them


@functools.cache
def certificates(*hosts: str) -> tuple[ssl.SSLContext, str]:
    """Makes certificates of an authority of its own.

    Args:
        *hosts: whom they are for; without any, this machine.

    Returns:
        A context for `LoopbackServer`, and the path for `REQUESTS_CA_BUNDLE`.
    """
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    hosts = hosts or ("127.0.0.1", "localhost")
    authority.issue_cert(*hosts).configure_cert(context)
    path = os.path.join(tempfile.mkdtemp(), "ca.pem")
    authority.cert_pem.write_to_path(path)
    return context, path


class _Server(ThreadingHTTPServer):
    loopback: LoopbackServer
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._connections: set[Any] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Wakes the threads that wait for another request, so that they end."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # Clients that hang up are part of the tests.
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.loopback.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.connection = self.request
        loopback = self.server.loopback
        if loopback.tls and not loopback.proxy:
            self._start_tls(loopback.tls)
        self._open_files()

    def finish(self) -> None:
        for file in (self.wfile, self.rfile):
            with contextlib.suppress(OSError):
                file.close()
        if self.connection is not self.request:
            self.connection.close()

    def _open_files(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)

    def _start_tls(self, tls: ssl.SSLContext) -> None:
        # A copy of the socket, because the server closes the first one itself.
        self.connection = tls.wrap_socket(self.connection.dup(), server_side=True)

    def _reply(self) -> None:
        loopback = self.server.loopback
        request = self._read_request()
        if self.command == "CONNECT" and loopback.proxy and loopback.tls:
            loopback.requests.append(request)
            self.send_response(200)
            self.end_headers()
            self._start_tls(loopback.tls)
            self._open_files()
            self.close_connection = False  # though CONNECT comes as HTTP/1.0
            return
        self._send(request, loopback.answer(request))

    do_CONNECT = do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _reply

    def _read_request(self) -> Request:
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            self.command,
            target.path,
            dict(parse_qsl(target.query)),
            headers,
            self.rfile.read(int(headers.get("content-length", 0))),
        )

    def _send(self, request: Request, reply: Reply) -> None:
        if reply.late:
            self.server.loopback.stopped.wait(reply.late)
        if reply.status is None:
            if reply.stall is not None:
                self.server.loopback.stopped.wait()
            self.close_connection = True
            return
        code, body, headers = _ranged(request, reply)
        if reply.length:
            headers["Content-Length"] = str(len(body))
        else:
            headers["Connection"] = "close"
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if request.method == "HEAD":
            return
        until = reply.stall if reply.stall is not None else reply.cut
        if reply.drip:
            for byte in body[:until]:
                self.wfile.write(bytes([byte]))
                if self.server.loopback.stopped.wait(reply.drip):
                    break
        else:
            self.wfile.write(body[:until])
        if reply.stall is not None:
            self.server.loopback.stopped.wait()
        if until is not None or not reply.length:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """The log is `LoopbackServer.requests`."""


def _ranged(request: Request, reply: Reply) -> tuple[int, bytes, dict[str, str]]:
    """Returns status, body and headers, for the range that was asked for if any."""
    code, body, headers = reply.status or 200, reply.body, dict(reply.headers)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not (reply.ranges and match and code == 200):
        return code, body, headers
    size, start = len(body), int(match[1])
    if start >= size:
        return 416, b"", {**headers, "Content-Range": f"bytes */{size}"}
    end = min(int(match[2] or size - 1), size - 1)
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return 206, body[start : end + 1], headers
