# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The version of the collection and of the host program; `galaxy.yml` names the same one (a test compares them)."""

from __future__ import annotations

__version__ = "0.4.0"
