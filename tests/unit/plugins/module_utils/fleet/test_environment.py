# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The private Python environment: found, made from a payload by a real `venv`, and checked."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import environment
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.environment import (
    HostPython,
    environment_name,
    find_python,
    is_intact,
    make_from_payload,
    make_with_pip,
)
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.small_payload import PACKAGES, make_payload

BOOKWORM = HostPython("/usr/bin/python3.11", "3.11.2", "Linux", "x86_64", 64, ["glibc", "2.36"], "")


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


# Which Python


def test_this_python_is_found_as_it_is():
    found = find_python(sys.executable)
    assert found.version == "{}.{}.{}".format(*sys.version_info)
    assert found.minor == "{}.{}".format(*sys.version_info)
    assert found.system == os.uname().sysname
    assert found.pointer_bits in (32, 64)
    assert not Path(found.executable).is_symlink()


def test_another_python_says_the_same_of_itself(monkeypatch):
    directly = find_python(sys.executable)
    monkeypatch.setattr(environment.sys, "prefix", "/somewhere/else")
    assert find_python(sys.executable) == directly


def test_a_python_of_an_environment_leads_to_the_one_behind_it(tmp_path):
    """Else our environment would break with an operator's, and would not be found right the second time."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    assert find_python(str(tmp_path / "venv" / "bin" / "python")) == find_python(sys.executable)


def test_a_python_that_is_not_there_is_named_with_the_variable():
    with pytest.raises(
        InstallationError, match=r"uploader_python: there is no python3.99 on this host \(install Python"
    ):
        find_python("python3.99")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit 3", "does not run: exit status 3"),
        ("echo 'Unknown option: -I' >&2; exit 2", "does not run: Unknown option: -I"),
        ("echo hello", "is no Python: it printed 'hello"),
        ("echo '[1, 2]'", "is no Python"),
    ],
)
def test_what_is_no_python_is_named(tmp_path, text, reason):
    path = script(tmp_path / "python3", text)
    with pytest.raises(InstallationError) as raised:
        find_python(path)
    assert str(raised.value).startswith(f"uploader_python: {path} {reason}")
    assert "set uploader_python" in str(raised.value)


def test_a_file_that_the_host_cannot_run_is_named(tmp_path):
    path = tmp_path / "python3"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)
    with pytest.raises(InstallationError, match=r"python3 does not run: .*Exec format error"):
        find_python(str(path))


def test_a_python_that_is_too_old_is_named_with_what_to_do(tmp_path):
    old = json.dumps(BOOKWORM._replace(version="3.8.20"))
    with pytest.raises(InstallationError, match=r"is Python 3.8.20, and 3.9 is the oldest .*set uploader_python"):
        find_python(script(tmp_path / "python3", f"echo '{old}'"))


def test_the_name_of_an_environment_tells_its_packages_and_its_python():
    name = environment_name("awscrt==0.1\n", BOOKWORM)
    assert len(name) == 12
    assert environment_name("awscrt==0.1\n", BOOKWORM) == name
    others = [
        environment_name("awscrt==0.2\n", BOOKWORM),
        environment_name("awscrt==0.1\n", BOOKWORM._replace(executable="/opt/python3.11")),
        environment_name("awscrt==0.1\n", BOOKWORM._replace(version="3.12.0")),
        environment_name("awscrt==0.1\n", BOOKWORM._replace(machine="aarch64")),
        environment_name("awscrt==0.1\n", BOOKWORM._replace(pointer_bits=32)),
        environment_name("awscrt==0.1\n", BOOKWORM._replace(libc=["", ""])),
    ]
    assert len({name, *others}) == len(others) + 1


def test_a_new_patch_version_of_python_and_of_its_libc_keep_the_environment():
    """So a host that is kept up to date is not deployed anew."""
    name = environment_name("", BOOKWORM)
    assert environment_name("", BOOKWORM._replace(version="3.11.9", libc=["glibc", "2.37"])) == name


# From a payload


@pytest.fixture(scope="module")
def python():
    return find_python(sys.executable)


@pytest.fixture
def payload(tmp_path):
    make_payload(tmp_path / "payload.zip")
    return tmp_path / "payload.zip"


@pytest.fixture
def made(tmp_path, python, payload):
    make_from_payload(tmp_path / "environment", python, payload)
    return tmp_path / "environment"


def test_the_packages_of_a_payload_can_be_imported_and_nothing_else_can(made):
    code = "import awscrt.checksums, sys; print(awscrt.checksums.crc64nvme(b''), sys.prefix)"
    command = [made / "bin" / "python", "-I", "-B", "-c"]
    done = subprocess.run([*command, code], capture_output=True, text=True, check=True)
    assert done.stdout == f"0 {made}\n"
    assert subprocess.run([*command, "import pip"], capture_output=True, check=False).returncode == 1


def test_an_environment_that_was_made_is_intact(made):
    assert is_intact(made)


def test_an_environment_is_intact_in_the_place_that_it_is_moved_to(made, tmp_path):
    made.rename(tmp_path / "moved")
    assert is_intact(tmp_path / "moved")
    code = "import awscrt.checksums, sys; print(sys.prefix)"
    command = [tmp_path / "moved" / "bin" / "python", "-I", "-B", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{tmp_path / 'moved'}\n"


def test_everybody_can_read_an_environment_and_nobody_but_its_owner_can_change_it(tmp_path, python, payload):
    before = os.umask(0o077)
    try:
        make_from_payload(tmp_path / "environment", python, payload)
    finally:
        os.umask(before)
    paths = [path for path in (tmp_path / "environment").rglob("*") if not path.is_symlink()]
    assert len(paths) > len(PACKAGES)
    for path in paths:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o022 == 0, path
        assert mode & 0o044 == 0o044, path
        assert not path.is_dir() or mode & 0o011 == 0o011, path


def test_the_activation_scripts_which_name_another_folder_are_left_out(made):
    assert not [path.name for path in (made / "bin").iterdir() if path.name.lower().startswith("activate")]


def site_packages(folder):
    (found,) = folder.glob("lib/python*/site-packages")
    return found


HARMS = {
    "a file is missing": lambda folder: (site_packages(folder) / "awscrt" / "checksums.py").unlink(),
    "a file is truncated": lambda folder: os.truncate(site_packages(folder) / "awscrt" / "_native.abi3.so", 100),
    "compiled code is truncated": lambda folder: os.truncate(next(folder.glob("lib/**/checksums.*.pyc")), 20),
    "a file has grown": lambda folder: (site_packages(folder) / "awscrt" / "__init__.py").write_text("#", "utf-8"),
    "its Python is gone": lambda folder: (folder / "bin" / "python").unlink(),
    "the Python that it was made from is gone": lambda folder: relink(folder / "bin" / "python", "/gone/python3"),
    "its record is missing": lambda folder: (folder / "environment.json").unlink(),
    "its record is empty": lambda folder: (folder / "environment.json").write_text("", "utf-8"),
    "its record is a list": lambda folder: (folder / "environment.json").write_text("[]", "utf-8"),
    "its record has no files": lambda folder: (folder / "environment.json").write_text("{}", "utf-8"),
    "its record has a list": lambda folder: (folder / "environment.json").write_text('{"files": [1]}', "utf-8"),
}


def relink(path, target):
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize("harm", HARMS)
def test_an_environment_that_was_damaged_is_not_intact(made, harm):
    HARMS[harm](made)
    assert not is_intact(made)


def test_what_python_compiles_by_itself_is_no_damage(made):
    subprocess.run([made / "bin" / "python", "-c", "import awscrt.checksums"], check=True)
    assert is_intact(made)


def test_everything_in_it_is_compiled_and_python_compiles_nothing_at_its_start(made):
    sources = list(site_packages(made).rglob("*.py"))
    compiled = list(site_packages(made).rglob("*.pyc"))
    assert len(sources) == len(compiled) == 2
    command = [made / "bin" / "python", "-I", "-B", "-v", "-c", "import awscrt.checksums"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    (kept,) = (path for path in compiled if path.name.startswith("checksums."))
    assert f"code object from '{kept}'" in said


def test_no_environment_is_not_intact(tmp_path):
    assert not is_intact(tmp_path / "environment")


def test_packages_that_do_not_run_on_this_host_are_an_error(tmp_path, python):
    packages = {**PACKAGES, "awscrt/checksums.py": b"raise ImportError('GLIBC_2.99 not found')\n"}
    make_payload(tmp_path / "payload.zip", packages=packages)
    with pytest.raises(InstallationError, match=r"awscrt does not run on this host: .*GLIBC_2.99 not found"):
        make_from_payload(tmp_path / "environment", python, tmp_path / "payload.zip")
    assert not is_intact(tmp_path / "environment")


def test_a_payload_that_was_cut_off_is_an_error(tmp_path, python, payload):
    os.truncate(payload, payload.stat().st_size // 2)
    with pytest.raises(InstallationError, match=r"what the controller sent arrived damaged: .*deploy again"):
        make_from_payload(tmp_path / "environment", python, payload)


def test_a_payload_with_other_bytes_is_an_error(tmp_path, python):
    make_payload(tmp_path / "payload.zip", packages={"awscrt/data": os.urandom(10000)})
    data = bytearray((tmp_path / "payload.zip").read_bytes())
    data[5000] ^= 0xFF
    (tmp_path / "payload.zip").write_bytes(data)
    with pytest.raises(InstallationError, match="arrived damaged"):
        make_from_payload(tmp_path / "environment", python, tmp_path / "payload.zip")


def test_a_python_without_venv_says_which_package_to_install(tmp_path, python, payload):
    path = script(tmp_path / "python3", "echo '/usr/bin/python3: No module named venv' >&2; exit 1")
    with pytest.raises(InstallationError, match=r"cannot make an environment: .*No module named venv \(.*python3-venv"):
        make_from_payload(tmp_path / "environment", python._replace(executable=path), payload)


def test_a_disk_that_is_full_is_no_reason_to_install_a_package(tmp_path, python, payload):
    path = script(tmp_path / "python3", "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1")
    with pytest.raises(InstallationError) as raised:
        make_from_payload(tmp_path / "environment", python._replace(executable=path), payload)
    assert "No space left on device" in str(raised.value)
    assert "python3-venv" not in str(raised.value)


# By pip


@pytest.fixture
def with_pip(tmp_path, monkeypatch):
    """Let `venv` make an environment whose Python answers as the given script says."""

    def answer(text):
        def make(folder, python, with_pip):
            assert with_pip
            (folder / "bin").mkdir(parents=True)
            script(folder / "bin" / "python", text)

        monkeypatch.setattr(environment, "_make_venv", make)
        return tmp_path / "environment"

    return answer


def test_pip_gets_the_pinned_packages_and_the_operators_arguments(with_pip, python, tmp_path):
    folder = with_pip(f'echo "$@" >> {tmp_path}/ran; cat >> {tmp_path}/ran')
    make_with_pip(folder, python, "awscrt==0.1\n", ["--index-url", "https://packages.example.org/simple"])
    ran = (tmp_path / "ran").read_text("utf-8").splitlines()
    assert ran[0].startswith("-m pip install --no-deps --no-input --no-compile")
    assert ran[0].endswith("--requirement /dev/stdin --index-url https://packages.example.org/simple")
    assert ran[1] == "awscrt==0.1"
    assert is_intact(folder)


def test_what_pip_says_last_is_the_reason(with_pip, python):
    folder = with_pip(
        'case "$*" in *pip*) echo "WARNING: Retrying" >&2;'
        ' echo "ERROR: No matching distribution found for awscrt==0.1" >&2; exit 1;; esac'
    )
    with pytest.raises(InstallationError) as raised:
        make_with_pip(folder, python, "awscrt==0.1\n", [])
    assert f"pip could not install the packages on Python {python.version}: " in str(raised.value)
    assert "No matching distribution found for awscrt==0.1" in str(raised.value)
    assert not is_intact(folder)
