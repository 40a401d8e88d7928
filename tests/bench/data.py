# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The folders that the benchmark uploads, made by the collection's `dataset`, and what is known of their content."""

from __future__ import annotations

import base64
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from plugins.module_utils.benchmark.measure import data as dataset
from plugins.module_utils.benchmark.measure.data import Dataset, Recipe
from plugins.module_utils.common.errors import DatasyncError
from tests.bench.measured import BenchError
from tests.bench.sink import Known, write_table

#: Below this, of which nothing else is in a bucket.
PREFIX = "data"
#: Bytes that are read at once.
BLOCK = 1024 * 1024
#: Bytes of the disk that stay free.
RESERVE = 5_000_000_000

#: Numbers of files among which nothing has changed.
GROWTH = (1_000, 10_000, 100_000, 1_000_000)

RECIPES: dict[str, Recipe] = {
    **dataset.RECIPES,
    "unchanged": Recipe("unchanged", ((1024, 100_000),)),
    "audit": Recipe("audit", ((500_000_000, 8),)),
    **{f"files-{count}": Recipe(f"files-{count}", ((1, count),)) for count in GROWTH},
}


def prepare(recipe: Recipe, parent: Path) -> Dataset:
    """A recipe's files below `parent`; made if they are not there. Raises BenchError if the disk is too full."""
    try:
        return dataset.prepare(recipe, str(parent), _go_on)
    except DatasyncError as error:
        raise BenchError(f"{error}; or choose other groups with ONLY=") from error


def warm(data: Dataset) -> None:
    """Read every file, so that it is in the page cache. Raises BenchError if it does not fit into the memory."""
    if not dataset.warm(data, _go_on):
        raise BenchError(
            f"{data.name}: {data.total_bytes / 1e9:.1f} GB do not fit into the free memory: the disk would be measured"
        )


def _go_on() -> None:
    """Nothing but Ctrl-C stops the benchmark."""


def require_space(directory: Path, needed: int, purpose: str) -> None:
    """Raise BenchError unless so many bytes are free, and some more."""
    free = shutil.disk_usage(directory).free
    if free < needed + RESERVE:
        raise BenchError(
            f"{directory}: {free / 1e9:.1f} GB are free, {purpose} needs {(needed + RESERVE) / 1e9:.1f} GB: make room, "
            "or choose other groups with ONLY="
        )


def table(data: Dataset, recipe: Recipe) -> Path:
    """The sink's table of a recipe's files with their checksums, made once and kept beside them."""
    path = Path(f"{data.folder}.table")
    if not path.is_file():
        with ThreadPoolExecutor() as pool:
            write_table(path, pool.map(lambda entry: _known(Path(data.folder), entry[0]), list(recipe.paths())))
    return path


def table_of_names(recipe: Recipe, path: Path) -> Path:
    """The same without checksums, for runs that upload nothing."""
    return write_table(path, (Known(f"{PREFIX}/{relative}", size) for relative, size in recipe.paths()))


def _known(folder: Path, relative: str) -> Known:
    from awscrt import checksums

    md5, crc, size = hashlib.md5(usedforsecurity=False), 0, 0
    with (folder / relative).open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            md5.update(block)
            crc = checksums.crc64nvme(block, crc)
            size += len(block)
    return Known(f"{PREFIX}/{relative}", size, md5.hexdigest(), in_s3_form(crc))


def in_s3_form(crc64nvme: int) -> str:
    """As Amazon S3 gives it in x-amz-checksum-crc64nvme: base64 of eight bytes, the most significant first."""
    return base64.b64encode(crc64nvme.to_bytes(8, "big")).decode()
