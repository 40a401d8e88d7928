# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs one command and measures it: wall seconds, CPU seconds of the process tree, peak memory of each process."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Seconds between looks at the memory. The kernel keeps the peak itself, so that only one in the last moment is missed.
LOOK_INTERVAL = 0.05
#: Seconds after which a run is taken for hung.
TIMEOUT = 3600.0


class BenchError(Exception):
    """Nothing can be measured; the message says why."""


@dataclass(frozen=True)
class Usage:
    """What one run took. `own_mb` is the peak of the process itself, `tree_mb` adds the peaks of its children.

    Memory is resident memory in MB (10^6 bytes), None where the kernel does not tell (it needs /proc). CPU seconds are
    those of the process tree; `server_seconds` are the server's meanwhile, on the same cores.
    """

    wall_seconds: float
    cpu_seconds: float
    own_mb: float | None
    tree_mb: float | None
    server_seconds: float = 0.0

    @property
    def all_cpu_seconds(self) -> float:
        """CPU seconds of both sides."""
        return self.cpu_seconds + self.server_seconds


def measure(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    output: Path,
    *,
    expected: Sequence[int] = (0,),
    stdin: bytes | None = None,
    server: int | None = None,
) -> Usage:
    """Run the command with its output in a file; `server` is the process id of who answers it.

    Raises BenchError if it does not end with an expected exit code.
    """
    server_before = cpu_seconds(server)
    with output.open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(argument) for argument in command],
            env=dict(environment),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        memory = _Memory(process.pid)
        killer = threading.Timer(TIMEOUT, process.kill)
        killer.start()
        memory.start()
        try:
            if stdin is not None and process.stdin is not None:
                process.stdin.write(stdin)
                process.stdin.close()
            status, usage = os.wait4(process.pid, 0)[1:]
            wall = time.monotonic() - began
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            killer.cancel()
            memory.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        raise BenchError(f"{command[0]} ended with exit code {process.returncode}; see {output}:\n{_tail(output)}")
    server_seconds = cpu_seconds(server) - server_before
    return Usage(wall, usage.ru_utime + usage.ru_stime, memory.own_mb, memory.tree_mb, server_seconds)


class _Memory(threading.Thread):
    """Reads the peaks of a process and of its children while they run.

    wait4(2) cannot tell: its ru_maxrss is that of the largest process of the tree, and of us before the exec.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self._peaks: dict[int, float] = {}

    def run(self) -> None:
        while not self._ended.wait(LOOK_INTERVAL):
            for pid in (self._pid, *children(self._pid)):
                peak = peak_mb(pid)
                if peak:
                    self._peaks[pid] = peak

    def stop(self) -> None:
        self._ended.set()
        self.join()

    @property
    def own_mb(self) -> float | None:
        return self._peaks.get(self._pid)

    @property
    def tree_mb(self) -> float | None:
        return sum(self._peaks.values()) or None


def cpu_seconds(pid: int | None) -> float:
    """CPU seconds that a running process has taken so far, see proc_pid_stat(5); 0 where the kernel does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float | None:
    """VmHWM of a process, see proc_pid_status(5)."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        return None
    return None


def children(pid: int) -> list[int]:
    """Children of all threads of a process."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text("ascii").split()]
    except OSError:
        return found
    return found


def _tail(path: Path) -> str:
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-15:])
