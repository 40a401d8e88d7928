# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Listings and deletions over the short way, against a real server: boto3 is the reference."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import EndpointError
from ansible_collections.datasync.turbo.plugins.module_utils.s3.bucket import Bucket
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import Connection
from ansible_collections.datasync.turbo.plugins.module_utils.s3.deletes import Deletion
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject

from dev.seaweedfs import SeaweedFS

#: What a name may have that XML, URLs or servers could take for something else. SeaweedFS turns a backslash into a
#: slash, whoever sends it.
ODD = (
    *(
        " ",
        "  two",
        "ä",
        "日本",
        "😀",
        "'",
        '"',
        "%",
        "%20",
        "+",
        "&",
        "&amp;",
        "<b>",
        ">",
        "?",
        "#",
        "=",
        ";",
        ",",
        ":",
    ),
    *("@", "!", "$", "*", "(", ")", "[", "]", "{", "}", "|", "^", "~", "`", ".hidden", "trailing.", "-dash"),
    *("\u00a0", "e\u0301"),
)
#: More than two pages.
OBJECTS = 2500


def odd_keys() -> list[str]:
    """Keys that each have something odd in a folder and in a name."""
    return [f"odd/{ODD[n % len(ODD)]}/{n:04} {ODD[(n * 7) % len(ODD)]}x" for n in range(OBJECTS)]


def bucket_at(options: dict[str, str], name: str) -> Bucket:
    return Bucket(Connection.from_options(options), name)


def by_boto3(client: Any, name: str, prefix: str, **options: str) -> list[StoredObject]:
    """The listing as boto3's paginator gives it."""
    return [
        StoredObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"].timestamp())
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix, **options)
        for entry in page.get("Contents", ())
    ]


def put_all(client: Any, name: str, keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: client.put_object(Bucket=name, Key=key, Body=key.encode()), keys))


@pytest.fixture(scope="module")
def full(s3: Any) -> Iterator[str]:
    """A bucket with odd names, and a few beside them. Nothing changes it."""
    name = "listing-odd-names"
    s3.create_bucket(Bucket=name)
    put_all(s3, name, [*odd_keys(), "a", "oddly", "z/last"])
    yield name
    for entry in by_boto3(s3, name, ""):
        s3.delete_object(Bucket=name, Key=entry.key)
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def boto3_is_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if the short way is not enough."""
    monkeypatch.setattr(Connection, "client", lambda *arguments: pytest.fail("a client was needed"))


@pytest.mark.usefixtures("boto3_is_no_help")
@pytest.mark.parametrize("prefix", ["", "odd/", "odd/%/", "odd/ /", "odd/&amp;/0", "odd/😀/", "odd", "none/"])
def test_a_listing_has_what_boto3_lists(s3: Any, full: str, connection_options: dict[str, str], prefix: str) -> None:
    ours = list(bucket_at(connection_options, full).list(prefix))
    assert ours == by_boto3(s3, full, prefix)
    assert len(ours) == len(set(ours))
    if prefix == "odd/":
        assert {entry.key for entry in ours} == set(odd_keys())


@pytest.mark.usefixtures("boto3_is_no_help")
@pytest.mark.parametrize("number", [0, 1, 999, 1000, 1700, OBJECTS - 1])
def test_a_listing_begins_after_any_key(s3: Any, full: str, connection_options: dict[str, str], number: int) -> None:
    everything = by_boto3(s3, full, "odd/")
    after = everything[number].key
    assert list(bucket_at(connection_options, full).list("odd/", after)) == by_boto3(s3, full, "odd/", StartAfter=after)


@pytest.mark.usefixtures("boto3_is_no_help")
def test_every_odd_name_has_a_header(full: str, connection_options: dict[str, str]) -> None:
    bucket = bucket_at(connection_options, full)
    keys = odd_keys()[: 2 * len(ODD)]
    with ThreadPoolExecutor(8) as threads:
        heads = list(threads.map(bucket.head, keys))
    assert [head.size if head else None for head in heads] == [len(key.encode()) for key in keys]
    assert all(bucket.holds_key(key) for key in keys)


@pytest.mark.usefixtures("boto3_is_no_help")
def test_the_check_tells_whether_anything_is_stored(full: str, connection_options: dict[str, str]) -> None:
    bucket = bucket_at(connection_options, full)
    assert [bucket.check(prefix) for prefix in ("", "odd/", "odd/😀/", "none/")] == [True, True, True, False]
    assert abs(bucket.server_clock_ahead) < 60


def test_what_was_deleted_is_gone_and_the_rest_is_not(s3: Any, bucket: str, connection_options: dict[str, str]) -> None:
    keys = [*odd_keys()[:1200], "odd/tab\there", "odd/new\nline"]
    put_all(s3, bucket, [*keys, "kept"])
    doomed = [entry.key for entry in by_boto3(s3, bucket, "odd/")]
    assert set(doomed) == set(keys)
    outcome = bucket_at(connection_options, bucket).delete(doomed)
    assert (sorted(outcome.deleted), outcome.markers, outcome.failed) == (sorted(doomed), False, [])
    assert [entry.key for entry in by_boto3(s3, bucket, "")] == ["kept"]
    s3.delete_object(Bucket=bucket, Key="kept")


def test_an_object_that_is_not_there_counts_as_deleted(bucket: str, connection_options: dict[str, str]) -> None:
    assert bucket_at(connection_options, bucket).delete(["a", "b"]) == Deletion(["a", "b"], False, [])


def test_a_versioned_bucket_keeps_what_is_deleted_behind_markers(
    s3: Any, bucket: str, connection_options: dict[str, str]
) -> None:
    ours = bucket_at(connection_options, bucket)
    assert ours.keeps_versions() is False
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert ours.keeps_versions() is True
    put_all(s3, bucket, ["p/a", "p/b", "p/c"])
    assert ours.delete(["p/a", "p/b"]) == Deletion(["p/a", "p/b"], True, [])
    assert ours.delete(["p/c"]) == Deletion(["p/c"], True, [])
    assert list(ours.list("")) == []
    versions = s3.list_object_versions(Bucket=bucket)
    assert sorted(entry["Key"] for entry in versions["Versions"]) == ["p/a", "p/b", "p/c"]
    for entry in versions["Versions"] + versions["DeleteMarkers"]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])


# --- TLS


def options_of(server: SeaweedFS) -> dict[str, str]:
    return {
        "endpoint_url": server.endpoint_url,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "region": server.region,
    }


@pytest.mark.usefixtures("boto3_is_no_help")
def test_the_short_way_speaks_tls_with_the_configured_certificate(
    tls_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tls_server.tls is not None
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_server.tls.certificate))
    bucket = bucket_at(options_of(tls_server), "secure")
    assert [entry.key for entry in bucket.list("a")] == ["a b"]
    head = bucket.head("a b")
    assert head is not None
    assert head.size == 7


class Tunnel:
    """A proxy that does CONNECT, once for each connection, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.append(head.decode().splitlines()[0])
        host, _colon, port = head.split()[1].decode().rpartition(":")
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self._relay, args=(server, client), daemon=True).start()
        self._relay(client, server)

    @staticmethod
    def _relay(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.mark.usefixtures("boto3_is_no_help")
def test_the_short_way_speaks_tls_through_a_proxy(tls_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tls_server.tls is not None
    tunnel = Tunnel()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_server.tls.certificate))
    monkeypatch.setenv("https_proxy", tunnel.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    bucket = bucket_at(options_of(tls_server), "secure")
    assert [entry.key for entry in bucket.list("a")] == ["a b"]
    assert bucket.holds_key("a b")
    assert [line.rpartition(" ")[0] for line in tunnel.asked] == [
        f"CONNECT {tls_server.endpoint_url[len('https://') :]}"
    ]
    tunnel.stop()


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(EndpointError, match="AWS_CA_BUNDLE"):
        bucket_at(options_of(tls_server), "secure").check()


def test_a_certificate_of_another_host_is_refused(tls_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tls_server.tls is not None
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_server.tls.certificate))
    options = options_of(tls_server)
    options["endpoint_url"] = options["endpoint_url"].replace("127.0.0.1", "localhost")
    with pytest.raises(EndpointError, match="check the host"):
        bucket_at(options, "secure").check()
