# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A module fails or succeeds as its exit code says, and says what to do about an error."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import CredentialsError
from ansible_collections.datasync.turbo.plugins.module_utils.task.exit import exit_with, fail_with


class Ended(Exception):
    """The end of a module does not come back."""


class Module:
    """Stands in for AnsibleModule, of which only the two ends are used."""

    def exit_json(self, **values):
        raise Ended("exit_json", values)

    def fail_json(self, **values):
        raise Ended("fail_json", values)


def end_of(leave, *arguments, **more):
    with pytest.raises(Ended) as ended:
        leave(Module(), *arguments, **more)
    return ended.value.args


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ({"exit_code": 0, "changed": True}, "exit_json"),
        ({"exit_code": 4, "changed": True, "msg": "2 problems"}, "fail_json"),
    ],
)
def test_an_answer_fails_the_module_if_its_exit_code_is_not_0(answer, end):
    assert end_of(exit_with, answer) == (end, answer)


def test_an_error_fails_the_module_with_its_hint_and_its_exit_code():
    error = CredentialsError("no credentials were found", "set a profile")
    assert end_of(fail_with, error) == (
        "fail_json",
        {"msg": "no credentials were found (set a profile)", "exit_code": 2},
    )


def test_an_error_can_have_more_beside_it():
    assert end_of(fail_with, CredentialsError("expired"), path="/usr/bin/s5cmd") == (
        "fail_json",
        {"msg": "expired", "exit_code": 2, "path": "/usr/bin/s5cmd"},
    )
