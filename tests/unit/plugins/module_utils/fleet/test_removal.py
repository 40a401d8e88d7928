# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a deployment made goes away, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace

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


# Compiled code of older versions


def test_compiled_code_in_a_folder_of_the_service_user_goes_and_does_not_come_back(host):
    """Nothing reads it any more, so a deployment that fails later need not put it back."""
    cache = host.root / "state" / "pycache" / "opt"
    cache.mkdir(parents=True)
    (cache / "cli.cpython-311.pyc").write_bytes(b"anybody's")
    generation = host.generation(outbox="manual")
    assert "remove state/pycache" in host.bring(generation)
    assert [path.name for path in (host.root / "state").iterdir()] == []
    assert host.bring(generation, generation) == []


@pytest.mark.parametrize("target", ["folder", "file", "nothing"])
def test_a_link_in_its_place_goes_and_is_not_followed(host, target):
    (host.root / "folder").mkdir()
    (host.root / "folder" / "file").write_text("of somebody else", "utf-8")
    (host.root / "state").mkdir()
    (host.root / "state" / "pycache").symlink_to(host.root / "folder" / ("file" if target == "file" else ""))
    if target == "nothing":
        (host.root / "state" / "pycache").unlink()
        (host.root / "state" / "pycache").symlink_to(host.root / "gone")
    assert "remove state/pycache" in host.bring(host.generation(outbox="manual"))
    assert not os.path.lexists(host.root / "state" / "pycache")
    assert (host.root / "folder" / "file").read_text("utf-8") == "of somebody else"


def test_links_below_it_are_not_followed(host):
    (host.root / "folder").mkdir()
    (host.root / "folder" / "file").write_text("of somebody else", "utf-8")
    (host.root / "state" / "pycache").mkdir(parents=True)
    (host.root / "state" / "pycache" / "link").symlink_to(host.root / "folder")
    host.bring(host.generation(outbox="manual"))
    assert not (host.root / "state" / "pycache").exists()
    assert (host.root / "folder" / "file").exists()


def test_it_goes_from_the_state_folder_of_an_earlier_generation_too(host):
    (host.root / "old" / "pycache").mkdir(parents=True)
    earlier = replace(host.generation(), state_dir=str(host.root / "old"))
    assert "remove old/pycache" in host.bring(host.generation(outbox="manual"), earlier)
