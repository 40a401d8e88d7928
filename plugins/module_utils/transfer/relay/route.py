# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How s5cmd is brought to the relay. That depends on where the server is, because Go asks no proxy for loopback.

- The server is on loopback: the endpoint's URL gets the relay's port. The host stays, and with it what a certificate
  names; the request is signed for the address to which it is sent.
- The environment names a proxy for the server: the relay takes its place, and leads to it.
- Otherwise the relay is the proxy for the server.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ...common.errors import ConfigurationError
from .greeting import ByConnect, BySocks, Greeting, ToServer

_USUAL_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_LOOPBACK = "127.0.0.1"
_USER = "s5cmd"


class Way(NamedTuple):
    """How s5cmd is brought to the relay.

    The relay listens on `host`, and `greeting` tells where it leads. `environment` is that of s5cmd but for the
    `proxy_variables`, which shall name the relay with `scheme` and `user`; without one, the endpoint's URL does.
    """

    host: str
    greeting: Greeting
    environment: Mapping[str, str]
    proxy_variables: tuple[str, ...] = ()
    scheme: str = ""
    user: str = ""

    def url(self, port: int) -> str:
        """The relay as the proxy of s5cmd."""
        return f"{self.scheme}://{self.user}{self.host}:{port}"

    def endpoint(self, endpoint_url: str | None, port: int) -> str | None:
        """The endpoint for s5cmd."""
        if self.proxy_variables or not endpoint_url:
            return endpoint_url
        server = urlsplit(endpoint_url)
        host = f"[{server.hostname}]" if ":" in (server.hostname or "") else server.hostname
        return server._replace(netloc=f"{host}:{port}").geturl()


def way_to(server_url: str, environment: Mapping[str, str]) -> Way:
    """Decide it, by the variables of s5cmd's environment as Go reads them. Raises ConfigurationError."""
    server = urlsplit(server_url)
    host, port = server.hostname or "", server.port or _USUAL_PORTS[server.scheme]
    if _is_loopback(host):
        # A name is tried at all its addresses, and ours is one of them.
        listens = _LOOPBACK if host == "localhost" else host
        return Way(listens, ToServer(host, port), environment)
    variable = f"{server.scheme}_proxy".upper()
    proxy = _value(environment, variable)
    exceptions = [entry.strip() for entry in _value(environment, "NO_PROXY").split(",")]
    if proxy and not any(_covers(entry, host, port) for entry in exceptions):
        return _by_way_of(_proxy(proxy, variable), environment, variable)
    password = secrets.token_urlsafe(24)
    greeting = ByConnect(_USER, password) if server.scheme == "https" else BySocks(_USER, password)
    others = _without_exceptions_for(host, port, exceptions, environment)
    return Way(
        _LOOPBACK, greeting, _without(others, variable), (variable,), greeting.scheme, user=f"{_USER}:{password}@"
    )


def _by_way_of(proxy: SplitResult, environment: Mapping[str, str], variable: str) -> Way:
    """The proxy is spoken to by s5cmd, as without us: only the address is ours."""
    user, at, _address = proxy.netloc.rpartition("@")
    greeting = ToServer(proxy.hostname or "", proxy.port or _USUAL_PORTS[proxy.scheme])
    return Way(_LOOPBACK, greeting, _without(environment, variable), (variable,), proxy.scheme, user + at)


def _proxy(text: str, variable: str) -> SplitResult:
    try:
        proxy = urlsplit(text if "://" in text else f"http://{text}")
        known = proxy.scheme in ("http", "socks5", "socks5h") and bool(proxy.hostname) and proxy.port != 0
    except ValueError:
        known = False
    if not known:
        # Without its text, which may hold a password.
        kind = f"a proxy by {text.partition('://')[0]}" if "://" in text else "no proxy's URL"
        raise ConfigurationError(
            f"bandwidth_limit cannot be enforced: {variable} names {kind}",
            "give a proxy as http://host:port, or limit the bandwidth there",
        )
    return proxy


def _value(environment: Mapping[str, str], variable: str) -> str:
    """Go takes the name in upper case before the one in lower case."""
    return environment.get(variable) or environment.get(variable.lower()) or ""


def _without(environment: Mapping[str, str], *variables: str) -> dict[str, str]:
    names = {name for variable in variables for name in (variable, variable.lower())}
    return {name: value for name, value in environment.items() if name not in names}


def _without_exceptions_for(
    host: str, port: int, exceptions: list[str], environment: Mapping[str, str]
) -> Mapping[str, str]:
    """An environment whose NO_PROXY says the same of all other hosts, and nothing of this one."""
    rest = [entry for entry in exceptions if entry and not _covers(entry, host, port)]
    changed = _without(environment, "NO_PROXY")
    if "*" in exceptions:
        # No host had a proxy.
        return _without(changed, "HTTP_PROXY", "HTTPS_PROXY")
    return {**changed, "NO_PROXY": ",".join(rest)} if rest else changed


def _is_loopback(host: str) -> bool:
    """What Go never asks a proxy for: https://pkg.go.dev/net/http#ProxyFromEnvironment."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is about a server: https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config."""
    entry = entry.lower()
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, entry_port = _name_and_port(entry)
    if not name or (entry_port and entry_port != str(port)):
        return False
    excepted = _address(name)
    if excepted is not None:
        return excepted == address
    name = name[1:] if name.startswith("*.") else name
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _name_and_port(entry: str) -> tuple[str, str]:
    if _address(entry) is not None:
        return entry, ""
    name, colon, port = entry.rpartition(":")
    return (name.strip("[]"), port) if colon else (entry, "")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
