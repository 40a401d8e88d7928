# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Ansible's HTTP client as the installer uses it: against a real server on this host."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.task.http import AnsibleHttpClient

TOKEN = {"Authorization": "token not-for-others"}


@pytest.fixture
def serve():
    """Start a server that answers with content, or sends on to another place; returns its address and what it heard."""
    servers = []

    def start(content=b"", location=None):
        heard = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                heard.append(dict(self.headers))
                self.send_response(302 if location else 200)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format, *arguments):
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/s5cmd.tar.gz", heard

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_file_comes_as_the_server_has_it_with_the_headers_asked_for(serve):
    url, heard = serve(b"\x1f\x8b content")
    with AnsibleHttpClient().open(url, {"Accept": "application/octet-stream"}, TOKEN, 10) as answer:
        assert answer.read() == b"\x1f\x8b content"
    assert heard[0]["Accept"] == "application/octet-stream"
    assert heard[0]["Authorization"] == TOKEN["Authorization"]
    assert heard[0]["User-Agent"] == "datasync.turbo"


def test_a_secret_is_not_sent_on_to_where_the_server_sends_us(serve):
    elsewhere, heard = serve(b"content")
    url, _asked = serve(location=elsewhere)
    with AnsibleHttpClient().open(url, {"Accept": "*/*"}, TOKEN, 10) as answer:
        assert answer.read() == b"content"
    assert heard[0]["Accept"] == "*/*"
    assert "Authorization" not in heard[0]


def test_a_server_that_is_not_there_is_an_error_of_the_system():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        AnsibleHttpClient().open(f"http://127.0.0.1:{port}/", {}, {}, 10)
