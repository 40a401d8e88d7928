# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How the tests of the controller's part make up values."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and no verdict by the clock of a busy machine.
settings.register_profile("unit", derandomize=True, deadline=None, database=None)
settings.load_profile("unit")
