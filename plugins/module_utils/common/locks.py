# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Locks between processes, by flock(2): the kernel drops a lock when its last holder dies, however it dies.

A child holds it too if it inherits the descriptor (`pass_fds` of `subprocess`), and beyond the death of its parent.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Callable

from .errors import ConfigurationError, LockedError
from .threads import Tick, nothing

#: The kernel's list of locks, see proc(5); macOS has none.
PROC_LOCKS = "/proc/locks"
#: Seconds between two tries to get a lock that is held: short at first, because most are held for a moment.
FIRST_INTERVAL, LONGEST_INTERVAL = 0.001, 0.05
#: Others of another user may open the file too, to see that it is locked.
READABLE_BY_ALL = 0o644


def open_lock_file(path: str, mode: int = 0o600) -> int:
    """The descriptor of a lock file, which is made if it is missing; not inherited by default.

    Raises OSError, also for what may be a trap in a folder that all can write: anything but a regular file of one name.
    Nothing there keeps us waiting, such as a named pipe.
    """
    while True:
        descriptor = _open(path, os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, mode)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return descriptor
        is_there = _is_at(descriptor, path)
        os.close(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or is_there:
            raise OSError(errno.EINVAL, "it is not a regular file with a single hard link", path)
        # It has no name any more: its last holder removed it in this moment.


def _open(path: str, flags: int, mode: int) -> int:
    # Another user's lock file in a sticky folder can be opened but not with O_CREAT (fs.protected_regular).
    with suppress(FileNotFoundError, PermissionError):
        return os.open(path, os.O_RDWR | flags)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, mode)
    except PermissionError as refused:
        try:
            return os.open(path, os.O_RDONLY | flags)
        except FileNotFoundError:
            raise refused from None


def open_common_lock_file(path: str, remedy: str) -> int:
    """As `open_lock_file`, one that several users lock. Raises ConfigurationError that says what to do: `remedy`."""
    try:
        return open_lock_file(path, READABLE_BY_ALL)
    except OSError as error:
        raise ConfigurationError(f"cannot open the lock file {path!r}: {error.strerror}", remedy) from error


@contextmanager
def held(
    path: str | os.PathLike[str],
    others: str = "another process",
    advice: str = "wait until it has ended",
    *,
    wait: float = 0.0,
    tick: Tick = nothing,
    opened: Callable[[str], int] = open_lock_file,
    required: bool = True,
) -> Iterator[int]:
    """Hold the lock of the file at `path`; gives its descriptor.

    Whoever holds the lock may remove or replace the file: others notice and take the lock of the one that is there
    then. `opened` makes and opens it. While others hold the lock, `tick` is called, and may raise to give up; after
    `wait` seconds LockedError names them by `others`. Unless `required`, a file system without locks is no failure.
    Raises ConfigurationError if it is one, and what `opened` raises, such as OSError.
    """
    place = os.fspath(path)
    deadline = time.monotonic() + wait
    while True:
        descriptor = opened(place)
        try:
            if not _wait_for(descriptor, place, deadline, tick, required):
                raise LockedError(f"{others}{_named(holder(place))} holds the lock {place!r}", advice)
            if _is_at(descriptor, place):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def take(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file or folder if nobody else holds it; whether it is ours now.

    Raises OSError where the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for(descriptor: int, path: str, deadline: float, tick: Tick, required: bool) -> bool:
    """Try to take the lock until `deadline`; whether it is ours."""
    interval = FIRST_INTERVAL
    while True:
        try:
            if take(descriptor):
                return True
        except OSError as error:
            if not required:
                return True
            raise ConfigurationError(
                f"cannot lock {path!r}: {error.strerror}",
                "keep it on a file system that has locks, such as a local disk",
            ) from error
        if time.monotonic() >= deadline:
            return False
        tick()
        time.sleep(interval)
        interval = min(2 * interval, LONGEST_INTERVAL)


def _is_at(descriptor: int, path: str) -> bool:
    """Whether the file is still the one at its place."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False


def holder(path: str) -> int | None:
    """The process that holds the lock, if it wrote its number into the first line of the file."""
    with suppress(OSError, ValueError), os.fdopen(open_to_look(path), encoding="ascii") as file:
        number = file.readline(20).strip()
        return int(number) if number.isdecimal() else None
    return None


def _named(process: int | None) -> str:
    return "" if process is None else f" (process {process})"


def held_among(paths: Iterable[str], proc_locks: str = PROC_LOCKS) -> set[str]:
    """Which of the files are locked by anybody. A missing one is not, nor what is no lock file."""
    numbers = _locked_inodes(proc_locks) if os.path.exists(proc_locks) else None
    return {path for path in paths if (numbers is None or _inode(path) in numbers) and _is_held(path)}


def _locked_inodes(proc_locks: str) -> set[int]:
    """The inodes of files that are locked by flock(2). A line, see proc(5): `1: FLOCK ADVISORY WRITE 7 08:01:99 0 EOF`.

    Devices are not compared: on btrfs and overlayfs they differ from what stat(2) says. So another file system's file
    may have the number as well, and only a lock that is really held refuses another holder.
    """
    with open(proc_locks, encoding="ascii", errors="replace") as file:
        rows = [line.split() for line in file]
    return {int(row[5].rpartition(":")[2]) for row in rows if len(row) > 5 and row[1] == "FLOCK"}


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return -1


def _is_held(path: str) -> bool:
    """Ask by a shared lock, which we get for a moment if nobody holds the lock: with no /proc/locks (macOS) always."""
    try:
        descriptor = open_to_look(path)
    except OSError:
        return False
    try:
        with suppress(OSError):
            return not take(descriptor, shared=True)
    finally:
        os.close(descriptor)
    return False


def open_to_look(path: str) -> int:
    """A descriptor to read a lock file that we do not hold; does not wait at a named pipe. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
