# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where the controller keeps what it fetched for the hosts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional


def controller_cache(folder: Optional[str] = None) -> Path:
    """`folder`, or datasync-turbo in the user's cache folder; see the XDG Base Directory Specification."""
    if folder:
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datasync-turbo"
