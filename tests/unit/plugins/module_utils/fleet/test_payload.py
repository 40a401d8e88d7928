# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the controller sent: read if it is whole, unpacked below the folder that is meant and nowhere else."""

from __future__ import annotations

import os
import stat
import zipfile

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.payload import (
    PACKAGES_PREFIX,
    opened_payload,
    opened_to_all,
    unpack,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.small_payload import PACKAGES, make_payload


def test_the_members_with_a_prefix_are_unpacked_without_it(tmp_path):
    make_payload(tmp_path / "payload.zip")
    with opened_payload(tmp_path / "payload.zip") as archive:
        unpack(archive, tmp_path / "packages", PACKAGES_PREFIX)
    unpacked = {path for path in (tmp_path / "packages").rglob("*") if path.is_file()}
    assert {str(path.relative_to(tmp_path / "packages")): path.read_bytes() for path in unpacked} == PACKAGES


def test_a_payload_without_a_program_is_an_error(tmp_path):
    make_payload(tmp_path / "payload.zip")
    payload = tmp_path / "payload.zip"
    with pytest.raises(InstallationError, match="arrived damaged"), opened_payload(payload) as archive:
        archive.read("no such member")


@pytest.mark.parametrize("name", ["../outside", "awscrt/../../outside", "/outside"])
def test_a_member_that_would_leave_its_folder_is_refused(tmp_path, name):
    payload = tmp_path / "payload.zip"
    with zipfile.ZipFile(payload, "w") as archive:
        archive.writestr(PACKAGES_PREFIX + name, b"x")
    with opened_payload(payload) as archive, pytest.raises(InstallationError, match=r"outside' leaves its folder"):
        unpack(archive, tmp_path / "in" / "packages", PACKAGES_PREFIX)
    assert not list(tmp_path.rglob("outside"))


def test_everybody_can_read_what_was_opened_and_nobody_but_its_owner_can_change_it(tmp_path):
    before = os.umask(0o077)
    try:
        (tmp_path / "folder" / "inner").mkdir(parents=True)
        (tmp_path / "folder" / "inner" / "file").write_text("text", "utf-8")
        (tmp_path / "folder" / "command").write_text("#!/bin/sh\n", "utf-8")
        (tmp_path / "folder" / "command").chmod(0o700)
        (tmp_path / "folder" / "inner" / "file").chmod(0o666)
        (tmp_path / "folder" / "link").symlink_to("/etc/passwd")
        assert opened_to_all(tmp_path / "folder") == ["command", "inner/file"]
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "folder", *(tmp_path / "folder").rglob("*"))
        if not path.is_symlink()
    }
    assert modes == {"folder": 0o755, "inner": 0o755, "file": 0o644, "command": 0o755}
