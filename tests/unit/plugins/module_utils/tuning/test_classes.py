# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Each file is of one class, by its size alone but for the one that has the line to itself."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import (
    DEFAULTS,
    FILE_CLASSES,
    LARGE,
    LARGE_LIMIT,
    MEDIUM,
    MEDIUM_LIMIT,
    SINGLE,
    SMALL,
    SMALL_LIMIT,
    class_of,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("size", "file_class"),
    [
        (0, SMALL),
        (SMALL_LIMIT, SMALL),
        (SMALL_LIMIT + 1, MEDIUM),
        (MEDIUM_LIMIT, MEDIUM),
        (MEDIUM_LIMIT + 1, LARGE),
        (LARGE_LIMIT, LARGE),
        (LARGE_LIMIT + 1, SINGLE),
    ],
)
def test_the_limits_belong_to_the_smaller_class(size, file_class):
    assert class_of(size) == file_class


def test_a_large_file_that_is_alone_is_single():
    assert class_of(100 * MIB, alone=True) == SINGLE
    assert class_of(1, alone=True) == SMALL
    assert class_of(MIB * 2, alone=True) == MEDIUM


@given(st.integers(0, 2**50), st.integers(0, 2**50), st.booleans())
def test_a_larger_file_is_never_of_a_smaller_class(one, other, alone):
    smaller, larger = sorted((one, other))
    assert FILE_CLASSES.index(class_of(smaller, alone)) <= FILE_CLASSES.index(class_of(larger, alone))


def test_the_defaults_are_those_of_a_job():
    job = Job(src="/srv", bucket="archive")
    assert tuple(DEFAULTS) == (job.numworkers, job.concurrency, job.part_size)
