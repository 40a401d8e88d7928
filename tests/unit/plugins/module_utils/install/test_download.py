# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Downloads: hashed, limited, and refused in words that say what to do."""

from __future__ import annotations

import hashlib
import http.client
import io
import ssl
import urllib.error
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import (
    CHUNK,
    Downloader,
    DownloadError,
    copy_file,
    file_sha256,
    public_url,
    require_http,
)
from hypothesis import given
from hypothesis import strategies as st

URL = "https://mirror.example.org/s5cmd/file"


class Body:
    """A response with a body, and a Content-Length that may lie."""

    def __init__(self, body: bytes, promised: str | None = None, error: Exception | None = None) -> None:
        self.stream = io.BytesIO(body)
        self.headers = Message()
        if promised is not None:
            self.headers["Content-Length"] = promised
        self.error = error
        self.closed = False

    def read(self, size: int) -> bytes:
        chunk = self.stream.read(size)
        if not chunk and self.error:
            raise self.error
        return chunk

    def close(self) -> None:
        self.closed = True


class Client:
    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        return self.answer()


def answering(body: Body) -> Downloader:
    return Downloader(Client(lambda: body))


def raising(error: Exception) -> Downloader:
    def answer() -> Any:
        raise error

    return Downloader(Client(answer))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_is_written_and_hashed(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    body = Body(content, str(size))

    download = answering(body).file(URL, tmp_path / "file", limit=size)

    assert download == (hashlib.sha256(content).hexdigest(), size)
    assert (tmp_path / "file").read_bytes() == content
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert body.closed


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        answering(Body(b"x")).file(URL, tmp_path / "link", limit=10)
    assert not (tmp_path / "victim").exists()


def test_more_than_the_limit_is_not_read(tmp_path: Path) -> None:
    body = Body(b"x" * (5 * CHUNK))
    with pytest.raises(DownloadError, match="larger than 100 bytes"):
        answering(body).file(URL, tmp_path / "file", limit=100)
    assert body.stream.tell() == CHUNK
    assert body.closed


@pytest.mark.parametrize("promised", ["4", "2000"])
def test_a_body_of_another_length_than_promised(tmp_path: Path, promised: str) -> None:
    with pytest.raises(DownloadError, match=f"broke off after 3 of {promised} bytes"):
        answering(Body(b"abc", promised)).file(URL, tmp_path / "file", limit=100)


@pytest.mark.parametrize("promised", [None, "", "many"])
def test_a_body_without_a_promised_length(promised: str | None) -> None:
    assert answering(Body(b"abc", promised)).text(URL, limit=100) == "abc"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError(OSError(-2, "Name or service not known")), "Name or service not known"),
        (urllib.error.URLError(ssl.SSLCertVerificationError(1, "certificate has expired")), "certificate has expired"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (http.client.IncompleteRead(b"x", 5), "IncompleteRead"),
        (http.client.RemoteDisconnected("Remote end closed"), "Remote end closed"),
    ],
)
def test_no_answer_names_the_host_and_the_reason(error: Exception, reason: str) -> None:
    for downloader in (raising(error), answering(Body(b"abc", "9", error))):
        with pytest.raises(DownloadError) as caught:
            downloader.text("https://user:secret@mirror.example.org:8443/s5cmd/file?token=secret", limit=100)
        message = str(caught.value)
        shown = "mirror.example.org:8443"
        assert message.startswith(f"https://{shown}/s5cmd/file: no answer from {shown}: {reason}")
        assert "https_proxy" in message
        assert "secret" not in message


@pytest.mark.parametrize(
    ("status", "advice"),
    [(404, "check the version and the mirror's layout"), (403, "refuses access"), (407, "https_proxy"), (500, "")],
)
def test_a_refusal_names_the_url_and_the_status(status: int, advice: str) -> None:
    headers = Message()
    headers["X-Reason"] = "none"
    error = urllib.error.HTTPError(URL, status, "Reason", headers, io.BytesIO(b""))

    with pytest.raises(DownloadError) as caught:
        raising(error).text(URL, limit=100)

    assert f"{URL}: HTTP {status} Reason" in str(caught.value)
    assert advice in str(caught.value)
    assert (caught.value.status, caught.value.headers["x-reason"]) == (status, "none")


def test_a_file_that_cannot_be_written_is_not_the_networks_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        answering(Body(b"abc")).file(URL, tmp_path / "missing" / "file", limit=100)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://example.org/x", "https://", "example.org/x", "/x"])
def test_only_http_and_https(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^mirror .* is not a URL"):
        require_http(url, "mirror")
    with pytest.raises(ConfigurationError):
        answering(Body(b"abc")).text(url, limit=100)


words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)


@given(words, words, words, words)
def test_nothing_secret_in_a_url_is_shown(host: str, user: str, path: str, query: str) -> None:
    url = f"https://{user}:PASSWORD@{host}:8443/{path}?QUERY={query}#FRAGMENT"
    assert public_url(url) == f"https://{host}:8443/{path}"


def test_a_copy_is_hashed(tmp_path: Path) -> None:
    (tmp_path / "original").write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert copy_file(tmp_path / "original", tmp_path / "copy", limit=3) == (digest, 3)
    assert (tmp_path / "copy").read_bytes() == b"abc"
    assert file_sha256(tmp_path / "copy") == digest


def test_a_copy_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "original").write_bytes(b"abc")
    with pytest.raises(InstallationError, match="original: larger than 2 bytes"):
        copy_file(tmp_path / "original", tmp_path / "copy", limit=2)
    with pytest.raises(InstallationError, match="missing: No such file or directory"):
        copy_file(tmp_path / "missing", tmp_path / "second", limit=2)
    with pytest.raises(InstallationError, match="Is a directory"):
        file_sha256(tmp_path)
