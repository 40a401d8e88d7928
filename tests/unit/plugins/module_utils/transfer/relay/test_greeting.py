# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where a connection to the relay leads: what a client may say, and what it is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import socket

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay import greeting as greeting_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay.greeting import (
    ByConnect,
    BySocks,
    Refused,
    ToServer,
    connected,
)

USER, PASSWORD = "relay", "only this process"


@pytest.fixture
def server():
    """A server that takes connections; nobody needs to answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def dead_port():
    """A port of this host that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def greet(greeting, *said):
    """Let a client say each of these, reading an answer in between; returns where it was led, and all that it heard."""

    async def meet():
        client, ours = socket.socketpair()
        with client, ours:
            for end in (client, ours):
                end.setblocking(False)
            heard = []

            async def speak():
                loop = asyncio.get_running_loop()
                for words in said:
                    await loop.sock_sendall(client, words)
                    heard.append(await loop.sock_recv(client, 65536))

            try:
                reached, _spoken = await asyncio.gather(greeting.server_of(ours), speak())
                with reached:
                    return reached.getpeername()[:2], heard
            except OSError as error:
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    heard.append(client.recv(65536))
                return error, heard

    return asyncio.run(meet())


def connect_request(target, password=PASSWORD, field="Proxy-Authorization"):
    secret = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{field}: Basic {secret}\r\n\r\n".encode()


def socks_words(port, password=PASSWORD, command=1, host=b"\x01\x7f\x00\x00\x01"):
    """What a client says in turn: its methods, its password, where it wants to go (RFC 1928, RFC 1929)."""
    secret = bytes((1, len(USER))) + USER.encode() + bytes((len(password),)) + password.encode()
    return b"\x05\x01\x02", secret, bytes((5, command, 0)) + host + port.to_bytes(2, "big")


# --- to one server


def test_without_a_proxy_every_connection_leads_to_the_one_server(server):
    async def reach():
        return await ToServer("127.0.0.1", server.getsockname()[1]).server_of(server)

    with asyncio.run(reach()) as reached:
        assert reached.getpeername() == server.getsockname()
        assert reached.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_that_refuses_is_the_error_of_the_system(dead_port):
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(connected("127.0.0.1", dead_port))


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    async def never(loop, made, address):
        await asyncio.sleep(60)

    monkeypatch.setattr(greeting_module, "CONNECT_TIMEOUT", 0.05)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", never)
    with pytest.raises(TimeoutError, match=r"127\.0\.0\.1 does not answer"):
        asyncio.run(connected("127.0.0.1", 9))


# --- as a proxy for https


def test_connect_with_the_password_leads_to_what_it_asks_for(server):
    host, port = server.getsockname()
    reached, heard = greet(ByConnect(USER, PASSWORD), connect_request(f"{host}:{port}"))
    assert reached == (host, port)
    assert heard == [b"HTTP/1.1 200 connected\r\n\r\n"]


@pytest.mark.parametrize(
    "request_text",
    [
        connect_request("127.0.0.1:1", password="guessed"),
        connect_request("127.0.0.1:1", field="Authorization"),
        connect_request("127.0.0.1:1").replace(b"CONNECT", b"GET"),
        connect_request("127.0.0.1"),
        connect_request("127.0.0.1:port"),
        connect_request("127.0.0.1:1").replace(b"\r\n\r\n", b"\r\nProxy-Authorization: Basic eDp5\r\n\r\n"),
    ],
    ids=["password", "header", "method", "no port", "port", "twice"],
)
def test_any_other_request_is_refused(request_text):
    refused, heard = greet(ByConnect(USER, PASSWORD), request_text)
    assert isinstance(refused, Refused)
    assert heard[0].startswith(b"HTTP/1.1 407 ")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), b"no such host"),
        (TimeoutError("s3 does not answer"), b"connection timed out"),
        (OSError(errno.ECONNREFUSED, "Connect call failed"), b"connection refused"),
        (OSError(errno.ENETUNREACH, "Connect call failed"), b"network is unreachable"),
    ],
)
def test_why_there_is_no_server_is_said_as_go_says_it(monkeypatch, error, words):
    """s5cmd repeats it, and by it we judge whether to try again."""

    async def fail(host, port):
        raise error

    monkeypatch.setattr(greeting_module, "connected", fail)
    told, heard = greet(ByConnect(USER, PASSWORD), connect_request("s3.example:443"))
    assert told is error
    assert heard[0] == b"HTTP/1.1 502 " + words + b"\r\nContent-Length: 0\r\n\r\n"


def test_a_client_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(greeting_module, "GREETING_TIMEOUT", 0.05)
    silent, ours = socket.socketpair()
    with silent, ours:
        ours.setblocking(False)
        for greeting in (ByConnect(USER, PASSWORD), BySocks(USER, PASSWORD)):
            with pytest.raises(asyncio.TimeoutError):
                asyncio.run(greeting.server_of(ours))


# --- as a proxy for http


def test_socks_with_the_password_leads_to_an_address_or_a_name(server):
    host, port = server.getsockname()
    for target in (b"\x01\x7f\x00\x00\x01", b"\x03\x09localhost"):
        reached, heard = greet(BySocks(USER, PASSWORD), *socks_words(port, host=target))
        assert reached == (host, port)
        assert heard == [b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x01" + bytes(6)]


def test_socks_without_the_password_is_refused(server):
    port = server.getsockname()[1]
    refused, heard = greet(BySocks(USER, PASSWORD), b"\x05\x01\x00")
    assert (str(refused), heard) == ("not SOCKS 5 with a password", [b"\x05\xff"])
    refused, heard = greet(BySocks(USER, PASSWORD), *socks_words(port, password="guessed")[:2])
    assert (str(refused), heard) == ("not the password", [b"\x05\x02", b"\x01\x01"])


def test_socks_connects_and_does_nothing_else(server):
    port = server.getsockname()[1]
    for words in (socks_words(port, command=3), socks_words(port, host=b"\x09")):
        refused, heard = greet(BySocks(USER, PASSWORD), *words)
        assert str(refused) == "not a connection by TCP"
        assert heard[-1][:2] == b"\x05\x07"


def test_socks_says_that_a_server_refuses(dead_port):
    refused, heard = greet(BySocks(USER, PASSWORD), *socks_words(dead_port))
    assert isinstance(refused, ConnectionRefusedError)
    assert heard[-1][:2] == b"\x05\x05"
