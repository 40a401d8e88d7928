# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The bandwidth limit, with the real s5cmd: it holds on every way to the server, and never costs a byte.

How near to the limit a transfer comes is measured by `tests/bench`; here only that it is not above.
"""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.transfer import liveness
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.relay import relay

from dev.seaweedfs import SeaweedFS

from .conftest import MIB, Logged, Upload, contents_of
from .fault_proxy import Cut, FaultProxy, Request

MB = 1_000_000
Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]
#: One file of several parts, and small ones.
FILES = {"film.mov": 12 * MIB, **{f"{number:02}.bin": 20_000 for number in range(40)}}
BYTES = sum(FILES.values())


@pytest.fixture(autouse=True)
def no_proxy_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of the tests says of proxies, these tests say it themselves."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def elsewhere(endpoint_url: str) -> str:
    """The same server by an address that Go does not take for loopback, so that it asks for a proxy."""
    return endpoint_url.replace("127.0.0.1", "0.0.0.0")


class Proxy:
    """A proxy by CONNECT that wants a password, and remembers where its clients went."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self._expected = base64.b64encode(b"site:p@ss").decode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(4096)
        text = head.decode()
        if f"Basic {self._expected}" not in text:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        target = text.split(" ")[1]
        self.targets.append(target)
        host, _colon, port = target.rpartition(":")
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=self._pipe, args=(server, client), daemon=True).start()
        self._pipe(client, server)

    @staticmethod
    def _pipe(source: socket.socket, target: socket.socket) -> None:
        try:
            while block := source.recv(65536):
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


@pytest.fixture
def secure_options(tls_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Options for the server that speaks TLS, whose certificate s5cmd and boto3 then trust."""
    assert tls_server.tls is not None
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_server.tls.certificate))
    return {
        "bucket": "secure",
        "endpoint_url": tls_server.endpoint_url,
        "access_key": tls_server.access_key,
        "secret_key": tls_server.secret_key,
    }


def test_forty_megabytes_at_ten_a_second_take_four_seconds_and_are_all_there(
    tree: Tree, upload_logged: Callable[..., Logged], stored: Stored
) -> None:
    source = tree({f"{number}.bin": 10 * MB for number in range(4)})
    run = upload_logged(source, bandwidth_limit=10 * MB)
    assert run.result.exit_code == 0
    assert run.result.checksum_verification.verified
    # 50 ms of it may come at once, and the headers count, too.
    assert run.result.duration_seconds >= 3.5
    assert run.result.bandwidth_limit == 10 * MB
    assert any("s5cmd may send 10.0 MB per second" in line for line in run.lines)
    assert stored() == contents_of(source)


def test_without_a_limit_the_result_says_none(tree: Tree, upload: Upload) -> None:
    assert upload(tree({"a": b"a"})).bandwidth_limit is None


@pytest.mark.parametrize("version", ["s5cmd", "s5cmd_222"])
def test_the_limit_holds_for_a_server_that_is_not_on_loopback(
    tree: Tree,
    upload: Upload,
    stored: Stored,
    s3_server: SeaweedFS,
    version: str,
    request: pytest.FixtureRequest,
) -> None:
    source = tree(FILES)
    binary = request.getfixturevalue(version)
    url = elsewhere(s3_server.endpoint_url)
    result = upload(source, endpoint_url=url, s5cmd_path=str(binary), bandwidth_limit=10 * MB)
    assert (result.exit_code, result.checksum_verification.verified) == (0, True)
    assert result.duration_seconds >= 0.9 * BYTES / (10 * MB)
    assert stored() == contents_of(source)


@pytest.mark.parametrize("version", ["s5cmd", "s5cmd_222"])
@pytest.mark.parametrize("on_loopback", [True, False])
def test_the_limit_holds_under_tls(
    tree: Tree,
    upload: Upload,
    secure_options: dict[str, str],
    on_loopback: bool,
    version: str,
    request: pytest.FixtureRequest,
) -> None:
    source = tree(FILES)
    url = secure_options["endpoint_url"]
    options = {**secure_options, "endpoint_url": url if on_loopback else elsewhere(url)}
    binary = request.getfixturevalue(version)
    prefix = f"{version}/{on_loopback}"
    result = upload(source, **options, prefix=prefix, s5cmd_path=str(binary), bandwidth_limit=10 * MB)
    assert (result.exit_code, result.files_synced, result.checksum_verification.verified) == (0, len(FILES), True)
    assert result.duration_seconds >= 0.9 * BYTES / (10 * MB)


def test_the_limit_holds_on_the_way_to_a_proxy_that_wants_a_password(
    tree: Tree, upload: Upload, secure_options: dict[str, str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = elsewhere(secure_options["endpoint_url"])
    monkeypatch.setenv("HTTPS_PROXY", f"http://site:p%40ss@{proxy.address}")
    result = upload(tree(FILES), **{**secure_options, "endpoint_url": url}, prefix="proxy", bandwidth_limit=10 * MB)
    assert (result.exit_code, result.files_synced, result.checksum_verification.verified) == (0, len(FILES), True)
    assert result.duration_seconds >= 0.9 * BYTES / (10 * MB)
    assert set(proxy.targets) == {url.partition("//")[2]}


def test_a_proxy_that_the_limit_cannot_be_put_before_is_an_error_and_nothing_is_sent(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Upper case is what Go takes first; botocore takes the one in lower case, and so reaches the server.
    monkeypatch.setenv("HTTP_PROXY", "https://site:secret@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "example.org")
    result = upload(tree(FILES), endpoint_url=elsewhere(s3_server.endpoint_url), bandwidth_limit=10 * MB)
    (problem,) = [problem for problem in result.problems if problem.kind == Kind.RUN]
    assert result.exit_code == 1
    assert "HTTP_PROXY names a proxy by https" in problem.message
    assert "secret" not in problem.message
    assert stored() == {}


def test_a_dry_run_needs_no_relay(
    tree: Tree, upload_logged: Callable[..., Logged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "Relay", None)
    run = upload_logged(tree(FILES), dry_run=True, bandwidth_limit=10 * MB)
    assert (run.result.exit_code, run.result.bandwidth_limit) == (0, 10 * MB)


def test_the_module_limits_too(
    tree: Tree, run_module: Callable[..., dict[str, Any]], job_options: dict[str, Any], stored: Stored
) -> None:
    source = tree({"film.mov": 6 * MB})
    done = run_module("s5cmd_sync", {**job_options, "src": str(source), "bandwidth_limit": "40Mbit/s"})
    assert (done["exit_code"], done["result"]["bandwidth_limit"]) == (0, 5 * MB)
    assert done["result"]["duration_seconds"] >= 1
    assert stored() == contents_of(source)


def test_a_relay_that_ends_ends_the_run_and_nothing_goes_past_it(
    tree: Tree, upload: Upload, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(relay.Allowance):
        taken = 0

        def take(self, size: int) -> float:
            Broken.taken += size
            if Broken.taken > 2 * MB:
                raise ZeroDivisionError
            return super().take(size)

    monkeypatch.setattr(relay, "Allowance", Broken)
    result = upload(tree({"film.mov": 12 * MIB, "small": b"small"}), bandwidth_limit=10 * MB)
    assert result.exit_code == 1
    assert any("the relay that limits the bandwidth ended (ZeroDivisionError()" in p.message for p in result.problems)
    assert "film.mov" not in stored()


def test_a_slow_limit_is_not_taken_for_a_stall(
    tree: Tree, upload_logged: Callable[..., Logged], stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    # s5cmd writes it all at once into the kernel, and then neither reads nor writes for seconds.
    monkeypatch.setattr(liveness, "STALL_QUESTION", 0.3)
    monkeypatch.setattr(liveness, "STALL_LIMIT", 0.6)
    run = upload_logged(tree({"a.bin": 600_000}), bandwidth_limit=200_000)
    assert (run.result.exit_code, run.warnings) == (0, [])
    assert run.result.duration_seconds >= 2.5
    assert len(stored()["a.bin"]) == 600_000


def test_a_connection_that_breaks_is_as_without_a_limit(
    tree: Tree, upload_logged: Callable[..., Logged], stored: Stored, s3_server: SeaweedFS
) -> None:
    broken: list[Any] = []

    def first_upload(request: Request) -> Any:
        if request.stores and not broken:
            broken.append(request)
            return Cut()
        return None

    source = tree({f"{number}.bin": 20_000 for number in range(5)})
    with FaultProxy(s3_server.endpoint_url, first_upload) as faulty:
        run = upload_logged(source, endpoint_url=faulty.endpoint_url, bandwidth_limit=10 * MB, retry_count=0)
    assert broken
    assert (run.result.exit_code, stored()) == (0, contents_of(source))


def test_a_server_that_goes_away_is_as_without_a_limit(
    tree: Tree, upload: Upload, s3_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "DOUBT_INTERVAL", 0.1)
    options = {"retry_count": 0, "retry_rounds": 0, "retry_delay": 0}
    with FaultProxy(s3_server.endpoint_url) as faulty:
        faulty.when_received(3 * MB, lambda: faulty.point_to("http://127.0.0.1:9"))
        result = upload(tree(FILES), endpoint_url=faulty.endpoint_url, bandwidth_limit=10 * MB, **options)
    run_problems = [problem.message for problem in result.problems if problem.kind == Kind.RUN]
    assert (result.exit_code, len(run_problems)) == (3, 1)
    assert "check endpoint_url" in run_problems[0]
