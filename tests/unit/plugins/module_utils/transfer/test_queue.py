# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Uploads come out as they went in, each once, and none is asked for before it is needed."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import Identity, LocalFile
from ansible_collections.datasync.turbo.plugins.module_utils.plan.uploads import Upload
from ansible_collections.datasync.turbo.plugins.module_utils.s3.limits import SMALL_FILE
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.queue import (
    HASHES_AHEAD,
    SMALL_HASHES_AHEAD,
    Digests,
    UploadQueue,
)


def upload(name, size=7):
    return Upload(LocalFile(f"/srv/{name}", name, f"p/{name}", Identity(size, 1, 2, 3, 4)), "new")


def names(uploads):
    return [entry.file.relative for entry in uploads]


def has_newline(upload):
    return "\n" in upload.file.path


def drain(queue):
    """Take all that go with others, with their digests."""
    taken = []
    while queue.has_more:
        ready = queue.next_ready
        if ready is not None:
            taken.append((ready.file.relative, queue.take()()))
    return taken


@pytest.fixture
def digests():
    """Make digests by a function; they end with the test."""
    made = []

    def make(compute):
        made.append(Digests(compute))
        return made[-1]

    yield make
    for entry in made:
        entry.stop()


def test_uploads_come_in_their_order_and_those_that_go_alone_are_kept_aside():
    queue = UploadQueue([upload("b"), upload("new\nline"), upload("a")], goes_alone=has_newline)
    assert drain(queue) == [("b", ""), ("a", "")]
    assert names(queue.alone) == ["new\nline"]
    assert queue
    queue.alone.clear()
    assert not queue


def test_an_upload_is_asked_for_when_it_is_needed_and_not_before():
    given = []

    def endless():
        while True:
            given.append(1)
            yield upload(str(len(given)))

    queue = UploadQueue(endless())
    assert given == []
    for _time in range(5):
        assert queue.next_ready is not None
        queue.take()
    assert len(given) == 5


def test_a_queue_that_is_held_gives_nothing_out_and_loses_nothing(digests):
    waiting = [upload("a"), upload("new\nline"), upload("b")]
    queue = UploadQueue(waiting, digests(lambda entry, tick: "digest"), has_newline)
    queue.hold()
    assert (queue.has_more, queue.next_ready, queue.waits, bool(queue)) == (False, None, True, True)
    queue.go_on()
    assert [name for name, _digest in drain(queue)] == ["a", "b"]
    assert names(queue.alone) == ["new\nline"]


def test_giving_up_gives_each_that_waits_once(digests):
    queue = UploadQueue(
        [upload("a"), upload("new\nline"), *(upload(f"{n}") for n in range(200))], digests(str), has_newline
    )
    assert queue.next_ready in (None, upload("a"))
    assert sorted(names(queue.give_up())) == sorted(["a", "new\nline", *(f"{n}" for n in range(200))])
    assert not queue


@pytest.mark.parametrize(("size", "ahead"), [(SMALL_FILE, SMALL_HASHES_AHEAD), (SMALL_FILE + 1, HASHES_AHEAD)])
def test_digests_of_the_next_few_are_computed_ahead_and_of_more_where_files_are_small(digests, size, ahead):
    begun, go_on = [], threading.Event()

    def compute(entry, tick):
        go_on.wait(20)
        return f"digest of {entry.file.relative}"

    def uploads():
        for n in range(500):
            begun.append(n)
            yield upload(f"{n}", size)

    queue = UploadQueue(uploads(), digests(compute))
    assert queue.next_ready is None
    assert queue.has_more
    assert ahead <= len(begun) <= ahead + 1
    go_on.set()
    assert drain(queue) == [(f"{n}", f"digest of {n}") for n in range(500)]


def test_the_error_of_a_digest_is_raised_where_it_is_used(digests):
    def compute(entry, tick):
        raise PermissionError(13, "Permission denied")

    queue = UploadQueue([upload("a")], digests(compute))
    with pytest.raises(PermissionError):
        drain(queue)
    assert not queue


def test_a_digest_that_is_not_needed_any_more_is_not_computed_to_its_end():
    ticked = threading.Event()

    def compute(entry, tick):
        while True:
            tick()
            ticked.set()

    digests = Digests(compute)
    digest = digests.begin(upload("a"))
    assert ticked.wait(20)
    digests.stop()
    with pytest.raises(ReadingStopped):
        digest.result(20)
