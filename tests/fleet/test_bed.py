# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The test bed itself: its hosts are real, nothing leaves it, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from dev.ansible_environment import CHECKOUT
from tests.fleet import images
from tests.fleet.bed import BEDS, Bed, attach, obstacle, open_bed
from tests.fleet.images import RELEASES, BedError

#: The first test builds the images.
pytestmark = pytest.mark.timeout(900)


class Process(NamedTuple):
    """A process, told from later ones with the same number by its start, in ticks of the clock."""

    pid: int
    start: int


#: A starter that is killed before it can close its bed.
STARTER = """
import sys, time
from tests.fleet.bed import open_bed
with open_bed(sys.argv[1]) as bed:
    bed.host("doomed")
    print("booted", flush=True)
    time.sleep(300)
"""


def test_who_cannot_make_a_bed_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in obstacle()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(images, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "no mmdebstrap, podman, runc" in obstacle()
    assert "apt-get install --no-install-recommends mmdebstrap podman runc" in obstacle()


def test_ci_installs_what_a_bed_needs() -> None:
    lines = (CHECKOUT / "tests" / "system-packages.txt").read_text("utf-8").splitlines()
    listed = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert set(images.DEBIAN_PACKAGES) <= listed


def test_each_release_boots_with_its_python(bed: Bed) -> None:
    hosts = bed.hosts({f"boot-{release}": release for release in RELEASES})
    try:
        versions = {host.release: host.run("/usr/bin/python3", "--version").stdout.split()[1] for host in hosts}
        assert {release: version.rpartition(".")[0] for release, version in versions.items()} == RELEASES
        for host in hosts:
            assert host.shell("systemctl is-system-running").strip() == "running"
            assert host.run("sh", "-c", "command -v pip3", check=False).returncode != 0, "hosts are bare"
            assert host.run("/usr/bin/python3", "-c", "import ensurepip", check=False).returncode != 0
        answer = bed.run(["ansible", "boot-bullseye,boot-bookworm,boot-trixie", "-m", "ansible.builtin.ping"])
        assert answer.checked().stdout.count("pong") == len(RELEASES)
    finally:
        for host in hosts:
            host.remove()


def test_hosts_reach_the_s3_server_and_nothing_else(bed: Bed) -> None:
    s3 = bed.start_s3("reachable")
    host = bed.host("lonely")
    try:
        get = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)"
        answer = host.run("python3", "-c", get, f"{s3.endpoint_url}/reachable", check=False)
        assert "HTTP Error 403" in answer.stderr, "the server answers, and wants credentials"
        for out in ("http://192.0.2.1/", "http://example.org/"):
            answer = host.run("python3", "-c", get, out, check=False)
            assert "URLError" in answer.stderr or "TimeoutError" in answer.stderr, answer
    finally:
        host.remove()


def test_a_host_that_lost_power_comes_back_with_its_disk(bed: Bed) -> None:
    host = bed.host("unlucky")
    try:
        host.write("/srv/kept.txt", "kept", mode="0600")
        host.kill()
        host.start()
        assert host.read("/srv/kept.txt") == "kept"
        assert host.shell("stat -c %a /srv/kept.txt").strip() == "600"
    finally:
        host.remove()


def test_two_beds_do_not_meet(bed: Bed) -> None:
    bed.host("twin")
    try:
        with open_bed() as other:
            host = other.host("twin")
            assert list(other.booted()) == ["twin"]
            host.write("/only-here", "")
            assert not bed.booted()["twin"].exists("/only-here")
            with pytest.raises(BedError, match="is in use"), open_bed(other.name):
                pass
        assert not other.directory.exists()
        assert bed.booted()["twin"].shell("hostname").strip() == "twin", "closing one bed leaves the other alone"
    finally:
        bed.booted()["twin"].remove()


def test_nothing_is_left_when_the_starter_is_killed(bed: Bed) -> None:
    name = f"killed-{os.getpid()}"
    starter = subprocess.Popen([sys.executable, "-c", STARTER, name], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "booted\n"
    init = attach(BEDS / name).pid
    assert init is not None and Path(f"/proc/{init}").exists()
    inside = processes_below(init)
    assert any("systemd" in command for command in inside.values())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    deadline = time.monotonic() + 60
    while (BEDS / name).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not (BEDS / name).exists()
    assert not inside.keys() & {process for process in map(identified, all_processes()) if process}
    assert name not in Path("/proc/self/mountinfo").read_text()


def all_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def identified(pid: int) -> Process | None:
    """The process behind a number, which the kernel uses again; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Process(pid, int(fields[19]))


def processes_below(init: int) -> dict[Process, str]:
    """The process `init` and all that descend from it, with their command lines."""
    found: dict[Process, str] = {}
    left = [init]
    while left:
        pid = left.pop()
        process = identified(pid)
        if process:
            found[process] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            left += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found
