# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Each check tells one fault, a fault is counted once, and the first failing category decides the exit code."""

from __future__ import annotations

import os
import struct
import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.checks import run as checks
from ansible_collections.datasync.turbo.plugins.module_utils.checks.report import CATEGORIES, CheckRequest
from ansible_collections.datasync.turbo.plugins.module_utils.checks.run import run_checks
from ansible_collections.datasync.turbo.plugins.module_utils.install.binary import Version

X86_64, ARM64, RISCV = 62, 183, 243


def elf(machine, order="<"):
    """The first bytes of a 64-bit ELF executable: System V ABI, `e_ident`, `e_type` 2, `e_machine`."""
    return b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + bytes(10) + struct.pack(order + "HH", 2, machine)


def mach_o(cpu_type):
    """The first bytes of a 64-bit Mach-O executable: magic, `cputype`, and more."""
    return struct.pack("<II", 0xFEEDFACF, cpu_type) + bytes(24)


@pytest.fixture
def host(monkeypatch):
    """Make this host another: `host("Linux", "aarch64")`."""

    def be(system, machine):
        monkeypatch.setattr(os, "uname", lambda: os.uname_result((system, "here", "1", "1", machine)))
        monkeypatch.setattr(struct, "calcsize", lambda form: 8)

    return be


@pytest.fixture
def binary(tmp_path):
    """Make an executable file with the given first bytes. It cannot run: nothing follows."""

    def make(header):
        path = tmp_path / "s5cmd"
        path.write_bytes(header)
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def without_boto3(monkeypatch):
    """Make `import boto3` and `import awscrt` fail."""
    for name in ("boto3", "awscrt", "awscrt.checksums"):
        monkeypatch.setitem(sys.modules, name, None)


def checked(report):
    return {check.name: check for check in report.checks}


@pytest.mark.usefixtures("without_boto3")
class TestPlatform:
    @pytest.mark.parametrize(
        ("header", "system", "machine", "built_for", "needed"),
        [
            (elf(ARM64), "Linux", "x86_64", "Linux-arm64", "Linux-64bit"),
            (elf(X86_64), "Linux", "aarch64", "Linux-64bit", "Linux-arm64"),
            (mach_o(0x0100000C), "Linux", "x86_64", "macOS-arm64", "Linux-64bit"),
            (mach_o(0x01000007), "Darwin", "arm64", "macOS-64bit", "macOS-arm64"),
            (elf(X86_64), "Darwin", "arm64", "Linux-64bit", "macOS-arm64"),
        ],
    )
    def test_a_binary_for_another_platform_is_told_with_both_names(
        self, host, binary, header, system, machine, built_for, needed
    ):
        host(system, machine)
        report = run_checks(CheckRequest(s5cmd_path=binary(header)))
        check = checked(report)["platform"]
        assert check.failed
        assert f"is built for {built_for}, but this host is {system} {machine} and needs {needed}" in check.message
        assert "s5cmd_install" in check.hint
        assert report.exit_code == 1

    @pytest.mark.parametrize(
        ("header", "system", "machine"),
        [
            (elf(X86_64), "Linux", "x86_64"),
            (elf(ARM64), "Linux", "aarch64"),
            (mach_o(0x0100000C), "Darwin", "arm64"),
            (mach_o(0x01000007), "Darwin", "x86_64"),
        ],
    )
    def test_a_binary_for_this_platform_that_is_damaged_fails_for_that_alone(
        self, host, binary, header, system, machine
    ):
        host(system, machine)
        found = checked(run_checks(CheckRequest(s5cmd_path=binary(header))))
        assert found["platform"].ok
        assert found["runs"].failed
        assert found["version"].message == "not checked: s5cmd does not run"
        assert not found["version"].failed

    @pytest.mark.parametrize(
        "content", [b"", b"\x7fELF", b"not a program at all\n", elf(RISCV), elf(X86_64, order=">"), b"MZ" + bytes(60)]
    )
    def test_what_is_no_program_of_a_known_platform_is_told_so(self, host, binary, content):
        host("Linux", "x86_64")
        check = checked(run_checks(CheckRequest(s5cmd_path=binary(content))))["platform"]
        assert check.failed
        assert "is for no platform that s5cmd is released for, but this host is Linux x86_64" in check.message

    def test_a_host_without_releases_is_told_so(self, host, binary):
        host("Linux", "riscv64")
        check = checked(run_checks(CheckRequest(s5cmd_path=binary(elf(X86_64)))))["platform"]
        assert check.failed
        assert "is built for Linux-64bit, but this host is Linux riscv64 and needs a build of its own" in check.message

    def test_a_foreign_binary_that_runs_passes_with_advice(self, host, binary, monkeypatch):
        host("Darwin", "arm64")
        monkeypatch.setattr(checks, "read_version", lambda path: Version("v2.3.0-991c9fb", (2, 3, 0)))
        found = checked(run_checks(CheckRequest(s5cmd_path=binary(mach_o(0x01000007)))))
        assert found["platform"].ok
        assert "built for macOS-64bit, this host is Darwin arm64 and runs it" in found["platform"].message
        assert found["platform"].hint == "macOS-arm64 would be the native build"


@pytest.mark.usefixtures("without_boto3")
class TestVersion:
    @pytest.mark.parametrize(
        ("numbers", "ok", "advice"),
        [
            ((1, 4, 0), False, "install 2.2.0 or later"),
            ((1, 99, 99), False, "install 2.2.0 or later"),
            ((2, 0, 0), False, "install 2.2.0 or later"),
            ((2, 1, 0), False, "install 2.2.0 or later"),
            ((2, 2, 0), True, ""),
            ((2, 3, 0), True, ""),
            ((10, 0, 0), True, ""),
        ],
    )
    def test_is_2_2_0_or_later_as_uploads_need_it(self, binary, monkeypatch, numbers, ok, advice):
        text = "v{}.{}.{}-abcdef0".format(*numbers)
        monkeypatch.setattr(checks, "read_version", lambda path: Version(text, numbers))
        report = run_checks(CheckRequest(s5cmd_path=binary(elf(X86_64))))
        check = checked(report)["version"]
        assert check.ok is ok
        assert text in check.message
        assert check.hint.startswith(advice)
        assert bool(check.hint) is bool(advice)
        assert report.s5cmd_version == "{}.{}.{}".format(*numbers)


@pytest.mark.usefixtures("without_boto3")
class TestNotChecked:
    def test_without_s5cmd_its_other_checks_are_not_made(self, tmp_path):
        report = run_checks(CheckRequest(s5cmd_path=str(tmp_path / "none")))
        found = checked(report)
        assert [name for name in found if found[name].failed] == ["binary", "boto3", "awscrt"]
        assert str(tmp_path / "none") in found["binary"].message
        for name in ("platform", "runs", "version"):
            assert not found[name].ok
            assert found[name].message == "not checked: there is no s5cmd to look at"
        assert report.s5cmd_path is None
        assert report.s5cmd_version is None
        assert report.exit_code == 1

    def test_without_boto3_nothing_on_the_network_is_checked(self, tmp_path):
        report = run_checks(CheckRequest(s5cmd_path=str(tmp_path / "none"), bucket="archive", write_probe=True))
        found = checked(report)
        for name in ("credentials_found", "credentials_accepted", "endpoint", "bucket", "write", "cleanup"):
            assert not found[name].ok
            assert not found[name].failed
            assert found[name].message.startswith("not checked: ")
        assert "boto3" in found["credentials_found"].message
        assert report.exit_code == 1

    def test_only_what_was_asked_for_is_listed_and_always_in_the_same_order(self, tmp_path):
        missing = str(tmp_path / "none")
        names = list(CATEGORIES)
        assert list(checked(run_checks(CheckRequest(s5cmd_path=missing)))) == names[:-3]
        assert list(checked(run_checks(CheckRequest(s5cmd_path=missing, bucket="archive")))) == names[:-2]
        assert list(checked(run_checks(CheckRequest(s5cmd_path=missing, bucket="archive", write_probe=True)))) == names
