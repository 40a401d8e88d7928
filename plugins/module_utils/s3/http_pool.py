# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Kept connections to one server, reached and trusted as botocore does: its CA certificates, the same proxies.

http.client of the standard library, because to import urllib3 takes twice as long, and a request through botocore's
session over it three times the processor time.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import sys
import weakref
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from .connection import CONNECT_TIMEOUT, READ_TIMEOUT

if TYPE_CHECKING:
    import ssl

#: Bytes. A page of 1,000 keys, each of 1,024 bytes in percent encoding, has some 4 MB.
MAX_BODY = 32 * 1024 * 1024


class HttpResponse(NamedTuple):
    """A whole answer; the names of its header fields are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


class _Response(http.client.HTTPResponse):
    """Refuses a head that is cut off; http.client takes the cut for the end of the head."""

    fp: Any

    def begin(self) -> None:
        lines = self.fp = _Lines(self.fp)
        super().begin()
        if lines.last not in (b"\r\n", b"\n"):
            raise http.client.HTTPException("the head of the answer is cut off")
        if self.fp is lines:
            self.fp = lines.file


class _Lines:
    """Remembers the last line that was read from a file."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last = b""
        self.close = file.close
        self.flush = file.flush

    def readline(self, limit: int = -1) -> bytes:
        self.last = self.file.readline(limit)
        return self.last


class HttpPool:
    """Connections to the server of one URL. May be used from several threads."""

    def __init__(self, url: str, ca_file: Callable[[], str | None], size: int) -> None:
        """`ca_file` is asked only for TLS; None stands for the certificates that botocore trusts."""
        self._server = urlsplit(url)
        self._proxy = proxy_of(url)
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._idle: deque[http.client.HTTPConnection] = deque(maxlen=size)
        weakref.finalize(self, _close_all, self._idle)

    @property
    def host(self) -> str:
        """The server as the header Host names it: with the port, unless it is the usual one."""
        usual = {"http": 80, "https": 443}[self._server.scheme]
        host = self._server.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = self._server.port
        return host if port in (None, usual) else f"{host}:{port}"

    def send(self, method: str, target: str, headers: Mapping[str, str]) -> HttpResponse:
        """Send a request without a body. Raises OSError or http.client.HTTPException.

        A connection that the server closed meanwhile is replaced once; only requests that may be repeated belong here.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._over(self._connect(), method, target, headers)
        try:
            return self._over(connection, method, target, headers)
        except (ConnectionError, http.client.BadStatusLine):
            _close_all(self._idle)
            return self._over(self._connect(), method, target, headers)

    def _over(
        self, connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str]
    ) -> HttpResponse:
        through_proxy = self._proxy is not None and self._server.scheme == "http"
        try:
            connection.putrequest(
                method,
                f"http://{self._server.netloc}{target}" if through_proxy else target,
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in {**headers, **(self._proxy_headers() if through_proxy else {})}.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read(MAX_BODY)
            if not response.isclosed():
                raise http.client.HTTPException(f"the answer is cut off, or longer than {MAX_BODY} bytes")
        except BaseException:
            connection.close()
            raise
        # Without a socket: the server said that it closes.
        if connection.sock is not None:
            self._idle.append(connection)
        return HttpResponse(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def _connect(self) -> http.client.HTTPConnection:
        connection = self._to_server() if self._proxy is None else self._to_proxy(self._proxy)
        connection.response_class = _Response
        connection.timeout = CONNECT_TIMEOUT
        connection.connect()
        connection.sock.settimeout(READ_TIMEOUT)
        return connection

    def _to_server(self) -> http.client.HTTPConnection:
        host = self._server.hostname or ""
        if self._server.scheme == "https":
            return http.client.HTTPSConnection(host, self._server.port or 443, context=self._trust())
        return http.client.HTTPConnection(host, self._server.port or 80)

    def _to_proxy(self, proxy: SplitResult) -> http.client.HTTPConnection:
        host, port = proxy.hostname or "", proxy.port or 80
        if proxy.scheme != "http":
            raise OSError(f"http.client cannot speak {proxy.scheme} to the proxy {host}")
        if self._server.scheme == "http":
            return http.client.HTTPConnection(host, port)
        connection = http.client.HTTPSConnection(host, port, context=self._trust())
        connection.set_tunnel(self._server.hostname or "", self._server.port or 443, self._proxy_headers())
        return connection

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _tls_context(self._ca_file())
        return self._tls

    def _proxy_headers(self) -> dict[str, str]:
        if self._proxy is None or self._proxy.username is None:
            return {}
        user = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
        return {"Proxy-Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


def _close_all(connections: deque[http.client.HTTPConnection]) -> None:
    with contextlib.suppress(IndexError):  # None is left; other threads may take some meanwhile.
        while True:
            connections.pop().close()


def proxy_of(url: str) -> SplitResult | None:
    """The proxy on the way to `url`, found as botocore finds it; None if there is none."""
    if sys.platform != "darwin" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    server = urlsplit(url)
    if proxy_bypass(server.netloc):
        return None
    proxy = getproxies().get(server.scheme)
    if not proxy:
        return None
    return urlsplit(proxy if proxy.startswith(("http:", "https:")) else "http://" + proxy.lstrip("/"))


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file or _botocore_certificates())
    return context


def _botocore_certificates() -> str:
    """The file of CA certificates that botocore trusts where none is configured (its httpsession.py)."""
    try:
        from certifi import where
    except ImportError:
        import importlib.util

        found = importlib.util.find_spec("botocore")
        return os.path.join(os.path.dirname(found.origin or "") if found else "", "cacert.pem")
    path: str = where()
    return path
