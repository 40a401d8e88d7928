# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Who hears of a transfer while it goes on."""

from __future__ import annotations

from typing import Callable, NamedTuple

from ..common.threads import Tick, nothing


class Voice(NamedTuple):
    """`say` hears what an operator should know, `note` what may be of interest.

    `tick` is called several times a second, wherever something waits, and may raise to stop everything.
    """

    say: Callable[[str], None] = nothing
    note: Callable[[str], None] = nothing
    tick: Tick = nothing
