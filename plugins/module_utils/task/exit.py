# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How a module ends: with what it returns, or with the error that stopped it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..common.errors import DatasyncError


def exit_with(module: AnsibleModule, answer: Mapping[str, Any]) -> None:
    """End the module with its answer, which has an `exit_code` and, where that is not 0, a `msg` to fail with."""
    if answer["exit_code"]:
        module.fail_json(**answer)
    module.exit_json(**answer)


def fail_with(module: AnsibleModule, error: DatasyncError, **more: Any) -> None:
    """End the module with the error, which says what failed and what to do, its exit code, and `more` values."""
    module.fail_json(msg=str(error), exit_code=int(error.exit_code), **more)
