# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Downloads: streamed to a file, hashed while they are written, limited in size and in waiting time.

The HTTP client is passed in, because a host has nothing but Python: the module passes ansible-core's, which knows
proxies, certificates and redirects.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit, urlunsplit

from ..common.errors import ConfigurationError, InstallationError

if TYPE_CHECKING:
    import urllib.error

CHUNK = 1024 * 1024
#: Seconds to wait for a connection, and for more bytes on one.
TIMEOUT = 60


class Download(NamedTuple):
    """A file that was written: its SHA256 as hexadecimal digits and its size in bytes."""

    sha256: str
    size: int


class DownloadError(InstallationError):
    """A URL could not be read. `status` and `headers` (names in lower case) are the server's, if it answered."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.headers = headers or {}


class HttpClient(Protocol):
    """What a Downloader needs of an HTTP client."""

    def open(self, url: str, headers: Mapping[str, str], secret_headers: Mapping[str, str], timeout: float) -> Any:
        """A response with `read(size)`, `close()` and `headers`, for a GET of `url`, redirects followed.

        `secret_headers` are not sent on to where a redirect leads. Raises urllib.error.HTTPError for a status from
        400 on, and OSError when there is no answer. The body is not decompressed.
        """


class Downloader:
    """Reads URLs through an HTTP client."""

    def __init__(self, client: HttpClient, timeout: float = TIMEOUT) -> None:
        self.client = client
        self.timeout = timeout

    def file(self, url: str, path: Path, limit: int) -> Download:
        """Write what `url` gives to the new file `path` (mode 0600), as `write_file` does.

        Raises DownloadError about the URL and OSError about the file; what was written so far is left then.
        """
        return write_file(self._chunks(url, limit, {}, {}), path)

    def text(
        self,
        url: str,
        limit: int,
        headers: Mapping[str, str] | None = None,
        secret_headers: Mapping[str, str] | None = None,
    ) -> str:
        """What `url` gives, as UTF-8 text. Raises DownloadError."""
        return b"".join(self._chunks(url, limit, headers or {}, secret_headers or {})).decode("utf-8", "replace")

    def _chunks(
        self, url: str, limit: int, headers: Mapping[str, str], secret_headers: Mapping[str, str]
    ) -> Iterator[bytes]:
        # Importing these takes longer than to see that a host needs no download.
        import http.client
        import urllib.error

        require_http(url)
        try:
            response = self.client.open(url, headers, secret_headers, self.timeout)
            try:
                yield from _body(response, url, limit)
            finally:
                response.close()
        except urllib.error.HTTPError as error:
            raise _status_error(url, error) from error
        except (OSError, http.client.HTTPException) as error:
            server = urlsplit(url).netloc.rpartition("@")[2]
            raise DownloadError(
                f"{public_url(url)}: no answer from {server}: {_reason(error)}",
                "check the name, the network and the proxy variables (https_proxy, no_proxy) on this host",
            ) from error


def _body(response: Any, url: str, limit: int) -> Iterator[bytes]:
    """The body of a response in chunks, which must be as long as its header says and not over `limit` bytes."""
    size = 0
    for chunk in iter(lambda: response.read(CHUNK), b""):
        size += len(chunk)
        if size > limit:
            raise DownloadError(f"{public_url(url)}: larger than {limit} bytes, which no file of s5cmd is")
        yield chunk
    # http.client ends a body that breaks off without an error when it is read in pieces.
    promised = response.headers.get("Content-Length") or ""
    if promised.isdigit() and int(promised) != size:
        raise DownloadError(
            f"{public_url(url)}: the connection broke off after {size} of {promised} bytes", "run it again"
        )


def write_file(chunks: Iterable[bytes], path: Path) -> Download:
    """Write the chunks to the new file `path` (mode 0600), hashing them on the way. Raises OSError.

    A crash may lose it: it lies in a folder of its own until `files.publish` brings it to the disk and to its place.
    """
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        for chunk in chunks:
            size += len(chunk)
            digest.update(chunk)
            target.write(chunk)
    return Download(digest.hexdigest(), size)


def _reason(error: Exception) -> str:
    """Why there was no answer, in the words of the operating system where it has some."""
    cause = getattr(error, "reason", None) or error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _status_error(url: str, error: urllib.error.HTTPError) -> DownloadError:
    headers = {name.lower(): value for name, value in (error.headers.items() if error.headers else ())}
    hint = {
        401: "the server wants other credentials",
        403: "the server, or a proxy before it, refuses access",
        404: "no such file there: check the version and the mirror's layout",
        407: "the proxy wants credentials: set https_proxy with them",
    }.get(error.code)
    error.close()
    return DownloadError(f"{public_url(url)}: HTTP {error.code} {error.reason}", hint, error.code, headers)


def require_http(url: str, variable: str = "the address") -> None:
    """Raise ConfigurationError naming `variable` unless `url` is an http or https URL with a host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{variable} {public_url(url)!r} is not a URL", "write it as https://host/path")


def public_url(url: str) -> str:
    """`url` without what may be secret in it: the user and password, the query, the fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def url_password(url: str) -> str | None:
    """The password inside `url`, None if there is none."""
    return urlsplit(url).password if "@" in url else None


def copy_file(source: Path, path: Path, limit: int) -> Download:
    """Copy the file `source` to the new file `path` (mode 0600), hashing it on the way, as `write_file` does.

    Raises InstallationError when it cannot be read or is larger than `limit` bytes, OSError about `path`.
    """
    return write_file(_file_chunks(source, limit), path)


def file_sha256(path: Path) -> str:
    """SHA256 of a file, as hexadecimal digits. Raises InstallationError when it cannot be read."""
    digest = hashlib.sha256()
    for chunk in _file_chunks(path, sys.maxsize):
        digest.update(chunk)
    return digest.hexdigest()


def _file_chunks(path: Path, limit: int) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise InstallationError(f"{path}: larger than {limit} bytes, which no file of s5cmd is")
            yield from iter(lambda: file.read(CHUNK), b"")
    except OSError as error:
        raise InstallationError(f"{path}: {error.strerror}", "it must be there, readable for this user") from error
