# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The table of uploads: in order, complete, and small enough for a million files."""

from __future__ import annotations

import os
import tracemalloc

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile, Uploaded
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import (
    NEW,
    Ledger,
    Upload,
    Uploads,
    reason_of_size,
)
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import SMALL_FILE
from hypothesis import given
from hypothesis import strategies as st

SOURCE = "/srv/material"
PREFIX = "studio 1/"


def file_of(relative, size=1, **changes):
    identity = Identity(size, 1_700_000_000_123_456_789, 1_700_000_001_123_456_789, 77, 2049)._replace(**changes)
    return LocalFile(f"{SOURCE}/{relative}", relative, PREFIX + relative, identity)


def table_of(*files, reason=NEW):
    uploads = Uploads(SOURCE, PREFIX)
    for file in files:
        uploads.add(Upload(file, reason))
    uploads.sort()
    return uploads


# --- what comes out is what went in

NAMES = ["a", "b/c", 'it\'s "quoted"', "new\nline", "tab\t\\", "\U0001f600 caf\u00e9", "[a]*?%", " ", "-rf", "x" * 255]


@pytest.mark.parametrize("relative", NAMES)
def test_every_name_comes_back(relative):
    (upload,) = table_of(file_of(relative))
    assert upload == Upload(file_of(relative), NEW)


@pytest.mark.parametrize(
    "identity",
    [
        Identity(0, 0, 0, 0, 0),
        Identity(5 << 40, -(1 << 63), (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 1),
        Identity(1, -1, 1, 1 << 63, 1),
    ],
)
def test_every_identity_comes_back(identity):
    file = LocalFile(f"{SOURCE}/a", "a", f"{PREFIX}a", identity, path_changed_ns=1_700_000_000_000_000_001)
    (upload,) = table_of(file)
    assert upload.file == file


@pytest.mark.parametrize("reason", [NEW, "", reason_of_size(3, 4), "content: the stored ETag is \u201cx\u201d"])
def test_every_reason_comes_back(reason):
    (upload,) = table_of(file_of("a"), reason=reason)
    assert upload.reason == reason


@pytest.mark.parametrize(
    ("source", "prefix", "path"), [("/", "", "/a"), ("/srv", "", "/srv/a"), ("/srv", "p/", "/srv/a")]
)
def test_paths_and_keys_are_made_as_the_walk_makes_them(source, prefix, path):
    uploads = Uploads(source, prefix)
    uploads.add(Upload(LocalFile(path, "a", f"{prefix}a", Identity(1, 1, 1, 1, 1)), NEW))
    (upload,) = uploads
    assert (upload.file.path, upload.file.key) == (path, f"{prefix}a")


def test_the_table_counts_files_and_bytes():
    uploads = table_of(file_of("a", 5), file_of("b", SMALL_FILE + 1))
    assert (len(uploads), uploads.size) == (2, SMALL_FILE + 6)
    assert not Uploads(SOURCE, PREFIX)


# --- the order


def test_large_files_come_first_the_largest_at_the_very_first():
    """None of them is left alone at the end, when nothing else is there to be sent beside it."""
    sizes = {"a": SMALL_FILE + 1, "b": SMALL_FILE + 3, "c": SMALL_FILE + 2, "d": SMALL_FILE}
    uploads = table_of(*(file_of(name, size) for name, size in sizes.items()))
    assert [upload.file.relative for upload in uploads] == ["b", "c", "a", "d"]


def test_small_files_come_in_the_order_in_which_a_listing_shows_them():
    """Whatever their size is: a page of a listing then shows those that were stored about the same time."""
    names = ["B", "a", "a b", "a!", "a/b", "a0", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600"]
    files = [file_of(name, size % 7) for size, name in enumerate(names)]
    uploads = table_of(*reversed(files))
    keys = [upload.file.key for upload in uploads]
    assert keys == sorted(keys, key=lambda key: key.encode("utf-8"))


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=8),
            st.sampled_from([0, 1, SMALL_FILE, SMALL_FILE + 1, SMALL_FILE + 2, 1 << 40]),
        ),
        max_size=40,
        unique_by=lambda entry: entry[0],
    )
)
def test_every_file_is_found_at_its_place(entries):
    files = [file_of(relative, size) for relative, size in entries]
    uploads = table_of(*files)
    assert {upload.file for upload in uploads} == set(files)
    for file in files:
        assert uploads.at(uploads.index(file)).file == file


def test_names_that_begin_like_others_are_not_mixed_up():
    files = [file_of(relative) for relative in ("a", "aa", "a/a", "a a", "a\x01", "a\x01a")]
    uploads = table_of(*files)
    assert [uploads.at(uploads.index(file)).file for file in files] == files


@pytest.mark.parametrize("relative", ["0", "b", "zz"])
def test_a_file_that_is_not_in_the_table_is_an_error(relative):
    uploads = table_of(file_of("a"), file_of("c"))
    with pytest.raises((KeyError, IndexError)):
        uploads.index(file_of(relative))


# --- the size


@pytest.mark.slow
def test_a_file_takes_less_than_200_bytes():
    """So that a million of them take less than 200 MB."""
    count = 50_000
    tracemalloc.start()
    try:
        uploads = Uploads(SOURCE, PREFIX)
        for number in range(count):
            file = file_of(f"project {number // 1000:04}/take {number:06}.mov", number, inode=number)
            uploads.add(Upload(file, NEW))
        uploads.sort()
        used, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(uploads) == count
    assert used / count < 200


@pytest.mark.slow
def test_a_ledger_of_many_files_takes_a_byte_each():
    uploads = table_of(*(file_of(f"{number:06}") for number in range(20_000)))
    tracemalloc.start()
    try:
        ledger = Ledger(uploads)
        for upload in uploads:
            ledger.store(upload.file, upload.file.identity)
        used, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ledger.complete
    assert used < 40_000


# --- what became of each


@pytest.fixture
def three():
    return [file_of("a", 1), file_of("b", 2), file_of("c", 4)]


def test_at_first_everything_waits(three):
    ledger = Ledger(table_of(*three))
    assert (list(ledger.waiting()), ledger.stored, ledger.complete) == (three, 0, False)


def test_a_ledger_without_uploads_is_complete():
    assert Ledger(table_of()).complete


def test_what_is_stored_is_counted_with_its_bytes_and_its_identity_of_then(three):
    """A file may have grown between the walk and its upload."""
    ledger = Ledger(table_of(*three))
    grown = three[1].identity._replace(size=30)
    ledger.store(three[0], three[0].identity)
    ledger.store(three[1], grown)
    assert (ledger.stored, ledger.stored_bytes) == (2, 31)
    assert list(ledger.all_stored()) == [Uploaded(three[0], three[0].identity), Uploaded(three[1], grown)]
    assert list(ledger.waiting()) == [three[2]]


def test_what_is_settled_otherwise_is_no_longer_stored(three):
    ledger = Ledger(table_of(*three))
    grown = three[1].identity._replace(size=30)
    ledger.store(three[1], grown)
    ledger.settle(three[1])
    ledger.settle(three[1])
    ledger.settle(three[2])
    assert (ledger.stored, ledger.stored_bytes, ledger.complete) == (0, 0, False)
    assert list(ledger.waiting()) == [three[0]]
    assert list(ledger.all_stored()) == []


def test_it_is_complete_when_every_file_is_stored_and_none_is_settled_otherwise(three):
    ledger = Ledger(table_of(*three))
    for file in three:
        assert not ledger.complete
        ledger.store(file, file.identity)
    assert ledger.complete
    ledger.settle(three[0])
    assert not ledger.complete


def test_files_may_be_settled_while_the_stored_ones_are_looked_at(three):
    ledger = Ledger(table_of(*three))
    for file in three:
        ledger.store(file, file.identity)
    for uploaded in ledger.all_stored():
        ledger.settle(uploaded.file)
    assert (ledger.stored, ledger.stored_bytes) == (0, 0)


def test_a_name_that_is_no_utf_8_can_be_in_the_table():
    """The walk makes a problem of it; the table does not stumble over it."""
    relative = os.fsdecode(b"caf\xe9")
    (upload,) = table_of(file_of(relative))
    assert upload.file.relative == relative
