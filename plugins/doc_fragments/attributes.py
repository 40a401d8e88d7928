# Copyright (c) 2026, The datasync.turbo contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes shared by the modules."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes in the form that ansible-core's documentation knows; each module fills in its `support`."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or would change in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    ACTIONGROUP_DATASYNC = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/datasync.turbo.datasync) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - datasync.turbo.datasync
"""
