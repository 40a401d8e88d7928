# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The fleet benchmark counts what it says it counts, and concludes what its runs say."""

from __future__ import annotations

import pytest

from tests.bench.fleet import __main__ as bench
from tests.bench.fleet import deployments, growth
from tests.bench.fleet.deployments import Deployment, Pair
from tests.bench.measured import BenchError

RECAP = """
PLAY RECAP *********************************************************************
upload1                    : ok=6    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
upload2                    : ok=6    changed=0    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
"""


def deployment(hosts: int, seconds: float) -> Deployment:
    tasks = [{"task": "uploader : Bring the host to the wanted state", "seconds": seconds / 2, "hosts": hosts}]
    return Deployment(hosts, seconds, 0.5 * hosts, 1.5 * hosts, 2_000_000 * hosts, 0, tasks)


def pair(hosts: int, first: float, second: float) -> Pair:
    return Pair(deployment(hosts, first), deployment(hosts, second))


def grown() -> dict[int, dict[str, list[Pair]]]:
    return {
        4: {"ours": [pair(4, 10.0, 2.0)], "yardstick": [pair(4, 20.0, 10.0)]},
        16: {"ours": [pair(16, 34.0, 9.0)], "yardstick": [pair(16, 32.0, 15.0)]},
    }


def test_ratios_are_judged_by_the_limit_of_their_run() -> None:
    found = growth.findings(grown(), "yardstick")
    assert [(finding.measure, round(finding.value, 2), finding.reached) for finding in found] == [
        ("ours, 4 hosts: bare hosts", 0.5, True),
        ("ours, 16 hosts: bare hosts", 1.06, False),
        ("ours, 4 hosts: nothing to change", 0.2, True),
        ("ours, 16 hosts: nothing to change", 0.6, False),
    ]


def test_growth_is_what_each_host_more_costs() -> None:
    assert growth.marginal_costs(grown(), "ours", "first") == [2.0]
    assert growth.marginal_costs(grown(), "yardstick", "second") == [pytest.approx(5 / 12)]
    assert "4 to 16 hosts" in growth.growth_table(grown())


def test_costs_are_those_of_one_host() -> None:
    row = next(line for line in growth.cost_table(grown()).splitlines() if "ours" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "first", "ours", "4", "10.0", "2.50", "0.50", "1.50", "2.0", "1",
    ]  # fmt: skip


def test_tasks_are_those_of_the_largest_fleet() -> None:
    text = growth.task_table(grown())
    assert "16 hosts" in text
    assert "ours, first: Bring the host to the wanted state" in text


def test_changed_hosts_are_counted_from_the_recap() -> None:
    assert deployments.changed_hosts(RECAP, 2) == 1


@pytest.mark.parametrize("trouble", ["unreachable=1    failed=0", "unreachable=0    failed=1"])
def test_a_host_that_was_not_deployed_to_ends_the_benchmark(trouble: str) -> None:
    recap = RECAP.replace("unreachable=0    failed=0", trouble, 1)
    with pytest.raises(BenchError, match="1 of 2 hosts"):
        deployments.changed_hosts(recap, 2)


def test_a_host_that_is_missing_in_the_recap_ends_the_benchmark() -> None:
    with pytest.raises(BenchError, match="2 of 3 hosts"):
        deployments.changed_hosts(RECAP, 3)


def test_counters_are_read_from_the_kernel_s_files() -> None:
    assert deployments.cgroup_seconds("usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\n") == 2.5
    counters = ["87785 650 0 0 0 0 0 0 87785 650 0 0 0 0 0 0", "1648 26 0 0 0 0 0 26 1194 15 0 0 0 0 0 0"]
    network = f"Inter-| Receive\n face |bytes packets\n    lo:   {counters[0]}\npodman0:    {counters[1]}\n"
    assert deployments.sent_bytes(network, "podman0") == 1194
    with pytest.raises(BenchError, match="podman7"):
        deployments.sent_bytes(network, "podman7")


def test_hosts_and_release_are_read_from_the_environment() -> None:
    assert bench.chosen_hosts("") == [4, 16, 32]
    assert bench.chosen_hosts("16, 4") == [4, 16]
    for text in ("four", "0", "4,-1"):
        with pytest.raises(BenchError, match="HOSTS"):
            bench.chosen_hosts(text)
    assert bench.chosen_release("") == "bookworm"
    with pytest.raises(BenchError, match="bullseye"):
        bench.chosen_release("sid")
