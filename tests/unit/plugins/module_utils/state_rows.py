# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Rows of a state file, and what of them is on the disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity
from ansible_collections.datasync.turbo.plugins.module_utils.job.memory import StateMark
from ansible_collections.datasync.turbo.plugins.module_utils.job.state import Row

SERVER = "https://s3.example"
IDENTITY = Identity(5, 1_700_000_000_123_456_789, 1_700_000_001_123_456_789, 77, 2049)


def row(relative, **changes):
    return Row(relative, IDENTITY, "etag", "ETag", "md5", 0, "", 1_700_000_002)._replace(**changes)


def relatives(state):
    return [entry.relative for entry in state.rows()]


def rows_on_disk(path):
    """As another process sees them."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM file").fetchone()[0]


def mark_on_disk(path):
    with closing(sqlite3.connect(path)) as connection:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
    return StateMark(meta["id"], int(meta["generation"]))
