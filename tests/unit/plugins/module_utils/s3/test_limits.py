# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The limits of S3, and part sizes as people write them."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.s3 import limits
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("text", ["64MB", "64MiB", "64M", "64 MB", "64mb", "64", "67108864", "65536K", 64, " 64MB "])
def test_part_size_is_whole_mebibytes_in_every_writing(text):
    assert limits.parse_part_size(text, "S5CMD_PART_SIZE") == 64 * MIB


@pytest.mark.parametrize(
    ("text", "mebibytes"), [("5MB", 5), ("5", 5), ("5242880", 5), ("8388608", 8), ("1GB", 1024), ("5GiB", 5120)]
)
def test_part_size_within_the_limits_of_s3(text, mebibytes):
    assert limits.parse_part_size(text, "part_size") == mebibytes * MIB


@pytest.mark.parametrize("text", ["4MB", "4", "0", "5121MiB", "6GB", "5368709121", "1T"])
def test_part_size_outside_the_limits_of_s3_is_refused(text):
    with pytest.raises(ConfigurationError, match="S5CMD_PART_SIZE"):
        limits.parse_part_size(text, "S5CMD_PART_SIZE")


@pytest.mark.parametrize(
    ("text", "advice"), [("8000000", "write 8MiB"), ("6000000B", "write 6MiB"), ("20000", "write 5MiB")]
)
def test_part_size_that_is_not_whole_mebibytes_says_what_to_write(text, advice):
    with pytest.raises(ConfigurationError, match=advice) as raised:
        limits.parse_part_size(text, "part_size")
    assert text in str(raised.value)


@given(st.integers(min_value=5, max_value=5120))
def test_part_size_is_the_same_from_mebibytes_and_from_bytes(mebibytes):
    size = mebibytes * MIB
    assert limits.parse_part_size(mebibytes, "part_size") == size
    assert limits.parse_part_size(str(size), "part_size") == size
    assert limits.parse_part_size(size, "part_size") == size, "what was read may be read again"
    assert limits.parse_part_size(f"{mebibytes}MB", "part_size") == size


@given(st.text())
def test_a_part_size_is_read_or_refused_with_the_name_of_its_variable(text):
    try:
        assert limits.parse_part_size(text, "THE_NAME") >= 5 * MIB
    except ConfigurationError as error:
        assert error.message.startswith("THE_NAME ")


def test_the_limits_of_parts_and_of_objects_are_in_bytes():
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
    assert limits.MIN_PART_SIZE == 5 * MIB
    assert limits.MAX_PART_SIZE == limits.MAX_COPY_SIZE == 5 * 1024 * MIB
    assert limits.MAX_OBJECT_SIZE == 5 * 1024 * 1024 * MIB


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 1), (8 * MIB, 1), (8 * MIB + 1, 2), (17 * MIB, 3)])
def test_a_file_has_as_many_parts_as_its_bytes_fill_and_at_least_one(size, count):
    assert limits.part_count(size, 8 * MIB) == count
