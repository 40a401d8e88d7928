# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is told about the machine beside its figures."""

from __future__ import annotations

import platform

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure import host as host_facts


@pytest.fixture
def files(monkeypatch):
    """What the files of /proc and /etc hold: `files({"/proc/cpuinfo": "model name : X"})`."""

    def hold(contents, system="Linux"):
        monkeypatch.setattr(host_facts, "_lines", lambda path: contents.get(path, "").splitlines())
        monkeypatch.setattr(platform, "system", lambda: system)

    return hold


def test_this_machine_tells_all_of_it():
    facts = host_facts.host_facts()

    assert facts.name == platform.node()
    assert facts.kernel == f"{platform.system()} {platform.release()}"
    assert facts.cores >= 1
    assert facts.memory_bytes > 100_000_000
    assert facts.cpu
    assert facts.as_dict()["python"] == platform.python_version()


def test_the_distribution_and_the_processor_are_named(files):
    files(
        {
            "/etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            "/proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: AMD EPYC\n",
        }
    )

    facts = host_facts.host_facts()

    assert facts.system == "Debian GNU/Linux 12 (bookworm)"
    assert facts.cpu == "AMD EPYC"


def test_the_limit_of_a_container_is_its_memory(files):
    files({"/sys/fs/cgroup/memory.max": "268435456\n"})
    assert host_facts.host_facts().memory_bytes == 268_435_456

    files({"/sys/fs/cgroup/memory.max": "max\n"})
    assert host_facts.host_facts().memory_bytes > 268_435_456


def test_a_processor_without_a_name_is_told_by_its_architecture(files):
    files({"/proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 48.00\n"})

    assert host_facts.host_facts().cpu == (platform.processor() or platform.machine())
