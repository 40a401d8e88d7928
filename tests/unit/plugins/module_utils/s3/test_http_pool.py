# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Kept connections, against a server in a thread of this process that does what a test says, and worse."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import botocore.utils
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import http_pool
from ansible_collections.datasync.turbo.plugins.module_utils.s3.http_pool import HttpPool, proxy_of

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: x\r\n\r\nwell"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwell"


class Server:
    """Answers each request with the next of its answers, then always with the last. None: closes the connection."""

    def __init__(self):
        self.answers = [WELL]
        #: The head of each request, by connection.
        self.heard = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self):
        if self._listener.fileno() != -1:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.drop_connections()
        self._thread.join(10)

    def drop_connections(self):
        for connection in self._connections:
            with contextlib.suppress(OSError):  # That one is closed already.
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self.heard.append([])
            threading.Thread(target=self._serve, args=(connection, self.heard[-1]), daemon=True).start()

    def _serve(self, connection, heard):
        try:
            with connection, connection.makefile("rb") as lines:
                while True:
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        line = lines.readline()
                        if not line:
                            return
                        head += line
                    heard.append(head[:-2].decode())
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if answer is None:
                        return
                    connection.sendall(answer)
                    if answer is CLOSING or answer not in (WELL, CHUNKED):
                        return
        except OSError:
            pass


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def no_certificates():
    raise AssertionError("without TLS nobody asks for certificates")


@pytest.fixture
def pool(server):
    return HttpPool(f"{server.url}/archive", no_certificates, 4)


def get(pool, headers=None):
    return pool.send("GET", "/archive?x=y", {"host": pool.host, **(headers or {})})


# --- answers


def test_a_request_goes_out_as_it_was_signed(pool, server):
    get(pool, {"authorization": "AWS4-HMAC-SHA256 x", "x-amz-date": "20260102T030405Z"})
    assert server.heard[0][0].splitlines() == [
        "GET /archive?x=y HTTP/1.1",
        f"host: {server.address}",
        "authorization: AWS4-HMAC-SHA256 x",
        "x-amz-date: 20260102T030405Z",
    ]


@pytest.mark.parametrize("answer", [WELL, CHUNKED, CLOSING])
def test_a_whole_answer_is_returned(pool, server, answer):
    server.answers = [answer]
    assert [(get(pool).status, get(pool).body) for _time in range(2)] == [(200, b"well")] * 2


def test_the_fields_of_the_head_have_names_in_lower_case(pool):
    assert get(pool).fields == {"content-length": "4", "etag": "x"}


def test_an_answer_to_head_has_no_body_whatever_its_length(pool, server):
    server.answers = [WELL.replace(b"\r\n\r\nwell", b"\r\n\r\n")]
    assert pool.send("HEAD", "/archive/k", {"host": pool.host}).fields["content-length"] == "4"


def test_a_redirection_is_an_answer_and_is_not_followed(pool, server):
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    server.answers = [moved]
    assert get(pool).status == 307


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nwell",
        CHUNKED[:-12],
        CHUNKED[:-5],
        b"HTTP/1.1 200 OK\r\nCont",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: x\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nno end that can be told from a cut",
        None,
    ],
)
def test_a_cut_answer_is_an_error(pool, server, answer):
    server.answers = [answer]
    with pytest.raises((OSError, http.client.HTTPException)):
        get(pool)


@pytest.mark.parametrize("length", range(len(WELL) - 4))
def test_a_head_that_is_cut_is_no_answer(pool, server, length):
    """The lost lines may be the checksum, and half a line of Content-Length is another length."""
    server.answers = [WELL[:length] or None]
    with pytest.raises((OSError, http.client.HTTPException)):
        pool.send("HEAD", "/archive/k", {"host": pool.host})


def test_an_answer_without_end_is_given_up(pool, server, monkeypatch):
    monkeypatch.setattr(http_pool, "MAX_BODY", 3)
    with pytest.raises(http.client.HTTPException, match="longer than 3 bytes"):
        get(pool)


def test_a_refused_connection_is_an_error_of_the_system(pool, server):
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        get(pool)


def test_a_silent_server_is_given_up_in_time(pool, server, monkeypatch):
    monkeypatch.setattr(http_pool, "READ_TIMEOUT", 0.2)
    server.answers = [b""]
    server_stays_open = threading.Event()
    monkeypatch.setattr(server, "_serve", lambda connection, heard: server_stays_open.wait(30))
    with pytest.raises(OSError, match="timed out"):
        get(pool)
    server_stays_open.set()


# --- connections


def test_a_connection_is_used_again(pool, server):
    for _time in range(3):
        get(pool)
    assert [len(requests) for requests in server.heard] == [3]


def test_a_connection_that_the_server_closes_is_not_used_again(pool, server):
    server.answers = [CLOSING]
    for _time in range(3):
        get(pool)
    assert [len(requests) for requests in server.heard] == [1, 1, 1]


def test_a_connection_that_was_closed_meanwhile_is_replaced(pool, server):
    get(pool)
    server.drop_connections()
    assert get(pool).body == b"well"


def test_a_new_connection_that_is_cut_is_not_replaced(pool, server):
    """The server was asked, and dropped it: whoever asks again must wait before, as boto3 does."""
    server.answers = [None]
    with pytest.raises((OSError, http.client.HTTPException)):
        get(pool)
    assert len(server.heard) == 1


def test_threads_have_connections_of_their_own(pool, server):
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _number: get(pool).body, range(200)))
    assert answers == [b"well"] * 200
    assert 1 <= len(server.heard) <= 4
    assert sum(map(len, server.heard)) == 200


# --- names of servers


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:9000/archive", "127.0.0.1:9000"),
        ("http://s3.example.org:80", "s3.example.org"),
        ("https://s3.example.org:443", "s3.example.org"),
        ("https://s3.example.org:80", "s3.example.org:80"),
        ("https://S3.Example.org", "s3.example.org"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("http://[::1]/", "[::1]"),
    ],
)
def test_the_host_is_named_as_it_is_signed(url, host):
    assert HttpPool(url, no_certificates, 1).host == host


# --- proxies


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"http_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, None),
        ({"http_proxy": "proxy:3128"}, "http://proxy:3128"),
        ({"http_proxy": "//proxy:3128"}, "http://proxy:3128"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "s3.example.org"}, None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "*"}, None),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "other.example.org"}, "http://proxy:3128"),
    ],
)
def test_proxies_are_the_ones_that_botocore_takes(monkeypatch, variables, proxy):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    url = "http://s3.example.org:9000/archive"
    found = proxy_of(url)
    assert (found and found.geturl()) == proxy
    assert bool(botocore.utils.get_environ_proxies(url).get("http")) == bool(proxy)


def test_a_proxy_is_asked_for_the_whole_url_with_its_own_password(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://some%40body:se%3Acret@{server.address}")
    pool = HttpPool("http://s3.example.org:9000/archive", no_certificates, 1)
    assert get(pool).body == b"well"
    lines = server.heard[0][0].splitlines()
    assert lines[:2] == ["GET http://s3.example.org:9000/archive?x=y HTTP/1.1", "host: s3.example.org:9000"]
    assert "Proxy-Authorization: Basic c29tZUBib2R5OnNlOmNyZXQ=" in lines


def test_for_tls_the_proxy_is_asked_for_a_tunnel(server, monkeypatch):
    """What goes through the tunnel is tested with a real TLS server, in tests/integration."""
    monkeypatch.setenv("https_proxy", f"http://user:word@{server.address}")
    server.answers = [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"]
    pool = HttpPool("https://s3.example.org/archive", lambda: None, 1)
    with pytest.raises(OSError, match="407"):
        get(pool)
    lines = server.heard[0][0].splitlines()
    assert lines[0].startswith("CONNECT s3.example.org:443 HTTP/1.")
    assert "Proxy-Authorization: Basic dXNlcjp3b3Jk" in lines


def test_a_proxy_that_wants_tls_is_left_to_boto3(monkeypatch):
    monkeypatch.setenv("http_proxy", "https://proxy.example.org:3128")
    with pytest.raises(OSError, match="cannot speak https to the proxy"):
        get(HttpPool("http://s3.example.org", no_certificates, 1))
