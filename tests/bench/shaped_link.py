# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A link of a given speed between us and a second network namespace, and what iperf3 carries over it.

    with link(LINKS[0]) as far_end:
        Sink(table, address=FAR_ADDRESS, launcher=far_end.launcher)

Inside the block this process, and every child that it starts, is in a namespace of its own too: no packet and no rule
touches the machine's network, and all of it vanishes with the processes. Needs Linux and root.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.c_programs import PROGRAMS, compiled
from tests.bench.measured import BenchError

CLONE_NEWNET = 0x40000000
OUR_ADDRESS, FAR_ADDRESS = "10.77.0.1", "10.77.0.2"
#: Where tc and ip are; a user's PATH may lack it.
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
#: What dev/set_up.py unpacked, where the system has no iperf3.
UNPACKED_IPERF3 = PROGRAMS / "iperf3" / "usr"
#: Seconds that iperf3 sends, after one second that does not count; streams at once.
IPERF3_SECONDS, IPERF3_STREAMS = 5, 4
#: Seconds after which one of the tools is taken for hung.
TIMEOUT = 60


@dataclass(frozen=True)
class Shape:
    """A kind of link: Mbit/s, and the round trip in ms that a relay gives it; 0: a queue of the kernel, no delay."""

    name: str
    mbit: int
    round_trip: int = 0


LINKS = (
    Shape("1 Gbit/s", 1000),
    Shape("3 Gbit/s", 3000),
    Shape("1 Gbit/s, 20 ms", 1000, round_trip=20),
)


@dataclass(frozen=True)
class FarEnd:
    """The namespace at the other end, by a process in it."""

    pid: int

    @property
    def launcher(self) -> list[str]:
        """To be put before a command that is to run there."""
        return [program("nsenter"), f"--net=/proc/{self.pid}/ns/net"]


def missing() -> str:
    """Why no link can be made here, for people; empty if one can."""
    if sys.platform != "linux":
        return "network namespaces are Linux'"
    if os.geteuid() != 0:
        return "network namespaces need root"
    wanted = {"ip": "iproute2", "tc": "iproute2", "nsenter": "util-linux", "unshare": "util-linux"}
    lacking = {package for name, package in wanted.items() if shutil.which(name, path=SYSTEM_PATH) is None}
    if iperf3() is None:
        lacking.add("iperf3")
    if lacking:
        return f"install {' '.join(sorted(lacking))}"
    return "" if Path("/dev/net/tun").exists() else "there is no /dev/net/tun"


def program(name: str) -> str:
    """Path of a system program. Raises BenchError."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise BenchError(f"{name} is missing")
    return found


def iperf3() -> list[str] | None:
    """The command line that begins iperf3; None if there is none."""
    found = shutil.which("iperf3", path=SYSTEM_PATH)
    if found:
        return [found]
    unpacked = UNPACKED_IPERF3 / "bin" / "iperf3"
    libraries = os.pathsep.join(str(path) for path in sorted((UNPACKED_IPERF3 / "lib").glob("*-linux-*")))
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(unpacked)] if unpacked.is_file() else None


@contextmanager
def link(shape: Shape) -> Iterator[FarEnd]:
    """The link; see above. Raises BenchError if it cannot be made."""
    with ExitStack() as stack:
        stack.enter_context(_private_network())
        holder = stack.enter_context(_process([program("unshare"), "--net", "sh", "-c", "echo up && exec cat"]))
        far_end = FarEnd(holder.pid)
        if shape.round_trip:
            delay, device = str(shape.round_trip / 2), "wan0"
            stack.enter_context(_process([str(compiled("wan")), str(holder.pid), delay, str(shape.mbit)]))
        else:
            device = "link0"
            _run("ip", "link", "add", device, "type", "veth", "peer", "name", device, "netns", str(holder.pid))
            rate = [f"{shape.mbit}mbit", "burst", "256kb", "latency", "20ms"]
            _run("tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", *rate)
        for launcher, address, peer in (([], OUR_ADDRESS, FAR_ADDRESS), (far_end.launcher, FAR_ADDRESS, OUR_ADDRESS)):
            _run("ip", "link", "set", "lo", "up", launcher=launcher)
            _run("ip", "address", "add", address, "peer", peer, "dev", device, launcher=launcher)
            _run("ip", "link", "set", device, "up", "txqueuelen", "10000", launcher=launcher)
        yield far_end


def carried(far_end: FarEnd) -> float:
    """MB/s (10^6 bytes) that iperf3 carries to the far end now: of content, without the headers."""
    command = iperf3()
    if command is None:
        raise BenchError("iperf3 is missing")
    with _process([*far_end.launcher, *command, "--server", "--one-off", "--forceflush", "--bind", FAR_ADDRESS]):
        client = [*command, "--client", FAR_ADDRESS, "--json", "--omit", "1", "--time", str(IPERF3_SECONDS)]
        answer = _checked([*client, "--parallel", str(IPERF3_STREAMS)])
    result: dict[str, dict[str, dict[str, float]]] = json.loads(answer)
    return result["end"]["sum_received"]["bits_per_second"] / 8e6


@contextmanager
def _private_network() -> Iterator[None]:
    """This thread, and what it starts, in a network namespace of its own."""
    library = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as before:
        if library.unshare(CLONE_NEWNET):
            raise BenchError(f"a network namespace cannot be made: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            if library.setns(before.fileno(), CLONE_NEWNET):
                raise BenchError(f"the machine's network cannot be entered again: {os.strerror(ctypes.get_errno())}")


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that lives as long as the block, which begins once it has said its first line."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if process.poll() is not None:
            raise BenchError(f"{command[0]} ended at once: {line.strip()}")
        yield process
    finally:
        process.kill()
        process.communicate()


def _run(name: str, *arguments: str, launcher: Sequence[str] = ()) -> None:
    _checked([*launcher, program(name), *arguments])


def _checked(command: Sequence[str]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{' '.join(command)} did not end within {TIMEOUT} s") from error
    if answer.returncode:
        raise BenchError(f"{' '.join(command)} failed: {(answer.stderr or answer.stdout).strip()}")
    return answer.stdout
