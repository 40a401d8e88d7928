# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Each Python of the hosts gets the packages that a requirement file gives to it."""

from __future__ import annotations

import pytest

from dev.ansible_environment import CHECKOUT
from dev.pinned_packages import pinned_packages
from dev.set_up import BED_PYTHONS, BED_REQUIREMENTS, HOST_REQUIREMENTS

TEXT = """\
# A comment
both==1
both==1
old==2; python_version < "3.10"
new==3 ; python_version >= "3.10"   # why
"""


@pytest.mark.parametrize(("python", "expected"), [("3.9", ["both==1", "old==2"]), ("3.13", ["both==1", "new==3"])])
def test_conditions_are_those_of_the_other_python(python: str, expected: list[str]) -> None:
    assert pinned_packages(TEXT, python) == expected


@pytest.mark.parametrize("python", BED_PYTHONS)
def test_each_package_of_an_upload_server_is_pinned_once(python: str) -> None:
    packages = pinned_packages((CHECKOUT / HOST_REQUIREMENTS).read_text("utf-8"), python)
    names = [package.partition("==")[0] for package in packages]
    assert all("==" in package for package in packages)
    assert len(names) == len(set(names))
    assert {"boto3", "botocore", "awscrt", "psutil", "rich"} <= set(names)


@pytest.mark.parametrize("python", BED_PYTHONS)
def test_the_hosts_of_the_test_bed_get_each_package_in_one_version(python: str) -> None:
    packages = pinned_packages("\n".join((CHECKOUT / name).read_text("utf-8") for name in BED_REQUIREMENTS), python)
    names = [package.partition("==")[0].lower() for package in packages]
    assert len(names) == len(set(names))
    assert {"boto3", "hypothesis", "pytest"} <= set(names)
