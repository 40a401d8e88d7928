# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What keeps a run from being complete: the kinds of problems, and how they are shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

#: Problems that the message of a task names.
NAMED_PROBLEMS = 3


class Kind:
    """The kinds of problems. Each is documented in docs/troubleshooting.md."""

    UNREADABLE = "unreadable"
    BROKEN_LINK = "broken_link"
    LINK_LOOP = "link_loop"
    VANISHED = "vanished"
    SPECIAL_FILE = "special_file"
    NAME = "name"
    TOO_LARGE = "too_large"
    CHANGED = "changed"
    UPLOAD = "upload_failed"
    UNFINISHED = "unfinished"
    RENAMED = "stored_under_another_name"
    MISSING = "missing_in_bucket"
    UNVERIFIED = "unverified"
    CHECKSUM = "checksum_mismatch"
    SOURCE_LOST = "source_lost"
    DELETION_REFUSED = "deletion_refused"
    DELETE_FAILED = "delete_failed"
    NOT_MOVED = "not_moved"
    RUN = "run"


class Problem(NamedTuple):
    """One thing that keeps the run from being complete. `path` is relative to the source, printable, '' for the run."""

    path: str
    kind: str
    message: str


def printable(name: str) -> str:
    """A file name as text that can go into JSON: bytes that are not UTF-8 become `\\xNN`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def first_few(problems: Sequence[str], where: str) -> str:
    """Problems in one line for the message of a task: the first ones, and `where` all of them are."""
    more = f" | and {len(problems) - NAMED_PROBLEMS} more, see {where}" if len(problems) > NAMED_PROBLEMS else ""
    return f"{' | '.join(problems[:NAMED_PROBLEMS])}{more}"
