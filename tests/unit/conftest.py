# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What holds for every unit test, run by pytest or by ansible-test: its markers, and how values are made up."""

from __future__ import annotations

import pytest
from hypothesis import settings

# The same examples in every run, and no verdict by the clock of a busy machine.
settings.register_profile("unit", derandomize=True, deadline=None, database=None)
settings.load_profile("unit")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers here: ansible-test reads neither pyproject.toml nor pytest.ini, and allows no others."""
    config.addinivalue_line(
        "markers", "slow: kills, crashes, measures or makes up inputs many times; for `make test`, not for `make unit`"
    )
