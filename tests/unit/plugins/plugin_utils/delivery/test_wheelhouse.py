# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which wheels a host gets: chosen on the controller, for the host's Python and not for the controller's."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.commands import Completed
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.environment import HostPython
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery import wheelhouse
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.wheelhouse import (
    Wheelhouse,
    platforms,
    requirements_for,
    supported_tags,
)
from packaging.tags import Tag

BOOKWORM = HostPython("/usr/bin/python3.11", "3.11.2", "Linux", "x86_64", 64, ["glibc", "2.36"], "")
BULLSEYE = BOOKWORM._replace(executable="/usr/bin/python3.9", version="3.9.2", libc=["glibc", "2.31"])
TRIXIE_ARM = BOOKWORM._replace(version="3.13.5", machine="aarch64", libc=["glibc", "2.41"])
ALPINE = BOOKWORM._replace(version="3.12.11", libc=["", ""])
MAC = HostPython("/opt/homebrew/bin/python3.13", "3.13.1", "Darwin", "arm64", 64, ["", ""], "14.5")
HOSTS = {"bookworm": BOOKWORM, "bullseye": BULLSEYE, "trixie arm": TRIXIE_ARM, "alpine": ALPINE, "mac": MAC}

REQUIREMENTS = """\
# The private environment
awscrt==0.38.1
boto3==1.42.97; python_version < "3.10"
boto3==1.44.5; python_version >= "3.10"   # newer

"""


# Platforms


@pytest.mark.parametrize(("host", "newest"), [("bookworm", 36), ("bullseye", 31), ("trixie arm", 41)])
def test_wheels_of_the_hosts_glibc_and_of_all_older_ones_fit_the_newest_first(host, newest):
    machine = HOSTS[host].machine
    found = platforms(HOSTS[host])
    assert found[0] == f"manylinux_2_{newest}_{machine}"
    assert f"manylinux_2_{newest + 1}_{machine}" not in found
    assert [name for name in found if name.startswith("manylinux_2_")] == [
        f"manylinux_2_{minor}_{machine}" for minor in range(newest, 4, -1)
    ]
    # The older names of PEP 513, 571 and 599 stand beside the newer ones that mean the same.
    assert found[found.index(f"manylinux_2_17_{machine}") + 1] == f"manylinux2014_{machine}"
    assert found[-1] == f"linux_{machine}"


def test_a_glibc_that_is_older_than_what_a_wheel_wants_does_not_get_it():
    old = BOOKWORM._replace(libc=["glibc", "2.16"])
    assert "manylinux2014_x86_64" not in platforms(old)
    assert "manylinux2010_x86_64" in platforms(old)


def test_a_host_with_musl_gets_no_wheel_for_glibc():
    assert platforms(ALPINE) == ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64", "linux_x86_64"]


def test_a_mac_gets_wheels_of_its_version_and_of_older_ones():
    found = platforms(MAC)
    assert found[0] == "macosx_14_0_arm64"
    assert "macosx_11_0_universal2" in found
    assert not [name for name in found if "x86_64" in name or name.startswith("macosx_15")]


def test_a_python_of_32_bits_on_a_machine_of_64_gets_wheels_of_32():
    assert platforms(BOOKWORM._replace(pointer_bits=32))[0] == "manylinux_2_36_i686"
    assert platforms(TRIXIE_ARM._replace(pointer_bits=32))[0] == "manylinux_2_41_armv7l"


@pytest.mark.parametrize(
    ("tag", "hosts"),
    [
        ("py3-none-any", {"bookworm", "bullseye", "trixie arm", "alpine", "mac"}),
        ("cp311-abi3-manylinux_2_17_x86_64", {"bookworm"}),
        ("cp39-abi3-manylinux2014_x86_64", {"bookworm", "bullseye"}),
        ("cp39-cp39-manylinux_2_28_x86_64", {"bullseye"}),
        ("cp39-abi3-manylinux_2_34_x86_64", {"bookworm"}),
        ("cp313-abi3-manylinux_2_17_aarch64", {"trixie arm"}),
        ("cp39-abi3-musllinux_1_1_x86_64", {"alpine"}),
        ("cp312-abi3-musllinux_1_2_x86_64", {"alpine"}),
        ("cp313-abi3-macosx_10_15_universal2", {"mac"}),
        ("cp314-cp314-manylinux_2_17_x86_64", set()),
        ("cp313-cp313t-macosx_14_0_arm64", set()),
        ("cp311-cp311-win_amd64", set()),
    ],
)
def test_a_wheel_fits_these_hosts(tag, hosts):
    assert {name for name, python in HOSTS.items() if Tag(*tag.split("-")) in supported_tags(python)} == hosts


# Packages


@pytest.mark.parametrize(("host", "boto3"), [("bullseye", "1.42.97"), ("bookworm", "1.44.5"), ("mac", "1.44.5")])
def test_markers_are_judged_by_the_hosts_python(host, boto3):
    found = [str(one).partition(";")[0] for one in requirements_for(REQUIREMENTS, HOSTS[host])]
    assert found == ["awscrt==0.38.1", f"boto3=={boto3}"]


@pytest.mark.parametrize(
    ("marker", "hosts"),
    [
        ('sys_platform == "darwin"', {"mac"}),
        ('platform_system == "Linux"', {"bookworm", "bullseye", "trixie arm", "alpine"}),
        ('platform_machine == "aarch64"', {"trixie arm"}),
        ('python_full_version >= "3.13.2"', {"trixie arm"}),
        ('implementation_name == "cpython" and os_name == "posix"', set(HOSTS)),
    ],
)
def test_every_marker_is_that_of_the_host(marker, hosts):
    assert {name for name, python in HOSTS.items() if requirements_for(f"six==1.17.0; {marker}\n", python)} == hosts


# Choosing


@pytest.fixture
def wheel_dir(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()

    def put(*names):
        for name in names:
            (folder / f"{name}.whl").touch()
        return folder

    return put


def chosen(folder, requirements, python):
    return [path.name for path in Wheelhouse(folder / "cache", folder).wheels(requirements, python)]


def test_of_a_package_the_wheel_for_the_host_is_chosen(wheel_dir):
    folder = wheel_dir(
        "awscrt-0.38.1-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64",
        "awscrt-0.38.1-cp313-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64",
        "awscrt-0.38.1-cp313-abi3-macosx_10_15_universal2",
        "awscrt-0.38.1-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64",
        "awscrt-0.38.1-cp311-abi3-musllinux_1_1_x86_64",
        "awscrt-0.37.0-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64",
    )
    found = {name: chosen(folder, "awscrt==0.38.1\n", python)[0].split("-", 2)[2] for name, python in HOSTS.items()}
    assert found == {
        "bookworm": "cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "bullseye": "cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "trixie arm": "cp313-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
        "alpine": "cp311-abi3-musllinux_1_1_x86_64.whl",
        "mac": "cp313-abi3-macosx_10_15_universal2.whl",
    }


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("cp311-abi3-manylinux_2_28_x86_64", "cp39-abi3-manylinux_2_28_x86_64"),
        ("cp311-abi3-manylinux_2_34_x86_64", "cp311-abi3-manylinux_2_17_x86_64"),
        ("cp311-cp311-manylinux_2_17_x86_64", "cp311-abi3-manylinux_2_34_x86_64"),
        ("cp311-abi3-manylinux_2_17_x86_64", "py3-none-any"),
    ],
)
def test_of_two_wheels_that_fit_the_more_fitting_one_is_chosen_as_pip_does(wheel_dir, better, worse):
    folder = wheel_dir(f"awscrt-0.38.1-{better}", f"awscrt-0.38.1-{worse}")
    assert chosen(folder, "awscrt==0.38.1\n", BOOKWORM) == [f"awscrt-0.38.1-{better}.whl"]


def test_of_versions_that_are_allowed_the_newest_is_chosen(wheel_dir):
    folder = wheel_dir("six-1.9.0-py3-none-any", "six-1.10.0-py3-none-any", "six-2.0.0-py3-none-any")
    assert chosen(folder, "six<2\n", BOOKWORM) == ["six-1.10.0-py3-none-any.whl"]


def test_names_are_compared_as_package_names_are(wheel_dir):
    folder = wheel_dir("markdown_it_py-4.3.0-py3-none-any", "pygments-2.21.0-py3-none-any")
    found = chosen(folder, "markdown-it-py==4.3.0\nPygments==2.21.0\n", BOOKWORM)
    assert found == ["markdown_it_py-4.3.0-py3-none-any.whl", "pygments-2.21.0-py3-none-any.whl"]


def test_what_else_lies_in_the_folder_is_passed_over(wheel_dir):
    folder = wheel_dir("six-1.17.0-py3-none-any", "six", "not-a-version-py3-none-any")
    (folder / "six-1.17.0.tar.gz").touch()
    assert chosen(folder, "six==1.17.0\n", BOOKWORM) == ["six-1.17.0-py3-none-any.whl"]


def test_all_missing_wheels_are_named_with_the_command_that_fetches_them(wheel_dir):
    folder = wheel_dir("boto3-1.44.5-py3-none-any", "awscrt-0.38.1-cp311-abi3-manylinux_2_17_x86_64")
    with pytest.raises(InstallationError) as raised:
        Wheelhouse(folder / "cache", folder).wheels(REQUIREMENTS, BULLSEYE)
    message = str(raised.value)
    assert message.startswith(
        f"{folder} has no wheel for Python 3.9 on Linux x86_64 of awscrt==0.38.1, boto3==1.42.97 ("
    )
    assert "--python-version 3.9 --platform manylinux_2_31_x86_64" in message
    assert "uploader_wheel_dir" in message


def test_a_folder_that_is_not_there_has_no_wheels(tmp_path):
    with pytest.raises(InstallationError, match=r"no such folder has no wheel for .* of six==1.17.0"):
        Wheelhouse(tmp_path, tmp_path / "no such folder").wheels("six==1.17.0\n", BOOKWORM)


# From an index, by pip


@pytest.fixture
def pip(monkeypatch):
    """A pip that keeps its commands, and downloads the wheels that it is told to have."""
    commands = []
    has = []

    def run(command, timeout):
        commands.append(command)
        destination = command[command.index("--dest") + 1]
        for name in has:
            with open(f"{destination}/{name}.whl", "w", encoding="ascii"):
                pass
        return Completed(0, "", "")

    monkeypatch.setattr(wheelhouse.commands, "run", run)
    return SimpleNamespace(commands=commands, has=has)


def test_pip_fetches_what_is_missing_for_the_hosts_python_and_platform(tmp_path, pip):
    pip.has += ["awscrt-0.38.1-cp39-cp39-manylinux2014_x86_64", "boto3-1.42.97-py3-none-any"]
    found = Wheelhouse(tmp_path, None, ["--index-url", "https://packages.example.org/simple"]).wheels(
        REQUIREMENTS, BULLSEYE
    )
    assert [path.parent for path in found] == [tmp_path / "wheels"] * 2
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert command[command.index("--python-version") + 1] == "3.9"
    wanted = [command[place + 1] for place, word in enumerate(command) if word == "--platform"]
    assert wanted == platforms(BULLSEYE)
    assert {"--no-deps", "--only-binary=:all:", "--no-input"} <= set(command)
    # The markers are those of the host; pip would judge them by the controller.
    assert command[-4:] == [
        "--index-url",
        "https://packages.example.org/simple",
        "awscrt==0.38.1",
        "boto3==1.42.97",
    ]


def test_what_was_fetched_once_is_not_fetched_again_and_only_the_rest_is(tmp_path, pip):
    pip.has += ["awscrt-0.38.1-cp311-abi3-manylinux2014_x86_64"]
    house = Wheelhouse(tmp_path)
    house.wheels("awscrt==0.38.1\n", BOOKWORM)
    house.wheels("awscrt==0.38.1\n", BOOKWORM)
    assert len(pip.commands) == 1
    pip.has += ["boto3-1.44.5-py3-none-any"]
    house.wheels(REQUIREMENTS, BOOKWORM)
    assert [word for word in pip.commands[1] if "==" in word] == ["boto3==1.44.5"]


def test_an_operators_folder_is_all_there_is_and_pip_is_not_asked(tmp_path, pip):
    with pytest.raises(InstallationError):
        Wheelhouse(tmp_path, tmp_path).wheels(REQUIREMENTS, BOOKWORM)
    assert pip.commands == []


def test_what_pip_says_last_is_the_reason_and_the_two_ways_out_are_named(tmp_path, monkeypatch):
    said = (
        "WARNING: Retrying (Retry(total=0)) after connection broken\n"
        "ERROR: Could not find a version that satisfies the requirement awscrt==0.38.1 (from versions: none)\n"
        "ERROR: No matching distribution found for awscrt==0.38.1\n\n"
    )
    monkeypatch.setattr(wheelhouse.commands, "run", lambda command, timeout: Completed(1, "", said))
    with pytest.raises(InstallationError) as raised:
        Wheelhouse(tmp_path).wheels(REQUIREMENTS, BOOKWORM)
    message = str(raised.value)
    assert message.startswith("the controller could not fetch the packages: ERROR: Could not find a version")
    assert "No matching distribution found for awscrt==0.38.1" in message
    assert "Retrying" not in message
    assert "uploader_pip_args" in message
    assert "uploader_wheel_dir" in message


def test_a_pip_that_hangs_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(wheelhouse, "PIP_TIMEOUT", 0.01)
    with pytest.raises(InstallationError, match=r"pip does not work on the controller: did not end within"):
        Wheelhouse(tmp_path).wheels(REQUIREMENTS, BOOKWORM)


def test_a_pip_that_does_not_run_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(wheelhouse.sys, "executable", str(tmp_path))
    with pytest.raises(InstallationError, match="pip does not work on the controller: Permission denied"):
        Wheelhouse(tmp_path).wheels(REQUIREMENTS, BOOKWORM)


def test_a_pip_that_fetched_something_else_is_no_success(tmp_path, pip):
    pip.has += ["awscrt-0.38.1-cp313-abi3-manylinux2014_aarch64"]
    with pytest.raises(InstallationError, match=r"wheels has no wheel for .* of awscrt==0.38.1"):
        Wheelhouse(tmp_path).wheels("awscrt==0.38.1\n", BOOKWORM)
