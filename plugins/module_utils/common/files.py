# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Files that are replaced as a whole: a reader sees the old or the new content, never half of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress

#: Monitoring usually runs as another user, and what is written here holds no secret.
READABLE_BY_ALL = 0o644


def replace(path: str, lines: Iterable[str], mode: int = READABLE_BY_ALL, *, durable: bool = True) -> None:
    """Replace the file at `path`, or make it, with its folder; raises OSError and then leaves the old one.

    With `durable` the content is on the disk before the old one goes, so that a power cut leaves one of the two.
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)[:100]}-", dir=folder)
    try:
        # What is not UTF-8 in a message becomes \udcXX, which JSON can read.
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
