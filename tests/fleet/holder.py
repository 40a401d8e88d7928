# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Keeps the namespaces of one test bed alive, and takes everything in them away when its starter is gone.

    python -m tests.fleet.holder supervise DIRECTORY        started by tests/fleet/bed.py
    python -m tests.fleet.holder init                       started by the former, as process 1 of the bed

The supervisor lives as long as its standard input is open. Then it kills process 1 of the bed, which makes the kernel
kill every process in the bed and drop its mounts and network, and deletes the bed's control groups and DIRECTORY.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

#: The address of the bed itself, where its S3 server listens; no host has it.
CONTROLLER_ADDRESS = "10.99.0.1"
#: Each host takes some instances; the kernel's default of 128 is enough for 20 hosts.
INOTIFY_INSTANCES = 8192
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
#: What the bed has of its own, as options of unshare.
NAMESPACES = ["--mount", "--propagation", "private", "--net", "--uts", "--ipc", "--pid", "--cgroup"]
#: Where the control groups of version 2 are mounted inside the bed.
CGROUPS = Path("/sys/fs/cgroup")
#: Servers that name sockets in /tmp by their port must not meet those of another bed or of the machine.
FIRST_PORT, PORTS_A_BED, BEDS = 10_000, 1_000, 20


def supervise(directory: Path) -> None:
    """Start the bed's process 1, print `{"pid": N}`, wait for the end of the standard input, clean up."""
    mount("cgroup2", "cgroup2", CGROUPS)
    group = CGROUPS / f"datasync-bed-{os.getpid()}"
    (group / "holder").mkdir(parents=True)
    raise_inotify_limit()
    init = [*NAMESPACES, "--fork", "--kill-child", sys.executable, "-m", "tests.fleet.holder", "init"]
    unshare = subprocess.Popen(
        ["sh", "-c", 'echo $$ >"$0" && exec unshare "$@"', str(group / "cgroup.procs"), *init],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = 0
    try:
        assert unshare.stdout is not None
        if unshare.stdout.readline() == b"ready\n":
            child = int(Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text())
            # A group that gives controllers to its children may hold no process itself.
            for pid in (unshare.pid, child):
                (group / "holder" / "cgroup.procs").write_text(str(pid))
            print(json.dumps({"pid": child}), flush=True)
            sys.stdin.buffer.read()
    finally:
        # With process 1 of the bed the kernel kills all others; unshare ends when it has reaped it.
        if child:
            os.kill(child, signal.SIGTERM)
        else:
            unshare.kill()
        unshare.wait()
        remove_groups(group)
        shutil.rmtree(directory, ignore_errors=True)


def be_init() -> None:
    """Be process 1 of the bed: set up network and mounts, say so, reap what is left to us until SIGTERM."""
    for path in ("/run", "/dev/shm"):
        mount("tmpfs", "tmpfs", Path(path))
    mount("proc", "proc", Path("/proc"))
    # The supervisor's view of the same file system is in the place of ours, which begins at the bed's own group.
    subprocess.run(["umount", str(CGROUPS)], check=True)
    mount("cgroup2", "cgroup2", CGROUPS)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{CONTROLLER_ADDRESS}/32", "dev", "lo"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Process ids outside of the bed differ from bed to bed, ours is always 1.
    first = FIRST_PORT + (int(time.time() * 1000) % BEDS) * PORTS_A_BED
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(f"{first} {first + PORTS_A_BED - 1}")
    print("ready", flush=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
    while signal.sigwait([signal.SIGCHLD, signal.SIGTERM]) != signal.SIGTERM:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def mount(kind: str, source: str, target: Path) -> None:
    """Mount a file system."""
    subprocess.run(["mount", "-t", kind, source, str(target)], check=True)


def raise_inotify_limit() -> None:
    """Allow enough inotify instances; this one setting is the machine's and stays."""
    if int(INOTIFY.read_text()) < INOTIFY_INSTANCES:
        INOTIFY.write_text(str(INOTIFY_INSTANCES))


def remove_groups(group: Path) -> None:
    """Remove a control group and those in it, when the last processes in them are gone."""
    deadline = time.monotonic() + 20
    while group.exists() and time.monotonic() < deadline:
        for folder, _folders, _files in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if group.exists():
            time.sleep(0.1)


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    if arguments[0] == "init":
        be_init()
    else:
        supervise(Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
