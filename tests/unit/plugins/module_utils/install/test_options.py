# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The options of s5cmd_install: what a request takes is in the argument specification, with the same defaults."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.install import options
from ansible_collections.datasync.turbo.plugins.module_utils.install.order import Delivered
from ansible_collections.datasync.turbo.plugins.module_utils.install.request import InstallRequest
from ansible_collections.datasync.turbo.plugins.module_utils.install.sources.registry import ARTIFACT_SOURCES, SOURCES


def test_every_field_of_a_request_is_an_option() -> None:
    spec = {**options.install_argument_spec(), **options.delivered_argument_spec()}
    # Where the file is kept on the controller, how long to wait and whether s5cmd is wanted at all is no part of it.
    assert {field.name for field in fields(InstallRequest)} == spec.keys() - {"state", "cache_dir", "timeout"}


def test_the_defaults_are_those_of_a_request_without_options() -> None:
    given = {name: spec.get("default") for name, spec in options.install_argument_spec().items()}
    assert InstallRequest.from_options(given) == InstallRequest()
    assert InstallRequest().bin_dir == Path(options.DEFAULT_BIN_DIR)


def test_every_source_that_can_be_named_is_there() -> None:
    assert set(options.SOURCE_NAMES) == SOURCES.keys()
    assert all(set(names) <= SOURCES.keys() for names in options.DEFAULT_SOURCES.values())


def test_the_controller_delivers_only_what_is_one_file() -> None:
    assert set(options.DEFAULT_SOURCES[options.CONTROLLER]) <= ARTIFACT_SOURCES.keys()
    delivered = options.delivered_argument_spec()["delivered"]["options"]
    assert set(delivered["source"]["choices"]) == ARTIFACT_SOURCES.keys()
    assert set(delivered) == set(Delivered._fields)


@pytest.mark.parametrize("rule", ["required_together", "mutually_exclusive"])
def test_what_holds_between_options_names_options(rule: str) -> None:
    names = {name for names in options.install_constraints()[rule] for name in names}
    assert names <= options.install_argument_spec().keys()
