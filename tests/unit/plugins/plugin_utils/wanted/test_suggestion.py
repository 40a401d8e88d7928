# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A name that nobody knows is refused with the one that was probably meant."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted.suggestion import refuse_unknown

KNOWN = ["source", "bucket", "schedule"]


def test_known_names_pass_and_so_does_nothing_at_all() -> None:
    refuse_unknown(["bucket", "source"], KNOWN)
    refuse_unknown([], KNOWN)


def test_a_slip_of_the_pen_is_told_from_a_name_of_nothing() -> None:
    with pytest.raises(ConfigurationError, match=r"schedule\.scource is not known") as raised:
        refuse_unknown(["bucket", "scource"], KNOWN, "schedule.")
    assert raised.value.hint == "did you mean schedule.source?"
    with pytest.raises(ConfigurationError, match="colour is not known") as raised:
        refuse_unknown(["colour"], KNOWN)
    assert raised.value.hint == "known are bucket, schedule, source"


def test_what_is_no_text_is_refused_as_well() -> None:
    with pytest.raises(ConfigurationError, match="7 is not known"):
        refuse_unknown([7], KNOWN)
