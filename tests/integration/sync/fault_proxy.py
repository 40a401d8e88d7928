# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An HTTP proxy in front of the real S3 server that does to each request what a test decides.

The Host header passes as it came, so that the client's signature, made for the proxy's address, is the one that the
server checks. What a real server would not do on demand (throttle, expire a token, break a line) is done here, and
everything else is the real server's.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import re
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Callable, NamedTuple, Optional, Union
from urllib.parse import parse_qsl, unquote, urlsplit

BLOCK = 65536
#: Seconds after which a request that is held or kept in silence is dropped, so that a failed test ends.
PATIENCE = 300.0


class Request(NamedTuple):
    """A request as a test decides on it. `number` counts from 1; `path` is decoded, `/bucket/key`."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def stores(self) -> bool:
        """Whether this stores content: a PUT of an object or of a part."""
        return self.method == "PUT"

    @property
    def is_part(self) -> bool:
        """Whether this stores one part of a multipart upload."""
        return self.method == "PUT" and "partNumber" in self.query

    @property
    def lists(self) -> bool:
        """Whether this is a page of a listing of objects."""
        return self.method == "GET" and "list-type" in self.query


@dataclass(frozen=True)
class Answer:
    """Take the whole request and answer with an error, as S3 writes it, without the server seeing anything."""

    status: int
    code: str


@dataclass(frozen=True)
class Cut:
    """Close the connection when this many bytes of the request's body have come; `reset` sends RST and not FIN."""

    after: int = 0
    reset: bool = False


@dataclass(frozen=True)
class CutAnswer:
    """Let the server do what was asked, and close the connection in the middle of its answer."""


@dataclass(frozen=True)
class Silence:
    """Take the request and never answer, as behind a firewall that began to drop packets."""


@dataclass(frozen=True)
class ShiftClock:
    """Let the answer look as if the server's clock were ahead by this many seconds: Date and all times of objects."""

    seconds: int


Fault = Union[Answer, Cut, CutAnswer, Silence, ShiftClock]
#: Decides what happens to a request; None lets it pass.
Decide = Callable[[Request], Optional[Fault]]

SLOW_DOWN = Answer(503, "SlowDown")
INTERNAL_ERROR = Answer(500, "InternalError")
EXPIRED = Answer(400, "ExpiredToken")
DENIED = Answer(403, "AccessDenied")
NO_SUCH_BUCKET = Answer(404, "NoSuchBucket")
SKEWED = Answer(403, "RequestTimeTooSkewed")


def pass_all(_request: Request) -> Fault | None:
    """The decision of a proxy that changes nothing."""
    return None


class FaultProxy:
    """Forwards to the server at `endpoint_url` and does to each request what `decide` says.

    `requests` are all requests so far, `played` the faults among them. Both grow while other threads read them.
    """

    def __init__(self, endpoint_url: str, decide: Decide = pass_all) -> None:
        self.decide = decide
        self.requests: list[Request] = []
        self.played: list[tuple[Request, Fault]] = []
        self._target = _address(endpoint_url)
        self._received = 0
        self._moments: list[tuple[int, Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = _Server(self)
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def point_to(self, endpoint_url: str) -> None:
        """Forward to another server from now on: the one that was restarted gets another port."""
        self._target = _address(endpoint_url)

    def when_received(self, count: int, action: Callable[[], None]) -> None:
        """Call `action` once, when the bodies of all requests together have brought more than `count` bytes.

        The bytes beyond wait until it returns, so it may hold the upload for as long as it takes.
        """
        self._moments.append((count, action))

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    # --- for the handlers of the connections

    @property
    def target(self) -> tuple[str, int]:
        """Where requests go now."""
        return self._target

    def judge(self, method: str, target: str, headers: Message) -> Fault | None:
        """Take in a request and say what happens to it. One at a time, so that `decide` needs no lock."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        fields = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            request = Request(len(self.requests) + 1, method, unquote(parts.path), query, fields)
            self.requests.append(request)
            fault = self.decide(request)
            if fault is not None:
                self.played.append((request, fault))
        return fault

    def count(self, length: int) -> None:
        """Take in how many bytes of a body have come, and call what waits for that."""
        with self._lock:
            self._received += length
            due = [action for count, action in self._moments if self._received > count]
            self._moments = [moment for moment in self._moments if self._received <= moment[0]]
            for action in due:
                action()

    def keep_silent(self) -> None:
        """Return when the proxy ends."""
        self._ending.wait(PATIENCE)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is what these tests are about."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    _upstream: http.client.HTTPConnection | None = None

    def handle_method(self) -> None:
        self._left = int(self.headers.get("Content-Length", 0))
        fault = self.server.proxy.judge(self.command, self.path, self.headers)
        if isinstance(fault, Cut):
            self._cut(fault)
        elif isinstance(fault, Silence):
            self._take_body()
            self.server.proxy.keep_silent()
            self._hang_up()
        elif isinstance(fault, Answer):
            self._take_body()
            self._send(fault.status, {"Content-Type": "application/xml"}, self._error_of(fault))
        else:
            self._forward(fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_method

    def finish(self) -> None:
        if self._upstream:
            self._upstream.close()
        super().finish()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _body(self, limit: int | None = None) -> bytes:
        """The next block of the request's body; empty at its end."""
        wanted = min(self._left, BLOCK if limit is None else limit)
        data = self.rfile.read1(wanted) if wanted else b""
        if wanted and not data:
            raise ConnectionResetError("the client went away")
        self._left -= len(data)
        self.server.proxy.count(len(data))
        return data

    def _take_body(self) -> None:
        while self._body():
            pass

    def _cut(self, fault: Cut) -> None:
        taken = 0
        while taken < fault.after:
            data = self._body(min(BLOCK, fault.after - taken))
            if not data:
                break
            taken += len(data)
        self._hang_up(reset=fault.reset)

    def _hang_up(self, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            # Closing with a linger time of zero sends RST and drops what was not sent.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _error_of(self, fault: Answer) -> bytes:
        text = f"<Code>{fault.code}</Code><Message>Put there by a test.</Message><RequestId>0</RequestId>"
        return b"" if self.command == "HEAD" else f'<?xml version="1.0"?><Error>{text}</Error>'.encode()

    def _forward(self, fault: Fault | None) -> None:
        try:
            status, headers, body = self._ask_server()
        except (OSError, http.client.HTTPException):
            # The server is away, as is the upstream line: so is this one.
            self._hang_up(reset=True)
            return
        if isinstance(fault, ShiftClock):
            headers, body = _shifted(headers, body, fault.seconds)
        self._send(status, headers, body, cut=isinstance(fault, CutAnswer))

    def _ask_server(self) -> tuple[int, dict[str, str], bytes]:
        address = self.server.proxy.target
        upstream = self._upstream
        if upstream is None or (upstream.host, upstream.port) != address:
            upstream = self._upstream = http.client.HTTPConnection(*address, timeout=PATIENCE)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders()
            while data := self._body():
                upstream.send(data)
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except BaseException:
            upstream.close()
            self._upstream = None
            raise

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        if status != 204:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._hang_up()


def _address(endpoint_url: str) -> tuple[str, int]:
    target = urlsplit(endpoint_url)
    assert target.hostname and target.port
    return target.hostname, target.port


_TIMES = re.compile(rb"(?<=<LastModified>)[^<]+|(?<=<Initiated>)[^<]+")


def _shifted(headers: Mapping[str, str], body: bytes, seconds: int) -> tuple[dict[str, str], bytes]:
    """An answer with all times later by `seconds`."""

    def later_in_header(text: str) -> str:
        moment = email.utils.parsedate_to_datetime(text) + timedelta(seconds=seconds)
        return email.utils.format_datetime(moment.astimezone(timezone.utc), usegmt=True)

    def later_in_listing(match: re.Match[bytes]) -> bytes:
        moment = datetime.fromisoformat(match.group().decode().replace("Z", "+00:00")) + timedelta(seconds=seconds)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()

    fields = {
        name: later_in_header(value) if name.lower() in ("date", "last-modified") else value
        for name, value in headers.items()
    }
    return fields, _TIMES.sub(later_in_listing, body)
