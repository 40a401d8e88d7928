# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The message of a task names the first problems, and says where the others are."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import first_few


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        (["a: gone"], "a: gone"),
        (["a: gone", "b: changed", "c: gone"], "a: gone | b: changed | c: gone"),
        (["a", "b", "c", "d"], "a | b | c | and 1 more, see result.problems"),
        ([str(number) for number in range(1000)], "0 | 1 | 2 | and 997 more, see result.problems"),
    ],
)
def test_a_message_names_three_problems_and_counts_the_others(problems: list[str], message: str) -> None:
    assert first_few(problems, "result.problems") == message
