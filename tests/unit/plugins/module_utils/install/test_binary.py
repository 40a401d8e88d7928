# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The s5cmd binary: which one it is, and which version."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import commands
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.install import binary as s5cmd_binary
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import Version


def executable(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def test_the_binary_that_is_given_is_used(tmp_path):
    binary = executable(tmp_path / "s5cmd", b"\x7fELF")
    assert s5cmd_binary.find_binary(str(binary)) == str(binary)


def test_without_a_path_the_one_on_path_is_used(tmp_path, monkeypatch):
    binary = executable(tmp_path / "s5cmd", b"\x7fELF")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert s5cmd_binary.find_binary(None) == str(binary)


def test_a_missing_s5cmd_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(commands, "LOCAL_BIN", str(tmp_path))
    with pytest.raises(InstallationError, match="s5cmd_install"):
        s5cmd_binary.find_binary(None)


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InstallationError, match="missing' does not exist"):
        s5cmd_binary.find_binary(str(tmp_path / "missing"))


def test_a_file_that_cannot_be_executed_is_named(tmp_path):
    (tmp_path / "s5cmd").touch(mode=0o644)
    with pytest.raises(InstallationError, match="cannot be executed"):
        s5cmd_binary.find_binary(str(tmp_path / "s5cmd"))


@pytest.mark.parametrize(
    "library", ["lib/python3.11/site-packages", "lib64/python3.9/site-packages", "lib/python3/dist-packages"]
)
def test_behind_the_wheels_wrapper_the_real_binary_is_used(tmp_path, library):
    """The wrapper does not hand signals on: SIGTERM would leave the real s5cmd running."""
    environment = tmp_path / "env [1]"
    real = executable(environment / library / "s5cmd" / "bin" / "s5cmd", b"\x7fELF")
    wrapper = executable(environment / "bin" / "s5cmd", b"#!/usr/bin/python3\n")
    assert s5cmd_binary.find_binary(str(wrapper)) == str(real)


def test_a_wrapper_without_a_binary_behind_it_is_refused(tmp_path):
    with pytest.raises(InstallationError, match="loses signals"):
        s5cmd_binary.find_binary(str(executable(tmp_path / "bin" / "s5cmd", b"#!/bin/sh\n")))


# --- its version


def test_the_version_is_read(tmp_path):
    binary = executable(tmp_path / "s5cmd", b"#!/bin/sh\necho v2.3.0-991c9fb\n")
    assert s5cmd_binary.read_version(str(binary)) == Version("v2.3.0-991c9fb", (2, 3, 0))


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        (b"#!/bin/sh\necho nonsense\n", "nonsense"),
        (b"#!/bin/sh\necho v2.3.0; exit 3\n", "v2.3.0"),
        (b"#!/bin/sh\necho cannot run >&2; exit 126\n", "cannot run"),
        (b"#!/bin/sh\nexit 7\n", "exit status 7"),
    ],
)
def test_what_prints_no_version_is_not_s5cmd(tmp_path, script, detail):
    with pytest.raises(InstallationError, match=detail):
        s5cmd_binary.read_version(str(executable(tmp_path / "s5cmd", script)))


def test_a_binary_of_another_platform_does_not_run(tmp_path):
    with pytest.raises(InstallationError, match="does not run"):
        s5cmd_binary.read_version(str(executable(tmp_path / "s5cmd", b"\xcf\xfa\xed\xfe")))


def test_a_binary_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(s5cmd_binary, "VERSION_TIMEOUT", 0.1)
    with pytest.raises(InstallationError, match=r"s5cmd version did not end within 0\.1 seconds"):
        s5cmd_binary.read_version(str(executable(tmp_path / "s5cmd", b"#!/bin/sh\nexec sleep 60\n")))


def test_a_version_that_lacks_what_we_need_is_refused():
    with pytest.raises(InstallationError, match=r"v2\.1\.0 is too old"):
        s5cmd_binary.require_usable(Version("v2.1.0", (2, 1, 0)))
    s5cmd_binary.require_usable(Version("v2.2.0", (2, 2, 0)))
    s5cmd_binary.require_usable(Version("v2.10.0", (2, 10, 0)))
