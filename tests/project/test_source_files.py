# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Every file says whose it is and under which licence, names no machine and no registry, and agrees on the version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from dev.ansible_environment import CHECKOUT
from dev.build_collection import source_files

#: Written by tools that know no header, or the licences themselves.
WITHOUT_HEADER = {"CHANGELOG.rst", "LICENSE", "changelogs/changelog.yaml"}
#: Prose begins with its title.
PROSE = {".md"}
GPL_FOLDERS = ("plugins/modules/", "plugins/doc_fragments/")
HEADER_LINES = 8

SOURCES = [path for path in source_files() if (CHECKOUT / path).is_file()]
TEXTS = [path for path in SOURCES if b"\0" not in (CHECKOUT / path).read_bytes()]


def test_header_names_the_licence_of_its_folder() -> None:
    assert len(SOURCES) > 50
    assert [str(path) for path in SOURCES if needs_header(path) and not has_header(path)] == []


def needs_header(path: Path) -> bool:
    return str(path) not in WITHOUT_HEADER and path.suffix not in PROSE and path.parts[0] != "LICENSES"


def has_header(path: Path) -> bool:
    head = (CHECKOUT / path).read_text("utf-8").splitlines()[:HEADER_LINES]
    licence = "GPL-3.0-or-later" if str(path).startswith(GPL_FOLDERS) else "MIT"
    named = any(re.search(rf"SPDX-License-Identifier: {licence}\W*$", line) for line in head)
    return named and any("The datasync.turbo contributors" in line for line in head)


def test_no_package_registry_and_no_path_of_a_developers_machine_is_named() -> None:
    registries = "|".join(["py" + "pi\\.org", "python" + "hosted", "npm" + "js", "deb\\.debian"])
    places = "|".join(["/wo" + "rk/", "/ro" + "ot/\\.", "/home/[a-z]+/\\."])
    found = {str(path): re.findall(f"{registries}|{places}", (CHECKOUT / path).read_text("utf-8")) for path in TEXTS}
    assert {path: names for path, names in found.items() if names} == {}


def test_text_ends_with_one_newline_and_has_no_trailing_blanks() -> None:
    assert [str(path) for path in TEXTS if not is_tidy((CHECKOUT / path).read_text("utf-8"))] == []


def is_tidy(content: str) -> bool:
    one_newline = content == "" or (content.endswith("\n") and not content.endswith("\n\n"))
    return one_newline and all(line == line.rstrip(" \t\r") for line in content.split("\n"))


def test_version_is_the_same_everywhere() -> None:
    version = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text("utf-8"))["version"]
    assert f'__version__ = "{version}"\n' in (
        CHECKOUT / "plugins" / "module_utils" / "common" / "version.py"
    ).read_text("utf-8")
    assert version in yaml.safe_load((CHECKOUT / "changelogs" / "changelog.yaml").read_text("utf-8"))["releases"]


def test_unit_tests_get_the_packages_of_the_hosts() -> None:
    hosts = requirement_lines("roles/uploader/files/requirements.txt")
    tests = requirement_lines("tests/unit/requirements.txt")
    shared = {line for line in tests if not line.startswith("hypothesis")}
    assert shared <= hosts
    assert {line.split("==")[0] for line in shared} == {"awscrt", "boto3", "psutil", "rich"}


@pytest.mark.parametrize("name", ["dev/requirements-demo.txt", "dev/requirements-test.txt"])
def test_every_requirement_is_pinned(name: str) -> None:
    lines = {line for line in requirement_lines(name) if not line.startswith("-r ")}
    assert lines
    assert all(re.match(r"[\w.-]+==[\w.]+(; .+)?$", line) for line in lines)


def requirement_lines(name: str) -> set[str]:
    lines = (CHECKOUT / name).read_text("utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}
