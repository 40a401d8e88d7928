# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""On which way s5cmd is brought to the relay: the variables of its environment, read as Go reads them."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay.greeting import ByConnect, BySocks, ToServer
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay.route import way_to

S3 = "https://archive.s3.eu-central-1.amazonaws.com"
PROXY = "http://proxy.example.org:3128"


def proxied(url, **environment):
    """Whether s5cmd would have gone through a proxy, which the relay then leads to."""
    return isinstance(way_to(url, environment).greeting, ToServer)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8333", "127.0.0.1"),
        ("https://127.0.0.2:8333", "127.0.0.2"),
        ("http://localhost:8333", "127.0.0.1"),
        ("http://[::1]:8333", "::1"),
    ],
)
def test_on_loopback_the_endpoint_gets_the_port_of_the_relay_and_keeps_its_host(url, host):
    environment = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "PATH": "/bin"}
    way = way_to(url, environment)
    assert (way.host, way.environment, way.proxy_variables) == (host, environment, ())
    assert isinstance(way.greeting, ToServer)
    assert way.endpoint(f"{url}/base", 4711) == f"{url}/base".replace("8333", "4711")


def test_for_https_the_relay_is_a_proxy_by_connect_and_the_endpoint_stays():
    way = way_to(S3, {"PATH": "/bin"})
    assert isinstance(way.greeting, ByConnect)
    assert (way.host, way.proxy_variables, dict(way.environment)) == ("127.0.0.1", ("HTTPS_PROXY",), {"PATH": "/bin"})
    assert way.url(4711).startswith("http://s5cmd:")
    assert way.url(4711).endswith("@127.0.0.1:4711")
    assert way.endpoint(None, 4711) is None
    assert way.endpoint("https://s3.example.org", 4711) == "https://s3.example.org"


def test_for_http_the_relay_is_a_proxy_by_socks_so_that_requests_stay_as_they_are():
    way = way_to("http://s3.example.org:9000", {})
    assert isinstance(way.greeting, BySocks)
    assert way.proxy_variables == ("HTTP_PROXY",)
    assert way.url(4711).startswith("socks5://s5cmd:")


def test_each_relay_has_a_password_of_its_own():
    assert way_to(S3, {}).user != way_to(S3, {}).user


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_the_relay_takes_the_place_of_the_proxy_and_keeps_its_credentials(name):
    way = way_to(S3, {name: "http://site:p%40ss@proxy.example.org:3128", "NO_PROXY": "example.net"})
    assert isinstance(way.greeting, ToServer)
    assert way.url(4711) == "http://site:p%40ss@127.0.0.1:4711"
    assert (dict(way.environment), way.proxy_variables) == ({"NO_PROXY": "example.net"}, ("HTTPS_PROXY",))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("proxy.example.org:3128", "http://127.0.0.1:4711"),
        ("http://proxy.example.org", "http://127.0.0.1:4711"),
        ("socks5://me:secret@proxy.example.org", "socks5://me:secret@127.0.0.1:4711"),
    ],
)
def test_a_proxy_is_written_as_go_takes_it(text, url):
    assert way_to(S3, {"HTTPS_PROXY": text}).url(4711) == url


@pytest.mark.parametrize(
    "text", ["https://u:secret@proxy:1", "ftp://proxy", "http://", "http://proxy:99999", "http://p:x"]
)
def test_a_proxy_that_the_relay_cannot_stand_before_is_an_error_without_its_password(text):
    with pytest.raises(ConfigurationError, match="bandwidth_limit cannot be enforced: HTTPS_PROXY names") as raised:
        way_to(S3, {"HTTPS_PROXY": text})
    assert "secret" not in str(raised.value)
    assert raised.value.hint


def test_the_proxy_for_http_is_not_that_for_https():
    assert not proxied(S3, HTTP_PROXY=PROXY)
    assert proxied("http://s3.example.org", HTTP_PROXY=PROXY)


def test_upper_case_wins_as_in_go():
    way = way_to(S3, {"HTTPS_PROXY": "http://upper:1", "https_proxy": "https://lower:1"})
    assert way.url(1) == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "entries",
    [
        "*",
        "s3.example.org",
        "example.org",
        ".example.org",
        "*.example.org",
        "S3.Example.ORG",
        "s3.example.org:9000",
        " other.org , s3.example.org",
    ],
)
def test_an_exception_is_about_the_host_or_all_below_a_domain(entries):
    assert not proxied("http://s3.example.org:9000", HTTP_PROXY=PROXY, NO_PROXY=entries)


@pytest.mark.parametrize(
    "entries", ["", "3.example.org", "s3.example.org:80", ".s3.example.org", "org.example", "s3", "10.0.0.0/8", ":9000"]
)
def test_an_exception_for_others_is_none_for_the_server(entries):
    assert proxied("http://s3.example.org:9000", HTTP_PROXY=PROXY, NO_PROXY=entries)


@pytest.mark.parametrize(
    ("host", "entries", "excepted"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:9000", True),
        ("10.1.2.3", "10.1.2.3:9001", False),
        ("10.1.2.3", "10.1.2.0/33", False),
        ("10.1.2.3", "192.168.0.0/16,10.1.2.4", False),
        ("[fd00::1]", "fd00::/8", True),
        ("[fd00::1]", "[fd00::1]:9000", True),
        ("[fd00::1]", "fd00:0::1", True),
    ],
)
def test_an_exception_may_be_an_address_or_a_network(host, entries, excepted):
    assert proxied(f"http://{host}:9000", HTTP_PROXY=PROXY, NO_PROXY=entries) is not excepted


def test_what_is_said_of_other_hosts_stays():
    way = way_to(
        S3, {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": "169.254.169.254,.amazonaws.com,example.net"}
    )
    assert isinstance(way.greeting, ByConnect)
    assert dict(way.environment) == {"HTTP_PROXY": PROXY, "NO_PROXY": "169.254.169.254,example.net"}


def test_where_no_host_had_a_proxy_none_gets_one():
    way = way_to(S3, {"https_proxy": PROXY, "HTTP_PROXY": PROXY, "no_proxy": "*", "PATH": "/bin"})
    assert dict(way.environment) == {"PATH": "/bin"}
