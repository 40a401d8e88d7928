# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What all sources with a file share: a delivered one is proven again, whatever its folder holds by then."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install.order import Delivered
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.registry import SOURCES
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.source import require_sha256
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.commands_of_a_host import (
    DIGEST,
    EXECUTABLE,
    Commands,
    obtain,
    order,
    refusal,
)


def delivered(tmp_path: Path, content: bytes = EXECUTABLE) -> Delivered:
    path = tmp_path / "sent"
    path.write_bytes(content)
    return Delivered(path=path, sha256=DIGEST, source="file", detail="https://example.org/s5cmd")


def test_a_delivered_file_is_used_in_place_of_a_download(tmp_path: Path) -> None:
    found = obtain(
        "file", Commands(), tmp_path, url="https://example.org/s5cmd", checksum=DIGEST, delivered=delivered(tmp_path)
    )
    assert (found.sha256, found.archive_sha256, found.pinned) == (DIGEST, DIGEST, True)


def test_a_delivered_file_that_was_altered_on_the_way_is_not_used(tmp_path: Path) -> None:
    sent = delivered(tmp_path, EXECUTABLE + b"!")
    message = refusal("file", Commands(), tmp_path, url="https://example.org/s5cmd", checksum=DIGEST, delivered=sent)
    altered = hashlib.sha256(EXECUTABLE + b"!").hexdigest()
    assert message.startswith(f"the delivered file of https://example.org/s5cmd has the SHA256 {altered}, but {DIGEST}")


def test_an_unpinned_file_is_held_to_what_the_controller_fetched(tmp_path: Path) -> None:
    sent = delivered(tmp_path, EXECUTABLE + b"!")
    unknown = {"version": "9.9.9", "allow_unpinned": True, "delivered": sent}
    assert "is what the controller fetched" in refusal("release", Commands(), tmp_path, **unknown)


def test_a_checksum_that_fits_is_silent_and_another_is_named_with_where_it_is_from() -> None:
    require_sha256("s5cmd.tar.gz", "aa", "aa", "pinned")
    with pytest.raises(InstallationError, match=r"s5cmd\.tar\.gz has the SHA256 aa, but bb is pinned: it was not used"):
        require_sha256("s5cmd.tar.gz", "aa", "bb", "pinned")


def test_every_source_can_say_what_it_tries() -> None:
    wanted = order(url="https://example.org/s5cmd", checksum=DIGEST)
    assert all(source.detail(wanted) for source in SOURCES.values())
