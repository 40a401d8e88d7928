# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The files that a benchmark uploads: made by a recipe and kept, or a folder that is there, which is never written to.

What is made does not compress, and no part of it is like another, so that no compression or deduplication on the way
can flatter a tool. It is the same on every host.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import math
import os
import random
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ...common import locks
from ...common.errors import ConfigurationError
from ...common.threads import Tick, attended

#: Bytes that are made, written or read at once.
BLOCK = 8 * 1024 * 1024
#: Files in one folder.
FOLDER_SIZE = 1000
#: Bytes of the disk that stay free.
RESERVE = 2_000_000_000
#: Bytes that a file takes beyond its content: its inode, its folder entry, the rounding up to a block.
_OVERHEAD = 4_608
#: Bytes up to which a block is made directly. Above, a permutation of the one great random block is faster.
_DIRECT = 64 * 1024
#: Share of the free memory that a dataset may fill.
_MEMORY_SHARE = 0.7
#: Changes when the same recipe would give other files, so that old ones are not taken for them.
_FORMAT = 1
_UNFINISHED = ".datasync-turbo-unfinished-"
_LOCK = ".lock"


@dataclass(frozen=True)
class Recipe:
    """Files of these sizes in bytes: each size of `sizes` so many times."""

    name: str
    sizes: tuple[tuple[int, int], ...]

    @property
    def files(self) -> int:
        """How many."""
        return sum(count for size, count in self.sizes)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(size * count for size, count in self.sizes)

    @property
    def digest(self) -> str:
        """Differs when anything about the files does."""
        return hashlib.sha256(f"{_FORMAT} {self!r}".encode()).hexdigest()[:16]

    def paths(self) -> Iterator[tuple[str, int]]:
        """Relative path and size of each file, in the order of their making."""
        every_size = (size for size, count in self.sizes for dummy in range(count))
        for number, size in enumerate(every_size):
            yield f"camera-{number // FOLDER_SIZE:04}/2026-11/clip-{number:07}.mov", size


def single(size: int = 1_000_000_000) -> Recipe:
    """One file of so many bytes."""
    if size <= 0:
        raise ConfigurationError(f"single_size is {size}: a file needs at least 1 byte", "use a size such as 1GB")
    return Recipe("single", ((size, 1),))


#: The product plan's mix, many small files, and one large file.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("mix", ((100_000_000, 1), (250_000_000, 1), (500_000_000, 1), (1_000_000_000, 1), (250_000_000, 20))),
        Recipe("small", ((16 * 1024, 10_000),)),
        single(),
    )
}


@dataclass(frozen=True)
class Dataset:
    """A folder of files: how many, bytes, and how many files of each size. `generated`: made by us from a recipe.

    Two looks at an unchanged folder are equal.
    """

    name: str
    folder: str
    files: int
    total_bytes: int
    sizes: tuple[tuple[int, int], ...]
    generated: bool


def prepare(recipe: Recipe, cache_dir: str, tick: Tick) -> Dataset:
    """The files of a recipe below `cache_dir`; made if they are not there as a whole.

    They are made beside and renamed, and counted before each use, because cleaners of temporary files take single
    ones. Whoever comes second waits. Raises ConfigurationError if there is no room or the folder cannot be written to.
    """
    folder = os.path.join(os.path.abspath(cache_dir), f"{recipe.name}-{recipe.digest}")
    dataset = Dataset(recipe.name, folder, recipe.files, recipe.total_bytes, recipe.sizes, generated=True)
    try:
        os.makedirs(cache_dir, exist_ok=True)
        with locks.held(os.path.join(cache_dir, _LOCK), wait=math.inf, tick=tick):
            if not _is_whole(recipe, folder, tick):
                _remove_unfinished(cache_dir)
                shutil.rmtree(folder, ignore_errors=True)
                _require_room(recipe, cache_dir)
                _make(recipe, folder, tick)
    except OSError as error:
        raise ConfigurationError(
            f"the data {recipe.name!r} cannot be made in {cache_dir!r}: {error.strerror or error}",
            "make room or choose another folder for it",
        ) from error
    return dataset


def existing(folder: str, tick: Tick) -> Dataset:
    """The files of a folder that is there; it is only read.

    Raises ConfigurationError if it is empty or holds what not every tool uploads alike: links (rclone leaves them out,
    others follow), devices and pipes, or what cannot be read.
    """
    counter: Counter[int] = Counter()
    for path, status in _walk(folder, tick):
        if not stat.S_ISREG(status.st_mode):
            kind = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            raise _unfit(folder, f"{path!r} is {kind}")
        if not os.access(path, os.R_OK):
            raise _unfit(folder, f"{path!r} cannot be read")
        counter[status.st_size] += 1
    if not counter:
        raise _unfit(folder, "it holds no file")
    sizes = tuple(sorted(counter.items()))
    name = os.path.basename(os.path.abspath(folder))
    total = sum(size * count for size, count in sizes)
    return Dataset(name, os.path.abspath(folder), sum(counter.values()), total, sizes, generated=False)


def warm(dataset: Dataset, tick: Tick) -> bool:
    """Read every file, so that it is in the page cache for all tools alike; False, and nothing read, if it may not fit.

    Needs psutil.
    """
    import psutil

    if dataset.total_bytes > _MEMORY_SHARE * psutil.virtual_memory().available:
        return False
    buffer = bytearray(BLOCK)
    for path, _status in _walk(dataset.folder, tick):
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                tick()
    return True


def _unfit(folder: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"the folder {folder!r} is no data for a benchmark: {reason}",
        "every tool must have the same work: choose a folder of regular files that can be read",
    )


def _walk(folder: str, tick: Tick) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of everything in a folder that is no folder. Raises ConfigurationError if one cannot be read."""
    folders: list[str] = [folder]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    tick()
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield entry.path, entry.stat(follow_symlinks=False)
        except OSError as error:
            raise _unfit(folder, f"{error.filename or here!r}: {error.strerror}") from error


def _is_whole(recipe: Recipe, folder: str, tick: Tick) -> bool:
    """Whether the folder has every file of the recipe in its size, and no other."""
    if not os.path.isdir(folder):
        return False
    found = {os.path.relpath(path, folder): status.st_size for path, status in _walk(folder, tick)}
    return len(found) == recipe.files and all(found.get(path) == size for path, size in recipe.paths())


def _remove_unfinished(cache_dir: str) -> None:
    """What was being made when somebody was killed; nobody makes anything now, for we hold the lock."""
    for name in os.listdir(cache_dir):
        if name.startswith(_UNFINISHED):
            shutil.rmtree(os.path.join(cache_dir, name), ignore_errors=True)


def _require_room(recipe: Recipe, cache_dir: str) -> None:
    disk = os.statvfs(cache_dir)
    free = disk.f_bavail * disk.f_frsize
    need = recipe.total_bytes + recipe.files * _OVERHEAD + RESERVE
    if free < need:
        raise ConfigurationError(
            f"{cache_dir!r} has {free / 1e9:.1f} GB free, the data {recipe.name!r} needs {need / 1e9:.1f} GB, of which "
            f"{RESERVE / 1e9:.0f} GB stay free",
            "make room, choose another folder for it, or leave out this dataset",
        )
    # Some file systems have no limit, and tell 0 of 0.
    if disk.f_files and disk.f_favail < recipe.files:
        raise ConfigurationError(
            f"{cache_dir!r} has room for {disk.f_favail} more files, the data {recipe.name!r} has {recipe.files}",
            "choose another folder for it, or leave out this dataset",
        )


def _make(recipe: Recipe, folder: str, tick: Tick) -> None:
    unfinished = tempfile.mkdtemp(prefix=_UNFINISHED, dir=os.path.dirname(folder))
    try:
        _write(recipe, unfinished, tick)
        # A power cut must not leave a folder of the right name with empty files, nor the first run write back ours.
        attended(partial(_sync, unfinished), tick)
        os.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _write(recipe: Recipe, folder: str, tick: Tick) -> None:
    content = _Content(recipe)
    made = ""
    for relative, size in recipe.paths():
        path = os.path.join(folder, relative)
        if os.path.dirname(path) != made:
            made = os.path.dirname(path)
            os.makedirs(made, exist_ok=True)
        with open(path, "xb", buffering=0) as file:
            for start in range(0, size, BLOCK):
                tick()
                _write_all(file.fileno(), content.block(min(BLOCK, size - start)))


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        written = os.write(descriptor, view)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]


class _Content:
    """Random bytes, the same for the same recipe.

    Python's generator makes 400 MB/s, less than a good disk takes. So one block is made, and each further one maps its
    bytes through another random permutation of the 256 values, which is as random to whoever looks for repetitions.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._random = random.Random(recipe.digest)  # noqa: S311 - noise, not secrets
        self._block = b""

    def block(self, size: int) -> bytes:
        """The next bytes, at most BLOCK of them."""
        if size <= _DIRECT:
            return self._random.randbytes(size)
        if not self._block:
            self._block = self._random.randbytes(BLOCK)
        permutation = bytes(self._random.sample(range(256), 256))
        start = self._random.randrange(BLOCK - size + 1)
        return self._block[start : start + size].translate(permutation)


def _sync(folder: str) -> None:
    """Bring all of its file system to the disk. Not sync(2): that would wait for dead file servers too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            # macOS.
            os.sync()
        elif libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
