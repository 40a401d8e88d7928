# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host program and the collection's archive: what is in them, and that they depend on the sources alone."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.compiled import compile_folder

from dev import build_collection, build_program
from dev.ansible_environment import CHECKOUT
from dev.interpreters import find_interpreters

#: Those of the hosts' Pythons that this machine has; tests/fleet/test_pythons.py asks those of the test bed.
PYTHONS = find_interpreters()
VERSION = build_collection.galaxy_metadata()["version"]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_collection.build_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program.build(tmp_path_factory.mktemp("program") / "datasync-turbo")


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_builds_the_same_bytes(version: str, tmp_path: Path) -> None:
    python = PYTHONS[version]
    command = [str(python), "-m", "dev.build_program", str(tmp_path / "program")]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    assert (tmp_path / "program").read_bytes() == build_program.program()


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_of_the_hosts_starts_the_program(version: str, program: Path) -> None:
    python = PYTHONS[version]
    answer = subprocess.run([str(python), "-I", str(program), "--version"], check=True, capture_output=True, text=True)
    assert VERSION in answer.stdout


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_of_the_hosts_compiles_the_program_at_its_deployment_and_nothing_at_a_start(
    version: str, program: Path, tmp_path: Path
) -> None:
    python = PYTHONS[version]
    folder = tmp_path / "datasync-turbo"
    with zipfile.ZipFile(program) as packed:
        packed.extractall(folder)
    compile_folder(folder, str(python))
    compiled = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pyc")}
    assert len(compiled) == len(list(folder.rglob("*.py")))
    command = [str(python), "-I", "-B", "-v", str(folder), "config", "--config", str(tmp_path / "none.env")]
    answer = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert (answer.returncode, "none.env: No such file" in answer.stderr) == (1, True), answer.stderr
    for name in ("program/__pycache__/cli", "job/__pycache__/config"):
        assert f"code object from '{folder}/datasync_turbo/{name}.{python_tag(version)}.pyc'" in answer.stderr
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.pyc")} == compiled


def python_tag(version: str) -> str:
    """What CPython of this version puts into the names of compiled files, such as cpython-311."""
    return f"cpython-{version.replace('.', '')}"


def test_program_runs_by_its_own_name(program: Path) -> None:
    assert program.stat().st_mode & 0o777 == 0o755
    assert VERSION in subprocess.check_output([str(program), "--version"], text=True)


def test_program_holds_the_pipeline_and_nothing_of_ansible(program: Path) -> None:
    with zipfile.ZipFile(program) as packed:
        names = set(packed.namelist())
        assert {
            "__main__.py",
            "datasync_turbo/program/cli.py",
            "datasync_turbo/sync/run.py",
            "datasync_turbo/common/version.py",
        } <= names
        sources = [packed.read(name).decode() for name in names if name.endswith(".py")]
        assert {info.date_time for info in packed.infolist()} == {build_program.FIXED_TIME}
    assert not [text for text in sources if "import ansible" in text or "from ansible" in text]


def test_a_module_that_needs_ansible_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_program, "STARTS", ("cli",))
    (tmp_path / "cli.py").write_text("from .other import thing\n")
    (tmp_path / "other.py").write_text("def f():\n    from ansible.module_utils.basic import AnsibleModule\n")
    with pytest.raises(build_program.ProgramError, match=r"other\.py imports ansible\.module_utils\.basic"):
        build_program.program(tmp_path)


def test_a_missing_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_program, "STARTS", ("cli",))
    (tmp_path / "cli.py").write_text("from . import gone\n")
    with pytest.raises(build_program.ProgramError, match=r"gone\.py"):
        build_program.program(tmp_path)


def test_a_program_of_packages_holds_what_it_reaches_and_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {
        "door/cli.py": "from ..middle import work\nfrom ..level import VALUE\n"
        "def main(): return work.TEN + VALUE\nleave = print\n",
        "middle/__init__.py": "# The sentence of the package.\n",
        "middle/work.py": "from .deep.deeper import TEN\n",
        "middle/deep/deeper.py": "from ...ground import TEN\n",
        "middle/deep/__init__.py": "",
        "level.py": "VALUE = 3\n",
        "middle/unused.py": "",
        "ground.py": "TEN = 10\n",
    }
    for name, text in sources.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text)
    monkeypatch.setattr(build_program, "STARTS", ("door/cli",))
    monkeypatch.setattr(build_program, "MAIN", "from datasync_turbo.door.cli import main, leave\nleave(main())\n")
    program = tmp_path / "program"
    program.write_bytes(build_program.program(tmp_path / "in"))
    with zipfile.ZipFile(program) as packed:
        names = set(packed.namelist())
        assert packed.read("datasync_turbo/middle/__init__.py").decode() == sources["middle/__init__.py"]
    assert "datasync_turbo/middle/deep/deeper.py" in names
    assert "datasync_turbo/middle/unused.py" not in names
    assert subprocess.check_output([sys.executable, "-I", str(program)], text=True) == "13\n"


def test_archive_carries_the_program_for_the_role(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        member = packed.extractfile(str(build_collection.PROGRAM_IN_ROLE))
        assert member is not None
        assert member.read() == build_program.program()


def test_archive_leaves_out_what_only_contributors_need(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        tops = {name.split("/")[0] for name in packed.getnames()}
    assert {"plugins", "roles", "playbooks", "meta", "docs", "LICENSE", "README.md"} <= tops
    assert not tops & {"dev", "tests", "build", ".venv", ".ci", "Makefile", "pyproject.toml", ".git"}


def test_copy_of_the_sources_follows_the_checkout(tmp_path: Path) -> None:
    target = tmp_path / "copy"
    (target / "left" / "over").mkdir(parents=True)
    (target / "left" / "over" / "file").write_text("old")
    (target / ".git").mkdir()
    (target / ".git" / "HEAD").write_text("kept")
    build_collection.copy_sources(target)
    copied = {path.relative_to(target) for path in target.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert copied == set(build_collection.source_files())
    assert (target / ".git" / "HEAD").read_text() == "kept"
    assert not (target / "left").exists()
