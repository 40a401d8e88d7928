# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The Pythons of the hosts, each where it is at home: they start the program, build it, and pass the unit tests.

The other Pythons that a host may have are tested where this machine has them; see tests/project/test_build.py.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path

import ansible
import pytest

from dev import build_collection, build_program
from dev.ansible_environment import CHECKOUT
from tests.fleet.bed import Answer, Bed, Host
from tests.fleet.host_packages import install_packages
from tests.fleet.images import RELEASES

pytestmark = pytest.mark.timeout(900)

#: Where the host sees the checkout, and what its Python finds besides its own library.
COLLECTIONS, PACKAGES, ANSIBLE = "/srv/collections", "/srv/packages", "/srv/ansible"
COLLECTION = f"{COLLECTIONS}/ansible_collections/datasync/turbo"
UNIT_TESTS = f"{COLLECTION}/tests/unit/plugins/module_utils"


@pytest.fixture(scope="module", params=RELEASES)
def host(request: pytest.FixtureRequest, bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host of each release in turn, with the checkout and the packages of the unit tests, which it can only read."""
    release = request.param
    packages = tmp_path_factory.mktemp("packages")
    install_packages(packages, RELEASES[release], platform.machine())
    (packages / "pytest.ini").write_text("[pytest]\nxfail_strict = true\n")
    seen = {CHECKOUT: COLLECTION, packages: PACKAGES, Path(ansible.__file__).parent: f"{ANSIBLE}/ansible"}
    booted = bed.host(f"python-{release}", release, *(f"--volume={ours}:{its}:ro" for ours, its in seen.items()))
    yield booted
    booted.remove()


def python(host: Host, *arguments: str) -> Answer:
    """Run the host's own Python."""
    path = f"PYTHONPATH={COLLECTION}:{COLLECTIONS}:{PACKAGES}:{ANSIBLE}"
    return host.run("env", f"--chdir={COLLECTION}", path, "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", *arguments)


def test_it_builds_the_program_with_the_same_bytes(host: Host) -> None:
    python(host, "-m", "dev.build_program", "/root/datasync-turbo")
    ours = hashlib.sha256(build_program.program()).hexdigest()
    assert host.shell("sha256sum </root/datasync-turbo").split()[0] == ours


def test_it_starts_the_program_without_any_package(host: Host, tmp_path: Path) -> None:
    program = build_program.build(tmp_path / "datasync-turbo")
    host.bed.podman("cp", str(program), f"{host.name}:/usr/local/bin/datasync-turbo").checked()
    assert build_collection.galaxy_metadata()["version"] in host.shell("datasync-turbo --version")
    answer = host.run("datasync-turbo", "config", "--config", "/none.env", check=False)
    assert (answer.returncode, "none.env" in answer.stderr) == (1, True), answer.stderr


def test_it_passes_the_unit_tests(host: Host) -> None:
    """Without the slow ones, which this machine's Python runs."""
    options = ["-q", "-c", f"{PACKAGES}/pytest.ini", "--rootdir", COLLECTION, "-p", "no:cacheprovider"]
    answer = python(host, "-m", "pytest", *options, "--import-mode=importlib", "-m", "not slow", UNIT_TESTS)
    assert " passed" in answer.stdout and " failed" not in answer.stdout, answer.stdout
