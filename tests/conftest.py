# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""How a test says that it cannot run on this machine."""

from __future__ import annotations

import os
from typing import Callable, NoReturn

import pytest


@pytest.fixture(scope="session")
def cannot_run() -> Callable[[str], NoReturn]:
    """Say that this machine lacks what the test needs: `cannot_run("no sshd: install openssh-server")`.

    The test is listed as skipped with the reason; with CI=true it fails, because there everything must run.
    """

    def say(reason: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(f"cannot run on this machine: {reason}", pytrace=False)
        pytest.skip(f"cannot run on this machine: {reason}")

    return say
