# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Hosts that share a source divide it without talking to each other: the key alone decides."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.shard import Shard
from hypothesis import given
from hypothesis import strategies as st

#: Keys as they come from file systems: any text, also with bytes that are not UTF-8.
KEYS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(["\udce9", "/", "\n"]), max_size=40)


def owner(key, count):
    """The index of the only shard that takes the key."""
    (index,) = [index for index in range(count) if Shard(index, count).takes(key)]
    return index


@given(st.sets(KEYS, max_size=60), st.integers(1, 16))
def test_the_shards_are_disjoint_and_together_are_the_whole(keys, count):
    parts = [{key for key in keys if Shard(index, count).takes(key)} for index in range(count)]
    assert set().union(*parts) == keys
    assert sum(len(part) for part in parts) == len(keys)


@pytest.mark.parametrize(
    ("key", "of_2", "of_3", "of_4", "of_7", "of_16"),
    [
        ("", 0, 0, 0, 0, 4),
        ("a", 1, 2, 3, 2, 15),
        ("b", 1, 2, 1, 5, 5),
        ("studio-1/day 1/take [2].mov", 1, 0, 3, 6, 7),
        ("nas/ü 日本.wav", 0, 1, 0, 0, 0),
        ("caf\udce9", 0, 2, 0, 1, 0),
        ("x" * 1024, 1, 1, 3, 0, 11),
    ],
)
def test_who_takes_a_key_never_changes(key, of_2, of_3, of_4, of_7, of_16):
    """With another hash, hosts of two versions would leave files to each other, and delete each other's objects."""
    assert [owner(key, count) for count in (2, 3, 4, 7, 16)] == [of_2, of_3, of_4, of_7, of_16]


def test_a_tree_is_spread_evenly():
    keys = [f"nas/day {day}/take {take:04}.mov" for day in range(10) for take in range(400)]
    sizes = [sum(Shard(index, 4).takes(key) for key in keys) for index in range(4)]
    assert min(sizes) > 900
    assert max(sizes) < 1100


def test_one_shard_takes_everything():
    assert all(Shard(0, 1).takes(key) for key in ("", "a", "caf\udce9"))


@pytest.mark.parametrize("value", [{"index": 1, "count": 4}, {"index": "1", "count": " 4 "}])
def test_a_shard_is_built_from_the_options_of_a_task_or_an_env_file(value):
    assert Shard.from_options(value) == Shard(1, 4)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"index": 4, "count": 4}, "index 4 is not below count 4"),
        ({"index": 0, "count": 0}, "index 0 is not below count 0"),
        ({"index": -1, "count": 4}, "index -1 is no whole number"),
        ({"index": 1.5, "count": 4}, "index 1.5 is no whole number"),
        ({"index": "first", "count": 4}, "index 'first' is no whole number"),
        ({"index": 0, "count": "٤"}, "count '٤' is no whole number"),
        ({"index": 0, "count": True}, "count True is no whole number"),
        ({"index": 0}, "count None is no whole number"),
        ({"count": 4}, "index None is no whole number"),
        ({}, "index None is no whole number"),
        ({"index": 0, "count": 4, "of": 4}, "unknown key 'of'"),
    ],
)
def test_a_shard_that_is_none_is_refused_with_the_options_name_first(value, reason):
    with pytest.raises(ConfigurationError) as raised:
        Shard.from_options(value)
    assert str(raised.value).startswith("shard ")
    assert reason in str(raised.value)
