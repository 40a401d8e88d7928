# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Every error carries the exit code that schedulers and monitoring read."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigurationError, 1),
        (errors.InstallationError, 1),
        (errors.CredentialsError, 2),
        (errors.AccessError, 3),
        (errors.EndpointError, 3),
        (errors.TimedOut, 4),
        (errors.LockedError, 75),
    ],
)
def test_an_error_has_the_exit_code_of_its_kind(kind, code):
    assert int(kind("something failed").exit_code) == code


def test_a_signal_has_the_exit_code_that_shells_give():
    assert errors.Interrupted(15).exit_code == 143
    assert errors.Interrupted(2).exit_code == 130


def test_a_signal_is_told_by_its_name():
    assert str(errors.Interrupted(15)) == "stopped by SIGTERM"


def test_an_error_says_what_failed_and_what_to_do_next():
    assert str(errors.AccessError("bucket 'x' does not exist", "create it")) == "bucket 'x' does not exist (create it)"


def test_an_error_without_advice_ends_after_what_failed():
    assert str(errors.AccessError("bucket 'x' does not exist")) == "bucket 'x' does not exist"


def test_a_dead_endpoint_is_a_kind_of_refused_access():
    assert issubclass(errors.EndpointError, errors.AccessError)


def test_no_two_meanings_share_an_exit_code():
    codes = [int(code) for code in errors.ExitCode]
    assert len(set(codes)) == len(codes)
    assert all(code < 128 for code in codes), "128 and above are for signals"
