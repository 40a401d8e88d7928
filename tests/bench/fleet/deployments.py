# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Deploys twice to fresh hosts, and measures both times: the bare hosts, then with nothing to change."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.fleet.contenders import BUCKET, HERE, Contender
from tests.bench.measured import BenchError, Usage, measure
from tests.fleet.bed import Bed, open_bed

#: More bring nothing on a small controller; see docs/performance.md.
MOST_FORKS = 20
#: Control groups in the bed: the controller's processes with the ssh connections that it leaves open, and all hosts.
CONTROLLER, HOSTS = Path("/sys/fs/cgroup/bench"), Path("/sys/fs/cgroup/libpod_parent")
BRIDGE = "podman0"
_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+) ", re.MULTILINE)


@dataclass(frozen=True)
class Deployment:
    """What one run of a playbook over all hosts took. `pushed_bytes` is what went out to the hosts, headers included.

    `controller_seconds` and `hosts_seconds` are CPU seconds, of the ssh connections too.
    """

    hosts: int
    seconds: float
    controller_seconds: float
    hosts_seconds: float
    pushed_bytes: int
    changed: int
    tasks: list[dict[str, Any]]

    @property
    def usage(self) -> Usage:
        """The same for the tables of `make bench`, with the hosts in the place of the server."""
        return Usage(self.seconds, self.controller_seconds, None, None, self.hosts_seconds)


class Pair(NamedTuple):
    """A deployment to bare hosts, and the next one to the same."""

    first: Deployment
    second: Deployment


class _Counters(NamedTuple):
    controller_seconds: float
    hosts_seconds: float
    pushed_bytes: int


def deploy_twice(contender: Contender, hosts: int, release: str, logs: Path) -> Pair:
    """Boot hosts, deploy, deploy again, take the hosts away. Raises BenchError, BedError."""
    with open_bed() as bed:
        bed.refresh_collection()
        bed.hosts({f"upload{number + 1}": release for number in range(hosts)})
        command = contender.command(bed, bed.start_s3(BUCKET))
        bed.run(["mkdir", str(CONTROLLER)]).checked()
        name = f"{contender.name.replace(' ', '-')}-{hosts}"
        first = _deploy(bed, command, hosts, logs / f"{name}-first.log")
        second = _deploy(bed, command, hosts, logs / f"{name}-second.log")
    if second.changed:
        raise BenchError(f"{contender.name} changed {second.changed} of {hosts} hosts again; see {logs}")
    return Pair(first, second)


def _deploy(bed: Bed, command: list[str], hosts: int, log: Path) -> Deployment:
    task_seconds = bed.directory / f"{log.stem}.json"
    environment = {
        **bed.environment,
        "ANSIBLE_FORKS": str(min(hosts, MOST_FORKS)),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "task_seconds",
        "TASK_SECONDS": str(task_seconds),
        # Each run connects anew, as one does that comes a day later.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/run/{log.stem}",
    }
    # In a group of its own, so that ssh processes are counted that outlive the playbook.
    join = ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(CONTROLLER)]
    before = _counters(bed)
    taken = measure(bed.command([*join, *command]), environment, log)
    after = _counters(bed)
    return Deployment(
        hosts,
        taken.wall_seconds,
        after.controller_seconds - before.controller_seconds,
        after.hosts_seconds - before.hosts_seconds,
        after.pushed_bytes - before.pushed_bytes,
        changed_hosts(log.read_text("utf-8"), hosts),
        json.loads(task_seconds.read_text("utf-8")),
    )


def changed_hosts(output: str, hosts: int) -> int:
    """How many hosts a playbook changed, from its recap. Raises BenchError if not all of them were deployed to."""
    recap = _RECAP.findall(output)
    done = [int(changed) for _host, changed, unreachable, failed in recap if unreachable == failed == "0"]
    if len(done) != hosts:
        raise BenchError(f"{len(done)} of {hosts} hosts were deployed to:\n{output[-2000:]}")
    return sum(1 for changed in done if changed)


def _counters(bed: Bed) -> _Counters:
    texts = [bed.run(["cat", str(group / "cpu.stat")]).checked().stdout for group in (CONTROLLER, HOSTS)]
    network = bed.run(["cat", "/proc/net/dev"]).checked().stdout
    return _Counters(cgroup_seconds(texts[0]), cgroup_seconds(texts[1]), sent_bytes(network, BRIDGE))


def cgroup_seconds(stat: str) -> float:
    """CPU seconds of a control group from its cpu.stat; see "Control Group v2" in the kernel's documentation."""
    rows = dict(line.split() for line in stat.splitlines())
    return int(rows["usage_usec"]) / 1e6


def sent_bytes(network: str, interface: str) -> int:
    """Bytes that left by an interface, from /proc/net/dev; see proc_pid_net(5). Raises BenchError if there is none."""
    for line in network.splitlines():
        name, _colon, counters = line.partition(":")
        if name.strip() == interface:
            return int(counters.split()[8])
    raise BenchError(f"there is no network interface {interface} in the bed")
