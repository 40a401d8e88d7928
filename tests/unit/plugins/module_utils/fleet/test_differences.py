# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What would be changed, in the order in which it is told and made."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import nothing
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.differences import Change, Differences
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.steps import Action


def test_a_change_says_what_is_done_to_what():
    assert str(Change("/etc/f", "create", "", "text")) == "create /etc/f"


def test_changes_and_their_steps_stay_in_their_order():
    found, steps = Differences(), [Action(nothing, nothing) for _number in range(3)]
    found.add(Change("/a", "create"), *steps[:2])
    found.add(Change("/b", "remove"), steps[2])
    assert ([str(change) for change in found.changes], found.steps) == (["create /a", "remove /b"], steps)
