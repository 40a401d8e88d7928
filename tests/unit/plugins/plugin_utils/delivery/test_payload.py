# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The one file that a host gets: the same bytes for the same parts, made once however many ask for it."""

from __future__ import annotations

import os
import zipfile

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.environment import HostPython
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery import payload as payload_module
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.cache import controller_cache
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.payload import Payloads, target_name
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.wheelhouse import Wheelhouse

PYTHON = HostPython("/usr/bin/python3.11", "3.11.2", "Linux", "x86_64", 64, ["glibc", "2.36"], "")
REQUIREMENTS = "awscrt==0.1\nbotocore==0.1\n"
WHEELS = {
    "awscrt-0.1-cp311-abi3-manylinux_2_17_x86_64": {
        "awscrt/": b"",
        "awscrt/__init__.py": b"",
        "awscrt-0.1.data/purelib/awscrt/pure.py": b"pure\n",
        "awscrt-0.1.data/platlib/awscrt/native.so": b"\x7fELF",
        "awscrt-0.1.data/scripts/awscrt": b"#!python\n",
        "awscrt-0.1.data/headers/awscrt.h": b"int x;\n",
        "awscrt-0.1.dist-info/METADATA": b"Name: awscrt\n",
    },
    "botocore-0.1-py3-none-any": {
        "botocore/__init__.py": b"",
        "botocore/data/endpoints.json": b"{}",
        "botocore/data/s3/2006-03-01/service-2.json.gz": b"s3",
        "botocore/data/sts/2011-06-15/service-2.json.gz": b"sts",
        "botocore/data/sso-oidc/2019-06-10/service-2.json.gz": b"sso",
        "botocore/data/ec2/2016-11-15/service-2.json.gz": b"ec2",
        "botocore/data/s3control/2018-08-20/service-2.json.gz": b"s3control",
    },
}


@pytest.fixture
def controller(tmp_path):
    """Wheels and a program on the controller, and its payloads."""
    for name, members in WHEELS.items():
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as wheel:
            for member, content in members.items():
                wheel.writestr(member, content)
    (tmp_path / "program").write_bytes(b"#!/usr/bin/python3\n")

    def payloads(cache="cache", requirements=REQUIREMENTS, wheelhouse=None):
        folder = tmp_path / cache
        house = wheelhouse or Wheelhouse(folder, tmp_path)
        return Payloads(folder, house, requirements, tmp_path / "program")

    return payloads


def members(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_payload_holds_the_program_and_what_belongs_into_site_packages(controller):
    assert members(controller().payload(PYTHON, with_packages=True)) == {
        "program": b"#!/usr/bin/python3\n",
        "packages/awscrt/__init__.py": b"",
        "packages/awscrt/pure.py": b"pure\n",
        "packages/awscrt/native.so": b"\x7fELF",
        "packages/awscrt-0.1.dist-info/METADATA": b"Name: awscrt\n",
        "packages/botocore/__init__.py": b"",
        "packages/botocore/data/endpoints.json": b"{}",
        "packages/botocore/data/s3/2006-03-01/service-2.json.gz": b"s3",
        "packages/botocore/data/sts/2011-06-15/service-2.json.gz": b"sts",
        "packages/botocore/data/sso-oidc/2019-06-10/service-2.json.gz": b"sso",
    }


def test_where_only_the_program_is_missing_no_wheel_is_looked_at(controller, tmp_path):
    found = controller(wheelhouse=Wheelhouse(tmp_path, tmp_path / "no such folder")).payload(
        PYTHON, with_packages=False
    )
    assert members(found) == {"program": b"#!/usr/bin/python3\n"}


@pytest.mark.parametrize(
    ("member", "target"),
    [
        ("awscrt/checksums.py", "awscrt/checksums.py"),
        ("six.py", "six.py"),
        ("six-1.17.0.dist-info/RECORD", "six-1.17.0.dist-info/RECORD"),
        ("awscrt/", None),
        ("a-1.data/purelib/a/b.py", "a/b.py"),
        ("a-1.data/platlib/a.so", "a.so"),
        ("a-1.data/scripts/a", None),
        ("a-1.data/data/share/a", None),
        ("a-1.data/headers/a.h", None),
        ("botocore/data/s3/2006-03-01/paginators-1.json", "botocore/data/s3/2006-03-01/paginators-1.json"),
        ("botocore/data/signin/2023-01-01/service-2.json.gz", "botocore/data/signin/2023-01-01/service-2.json.gz"),
        ("botocore/data/_retry.json", "botocore/data/_retry.json"),
        ("botocore/data/s3tables/2018-05-10/service-2.json.gz", None),
        ("botocore/data.py", "botocore/data.py"),
        ("rich/markdown.py", "rich/markdown.py"),
        ("pygments/lexer.py", None),
        ("pygments-2.21.0.dist-info/METADATA", None),
        ("markdown_it/main.py", None),
        ("markdown_it_py-4.3.0.dist-info/METADATA", None),
        ("mdurl/_parse.py", None),
        ("boto3/data/ec2/2016-11-15/resources-1.json", "boto3/data/ec2/2016-11-15/resources-1.json"),
    ],
)
def test_a_member_of_a_wheel_goes_there(member, target):
    assert target_name(member) == target


def test_the_same_parts_make_the_same_bytes(controller):
    """Also on another day and another controller: so a payload can be compared, and kept."""
    one, two = (controller(cache).payload(PYTHON, with_packages=True) for cache in ("one", "two"))
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_other_parts_make_another_payload(controller, tmp_path):
    found = {
        controller().payload(PYTHON, with_packages=True),
        controller().payload(PYTHON, with_packages=False),
        controller(requirements="awscrt==0.1\n").payload(PYTHON, with_packages=True),
        controller().payload(PYTHON._replace(executable="/opt/python3"), with_packages=True),
    }
    (tmp_path / "program").write_bytes(b"#!/usr/bin/python3\n# newer\n")
    found.add(controller().payload(PYTHON, with_packages=True))
    assert len(found) == 5


def test_hosts_of_one_platform_share_a_payload(controller):
    newer = PYTHON._replace(version="3.11.9", libc=["glibc", "2.37"])
    assert controller().payload(PYTHON, True) == controller().payload(newer, True)


class Counting(Wheelhouse):
    """Writes a line for each time that wheels are looked for."""

    def __init__(self, folder):
        super().__init__(folder, folder)
        self._path = folder / "looked"

    def wheels(self, requirements, python):
        with self._path.open("a", encoding="ascii") as file:
            file.write("looked\n")
        return super().wheels(requirements, python)


def test_a_payload_that_was_made_is_kept(controller, tmp_path):
    for _round in range(3):
        controller(wheelhouse=Counting(tmp_path)).payload(PYTHON, with_packages=True)
    assert (tmp_path / "looked").read_text("ascii") == "looked\n"


def test_many_processes_at_once_make_it_once(controller, tmp_path):
    """Ansible asks for it once per fork."""
    begin, ready = os.pipe()
    children = []
    for _number in range(4):
        child = os.fork()
        if child == 0:
            try:
                os.close(ready)
                os.read(begin, 1)
                controller(wheelhouse=Counting(tmp_path)).payload(PYTHON, with_packages=True)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    os.close(begin)
    # All begin now: the end of the pipe is what they wait for.
    os.close(ready)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    assert (tmp_path / "looked").read_text("ascii") == "looked\n"
    assert len(list((tmp_path / "cache" / "payloads").glob("*.zip"))) == 1


def test_a_payload_that_cannot_be_made_leaves_no_part_of_it(controller, tmp_path, monkeypatch):
    def fail(archive, wheel):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(payload_module, "_add_wheel", fail)
    with pytest.raises(ConfigurationError, match=r"payloads: No space left on device \(free 100 MB there"):
        controller().payload(PYTHON, with_packages=True)
    assert os.listdir(tmp_path / "cache" / "payloads") == [".lock"]


@pytest.mark.parametrize("size", [0, 100, 700])
def test_a_damaged_wheel_is_named_with_what_to_do(controller, tmp_path, size):
    wheel = tmp_path / f"{next(iter(WHEELS))}.whl"
    os.truncate(wheel, size)
    with pytest.raises(InstallationError, match=rf"{wheel.name} is damaged: .*\(remove it"):
        controller().payload(PYTHON, with_packages=True)
    assert not list((tmp_path / "cache").rglob("*.zip"))


def test_a_wheel_with_other_bytes_is_named(controller, tmp_path):
    wheel = tmp_path / f"{next(iter(WHEELS))}.whl"
    data = wheel.read_bytes()
    wheel.write_bytes(data.replace(b"pure\n", b"evil\n"))
    with pytest.raises(InstallationError, match=r"is damaged: Bad CRC-32"):
        controller().payload(PYTHON, with_packages=True)


def test_a_cache_folder_that_cannot_be_written_is_named_with_the_variable(controller, tmp_path):
    (tmp_path / "cache").write_text("a file", "ascii")
    with pytest.raises(
        ConfigurationError, match=rf"cannot write .*cache folder {tmp_path}/cache/payloads: .*uploader_cache_dir"
    ):
        controller().payload(PYTHON, with_packages=False)


def test_a_cache_folder_that_we_make_is_private_whatever_the_umask_is(controller, tmp_path):
    before = os.umask(0o002)
    try:
        controller().payload(PYTHON, with_packages=False)
    finally:
        os.umask(before)
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_cache_folder_that_others_can_write_is_refused_because_hosts_run_what_is_in_it(controller, tmp_path, mode):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"other users .* {tmp_path}/cache \(set uploader_cache_dir"):
        controller().payload(PYTHON, with_packages=False)


def test_the_cache_is_where_the_operator_says_or_where_the_system_keeps_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert str(controller_cache("~/cache")) == f"{tmp_path}/cache"
    assert str(controller_cache()) == "/var/cache/me/datasync-turbo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert str(controller_cache()) == f"{tmp_path}/.cache/datasync-turbo"
