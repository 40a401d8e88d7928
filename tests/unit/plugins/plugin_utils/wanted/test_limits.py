# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a run may take of its host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.limits import NAMES, ServiceLimits, parse_limits


def test_nothing_given_leaves_systemds_defaults() -> None:
    assert parse_limits({}) == parse_limits(dict.fromkeys(NAMES, "")) == ServiceLimits()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("nice", "-20", -20),
        ("nice", 19, 19),
        ("nice", 0, 0),
        ("io_class", "idle", "idle"),
        ("cpu_quota", "150%", "150%"),
        ("cpu_quota", "12.5%", "12.5%"),
        ("memory_max", "2G", "2G"),
        ("memory_max", 1073741824, "1073741824"),
        ("memory_high", "25%", "25%"),
        ("memory_max", "infinity", "infinity"),
        ("on_failure", "alert@%i.service page.target", ("alert@%i.service", "page.target")),
        ("on_failure", ["alert@%i.service"], ("alert@%i.service",)),
    ],
)
def test_what_systemd_takes_is_taken(name: str, value: Any, expected: Any) -> None:
    assert getattr(parse_limits({name: value}), name) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nice", 20),
        ("nice", -21),
        ("nice", "low"),
        ("nice", 1.5),
        ("nice", True),
        ("io_class", "slow"),
        ("cpu_quota", "1.5"),
        ("cpu_quota", "0%"),
        ("cpu_quota", True),
        ("memory_max", "2GB"),
        ("memory_max", "101%"),
        ("memory_max", "0"),
        ("memory_high", "lots"),
        ("memory_high", "1G\nUser=root"),
        ("on_failure", "alert"),
        ("on_failure", "alert.service\nUser=root.service;"),
        ("on_failure", ["a b.service"]),
        ("on_failure", [5]),
    ],
)
def test_what_systemd_would_ignore_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_limits({name: value}, "uploader_service_")
    assert str(refused.value).startswith(f"uploader_service_{name} ")
    assert refused.value.hint
