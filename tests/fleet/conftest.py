# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The test bed that the tests of this folder share. Each test boots hosts of its own in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Callable, NoReturn

import pytest

from tests.fleet.bed import Bed, obstacle, open_bed
from tests.fleet.images import RELEASES, build_images


def pytest_configure(config: pytest.Config) -> None:
    """Turn SIGTERM into Ctrl-C, so that a stopped run still takes its beds away."""
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))


@pytest.fixture(scope="session")
def bed(cannot_run: Callable[[str], NoReturn]) -> Iterator[Bed]:
    """An open bed with the collection as it is in the checkout, and no hosts."""
    reason = obstacle()
    if reason:
        cannot_run(reason)
    # All of them now: what runs inside a bed, such as molecule, reaches no mirror to build one from.
    build_images(list(RELEASES))
    with open_bed() as opened:
        opened.refresh_collection()
        yield opened
