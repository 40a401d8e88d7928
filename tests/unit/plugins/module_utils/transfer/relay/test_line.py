# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The way of s5cmd to its server, as the transfer sees it: with a limit through a relay, else as it is."""

from __future__ import annotations

import math
import socket
from urllib.parse import urlsplit

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, DatasyncError
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay import line as bandwidth
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay.line import LimitedLine, line_to

ENVIRONMENT = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "secret"}


class Bucket:
    """What the line asks of a bucket."""

    def __init__(self, endpoint_url=None):
        self.endpoint_url = endpoint_url
        self.request_url = f"{endpoint_url}/archive" if endpoint_url else "https://archive.s3.amazonaws.com"


class Relay:
    """Counts as a relay does, and ends when a test says so."""

    sent = 0
    received = 0
    ended = False

    def check(self):
        if self.ended:
            raise DatasyncError("the relay ended")


def test_without_a_limit_s5cmd_goes_as_it_is():
    with line_to(Bucket("http://127.0.0.1:8333"), ENVIRONMENT, 0) as line:
        assert (line.environment, line.endpoint_url) == (ENVIRONMENT, "http://127.0.0.1:8333")
        assert (line.sent, line.tells_bytes, line.silence()) == (None, False, math.inf)
        line.check(10**12)


def test_with_a_limit_the_endpoint_on_loopback_is_the_relay_as_long_as_the_line_lasts():
    with line_to(Bucket("http://127.0.0.1:8333"), ENVIRONMENT, 1_000_000) as line:
        server = urlsplit(line.endpoint_url)
        assert server.hostname == "127.0.0.1"
        assert server.port != 8333
        assert line.environment == ENVIRONMENT
        assert (line.sent, line.tells_bytes) == (0, True)
        socket.create_connection(("127.0.0.1", server.port)).close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port))


def test_with_a_limit_the_relay_is_the_proxy_of_amazon():
    with line_to(Bucket(), ENVIRONMENT, 1_000_000) as line:
        assert line.endpoint_url is None
        proxy = urlsplit(line.environment["HTTPS_PROXY"])
        assert (proxy.scheme, proxy.username, proxy.hostname) == ("http", "s5cmd", "127.0.0.1")
        assert line.environment.items() >= ENVIRONMENT.items()


def test_where_the_limit_cannot_be_enforced_there_is_no_line():
    proxied = {"HTTPS_PROXY": "https://proxy.example.org:443"}
    with pytest.raises(ConfigurationError, match="bandwidth_limit"), line_to(Bucket(), proxied, 1_000_000):
        raise AssertionError("s5cmd must not be started")


def test_more_stored_than_sent_means_that_s5cmd_found_another_way():
    relay = Relay()
    line = LimitedLine({}, None, relay)
    relay.sent = 1000
    line.check(1000)
    with pytest.raises(DatasyncError, match="bandwidth_limit"):
        line.check(1001)


def test_a_relay_that_ended_is_told():
    relay = Relay()
    relay.ended = True
    with pytest.raises(DatasyncError, match="the relay ended"):
        LimitedLine({}, None, relay).check(0)


def test_a_line_is_silent_since_the_last_byte_in_either_direction(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(bandwidth.time, "monotonic", lambda: now[0])
    relay = Relay()
    line = LimitedLine({}, None, relay)
    now[0] = 130.0
    assert line.silence() == 30.0
    relay.sent = 1
    assert line.silence() == 0.0
    now[0] = 140.0
    assert line.silence() == 10.0
    relay.received = 1
    assert line.silence() == 0.0
