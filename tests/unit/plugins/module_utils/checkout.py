# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where the checkout is; ansible-test runs the unit tests in a copy of it, without the developers' tools."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).parents[4]
