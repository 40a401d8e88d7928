# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""All changes or none."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.fleet.steps import Action, run_all


@pytest.fixture
def events():
    return []


@pytest.fixture
def step(events):
    """A step that writes down what it does, and fails where it is told to."""

    def make(name, run_error=None, undo_error=None):
        def run():
            events.append(f"run {name}")
            if run_error:
                raise run_error

        def undo():
            events.append(f"undo {name}")
            if undo_error:
                raise undo_error

        return Action(run, undo)

    return make


def test_steps_run_in_order_and_none_is_taken_back(step, events):
    run_all([step("a"), step("b")])
    assert events == ["run a", "run b"]


def test_after_a_failure_the_last_step_is_taken_back_first_and_later_steps_never_run(step, events):
    with pytest.raises(ConfigurationError, match=r"^full$"):
        run_all([step("a"), step("b"), step("c", ConfigurationError("full")), step("d")])
    assert events == ["run a", "run b", "run c", "undo c", "undo b", "undo a"]


def test_the_step_that_failed_is_taken_back_too_because_it_may_have_done_a_part(step, events):
    with pytest.raises(ConfigurationError):
        run_all([step("a", ConfigurationError("half way"))])
    assert events == ["run a", "undo a"]


def test_what_cannot_be_taken_back_is_told_and_does_not_keep_the_rest(step, events):
    steps = [
        step("a", undo_error=ConfigurationError("a stays", "remove a")),
        step("b", undo_error=OSError("b stays")),
        step("c", ConfigurationError("no space", "free some")),
    ]
    with pytest.raises(ConfigurationError) as raised:
        run_all(steps)
    assert events[-3:] == ["undo c", "undo b", "undo a"]
    message = str(raised.value)
    assert message.startswith("no space")
    assert "taking it back failed: b stays; a stays (remove a)" in message
    assert message.endswith("(free some)")


def test_an_operator_who_presses_control_c_leaves_the_host_as_it_was(step, events):
    with pytest.raises(KeyboardInterrupt):
        run_all([step("a"), step("b", KeyboardInterrupt())])
    assert events[-1] == "undo a"


def test_an_error_of_another_kind_tells_what_stays_as_well(step):
    with pytest.raises(ConfigurationError, match="No space left; and taking it back failed: a stays"):
        run_all([step("a", undo_error=OSError("a stays")), step("b", OSError("No space left"))])
