# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Include and exclude patterns over paths relative to the source.

`*` also matches `/`, as in s5cmd and the AWS CLI. They are matched against the relative path, so that `a/*` means the
folder `a` of the source; s5cmd matches them against the whole path, where `a/*` excludes nothing.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Iterable
from re import Pattern

#: Names of files that programs write before they rename them: editors, copies and downloads under way, office locks,
#: and what NFS keeps of files that are deleted while open.
TEMPORARY_PATTERNS = (
    ".*.swp",
    ".*.swx",
    "*~",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.tmp",
    "*.temp",
    "~$*",
    ".~lock.*#",
    ".nfs*",
    ".fuse_hidden*",
    ".smbdelete*",
    ".~tmp~",
)


def _compiled(patterns: Iterable[str]) -> list[Pattern[str]]:
    return [re.compile(fnmatch.translate(_relative(pattern))) for pattern in patterns]


def _relative(pattern: str) -> str:
    """`/a/*` and `./a/*` mean `a/*`, and `a/` means all below it."""
    anchored = pattern[2:] if pattern.startswith("./") else pattern.lstrip("/")
    return anchored + "*" if anchored.endswith("/") else anchored


#: The name of a file between the folder and the place it moves to, for a moment: 16 hexadecimal digits.
LEAVING_PREFIX = ".datasync-"
LEAVING_PATTERN = LEAVING_PREFIX + "[0-9a-f]" * 16


class Filter:
    """Decides which files belong to the job: those that an include matches (all, without one) and no exclude does.

    `temporary` patterns exclude too, but are matched against the name alone, wherever the file is.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = (), temporary: Iterable[str] = ()) -> None:
        self._include = _compiled(include)
        exclude = list(exclude)
        self._exclude = _compiled(exclude)
        self._temporary = [re.compile(fnmatch.translate(pattern)) for pattern in temporary]
        # Only a pattern that ends in a star excludes everything below a folder, whatever is in there.
        self._exclude_below = _compiled(pattern for pattern in exclude if pattern.endswith(("*", "/")))

    @property
    def digest(self) -> str:
        """The same for the same patterns in the same order; '' without one."""
        groups = (self._include, self._exclude, self._temporary)
        texts = repr([[pattern.pattern for pattern in group] for group in groups])
        return "" if self.takes_all else hashlib.sha256(texts.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def takes_all(self) -> bool:
        """Whether there is no pattern at all."""
        return not (self._include or self._exclude or self._temporary)

    def takes_file(self, relative: str) -> bool:
        """Whether the file at this relative path belongs to the job."""
        if self._include and not any(pattern.match(relative) for pattern in self._include):
            return False
        if self._temporary:
            name = relative.rpartition("/")[2]
            if any(pattern.match(name) for pattern in self._temporary):
                return False
        return not self._excludes(relative)

    def enters_folder(self, relative: str) -> bool:
        """Whether anything below this folder can belong to the job; if not, it is not even read."""
        return not any(pattern.match(relative + "/") for pattern in self._exclude_below)

    def may_hold_files(self, relative: str) -> bool:
        """Whether something that cannot be looked at may be a file of the job, or a folder with files of the job.

        An include cannot rule that out: `*.mov` does not match the link `studio`, but perhaps what lies behind it.
        """
        return self.enters_folder(relative) and not self._excludes(relative)

    def _excludes(self, relative: str) -> bool:
        return any(pattern.match(relative) for pattern in self._exclude)
