# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What needs no measuring: which settings are not worth a trial on a host, and why."""

from __future__ import annotations

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import (
    DEFAULTS,
    FILE_CLASSES,
    Settings,
    class_of,
)
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.rules import (
    Facts,
    candidates,
    connections,
    objections,
    sample,
)
from hypothesis import given
from hypothesis import strategies as st

GIB = 1024**3
HOST = Facts(cores=8, memory_bytes=64 * GIB, link_mbps=1000.0, round_trip=0.02)
FACTS = st.builds(
    Facts,
    st.integers(1, 256),
    st.one_of(st.just(0), st.integers(128 * 1024**2, 4096 * GIB)),
    st.one_of(st.none(), st.floats(1, 400_000)),
    st.one_of(st.none(), st.floats(0, 2)),
)


@given(st.sampled_from(FILE_CLASSES), FACTS)
def test_the_defaults_are_the_first_candidate_and_every_other_keeps_the_rules(file_class, facts):
    first, *others = candidates(file_class, facts)
    assert first == DEFAULTS
    assert len(others) == len(set(others))
    assert DEFAULTS not in others
    assert not any(objections(file_class, settings, facts) for settings in others)
    counts = [connections(file_class, settings) for settings in others]
    assert counts == sorted(counts)


@pytest.mark.parametrize("file_class", FILE_CLASSES)
def test_a_usual_host_has_several_candidates(file_class):
    assert 4 <= len(candidates(file_class, HOST)) <= 70


def test_parts_in_flight_leave_memory_to_the_page_cache():
    small_host = Facts(cores=2, memory_bytes=2 * GIB)
    assert objections("large", Settings(16, 16, 64 * MIB), small_host) == [
        "16384 MiB in flight are more than a quarter of 2048 MiB of memory"
    ]
    assert objections("large", Settings(4, 4, 32 * MIB), small_host) == []
    assert all(
        one.numworkers * one.concurrency * one.part_size <= 512 * MIB for one in candidates("large", small_host)[1:]
    )


def test_a_small_file_takes_no_more_memory_than_it_has():
    assert objections("small", Settings(256, 4, 8 * MIB), Facts(cores=8, memory_bytes=2 * GIB)) == []


def test_connections_beyond_what_the_cores_keep_busy_are_left_out():
    (objection,) = objections("small", Settings(256, 4, 8 * MIB), Facts(cores=1))
    assert objection == "256 connections are more than 1 cores keep busy (128)"
    assert max(one.numworkers for one in candidates("small", Facts(cores=1))) == 128


def test_few_workers_are_enough_for_small_files_near_by_and_not_for_far_ones():
    near, far = (Facts(cores=2, link_mbps=1000.0, round_trip=seconds) for seconds in (0.0005, 0.05))
    assert objections("small", Settings(2, 4, 8 * MIB), near) == []
    assert objections("small", Settings(16, 4, 8 * MIB), far) == [
        "16 connections cannot fill 1000 Mbit/s here: 48 are needed"
    ]


def test_too_few_connections_cannot_fill_a_long_fat_line():
    far = Facts(cores=8, memory_bytes=64 * GIB, link_mbps=10_000.0, round_trip=0.1)
    # 10 Gbit/s for 0.1 s are 125 MB, of which a connection has 2 MiB under way.
    assert objections("large", Settings(2, 4, 8 * MIB), far) == [
        "8 connections cannot fill 10000 Mbit/s here: 60 are needed"
    ]
    assert min(connections("large", one) for one in candidates("large", far)) >= 60


def test_amazon_gives_a_connection_85_mb_a_second_however_near_it_is():
    near = Facts(cores=8, memory_bytes=64 * GIB, link_mbps=10_000.0, round_trip=0.0005)
    assert objections("single", Settings(4, 8, 8 * MIB), near)
    assert not objections("single", Settings(4, 16, 8 * MIB), near)


def test_what_is_not_known_forbids_nothing():
    assert objections("large", Settings(2, 2, 8 * MIB), Facts(cores=8)) == []


def test_a_file_of_one_part_is_one_connection():
    assert connections("small", Settings(8, 4, 8 * MIB)) == 8
    assert connections("medium", Settings(8, 4, 8 * MIB)) == 32
    assert connections("medium", Settings(8, 4, 64 * MIB)) == 8


def test_single_files_have_as_many_connections_as_with_the_defaults():
    """A sample of one file shows nothing of the number of files, so that it must not cost many files their speed."""
    assert {connections("single", settings) for settings in candidates("single", HOST)} == {128}


@given(st.sampled_from(FILE_CLASSES), FACTS)
def test_a_sample_is_of_its_class_and_no_larger_than_4_gb(file_class, facts):
    chosen = sample(file_class, facts)
    assert class_of(chosen.size, alone=chosen.count == 1) == file_class
    assert 0 < chosen.total_bytes <= 8_000_000_000


def test_a_faster_link_gets_larger_samples():
    fast = Facts(cores=8, link_mbps=10_000.0)
    for file_class in ("medium", "large", "single"):
        assert sample(file_class, fast).total_bytes > sample(file_class, HOST).total_bytes
