# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Times as results show them."""

from __future__ import annotations

from datetime import datetime


def timestamp(moment: float) -> str:
    """Local time with offset in ISO 8601, to the second."""
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")
