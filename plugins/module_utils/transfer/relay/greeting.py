# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where a connection to the relay leads: to one server, or where its client asks for as one asks a proxy.

Go, in which s5cmd is written, asks a proxy by CONNECT for https, and by SOCKS 5 for http, where its other way would
change the requests. Who asks must know the password: any user of this host reaches a port on loopback.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hmac
import os
import socket
from typing import Protocol

#: Seconds. Go gives up a connection after 30.
CONNECT_TIMEOUT = 10.0
#: Seconds that a client may take to say where it wants to go. It is on this host.
GREETING_TIMEOUT = 10.0
#: Bytes of a CONNECT request with all its header fields.
_MAX_REQUEST = 16384

#: RFC 1928, RFC 1929.
_SOCKS_VERSION, _PASSWORD_VERSION = 5, 1
_BY_PASSWORD, _NO_METHOD = 2, 255
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_DONE, _NETWORK_UNREACHABLE, _HOST_UNREACHABLE, _REFUSED, _NOT_SUPPORTED = 0, 3, 4, 5, 7
_REPLIES = {errno.ECONNREFUSED: _REFUSED, errno.ENETUNREACH: _NETWORK_UNREACHABLE}


class Refused(OSError):
    """The client did not say what it must, or not in time."""


class Greeting(Protocol):
    """Leads a client to its server."""

    async def server_of(self, client: socket.socket) -> socket.socket:
        """A connection to the server, once the client may send. Raises OSError if that cannot be."""


class ToServer:
    """All connections lead to one server, from their first byte on."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def server_of(self, client: socket.socket) -> socket.socket:  # noqa: ARG002
        """See Greeting."""
        return await connected(self._host, self._port)


class ByConnect:
    """As a proxy for https: https://www.rfc-editor.org/rfc/rfc9110.html#name-connect."""

    scheme = "http"

    def __init__(self, user: str, password: str) -> None:
        self._authorization = b"Basic " + base64.b64encode(f"{user}:{password}".encode())

    async def server_of(self, client: socket.socket) -> socket.socket:
        """See Greeting."""
        loop = asyncio.get_running_loop()
        request = await asyncio.wait_for(_head(client), GREETING_TIMEOUT)
        target = self._target(request)
        if target is None:
            await loop.sock_sendall(client, b"HTTP/1.1 407 not for you\r\nContent-Length: 0\r\n\r\n")
            raise Refused("not a CONNECT request with the password")
        try:
            server = await connected(*target)
        except OSError as error:
            # Go makes the text after the number its error.
            reason = _in_the_words_of_go(error).encode("ascii", "replace")
            await loop.sock_sendall(client, b"HTTP/1.1 502 " + reason + b"\r\nContent-Length: 0\r\n\r\n")
            raise
        return await _answered(client, b"HTTP/1.1 200 connected\r\n\r\n", server)

    def _target(self, request: bytes) -> tuple[str, int] | None:
        lines = request.split(b"\r\n")
        words = lines[0].split(b" ")
        fields = (line.partition(b":") for line in lines[1:])
        given = [value.strip() for name, _colon, value in fields if name.strip().lower() == b"proxy-authorization"]
        known = len(given) == 1 and hmac.compare_digest(given[0], self._authorization)
        if not known or len(words) != 3 or words[0] != b"CONNECT":
            return None
        host, _colon, port = words[1].decode("ascii", "replace").rpartition(":")
        return (host.strip("[]"), int(port)) if host and port.isdigit() else None


class BySocks:
    """As a SOCKS 5 proxy with user and password."""

    scheme = "socks5"

    def __init__(self, user: str, password: str) -> None:
        self._secret = (user.encode(), password.encode())

    async def server_of(self, client: socket.socket) -> socket.socket:
        """See Greeting."""
        host, port = await asyncio.wait_for(self._target(client), GREETING_TIMEOUT)
        try:
            server = await connected(host, port)
        except OSError as error:
            code = _REPLIES.get(error.errno or 0, _HOST_UNREACHABLE)
            await asyncio.get_running_loop().sock_sendall(client, _reply(code))
            raise
        return await _answered(client, _reply(_DONE), server)

    async def _target(self, client: socket.socket) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        version, methods = await _exactly(client, 2)
        offered = await _exactly(client, methods)
        if version != _SOCKS_VERSION or _BY_PASSWORD not in offered:
            await loop.sock_sendall(client, bytes((_SOCKS_VERSION, _NO_METHOD)))
            raise Refused("not SOCKS 5 with a password")
        await loop.sock_sendall(client, bytes((_SOCKS_VERSION, _BY_PASSWORD)))
        await _exactly(client, 1)
        user = await _counted(client)
        password = await _counted(client)
        known = hmac.compare_digest(user, self._secret[0]) & hmac.compare_digest(password, self._secret[1])
        await loop.sock_sendall(client, bytes((_PASSWORD_VERSION, 0 if known else 1)))
        if not known:
            raise Refused("not the password")
        _version, command, _reserved, kind = await _exactly(client, 4)
        host = await _host(client, kind)
        port = int.from_bytes(await _exactly(client, 2), "big")
        if command != _CONNECT or not host:
            await loop.sock_sendall(client, _reply(_NOT_SUPPORTED))
            raise Refused("not a connection by TCP")
        return host, port


async def connected(host: str, port: int) -> socket.socket:
    """A connection to the first address of `host` that answers. Raises OSError."""
    loop = asyncio.get_running_loop()
    failure: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _name, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        server = socket.socket(family, kind, protocol)
        server.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(server, address), CONNECT_TIMEOUT)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return server
        except asyncio.TimeoutError:
            server.close()
            failure = TimeoutError(f"{host} does not answer")
        except OSError as error:
            server.close()
            failure = error
        except BaseException:
            server.close()
            raise
    raise failure


async def _answered(client: socket.socket, answer: bytes, server: socket.socket) -> socket.socket:
    try:
        await asyncio.get_running_loop().sock_sendall(client, answer)
    except BaseException:
        server.close()
        raise
    return server


async def _head(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    head = b""
    # Nothing can follow: the client waits for our answer.
    while not head.endswith(b"\r\n\r\n"):
        more = await loop.sock_recv(client, _MAX_REQUEST)
        head += more
        if not more or len(head) > _MAX_REQUEST:
            raise Refused("not an HTTP request")
    return head


async def _exactly(client: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    block = b""
    while len(block) < size:
        more = await loop.sock_recv(client, size - len(block))
        if not more:
            raise Refused("the client went away")
        block += more
    return block


async def _counted(client: socket.socket) -> bytes:
    (size,) = await _exactly(client, 1)
    return await _exactly(client, size)


async def _host(client: socket.socket, kind: int) -> str:
    if kind == _NAME:
        return (await _counted(client)).decode("ascii", "replace")
    if kind == _IPV4:
        return socket.inet_ntop(socket.AF_INET, await _exactly(client, 4))
    if kind == _IPV6:
        return socket.inet_ntop(socket.AF_INET6, await _exactly(client, 16))
    return ""


def _reply(code: int) -> bytes:
    return bytes((_SOCKS_VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0))


def _in_the_words_of_go(error: OSError) -> str:
    """The reason as Go says it, so that s5cmd's errors are judged as without us; see `s5cmd.transient_cause`."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError) or not error.errno:
        return "connection timed out"
    # asyncio replaces the system's words.
    return os.strerror(error.errno).lower()
