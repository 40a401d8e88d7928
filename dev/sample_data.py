# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Makes the folder that the demo uploads: mixed sizes, two files of several parts, names that trip up scripts.

The content is the same every time and does not compress.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

MEBIBYTE = 1024 * 1024
#: Bytes that are made and written at once.
BLOCK = 4 * MEBIBYTE

#: Relative path -> size in bytes. Parts have 50 MiB by default, so the first two have two parts each.
LARGE = {"footage/take 1.mov": 64 * MEBIBYTE + 1, "footage/take 2.mov": 52 * MEBIBYTE}
AWKWARD = {
    "names/empty": 0,
    "names/with spaces  (two)": 1_000,
    'names/it\'s "quoted"': 2_000,
    "names/$HOME `date` ; & | > <": 3_000,
    "names/[x]*?": 4_000,
    "names/-leading dash": 5_000,
    "names/--delete": 6_000,
    "names/line\nbreak": 7_000,
    "names/tab\tstop": 8_000,
    "names/ümläut Ελλάδα 日本語": 9_000,
    "names/party 🎉": 10_000,
    "names/100% + more = #1": 11_000,
    "names/.hidden": 12_000,
    "names/[folder] with *?/file": 13_000,
}


def files() -> dict[str, int]:
    """Relative path -> size in bytes: 60 files, about 150 MB."""
    photos = {
        f"photos/2026-{month:02}/img_{number:04}.jpg": 400_000 + 37_777 * number
        for month in (9, 10)
        for number in range(15)
    }
    notes = {f"notes/day {number:02}.txt": 111 * number + 1 for number in range(14)}
    return {**LARGE, **AWKWARD, **photos, **notes}


def make(folder: Path, wanted: dict[str, int] | None = None, seed: int = 2026) -> dict[str, int]:
    """Write the files, unless they are all there in their sizes already; returns what `files()` gives, or `wanted`."""
    wanted = files() if wanted is None else wanted
    if is_complete(folder, wanted):
        return wanted
    shutil.rmtree(folder, ignore_errors=True)
    generator = random.Random(seed)  # noqa: S311 - reproducible content, no secret
    for name, size in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, size, BLOCK):
                file.write(generator.randbytes(min(BLOCK, size - start)))
    return wanted


def is_complete(folder: Path, wanted: dict[str, int]) -> bool:
    """Whether the folder holds exactly these files, by size."""
    present = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return present == wanted
