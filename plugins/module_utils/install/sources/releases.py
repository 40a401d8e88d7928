# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd's releases: versions, the names and URLs of their files, their checksum file, and which one is newest.

Names as in the project's own release configuration, https://github.com/peak/s5cmd/blob/v2.3.0/.goreleaser.yml.
"""

from __future__ import annotations

import json
import re
import time

from ...common.errors import ConfigurationError, InstallationError
from ..binary import OLDEST
from ..download import Downloader, DownloadError

REPOSITORY = "peak/s5cmd"
#: Where release files are; the option `mirror` takes its place.
DOWNLOADS = f"https://github.com/{REPOSITORY}/releases/download"
#: Where the newest release is asked for; the option `api_url` takes its place.
API = "https://api.github.com"
CHECKSUMS_FILE = "s5cmd_checksums.txt"

#: Bytes. The checksum file has about 1 kB, the answer about the newest release about 20 kB.
TEXT_LIMIT = 1024 * 1024

_VERSION = re.compile(r"v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*)?)")
_CHECKSUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](\S+)")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


def parse_version(text: str, variable: str = "version") -> str:
    """`v2.3.0` or `2.3.0` as `2.3.0`. Raises ConfigurationError for what is not a version."""
    match = _VERSION.fullmatch(text.strip())
    if not match:
        raise ConfigurationError(
            f"{variable} {text!r} is not a version of s5cmd", "write it as 2.3.0, or latest for the newest release"
        )
    return match.group(1)


def installable_version(text: str, variable: str = "version") -> str:
    """The version, as `parse_version`. Raises ConfigurationError, too, if uploads would refuse one so old."""
    version = parse_version(text, variable)
    if version_key(version) < version_key(OLDEST):
        raise ConfigurationError(
            f"{variable} {version} is too old: uploads need s5cmd {OLDEST} or newer",
            "omit the option to install the tested release",
        )
    return version


def version_key(version: str) -> tuple[tuple[int, ...], int, str]:
    """A key that sorts versions as numbers, a pre-release before its release."""
    numbers, _separator, pre_release = version.partition("-")
    return tuple(int(number) for number in numbers.split(".")), 0 if pre_release else 1, pre_release


def reported_version(output: str) -> str | None:
    """The version in what `s5cmd version` prints: `2.3.0` for `v2.3.0-991c9fb`. None when it is no such line.

    s5cmd prints its version and the commit it was built from, joined by a hyphen (its version/version.go).
    """
    version, separator, _commit = output.strip().rpartition("-")
    match = _VERSION.fullmatch(version) if separator else None
    return match.group(1) if match else None


def parse_sha256(text: str, variable: str) -> str:
    """`sha256:HEX` or `HEX` as lower-case HEX. Raises ConfigurationError naming `variable`."""
    match = _SHA256.fullmatch(text.strip())
    if not match:
        raise ConfigurationError(
            f"{variable} {text!r} is not a SHA256", "write it as sha256: and 64 hexadecimal digits, as sha256sum prints"
        )
    return match.group(1).lower()


def archive_name(version: str, asset: str) -> str:
    """The file name of a release archive, for example `s5cmd_2.3.0_Linux-64bit.tar.gz`."""
    return f"s5cmd_{version}_{asset}.tar.gz"


def release_file_url(base: str, version: str, name: str) -> str:
    """The URL of a file of a release, below GitHub's download address or a mirror of it."""
    return f"{base.rstrip('/')}/v{version}/{name}"


def parse_checksums(text: str) -> dict[str, str]:
    """File name -> SHA256, from a checksum file as sha256sum writes it.

    Raises InstallationError for a line of another form or for two values for one name, so that a page in place of
    the file is never taken for it.
    """
    checksums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _CHECKSUM_LINE.fullmatch(line.rstrip())
        if not match:
            raise InstallationError(f"{CHECKSUMS_FILE}: line {number} is not a checksum and a name: {line[:80]!r}")
        digest, name = match.group(1).lower(), match.group(2)
        if checksums.setdefault(name, digest) != digest:
            raise InstallationError(f"{CHECKSUMS_FILE}: two different checksums for {name}")
    return checksums


def newest_version(downloader: Downloader, api_url: str = API, token: str | None = None) -> str:
    """The version of the newest release, drafts and pre-releases left out, from one request to GitHub's API.

    See https://docs.github.com/rest/releases/releases#get-the-latest-release. `token` goes into the Authorization
    header and nowhere else. Raises InstallationError; one that is about GitHub's rate limit says when it ends.
    """
    url = f"{api_url.rstrip('/')}/repos/{REPOSITORY}/releases/latest"
    secret_headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = downloader.text(
            url, TEXT_LIMIT, {"Accept": "application/vnd.github+json"}, secret_headers=secret_headers
        )
    except InstallationError as error:
        raise _explained(error, bool(token)) from error
    try:
        tag = json.loads(answer)["tag_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise InstallationError(
            f"{url} did not answer as GitHub's API does: no tag_name in {answer[:80]!r}",
            "check api_url, or set version to a number",
        ) from error
    return installable_version(str(tag), "the newest release's tag")


def _explained(error: InstallationError, with_token: bool) -> InstallationError:
    """The error of a request to GitHub's API, with what to do about it."""
    status, headers = (error.status, error.headers) if isinstance(error, DownloadError) else (None, {})
    if status == 401:
        return InstallationError(f"{error.message}: GitHub refuses the token", "renew github_token or leave it away")
    limited = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers
    if status == 429 or (status == 403 and limited):
        limit = headers.get("x-ratelimit-limit", "its number of")
        advice = "wait, or set version to a number, which asks nothing"
        if not with_token:
            advice = f"set github_token (GITHUB_TOKEN) to get a higher limit, {advice}"
        return InstallationError(
            f"{error.message}: GitHub's limit of {limit} requests an hour is used up{_limit_end(headers)}", advice
        )
    return InstallationError(
        f"the newest release could not be found: {error.message}",
        "set version to a number, which asks nothing, or api_url to a server that answers",
    )


def _limit_end(headers: dict[str, str]) -> str:
    """When the rate limit ends, as GitHub's headers say: `, until 2026-11-22 18:04:05 UTC`; empty if they do not."""
    if headers.get("retry-after", "").isdigit():
        return f", for another {headers['retry-after']} s"
    reset = headers.get("x-ratelimit-reset", "")
    if not reset.isdigit():
        return ""
    return time.strftime(", until %Y-%m-%d %H:%M:%S UTC", time.gmtime(int(reset)))
