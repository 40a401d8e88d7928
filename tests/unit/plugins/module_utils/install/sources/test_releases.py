# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Versions, names, checksum files and the newest release."""

from __future__ import annotations

import io
import json
import urllib.error
from collections.abc import Mapping
from email.message import Message
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import (
    MINIMUM_VERSION,
    Version,
    require_usable,
)
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.pins import RELEASES
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.releases import (
    DOWNLOADS,
    archive_name,
    installable_version,
    newest_version,
    parse_checksums,
    parse_sha256,
    parse_version,
    release_file_url,
    reported_version,
    version_key,
)
from hypothesis import given
from hypothesis import strategies as st

numbers = st.integers(min_value=0, max_value=999)
versions = st.tuples(st.integers(min_value=2, max_value=99), numbers, numbers)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
file_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", min_size=1, max_size=40)


@given(versions, st.sampled_from(["", "v"]))
def test_a_version_is_read_with_and_without_v(version: tuple[int, int, int], prefix: str) -> None:
    text = ".".join(map(str, version))
    assert parse_version(prefix + text) == text


@pytest.mark.parametrize("text", ["2.3", "2", "2.3.0.1", "../2.3.0", "2.3.0/x", "2.3.0\n2", "", "newest", "v", "2.3.x"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a version of s5cmd"):
        parse_version(text)


@pytest.mark.parametrize("text", ["1.4.0", "0.9.1", "2.1.0", "2.1.9", "2.2.0-beta.1"])
def test_versions_that_are_too_old(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is too old: uploads need s5cmd 2\.2\.0 or newer"):
        installable_version(text)


def test_a_version_that_is_too_old_to_install_is_a_version() -> None:
    """Folders of such versions may be on a host, and a list of checksums may name them."""
    assert parse_version("v2.1.0") == "2.1.0"


@given(st.lists(versions, min_size=2, max_size=20))
def test_versions_sort_as_numbers(found: list[tuple[int, int, int]]) -> None:
    texts = [".".join(map(str, version)) for version in found]
    assert sorted(texts, key=version_key) == [".".join(map(str, version)) for version in sorted(found)]


def test_a_pre_release_comes_before_its_release() -> None:
    assert sorted(["2.3.0", "2.3.0-beta.1", "2.2.9"], key=version_key) == ["2.2.9", "2.3.0-beta.1", "2.3.0"]


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("v2.3.0-991c9fb\n", "2.3.0"),
        ("v2.2.2-48f7e59\n", "2.2.2"),
        ("v2.1.0-beta.1-c82d2a1\n", "2.1.0-beta.1"),
        ("v0.0.0-dev\n", "0.0.0"),
        ("v2.3.0-goinstall\n", "2.3.0"),
        ("2.3.0", None),
        ("s5cmd version 2.3.0-991c9fb", None),
        ("", None),
    ],
)
def test_what_s5cmd_says_of_itself(output: str, version: str | None) -> None:
    assert reported_version(output) == version


@given(digests, st.sampled_from(["", "sha256:"]), st.booleans())
def test_a_sha256_with_and_without_its_name(digest: str, prefix: str, upper: bool) -> None:
    assert parse_sha256(prefix + (digest.upper() if upper else digest), "checksum") == digest


@pytest.mark.parametrize(
    "text", ["", "sha256:", "a" * 63, "a" * 65, "g" * 64, "md5:" + "a" * 32, "sha512:" + "a" * 128]
)
def test_what_is_no_sha256(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^checksum .* is not a SHA256"):
        parse_sha256(text, "checksum")


def test_names_and_urls_of_release_files() -> None:
    name = archive_name("2.3.0", "Linux-64bit")
    assert name == "s5cmd_2.3.0_Linux-64bit.tar.gz"
    url = "https://github.com/peak/s5cmd/releases/download/v2.3.0/s5cmd_2.3.0_Linux-64bit.tar.gz"
    assert release_file_url(DOWNLOADS, "2.3.0", name) == url
    assert release_file_url("https://m.example.org/s5cmd/", "2.3.0", "x") == "https://m.example.org/s5cmd/v2.3.0/x"


@given(st.dictionaries(file_names, digests), st.sampled_from(["  ", " *"]))
def test_a_checksum_file_is_read_as_sha256sum_writes_it(table: dict[str, str], separator: str) -> None:
    text = "".join(f"{digest}{separator}{name}\n" for name, digest in table.items())
    assert parse_checksums(text) == table


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<html>\n", "line 1 is not a checksum and a name"),
        (f"{'a' * 64}  x\n{'b' * 63}  y\n", "line 2 is not a checksum and a name"),
        (f"{'a' * 64}\n", "line 1 is not a checksum and a name"),
        (f"{'a' * 64}  x\n{'b' * 64}  x\n", "two different checksums for x"),
    ],
)
def test_what_is_no_checksum_file(text: str, reason: str) -> None:
    with pytest.raises(InstallationError, match=reason):
        parse_checksums(text)


class Answering:
    """An HTTP client that gives one answer and keeps what was asked."""

    def __init__(self, body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.body, self.status, self.headers = body, status, Message()
        for name, value in (headers or {}).items():
            self.headers[name] = value
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []

    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        self.asked.append((url, dict(headers), dict(secret_headers)))
        if self.status >= 400:
            raise urllib.error.HTTPError(url, self.status, "Refused", self.headers, io.BytesIO(self.body))
        response = io.BytesIO(self.body)
        response.headers = self.headers  # type: ignore[attr-defined]
        return response


def newest(tag: object) -> bytes:
    return json.dumps({"tag_name": tag}).encode()


def test_the_newest_release_takes_one_request() -> None:
    client = Answering(newest("v2.3.0"))
    assert newest_version(Downloader(client)) == "2.3.0"
    url = "https://api.github.com/repos/peak/s5cmd/releases/latest"
    assert client.asked == [(url, {"Accept": "application/vnd.github+json"}, {})]


def test_a_token_is_a_secret_header() -> None:
    client = Answering(newest("v2.3.0"))
    newest_version(Downloader(client), "https://ghe.example.org/api/v3/", "token")
    url, headers, secret_headers = client.asked[0]
    assert url == "https://ghe.example.org/api/v3/repos/peak/s5cmd/releases/latest"
    assert secret_headers == {"Authorization": "Bearer token"}
    assert "token" not in json.dumps(headers)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b"null"])
def test_an_answer_that_is_not_githubs(body: bytes) -> None:
    with pytest.raises(InstallationError, match="did not answer as GitHub's API does"):
        newest_version(Downloader(Answering(body)))


@pytest.mark.parametrize("tag", ["nightly", "", None, "v1.0.0", "../../etc"])
def test_a_tag_that_is_no_version(tag: object) -> None:
    with pytest.raises(ConfigurationError, match="the newest release's tag"):
        newest_version(Downloader(Answering(newest(tag))))


LIMITED = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795370400"}


@pytest.mark.parametrize(
    ("status", "headers", "token", "said", "not_said"),
    [
        (403, LIMITED, None, "limit of 60 requests an hour is used up, until 2026-11-22 18:00:00 UTC", "refuses"),
        (403, LIMITED, None, "set github_token", "refuses"),
        (403, LIMITED, "token", "set version to a number", "set github_token"),
        (429, {"Retry-After": "30"}, None, "for another 30 s", "UTC"),
        (403, {"Retry-After": "30"}, None, "for another 30 s", "UTC"),
        (429, {}, None, "is used up", "UTC"),
        (403, {}, None, "the newest release could not be found", "used up"),
        (401, {}, "token", "GitHub refuses the token (renew github_token", "used up"),
        (404, {}, None, "the newest release could not be found", "used up"),
        (500, {}, None, "HTTP 500", "used up"),
    ],
)
def test_what_github_refuses(
    status: int, headers: Mapping[str, str], token: str | None, said: str, not_said: str
) -> None:
    with pytest.raises(InstallationError) as caught:
        newest_version(Downloader(Answering(status=status, headers=headers)), token=token)
    assert said in str(caught.value)
    assert not_said not in str(caught.value)
    assert "https://api.github.com/repos/peak/s5cmd/releases/latest" in str(caught.value)


def test_the_oldest_version_is_the_one_that_uploads_take() -> None:
    assert installable_version(".".join(map(str, MINIMUM_VERSION))) == "2.2.0"
    for version in RELEASES:
        require_usable(Version(version, version_key(version)[0]))
