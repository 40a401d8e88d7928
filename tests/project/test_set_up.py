# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The set-up finds a Python that fits, and says what to install when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev import set_up
from dev.ansible_environment import CHECKOUT

SH = "/bin/sh"


def find_python(path: str, *arguments: str, home: str = "/nonexistent") -> subprocess.CompletedProcess[str]:
    environment: dict[str, str] = {"PATH": path, "HOME": home}
    command = [SH, str(CHECKOUT / "dev" / "find_python.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def put_python(directory: Path, name: str, script: str) -> Path:
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!{SH}\n{script}\n")
    program.chmod(0o755)
    return program


def real_python(directory: Path, name: str) -> Path:
    return put_python(directory, name, f'exec "{sys.executable}" "$@"')


def test_python3_is_taken_if_it_fits(tmp_path: Path) -> None:
    real_python(tmp_path, "python3")
    found = find_python(str(tmp_path))
    assert found.returncode == 0
    assert Path(found.stdout.strip()).resolve() == Path(sys.executable).resolve()


def test_an_inactive_shim_does_not_stop_the_search(tmp_path: Path) -> None:
    put_python(tmp_path / "shims", "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
    real_python(tmp_path / "usr", "python3")
    assert find_python(f"{tmp_path / 'shims'}:{tmp_path / 'usr'}").returncode == 0


def test_a_newer_python_is_found_if_python3_is_too_old(tmp_path: Path) -> None:
    put_python(tmp_path, "python3", "exit 2")
    real_python(tmp_path, "python3.12")
    assert find_python(str(tmp_path)).returncode == 0


def test_python_of_pyenv_is_found_without_shims(tmp_path: Path) -> None:
    folder = tmp_path / ".pyenv" / "versions" / "3.12.1" / "bin"
    folder.mkdir(parents=True)
    real_python(folder, "python3")
    assert find_python("/nonexistent", home=str(tmp_path)).returncode == 0


def test_no_python_says_what_to_install(tmp_path: Path) -> None:
    answer = find_python(str(tmp_path))
    assert answer.returncode == 1
    assert "apt-get install python3 python3-venv" in answer.stderr


def test_an_old_python_is_named_with_its_version(tmp_path: Path) -> None:
    put_python(tmp_path, "python3", '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 2')
    answer = find_python(str(tmp_path))
    assert answer.returncode == 1
    assert f"{tmp_path}/python3 is Python 3.9.2, which is too old" in answer.stderr


def test_a_missing_venv_module_is_named(tmp_path: Path) -> None:
    put_python(tmp_path, "python3", "exit 3")
    answer = find_python(str(tmp_path))
    assert answer.returncode == 1
    assert "sudo apt-get install python3-venv" in answer.stderr


def test_the_python_asked_for_is_the_only_one_tried(tmp_path: Path) -> None:
    real_python(tmp_path, "python3")
    answer = find_python(str(tmp_path), "/nonexistent/python3.11")
    assert answer.returncode == 1
    assert "PYTHON=/nonexistent/python3.11" in answer.stderr


def test_without_a_package_index_the_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(set_up.SetUpError, match="Is the network there"):
        set_up.pip("download", "--no-deps", "--dest", os.devnull, "no-such-package-of-datasync-turbo==1.0")


def test_fingerprint_follows_the_requirement_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set_up.fingerprint("test")
    changed = tmp_path / "requirements.txt"
    changed.write_text("something==1\n")
    monkeypatch.setitem(set_up.REQUIREMENTS, "test", [*set_up.REQUIREMENTS["test"], str(changed)])
    assert set_up.fingerprint("test") != before


def test_an_environment_whose_set_up_was_interrupted_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed pip leaves packages that it takes for installed the next time."""
    made = []
    interrupted = [True]

    def pip(*arguments: str, venv: Path = tmp_path) -> None:
        if interrupted.pop(0):
            raise KeyboardInterrupt

    monkeypatch.setattr(set_up, "BUILD", tmp_path)
    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    monkeypatch.setattr(set_up, "fingerprint", lambda purpose: "same")
    monkeypatch.setattr(set_up, "venv_python_version", lambda venv: set_up.python_version())
    monkeypatch.setattr(set_up, "make_venv", made.append)
    monkeypatch.setattr(set_up, "pip", pip)
    venv = tmp_path / ".venv"
    with pytest.raises(KeyboardInterrupt):
        set_up.set_up("demo", venv)
    assert made == []

    interrupted.append(False)
    set_up.set_up("demo", venv)
    assert made == [venv]
    set_up.set_up("demo", venv)
    assert made == [venv], "now it is complete"


def test_iperf3_that_cannot_be_fetched_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(set_up, "IPERF3", tmp_path / "tools" / "iperf3")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    put_python(tmp_path / "bin", "apt-get", "exit 100")
    set_up.unpack_iperf3()
    assert "sudo apt-get install iperf3" in capsys.readouterr().out
    assert list((tmp_path / "tools").iterdir()) == []
