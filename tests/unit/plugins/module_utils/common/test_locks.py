# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One process holds a lock, whatever happens to its file, and nothing at its place can trap or delay us."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import random
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common import locks
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, LockedError
from ansible_collections.datasync.turbo.plugins.module_utils.common.locks import (
    held,
    held_among,
    holder,
    open_common_lock_file,
    open_lock_file,
)

#: Processes that contend for a lock, and how often each of them takes it.
PROCESSES, ROUNDS = 6, 500
#: Seconds; nothing here takes so long.
LIMIT = 60


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.lock")


@contextlib.contextmanager
def forked(work):
    """Another process that holds or takes locks; it is killed at the end. Gives its number."""
    process = os.fork()
    if process == 0:
        status = 1
        with contextlib.suppress(BaseException):
            work()
            status = 0
        os._exit(status)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, 0)


@contextlib.contextmanager
def held_by_another(path):
    ready, tell = os.pipe()

    def hold():
        with held(path):
            os.write(tell, b"x")
            time.sleep(600)

    with forked(hold) as process:
        assert os.read(ready, 1) == b"x"
        yield process
    os.close(ready)
    os.close(tell)


def is_free(path):
    with contextlib.suppress(LockedError), held(path):
        return True
    return False


# Holding


def test_a_lock_is_held_until_the_end_of_the_block(path):
    with held(path):
        with pytest.raises(LockedError) as raised, held(path):
            pytest.fail("two held it")
        assert str(raised.value) == f"another process holds the lock {path!r} (wait until it has ended)"
        assert raised.value.exit_code == 75
    assert is_free(path)


def test_who_may_hold_it_and_what_to_do_is_said_in_the_callers_words(path):
    with held(path), pytest.raises(LockedError) as raised, held(path, "another cook", "bring wine"):
        pytest.fail("two held it")
    assert str(raised.value) == f"another cook holds the lock {path!r} (bring wine)"


def test_the_process_that_holds_it_is_named_if_it_left_its_number(path):
    with held(path) as descriptor:
        os.write(descriptor, f"{os.getpid()}\n{{}}\n".encode())
        assert holder(path) == os.getpid()
        with pytest.raises(LockedError, match=rf"another process \(process {os.getpid()}\) holds the lock"), held(path):
            pytest.fail("two held it")


@pytest.mark.parametrize("content", [b"", b"\n", b"4711x\n", b"-1\n", b"\xff\xfe\n", b"{}\n"])
def test_what_is_no_number_of_a_process_names_nobody(tmp_path, content):
    (tmp_path / "a.lock").write_bytes(content)
    assert holder(str(tmp_path / "a.lock")) is None
    assert holder(str(tmp_path / "missing")) is None


def test_an_error_in_the_block_frees_it(path):
    with pytest.raises(KeyboardInterrupt), held(path):
        raise KeyboardInterrupt
    assert is_free(path)


def test_no_descriptor_is_left_whatever_happened(path, tmp_path):
    before = os.listdir("/proc/self/fd")
    with held(path), contextlib.suppress(LockedError), held(path, wait=0.01):
        pytest.fail("two held it")
    (tmp_path / "link").symlink_to(path)
    for wrong in (tmp_path / "link", tmp_path, tmp_path / "missing" / "lock"):
        with pytest.raises(OSError, match=r"symbolic link|directory"), held(wrong):
            pytest.fail("it was held")
    assert os.listdir("/proc/self/fd") == before


def test_the_death_of_its_holder_frees_it(path):
    with held_by_another(path) as process:
        assert not is_free(path)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        assert is_free(path)


def test_a_child_does_not_inherit_it_by_default(path):
    with held(path):
        child = subprocess.Popen(["sleep", "600"], close_fds=False)
    try:
        assert is_free(path)
    finally:
        child.kill()
        child.wait()


def test_a_child_that_inherits_the_descriptor_holds_it_beyond_our_death(path):
    ready, tell = os.pipe()

    def hold_and_die():
        with held(path) as descriptor:
            child = subprocess.Popen(["sleep", "600"], pass_fds=(descriptor,))
            os.write(tell, f"{child.pid}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    with forked(hold_and_die) as process:
        os.waitpid(process, 0)
        child = int(os.read(ready, 20))
        assert not is_free(path)
        os.kill(child, signal.SIGKILL)
        with held(path, wait=LIMIT):
            pass


# Waiting


def test_a_lock_that_is_held_is_waited_for_until_the_limit(path):
    with held(path):
        began = time.monotonic()
        with pytest.raises(LockedError), held(path, wait=0.3):
            pytest.fail("two held it")
        assert 0.3 <= time.monotonic() - began < 10


@pytest.mark.parametrize("wait", [LIMIT, math.inf])
def test_a_lock_that_gets_free_is_taken(path, wait):
    with held_by_another(path) as process:
        threading.Timer(0.2, os.kill, (process, signal.SIGKILL)).start()
        began = time.monotonic()
        with held(path, wait=wait):
            assert time.monotonic() - began > 0.1


def test_while_we_wait_we_can_be_asked_to_give_up(path):
    asked = []

    def tick():
        asked.append(time.monotonic())
        if len(asked) == 10:
            raise KeyboardInterrupt

    with held(path), pytest.raises(KeyboardInterrupt), held(path, wait=math.inf, tick=tick):
        pytest.fail("two held it")
    assert len(asked) == 10
    assert is_free(path)


# Its file


def test_the_file_is_made_for_us_alone_or_for_all_to_open(path, tmp_path):
    previous = os.umask(0o022)
    try:
        with held(path), held(tmp_path / "common", opened=partial(open_common_lock_file, remedy="")):
            modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.lock", "common")]
    finally:
        os.umask(previous)
    assert modes == [0o600, 0o644]


def test_what_is_in_the_file_stays(path, tmp_path):
    (tmp_path / "a.lock").write_text("memory", "utf-8")
    with held(path):
        pass
    assert (tmp_path / "a.lock").read_text("utf-8") == "memory"


def fifo(path, _tmp_path):
    os.mkfifo(path)


def folder(path, _tmp_path):
    Path(path).mkdir()


def link(path, tmp_path):
    (tmp_path / "elsewhere").touch()
    Path(path).symlink_to(tmp_path / "elsewhere")


def link_to_nothing(path, tmp_path):
    Path(path).symlink_to(tmp_path / "new")


def second_name(path, tmp_path):
    (tmp_path / "precious").write_text("content", "utf-8")
    os.link(tmp_path / "precious", path)


def unix_socket(path, _tmp_path):
    server = socket.socket(socket.AF_UNIX)
    os.chdir(os.path.dirname(path))
    server.bind(os.path.basename(path))
    server.close()


def test_a_file_system_that_counts_no_links_keeps_nobody_waiting(path, monkeypatch):
    """A file without a name was removed by its last holder, but not one that is still in its place."""
    fstat = os.fstat

    def without_links(descriptor):
        return os.stat_result((*fstat(descriptor)[:3], 0, *fstat(descriptor)[4:10]))

    monkeypatch.setattr(locks.os, "fstat", without_links)
    with pytest.raises(OSError, match="single hard link"), held(path):
        pytest.fail("it was held")


@pytest.mark.parametrize("trap", [fifo, folder, link, link_to_nothing, second_name, unix_socket])
def test_a_trap_at_its_place_is_refused_at_once_and_untouched(path, tmp_path, monkeypatch, trap):
    monkeypatch.chdir(tmp_path)
    trap(path, tmp_path)
    before = os.lstat(path)
    began = time.monotonic()
    with pytest.raises(OSError, match=r".") as raised, held(path, wait=LIMIT):
        pytest.fail("it was held")
    assert not isinstance(raised.value, BlockingIOError)
    with pytest.raises(ConfigurationError, match=rf"^cannot open the lock file '{path}': .+ \(give another\)$"):
        open_common_lock_file(path, "give another")
    assert held_among([path]) == set()
    assert time.monotonic() - began < 10
    assert os.path.samestat(os.lstat(path), before)
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize("sticky", [False, True])
def test_another_users_file_is_opened_for_reading_and_locks_all_the_same(sticky):
    with tempfile.TemporaryDirectory(prefix="datasync-turbo-test-") as place:
        Path(place).chmod(0o1777 if sticky else 0o755)
        another_user_holds(os.path.join(place, "a.lock"))


def another_user_holds(path):
    open_of_all = partial(open_common_lock_file, remedy="")
    ready, tell = os.pipe()

    def hold_as_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        with held(path, opened=open_of_all):
            os.write(tell, b"x")
            time.sleep(600)

    with held(path, opened=open_of_all):
        pass
    with forked(hold_as_nobody):
        assert os.read(ready, 1) == b"x"
        assert not is_free(path)


def test_a_folder_that_is_refused_is_the_reason_and_not_the_missing_file(path, monkeypatch):
    """As for a user who may not write there."""
    real = os.open

    def refuse_to_create(name, flags, *mode):
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return real(name, flags, *mode)

    monkeypatch.setattr(locks.os, "open", refuse_to_create)
    with pytest.raises(PermissionError):
        open_lock_file(path)


def test_a_file_system_without_locks_is_a_failure_unless_the_lock_is_not_required(path, monkeypatch):
    def refuse(_descriptor, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(ConfigurationError, match=f"^cannot lock '{path}': No locks available .keep it on"), held(path):
        pytest.fail("it was held")
    with held(path, required=False) as descriptor:
        assert os.fstat(descriptor)
    assert held_among([path]) == set()


# Its file is removed or replaced


def removed(path):
    Path(path).unlink()


def replaced(path):
    with open(f"{path}.new-{os.getpid()}", "w", encoding="ascii") as file:
        file.write("new\n")
    Path(file.name).rename(path)


@pytest.mark.parametrize("change", [removed, replaced])
def test_who_waited_for_a_file_that_is_gone_takes_the_lock_of_the_one_that_is_there(path, change):
    opened = []

    def watched(place):
        opened.append(open_lock_file(place))
        return opened[-1]

    def end_of_the_first(first):
        time.sleep(0.1)
        change(path)
        first.close()

    with contextlib.ExitStack() as first:
        first.enter_context(held(path))
        ending = threading.Thread(target=end_of_the_first, args=(first,))
        ending.start()
        with held(path, wait=LIMIT, opened=watched) as descriptor:
            assert os.path.samestat(os.fstat(descriptor), Path(path).stat())
            assert not is_free(path)
        ending.join()
    assert len(opened) == 2


def test_a_file_that_goes_between_its_opening_and_our_look_is_opened_anew(path, monkeypatch):
    real = os.open
    opened = []

    def open_and_lose(name, *arguments):
        descriptor = real(name, *arguments)
        if not opened:
            Path(name).unlink()
        opened.append(descriptor)
        return descriptor

    monkeypatch.setattr(locks.os, "open", open_and_lose)
    with held(path) as descriptor:
        assert os.path.samestat(os.fstat(descriptor), Path(path).stat())
    assert len(opened) == 2


def contend(path, counter, seed):
    """Take the lock again and again, count, and leave its file, remove it or replace it."""
    chance = random.Random(seed)
    for _round in range(ROUNDS):
        with held(path, wait=LIMIT):
            # Two at once would meet in this file.
            os.close(os.open(f"{counter}.inside", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            with open(counter, "r+", encoding="ascii") as file:
                number = int(file.read() or 0)
                if chance.random() < 0.05:
                    time.sleep(0.001)
                file.seek(0)
                file.write(f"{number + 1}")
            Path(f"{counter}.inside").unlink()
            chance.choice([removed, replaced, lambda _path: None])(path)


def test_exactly_one_holds_it_while_each_holder_may_remove_or_replace_the_file(path, tmp_path):
    counter = tmp_path / "counter"
    counter.touch()
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(forked(partial(contend, path, counter, seed))) for seed in range(PROCESSES)]
        statuses = [os.waitpid(process, 0)[1] for process in processes]
    assert statuses == [0] * PROCESSES
    assert counter.read_text("ascii") == str(PROCESSES * ROUNDS)


def test_exactly_one_holds_it_while_holders_die_at_any_moment(path, tmp_path):
    """Whoever is killed inside leaves its mark; the next one takes the mark over, and never meets a living holder."""
    mark = tmp_path / "inside"

    def live(seed):
        chance = random.Random(seed)
        while True:
            with held(path, wait=LIMIT):
                with contextlib.suppress(FileNotFoundError):
                    before = int(mark.read_text("ascii") or 0)
                    if before and before != os.getpid():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(before, 0)
                            if not dead(before):
                                (tmp_path / "two").touch()
                mark.write_text(str(os.getpid()), "ascii")
                time.sleep(chance.random() * 0.001)
                mark.write_text("0", "ascii")
                chance.choice([removed, replaced, lambda _path: None])(path)

    deadline = time.monotonic() + 3
    chance = random.Random(11)
    seed = 0
    while time.monotonic() < deadline:
        with contextlib.ExitStack() as stack:
            for _each in range(4):
                seed += 1
                stack.enter_context(forked(partial(live, seed)))
            time.sleep(chance.random() * 0.05)
    assert not (tmp_path / "two").exists()
    assert seed > 8
    assert is_free(path)


def dead(process):
    """Whether it is a zombie: it holds nothing any more."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] in "ZX"
    return True


# Whether it is held


#: Linux tells all locks in a file; elsewhere each one has to be asked.
@pytest.fixture(params=["as on this system", "without /proc/locks"])
def look(request, tmp_path):
    return held_among if request.param == "as on this system" else partial(held_among, proc_locks=str(tmp_path / "no"))


def test_of_many_files_those_that_others_hold_are_told(look, tmp_path):
    paths = [str(tmp_path / name) for name in ("a", "b", "c", "missing")]
    for path in paths[:3]:
        os.close(open_lock_file(path))
    assert look(paths) == set()
    with held_by_another(paths[1]), held(paths[2]):
        assert look(paths) == {paths[1], paths[2]}
    assert look(paths) == set()


def test_looking_leaves_the_lock_free(look, path):
    with held(path):
        pass
    descriptor = open_lock_file(path)
    try:
        assert look([path]) == set()
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)
