# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A module runs where its packages are, and says what is missing where they are nowhere."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.task import respawn


class Ended(Exception):
    """Ansible's respawn and a module's failure do not come back."""


class Module:
    """Stands in for AnsibleModule, of which only the failure is used."""

    def fail_json(self, **failure):
        self.failure = failure
        raise Ended


@pytest.fixture
def host(monkeypatch):
    """Say what a host has: its interpreters with their packages; returns those that a module was started in again."""
    started = []

    def begin(interpreters, respawned=False):
        def probe(paths, package):
            return next((path for path in paths if package in interpreters.get(path, ())), None)

        def start(interpreter):
            started.append(interpreter)
            raise Ended

        monkeypatch.setattr(respawn, "probe_interpreters_for_module", probe)
        monkeypatch.setattr(respawn, "respawn_module", start)
        monkeypatch.setattr(respawn, "has_respawned", lambda: respawned)
        return started

    return begin


@pytest.fixture
def no_packages(monkeypatch):
    """An interpreter without boto3 and awscrt."""
    for name in ("boto3", "awscrt.checksums"):
        monkeypatch.setitem(sys.modules, name, None)


def test_a_module_that_has_its_packages_stays_where_it_is(host):
    started = host(dict.fromkeys(respawn.INTERPRETERS, respawn.NEEDED))
    respawn.respawn_if_lacking()
    assert started == []
    assert respawn.missing_packages("json", "no_such_package") == ["no_such_package"]


def test_the_first_interpreter_that_has_all_of_them_runs_it(host, no_packages):
    first, second, third, _last = respawn.INTERPRETERS
    started = host({first: ["boto3"], second: respawn.NEEDED, third: [*respawn.NEEDED, "psutil"]})
    with pytest.raises(Ended):
        respawn.respawn_if_lacking("psutil")
    with pytest.raises(Ended):
        respawn.respawn_if_lacking()
    assert started == [third, second]


def test_a_module_is_not_started_a_third_time(host, no_packages):
    started = host(dict.fromkeys(respawn.INTERPRETERS, respawn.NEEDED), respawned=True)
    respawn.respawn_if_lacking()
    assert started == []


def test_packages_that_are_nowhere_are_named_with_what_to_do(host, no_packages):
    host({})
    module = Module()
    with pytest.raises(Ended):
        respawn.require_packages(module, "no_such_package")
    assert module.failure["exit_code"] == 1
    message = module.failure["msg"]
    assert f"Python {sys.executable} lacks boto3 and awscrt (with CRC64NVME) and no_such_package" in message
    assert "deploy the role datasync.turbo.uploader" in message
    assert "install boto3 and awscrt and no_such_package for this Python" in message


def test_nothing_is_said_where_nothing_is_missing(host):
    host({})
    respawn.require_packages(Module())
