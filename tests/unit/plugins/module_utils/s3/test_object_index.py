# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a bucket holds, in memory: what was listed comes out unchanged, and a million objects fit."""

from __future__ import annotations

import tracemalloc

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.s3.listing import StoredObject
from ansible_collections.datasync.turbo.plugins.module_utils.s3.object_index import ObjectIndex

MD5 = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "etag",
    [
        MD5,
        MD5.upper(),
        f"{MD5}-10000",
        "",
        "0x8D4BCC2E4835CD0",
        MD5[:-1],
        MD5 + "0",
        MD5[:-1] + "g",
        MD5[:-1] + "\n",
        "\u00e9",
    ],
)
@pytest.mark.parametrize("last_modified", [0.0, 1_700_000_000.0, 1_700_000_000.123, 4e9])
def test_an_object_comes_out_as_it_was_listed(etag, last_modified):
    entry = StoredObject("p/\U0001f600 \n", 5 << 40, etag, last_modified)
    assert ObjectIndex([entry]).take(entry.key) == entry
    assert list(ObjectIndex([entry]).rest()) == [entry]


def test_what_was_taken_is_gone_and_the_rest_is_what_nobody_asked_for():
    entries = [StoredObject(f"p/{name}", 1, MD5, 1.0) for name in "abc"]
    index = ObjectIndex(entries)
    assert index.take("p/b") == entries[1]
    assert index.take("p/b") is None
    assert index.take("p/missing") is None
    assert list(index.rest()) == [entries[0], entries[2]]
    assert index.total == 3, "how many there were"


def test_an_object_that_a_page_repeats_is_counted_once():
    old, new = (StoredObject("p/a", size, MD5, 1.0) for size in (1, 2))
    index = ObjectIndex([old, new])
    assert (index.total, index.take("p/a")) == (1, new)


def test_an_empty_bucket():
    index = ObjectIndex([])
    assert (index.total, index.take("p/a"), list(index.rest())) == (0, None, [])


def test_a_long_listing_can_be_interrupted():
    class Stop(Exception):
        pass

    def tick():
        raise Stop

    listed = []

    def listing():
        for number in range(100_000):
            listed.append(number)
            yield StoredObject(f"p/{number}", 1, MD5, 1.0)

    with pytest.raises(Stop):
        ObjectIndex(listing(), tick)
    assert len(listed) <= 1000


@pytest.mark.slow
def test_a_million_objects_would_take_less_than_300_megabytes():
    count = 50_000
    tracemalloc.start()
    try:
        index = ObjectIndex(
            StoredObject(f"studio/project {number // 1000:04}/take {number:06}.mov", number, MD5, 1.7e9)
            for number in range(count)
        )
        used, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert index.total == count
    assert used / count < 300
