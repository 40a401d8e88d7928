# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The folders that the benchmark uploads: content that does not compress, made once and kept by recipe."""

from __future__ import annotations

import base64
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Tuple

from tests.bench.measured import BenchError

#: Bytes that are made and written at once.
BLOCK = 8 * 1024 * 1024
#: Files in one folder.
FOLDER_SIZE = 1000
#: Bytes of the disk that stay free.
RESERVE = 5_000_000_000
#: Bytes that a file takes beyond its content: its inode, its folder entry, the rounding up to a block.
OVERHEAD = 4_608


@dataclass(frozen=True)
class Recipe:
    """Files of these sizes in bytes: each size of `sizes` so many times."""

    name: str
    sizes: Tuple[Tuple[int, int], ...]

    @property
    def files(self) -> int:
        """How many."""
        return sum(count for size, count in self.sizes)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(size * count for size, count in self.sizes)

    @property
    def description(self) -> str:
        """Differs when anything about the files does: their sizes, numbers or names."""
        return f"{self!r} {next(self.paths())}\n"

    def paths(self) -> Iterator[Tuple[str, int]]:
        """Relative path and size of each file, in the order of their making."""
        every_size = (size for size, count in self.sizes for dummy in range(count))
        for number, size in enumerate(every_size):
            yield f"camera-{number // FOLDER_SIZE:04}/2026-11/clip-{number:07}.mov", size


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("small", ((16 * 1024, 10_000),)),
        Recipe("large", ((600_000_000, 1), (400_000_000, 1), (250_000_000, 1), (150_000_000, 1), (100_000_000, 2))),
        Recipe("unchanged", ((1024, 100_000),)),
        Recipe("audit", ((500_000_000, 8),)),
        Recipe("million", ((1, 1_000_000),)),
    )
}


def folder_for(recipe: Recipe, parent: Path) -> Path:
    """A recipe's folder below `parent`; made if it is not complete. Raises BenchError if the disk is too full."""
    folder = parent / recipe.name
    made = parent / f"{recipe.name}.made"
    if made.is_file() and made.read_text("utf-8") == recipe.description:
        return folder
    made.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    parent.mkdir(parents=True, exist_ok=True)
    require_space(parent, recipe.total_bytes + recipe.files * OVERHEAD, f"the data for {recipe.name}")
    _write(recipe, folder)
    made.write_text(recipe.description, "utf-8")
    return folder


def require_space(directory: Path, needed: int, purpose: str) -> None:
    """Raise BenchError unless so many bytes are free, and some more."""
    free = shutil.disk_usage(directory).free
    if free < needed + RESERVE:
        raise BenchError(
            f"{directory}: {free / 1e9:.1f} GB are free, {purpose} needs {(needed + RESERVE) / 1e9:.1f} GB: make room, "
            "or choose other measures with ONLY="
        )


def _write(recipe: Recipe, folder: Path) -> None:
    generator = random.Random(recipe.name)
    made = folder
    for relative, size in recipe.paths():
        path = folder / relative
        if path.parent != made:
            made = path.parent
            made.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, size, BLOCK):
                file.write(generator.randbytes(min(BLOCK, size - start)))


def warm(recipe: Recipe, folder: Path) -> None:
    """Read every file, so that it is in the page cache."""
    buffer = bytearray(BLOCK)
    for relative, _size in recipe.paths():
        with (folder / relative).open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def crc64nvme(path: Path) -> str:
    """As Amazon S3 gives it in x-amz-checksum-crc64nvme: base64 of eight bytes, the most significant first."""
    from awscrt import checksums

    value = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            value = checksums.crc64nvme(block, value)
    return base64.b64encode(value.to_bytes(8, "big")).decode()
