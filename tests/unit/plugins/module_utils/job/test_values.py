# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a bucket and a prefix may be called, so that each key and each command is what it should be."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.values import bucket_name, key_prefix
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("name", ["archive", "my.bucket-1", "a" * 63, "Upper_Case", "123"])
def test_a_bucket_name_is_taken_as_it_is(name):
    assert bucket_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "-archive",
        "archive-",
        "s3://archive",
        "archive/folder",
        "arch ive",
        "archive\n",
        "a*b",
        "a" * 256,
        "ärchiv",
    ],
)
def test_what_is_not_a_bucket_name_is_refused(name):
    with pytest.raises(ConfigurationError, match="is not a bucket name"):
        bucket_name(name)


@pytest.mark.parametrize("name", [None, ""])
def test_a_missing_bucket_is_refused(name):
    with pytest.raises(ConfigurationError, match="bucket is missing"):
        bucket_name(name)


def test_a_url_in_place_of_a_bucket_name_says_what_to_write():
    with pytest.raises(ConfigurationError, match="without s3://"):
        bucket_name("s3://archive/folder")


@given(st.text(max_size=80))
def test_a_bucket_name_that_is_accepted_cannot_change_a_command(name):
    try:
        accepted = bucket_name(name)
    except ConfigurationError:
        return
    assert accepted == name
    assert all(character.isascii() and (character.isalnum() or character in "._-") for character in name)


@pytest.mark.parametrize(
    ("value", "prefix"), [("", ""), ("/", ""), ("studio", "studio/"), ("/a/b/", "a/b/"), ("a b/ü", "a b/ü/")]
)
def test_a_prefix_is_empty_or_ends_with_a_slash(value, prefix):
    assert key_prefix(value) == prefix


@pytest.mark.parametrize("value", ["a//b", "../a", "a/./b", "a\nb", "a/\x7f", "caf\udce9"])
def test_a_prefix_that_a_key_cannot_carry_is_refused(value):
    with pytest.raises(ConfigurationError, match="prefix"):
        key_prefix(value)


@given(st.text(max_size=40))
def test_a_prefix_that_is_accepted_makes_keys_that_s3_can_carry(value):
    try:
        prefix = key_prefix(value)
    except ConfigurationError:
        return
    prefix.encode("utf-8")
    assert "//" not in prefix
    assert not prefix.startswith("/")
    assert not prefix or prefix.endswith("/")
    assert not any(ord(character) < 0x20 for character in prefix)
    assert key_prefix(prefix) == prefix
