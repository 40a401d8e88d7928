# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The relay: one allowance for all connections, in turns, whatever its clients and its server do."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay import relay as relay_module
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay.greeting import ByConnect, BySocks, ToServer
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay.relay import BURST, Allowance, Relay
from hypothesis import given
from hypothesis import strategies as st

#: Bytes per second that are no limit for these tests.
FAST = 10**9
#: Seconds after which a test is taken for hung.
PATIENCE = 20


class Server:
    """Takes connections and counts what each brought; `answer` speaks with one of them."""

    def __init__(self, answer=None):
        self.counts = []
        self.heard = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._take_next()

    def _take_next(self):
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            number = len(self.counts)
            self.counts.append(0)
            self.heard.append(b"")
            threading.Thread(target=self._attend, args=(connection, number), daemon=True).start()

    def _attend(self, connection, number):
        with connection:
            if self._answer:
                self._answer(connection)
                return
            while True:
                try:
                    block = connection.recv(65536)
                except OSError:
                    return
                if not block:
                    return
                self.counts[number] += len(block)
                self.heard[number] = (self.heard[number] + block)[-1000:]

    def close(self):
        self._listener.close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def start():
    """Start a relay: `start(rate, greeting)`; it is ended with the test."""
    started = []

    def make(rate, greeting, host="127.0.0.1"):
        made = Relay(rate, greeting, host)
        started.append(made)
        return made

    yield make
    for made in started:
        made.close()


def connect(relay):
    return socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)


# --- the allowance


@given(
    rate=st.integers(16_000, 10**10), sizes=st.lists(st.integers(1, 65536), min_size=1, max_size=200), data=st.data()
)
def test_in_no_time_more_is_sent_than_the_rate_allows_and_one_burst(rate, sizes, data):
    now = [100.0]
    allowance = Allowance(rate, lambda: now[0])
    sent = []
    for size in sizes:
        now[0] += data.draw(st.floats(0, 0.2))
        wait = allowance.take(size)
        now[0] += max(wait, 0)
        sent.append((now[0], size))
    for first, (begin, _size) in enumerate(sent):
        total = 0
        for end, size in sent[first:]:
            total += size
            # What is sent first may have been paid for before.
            assert total - sent[first][1] <= rate * (end - begin + BURST) * 1.000001 + 1


def test_who_comes_late_to_a_busy_line_waits_for_all_before_it():
    now = [0.0]
    allowance = Allowance(1000, lambda: now[0])
    waits = [allowance.take(100) for _turn in range(5)]
    assert waits == pytest.approx([0.1 - BURST + 0.1 * turn for turn in range(5)])


def test_what_was_not_used_is_gone_after_the_burst():
    now = [0.0]
    allowance = Allowance(1000, lambda: now[0])
    now[0] = 3600.0
    assert allowance.take(100) == pytest.approx(0.1 - BURST)


# --- connections


def test_bytes_arrive_as_they_were_sent_both_ways(start):
    def echo(connection):
        while block := connection.recv(4096):
            connection.sendall(block)

    other = Server(echo)
    client = connect(start(FAST, ToServer("127.0.0.1", other.port)))
    content = bytes(range(256)) * 4000
    threading.Thread(target=client.sendall, args=(content,), daemon=True).start()
    received = b""
    while len(received) < len(content):
        received += client.recv(65536)
    assert received == content
    client.close()
    other.close()


def test_the_rate_is_that_of_all_connections_together(start, server):
    relay = start(1_000_000, ToServer("127.0.0.1", server.port))
    clients = [connect(relay) for _number in range(10)]
    began = time.monotonic()
    for client in clients:
        threading.Thread(target=client.sendall, args=(bytes(100_000),), daemon=True).start()
    wait_until(lambda: sum(server.counts) == 1_000_000)
    assert time.monotonic() - began >= 0.94
    assert relay.sent == 1_000_000
    for client in clients:
        client.close()


@pytest.mark.slow
def test_a_hundred_connections_on_a_slow_line_all_go_on(start, server):
    # 1 Mbit/s; a server gives up a connection on which nothing came for 20 s.
    relay = start(125_000, ToServer("127.0.0.1", server.port))
    clients = [connect(relay) for _number in range(100)]
    for client in clients:
        threading.Thread(target=client.sendall, args=(bytes(50_000),), daemon=True).start()
    wait_until(lambda: len(server.counts) == 100 and all(server.counts))
    seen = list(server.counts)
    time.sleep(3)
    assert all(now > before for before, now in zip(seen, server.counts))
    for client in clients:
        client.close()


def test_an_answer_before_the_end_of_the_request_reaches_the_client(start):
    def refuse(connection):
        connection.recv(1)
        connection.sendall(b"403 go away")
        connection.shutdown(socket.SHUT_WR)
        connection.close()

    other = Server(refuse)
    client = connect(start(FAST, ToServer("127.0.0.1", other.port)))

    def send_much():
        with contextlib.suppress(OSError):
            client.sendall(bytes(5_000_000))

    threading.Thread(target=send_much, daemon=True).start()
    received = b""
    while block := client.recv(100):
        received += block
    assert received == b"403 go away"
    client.close()
    other.close()


def test_a_client_that_is_gone_takes_its_connection_to_the_server_with_it(start):
    ended = threading.Event()

    def listen(connection):
        while connection.recv(4096):
            pass
        ended.set()

    other = Server(listen)
    client = connect(start(FAST, ToServer("127.0.0.1", other.port)))
    client.sendall(b"x")
    client.close()
    assert ended.wait(PATIENCE)
    other.close()


def test_a_server_that_is_not_there_closes_the_connection_and_the_relay_goes_on(start, server):
    port = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
    relay = start(FAST, ToServer("127.0.0.1", port))
    for _time in range(3):
        client = connect(relay)
        assert client.recv(1) == b""
        client.close()
    relay.check()


def test_to_close_the_relay_breaks_what_waits_for_its_turn(start, server):
    relay = start(16_000, ToServer("127.0.0.1", server.port))
    clients = [connect(relay) for _number in range(5)]
    for client in clients:
        client.sendall(bytes(100_000))
    wait_until(lambda: relay.sent)
    began = time.monotonic()
    relay.close()
    assert time.monotonic() - began < 2
    assert relay.sent < 100_000
    for client in clients:
        client.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        client.close()
    with pytest.raises(OSError):
        connect(relay)


def test_a_fault_of_the_relay_is_told(start, server, monkeypatch):
    def take(_allowance, _size):
        raise ZeroDivisionError

    monkeypatch.setattr(relay_module.Allowance, "take", take)
    relay = start(FAST, ToServer("127.0.0.1", server.port))
    relay.check()
    client = connect(relay)
    client.sendall(b"x")
    wait_until(lambda: not relay._thread.is_alive())
    with pytest.raises(DatasyncError, match="ZeroDivisionError"):
        relay.check()
    client.close()


def test_an_address_that_is_not_this_hosts_is_an_error(start):
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        start(FAST, ToServer("127.0.0.1", 1), "192.0.2.1")


# --- who may go where


def test_connect_leads_where_the_client_asks_if_it_knows_the_password(start, server):
    client = connect(start(FAST, ByConnect("me", "secret")))
    secret = base64.b64encode(b"me:secret").decode()
    client.sendall(
        f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\nHost: x\r\nproxy-authorization: Basic {secret}\r\n\r\n".encode()
    )
    assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    client.sendall(b"hello")
    wait_until(lambda: server.heard == [b"hello"])
    client.close()


@pytest.mark.parametrize(
    "request_head",
    [
        "CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n",
        "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Basic bWU6d3Jvbmc=\r\n\r\n",
        "GET http://127.0.0.1:{port}/ HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n",
        "CONNECT 127.0.0.1 HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n",
        "\r\n\r\n",
    ],
)
def test_connect_refuses_all_others(start, server, request_head):
    client = connect(start(FAST, ByConnect("me", "secret")))
    secret = base64.b64encode(b"me:secret").decode()
    client.sendall(request_head.format(port=server.port, secret=secret).encode())
    assert client.recv(1000).startswith(b"HTTP/1.1 407 ")
    assert client.recv(1000) == b""
    assert server.counts == []
    client.close()


def test_connect_says_why_a_server_is_not_reached_in_the_words_of_go(start):
    port = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
    client = connect(start(FAST, ByConnect("me", "secret")))
    secret = base64.b64encode(b"me:secret").decode()
    client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n".encode())
    assert client.recv(1000).startswith(b"HTTP/1.1 502 connection refused\r\n")
    client.close()


def socks_request(port, password=b"secret", kind="name"):
    """The bytes of a whole greeting; the relay reads each part when its turn has come."""
    address = {"name": b"\x03\x09127.0.0.1", "ipv4": b"\x01" + bytes((127, 0, 0, 1))}[kind]
    user = b"\x01\x02me" + bytes((len(password),)) + password
    return b"\x05\x02\x00\x02" + user + b"\x05\x01\x00" + address + port.to_bytes(2, "big")


def answer_of(client, size):
    block = b""
    while len(block) < size:
        more = client.recv(size - len(block))
        if not more:
            break
        block += more
    return block


@pytest.mark.parametrize("kind", ["name", "ipv4"])
def test_socks_leads_where_the_client_asks_if_it_knows_the_password(start, server, kind):
    client = connect(start(FAST, BySocks("me", "secret")))
    client.sendall(socks_request(server.port, kind=kind))
    assert answer_of(client, 14)[:6] == b"\x05\x02\x01\x00\x05\x00"
    client.sendall(b"hello")
    wait_until(lambda: server.heard == [b"hello"])
    client.close()


def test_socks_refuses_a_wrong_password(start, server):
    client = connect(start(FAST, BySocks("me", "secret")))
    client.sendall(socks_request(server.port, password=b"guess"))
    assert answer_of(client, 4) == b"\x05\x02\x01\x01"
    client.close()
    assert server.counts == []


@pytest.mark.parametrize("greeting", [b"\x05\x01\x00", b"\x04\x01\x02", b"\x05\x00"])
def test_socks_refuses_who_offers_no_password(start, server, greeting):
    client = connect(start(FAST, BySocks("me", "secret")))
    client.sendall(greeting)
    assert answer_of(client, 2) == b"\x05\xff"
    client.close()
    assert server.counts == []


def test_socks_says_that_a_server_is_not_reached(start):
    port = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
    client = connect(start(FAST, BySocks("me", "secret")))
    client.sendall(socks_request(port))
    assert answer_of(client, 14)[:6] == b"\x05\x02\x01\x00\x05\x05"
    client.close()
