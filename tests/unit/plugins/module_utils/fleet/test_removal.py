# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a deployment made goes away, and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.fleet import removal
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.removal import HostRemoval
from ansible_collections.datasync.turbo.tests.unit.plugins.module_utils.host_with_jobs import Host


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path)
    monkeypatch.setattr(removal, "UNIT_FOLDER", f"{host.units}/")
    return host


def test_a_removal_takes_back_what_a_deployment_made(host):
    before = host.state()
    generation = host.generation(a="systemd", b="path", c="cron", d="launchd")
    apply = host.apply(generation)
    apply.apply(apply.differences())
    taken_away = HostRemoval([generation], host.systemd, host.launchd)
    found = taken_away.differences(lambda: None)
    for step in found.steps:
        step.run()
    left = {path for path in host.state()[0] if not path.startswith("opt")} - set(before[0])
    assert left == {"jobs"}
    assert host.state()[1:] == before[1:]
    assert host.systemd.forgotten == {"datasync-turbo@a.service", "datasync-turbo@b.service"}
    assert HostRemoval([generation], host.systemd, host.launchd).differences(lambda: None).changes == []


def test_a_removal_asks_nothing_of_a_systemd_that_is_not_there(host):
    host.systemd.booted = False
    generation = host.generation(c="cron")
    host.bring(generation)
    found = HostRemoval([generation], host.systemd, host.launchd).differences(lambda: None)
    assert [change.action for change in found.changes] == ["remove", "remove"]
    assert host.systemd.calls == []
