# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Ansible's diff of a bucket: a line for each object that is stored, replaced or deleted, or would be.

https://docs.ansible.com/ansible/latest/reference_appendices/module_utils.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .units import format_bytes_si

#: The reason of an upload that replaces no object.
NEW = "new"


class StoredLine(NamedTuple):
    """An object that is stored, of so many bytes, and why."""

    key: str
    size: int
    reason: str


def object_diff(
    heading: str, stored: Iterable[StoredLine], deleted: Iterable[str], *, planned: bool, hidden: int = 0
) -> dict[str, str]:
    """The diff in the form that a module returns: what is replaced or deleted before, what is stored after.

    `deleted` are keys of objects whose file is gone. `planned`: nothing of it was done. So many objects that are
    stored too are `hidden`, counted and not named.
    """
    before, after = [f"{key} (its file is gone)\n" for key in deleted], []
    for line in stored:
        if line.reason != NEW:
            before.append(f"{line.key}\n")
        after.append(f"{line.key} ({format_bytes_si(line.size)}, {line.reason})\n")
    more = f"and {hidden} more\n" if hidden else ""
    return {
        "before_header": heading,
        "after_header": f"{heading}{' (would be stored)' if planned else ''}",
        "before": "".join(sorted(before)),
        "after": "".join(sorted(after)) + more,
    }
