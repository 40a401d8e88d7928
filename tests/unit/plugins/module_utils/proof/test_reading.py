# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Reading a file for its checksum: every byte once, in as many threads as help, and no longer than somebody waits."""

from __future__ import annotations

import io
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.threads import ReadingStopped, Stop
from ansible_collections.datasync.turbo.plugins.module_utils.proof import reading
from ansible_collections.datasync.turbo.plugins.module_utils.proof.reading import (
    Part,
    each_block,
    each_part,
    is_shared,
    reader_at,
)
from hypothesis import given
from hypothesis import strategies as st

CONTENT = bytes(range(256)) * 4

#: Seconds after which a thread that does not come counts as missing.
PATIENCE = 30


def nothing():
    """A tick that lets everything go on."""


def blocks_of(file, tick):
    read = []
    each_block(file, lambda block: read.append(bytes(block)), tick)
    return read


def content_of(part, tick):
    return b"".join(blocks_of(part, tick))


def parts_of(content, part_size):
    parts = [content[at : at + part_size] for at in range(0, len(content), part_size)]
    return [(part, len(part)) for part in parts]


def helpers():
    return [thread for thread in threading.enumerate() if thread.name == "reading"]


def set_clocks(patched, share):
    """Let each look at the clock be a second after the last, of which this share was spent on a processor."""
    seconds = itertools.count()

    def clocks():
        second = next(seconds)
        return second, second * share

    patched.setattr(reading, "_clocks", clocks)


def set_read_size(patched, size):
    patched.setattr(reading, "READ_SIZE", size)
    patched.setattr(reading, "_buffers", reading._Buffers())


def set_up_teams(patched, processors=2, read_size=64):
    """Share files of any size, and call for help at once."""
    patched.setattr(reading, "MIN_SHARED", 1)
    set_read_size(patched, read_size)
    set_clocks(patched, share=1)
    patched.setattr(reading, "_processors", reading._Processors(processors))


@pytest.fixture
def teams(monkeypatch):
    set_up_teams(monkeypatch)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "film.mov"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def file(path):
    with open(path, "rb", buffering=0) as opened:
        yield opened


# --- one thread


@given(st.binary(max_size=300), st.integers(1, 64))
def test_the_blocks_are_the_file(content, read_size):
    with pytest.MonkeyPatch.context() as patched:
        set_read_size(patched, read_size)
        read = blocks_of(io.BytesIO(content), nothing)
    assert b"".join(read) == content
    assert all(0 < len(block) <= read_size for block in read)


def test_a_reader_is_stopped_before_its_next_block(monkeypatch):
    set_read_size(monkeypatch, 10)
    stop, read = Stop(), []

    def take(block):
        read.append(bytes(block))
        stop.set()

    with pytest.raises(ReadingStopped):
        each_block(io.BytesIO(CONTENT), take, stop.check)
    assert read == [CONTENT[:10]]


def test_the_memory_of_one_file_serves_the_next():
    places = set()

    def note(block):
        places.add(id(block.obj))

    for _time in range(3):
        each_block(io.BytesIO(CONTENT), note, nothing)
    with pytest.raises(ReadingStopped):
        stop = Stop()
        each_block(io.BytesIO(CONTENT), lambda block: (note(block), stop.set()), stop.check)
    each_block(io.BytesIO(CONTENT), note, nothing)
    assert len(places) == 1


def test_a_file_that_is_read_while_another_is_has_memory_of_its_own(monkeypatch):
    set_read_size(monkeypatch, 10)
    outer, inner = [], []

    def take(block):
        inner.extend(blocks_of(io.BytesIO(CONTENT[::-1]), nothing))
        outer.append(bytes(block))

    each_block(io.BytesIO(CONTENT[:25]), take, nothing)
    assert b"".join(outer) == CONTENT[:25]
    assert b"".join(inner) == CONTENT[::-1] * 3


def test_threads_do_not_read_into_each_others_memory(monkeypatch):
    set_read_size(monkeypatch, 10)
    contents = [bytes([number]) * 1000 for number in range(4)]
    meeting = threading.Barrier(len(contents))

    def read(content):
        found = []

        def take(block):
            if not found:
                meeting.wait(PATIENCE)
            found.append(bytes(block))

        each_block(io.BytesIO(content), take, nothing)
        return b"".join(found)

    with ThreadPoolExecutor(len(contents)) as pool:
        assert list(pool.map(read, contents)) == contents


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 64))
def test_a_part_is_read_to_its_end_and_no_further(offset, size, read_size):
    content = CONTENT[:200]
    part = Part(reader_of(content), offset, size)
    buffer = memoryview(bytearray(read_size))
    read = b""
    while length := part.readinto(buffer):
        read += buffer[:length]
    assert read == content[offset : offset + size]
    assert part.length == len(read)
    assert part.is_full == (len(read) == size)


def reader_of(content):
    def read_at(buffer, offset):
        block = content[offset : offset + len(buffer)]
        buffer[: len(block)] = block
        return len(block)

    return read_at


@pytest.mark.parametrize("system", ["with preadv", "without it"])
def test_a_file_is_read_at_any_offset_and_nothing_behind_what_was_read_changes(file, monkeypatch, system):
    if system == "without it":
        monkeypatch.delattr(os, "preadv", raising=False)
    read_at = reader_at(file.fileno())
    buffer = memoryview(bytearray(b"." * 10))
    assert (read_at(buffer, 5), bytes(buffer)) == (10, CONTENT[5:15])
    assert (read_at(buffer, len(CONTENT) - 3), bytes(buffer)) == (3, CONTENT[-3:] + CONTENT[8:15])
    assert read_at(buffer, len(CONTENT)) == 0
    assert read_at(buffer[:0], 0) == 0
    assert file.tell() == 0


@given(st.binary(max_size=300), st.integers(1, 320))
def test_a_file_in_memory_is_read_part_by_part(content, part_size):
    assert each_part(io.BytesIO(content), part_size, content_of, nothing) == parts_of(content, part_size)


def test_only_a_large_file_that_is_really_one_is_shared_between_threads(tmp_path, file, path, monkeypatch):
    assert not is_shared(file), "it is small"
    monkeypatch.setattr(reading, "MIN_SHARED", len(CONTENT))
    assert is_shared(file)
    assert not is_shared(io.BytesIO(CONTENT))
    with open(path, "rb") as buffered:
        assert not is_shared(buffered), "what is in its buffer would be read twice"
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "pipe", "r+b", buffering=0) as pipe:
        assert not is_shared(pipe)


# --- several threads


@given(st.integers(0, 1024), st.integers(1, 1100), st.integers(1, 64), st.integers(1, 4))
def test_a_file_that_is_shared_gives_the_same_parts_in_the_same_order(
    tmp_path_factory, size, part_size, read_size, processors
):
    path = tmp_path_factory.getbasetemp() / "shared"
    path.write_bytes(CONTENT[:size])
    with pytest.MonkeyPatch.context() as patched, open(path, "rb", buffering=0) as file:
        set_up_teams(patched, processors, read_size)
        assert each_part(file, part_size, content_of, nothing) == parts_of(CONTENT[:size], part_size)


def test_the_rest_of_a_file_begins_where_it_was_read_to(teams, file):
    file.seek(100)
    assert each_part(file, 100, content_of, nothing) == parts_of(CONTENT[100:], 100)


def test_short_reads_do_not_shift_the_borders_of_parts(teams, file, monkeypatch):
    """Those of network file systems may return less than was asked for."""
    with_short_reads(monkeypatch, lambda _offset: 3)
    assert each_part(file, 100, content_of, nothing) == parts_of(CONTENT, 100)


def with_short_reads(patched, most):
    """Let each read at an offset return no more bytes than `most` says of it."""
    original = os.preadv

    def preadv(descriptor, buffers, offset):
        return original(descriptor, [buffers[0][: most(offset)]], offset)

    patched.setattr(os, "preadv", preadv)


def test_a_file_is_shared_where_there_is_no_preadv(teams, file, monkeypatch):
    monkeypatch.delattr(os, "preadv")
    assert each_part(file, 100, content_of, nothing) == parts_of(CONTENT, 100)


def both_at_once():
    """A work that goes on only when two threads do it at the same time."""
    meeting = threading.Barrier(2)

    def work(part, tick):
        tick()
        if part.readinto(memoryview(bytearray(1))):
            meeting.wait(PATIENCE)
        return content_of(part, tick)

    return work


def test_an_idle_processor_helps(teams, file):
    assert len(each_part(file, len(CONTENT) // 2, both_at_once(), nothing)) == 2
    assert not helpers()


def test_nobody_helps_where_there_is_one_processor(file, monkeypatch):
    set_up_teams(monkeypatch, processors=1)
    threads = set()
    each_part(file, 10, lambda part, tick: (threads.add(threading.get_ident()), content_of(part, tick)), nothing)
    assert threads == {threading.get_ident()}


def test_a_thread_that_computes_is_helped(teams, file, monkeypatch):
    set_clocks(monkeypatch, share=0.6)
    assert len(each_part(file, len(CONTENT) // 2, both_at_once(), nothing)) == 2


def test_nobody_helps_a_thread_that_waits_for_its_disk(teams, file, monkeypatch):
    set_clocks(monkeypatch, share=0.4)
    threads = set()
    each_part(file, 10, lambda part, tick: (threads.add(threading.get_ident()), content_of(part, tick)), nothing)
    assert threads == {threading.get_ident()}


def test_a_file_is_read_where_no_more_threads_can_be_started(teams, file, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert each_part(file, 100, content_of, nothing) == parts_of(CONTENT, 100)
    assert reading._processors._free == 2


def test_all_teams_together_have_no_more_helpers_than_idle_processors(path, monkeypatch):
    """And all come to an end, although their callers fill a pool."""
    set_up_teams(monkeypatch, processors=3)
    most, lock = 0, threading.Lock()

    def work(part, tick):
        nonlocal most
        with lock:
            most = max(most, len(helpers()))
        return content_of(part, tick)

    def read():
        with open(path, "rb", buffering=0) as opened:
            return each_part(opened, 10, work, nothing)

    with ThreadPoolExecutor(4) as pool:
        for found in [pool.submit(read) for _number in range(12)]:
            assert found.result(PATIENCE) == parts_of(CONTENT, 10)
    assert most <= 2, "one processor at least has its caller"
    assert reading._processors._free == 3


def wait_for_the_end_of_helpers():
    for helper in helpers():
        helper.join(PATIENCE)
        assert not helper.is_alive()


def test_a_helper_leaves_after_its_part_when_callers_need_its_processor(teams, file):
    met, numbers = threading.Barrier(2), []

    def work(part, tick):
        tick()
        numbers.append(threading.get_ident())
        if len(numbers) <= 2:
            met.wait(PATIENCE)
            reading._processors.occupy()
            if threading.current_thread().name != "reading":
                wait_for_the_end_of_helpers()
        return content_of(part, tick)

    assert [length for _result, length in each_part(file, 100, work, nothing)][:2] == [100, 100]
    assert set(numbers[2:]) == {threading.get_ident()}


# --- ends


def test_the_tick_is_called_in_the_callers_thread_alone(teams, file):
    threads = set()
    each_part(file, len(CONTENT) // 2, both_at_once(), lambda: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_a_tick_that_raises_stops_the_helpers_too(teams, file):
    helping, stopping = threading.Event(), Stop()

    def work(part, tick):
        while True:
            tick()
            if threading.current_thread().name == "reading":
                helping.set()
            elif helping.is_set():
                stopping.set()

    with pytest.raises(ReadingStopped):
        each_part(file, 100, work, stopping.check)
    assert not helpers()
    assert reading._processors._free == 2


def test_a_tick_that_raises_while_only_the_helper_reads_stops_it(teams, file):
    helping, stopping = threading.Event(), Stop()

    def work(part, tick):
        tick()
        part.readinto(memoryview(bytearray(1)))
        if threading.current_thread().name == "reading":
            helping.set()
            while True:
                tick()
        assert helping.wait(PATIENCE)
        stopping.set()
        return b""

    with pytest.raises(ReadingStopped):
        each_part(file, len(CONTENT) // 2 + 1, work, stopping.check)
    assert not helpers()


def test_an_error_in_a_helper_is_the_callers(teams, file):
    """As when the disk cannot read the second half of a file."""

    def work(part, tick):
        if threading.current_thread().name == "reading":
            raise OSError(5, "Input/output error")
        while True:
            tick()

    with pytest.raises(OSError, match="Input/output error"):
        each_part(file, 100, work, nothing)
    assert not helpers()
    assert reading._processors._free == 2


def test_an_error_in_a_helper_is_the_callers_although_its_own_part_was_read(teams, file):
    def work(part, tick):
        if threading.current_thread().name == "reading":
            raise OSError(5, "Input/output error")
        tick()
        wait_for_the_end_of_helpers()
        return content_of(part, nothing)

    with pytest.raises(OSError, match="Input/output error"):
        each_part(file, 512, work, nothing)


# --- files that change meanwhile


def changed_in_its_first_part(change):
    once = iter([change])

    def work(part, tick):
        content = content_of(part, tick)
        for act in once:
            act()
        return content

    return work


@pytest.mark.parametrize("size", [0, 50, 100, 150, 1000])
def test_a_file_that_is_truncated_meanwhile_ends_where_it_ends(file, path, monkeypatch, size):
    set_up_teams(monkeypatch, processors=1)
    work = changed_in_its_first_part(lambda: os.truncate(path, size))
    assert each_part(file, 100, work, nothing) == parts_of(CONTENT[: max(size, 100)], 100)


def test_a_file_that_grows_meanwhile_is_read_to_its_new_end(file, path, monkeypatch):
    set_up_teams(monkeypatch, processors=1)
    work = changed_in_its_first_part(lambda: path.write_bytes(CONTENT * 3))
    assert each_part(file, 100, work, nothing) == parts_of(CONTENT * 3, 100)


def test_nothing_counts_behind_a_part_that_was_short(teams, file, monkeypatch):
    """Truncated and written again while two threads read it: what follows is not behind what was read."""
    with_short_reads(monkeypatch, lambda offset: None if offset >= 512 else max(0, 40 - offset))
    assert each_part(file, 512, both_at_once(), nothing) == [(CONTENT[1:40], 40)]
