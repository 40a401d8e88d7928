# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Paths as the files of systemd and logrotate want them written; each kind of setting has rules of its own.

https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html#Quoting, logrotate.conf(5) and glob(7).
"""

from __future__ import annotations

import re

from ...module_utils.common.errors import ConfigurationError

_PLAIN = re.compile(r"[A-Za-z0-9/._@+,:-]+")


def path_word(path: str) -> str:
    """One path in a list of paths, such as `ReadWritePaths=`: a backslash there means the next character itself.

    Seen so in systemd 247, 252 and 257, for which `\\x5c` is no backslash.
    """
    text = path.replace("%", "%%")
    if _PLAIN.fullmatch(text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def path_line(path: str) -> str:
    """The folder of `PathChanged=`, which takes the whole line as it is.

    The slash at the end, which systemd takes away again, keeps a last blank from being trimmed and a last backslash
    from joining the next line.
    """
    return path.replace("%", "%%").rstrip("/") + "/"


def logrotate_path(path: str) -> str:
    """One of the paths that logrotate reads as a shell does, and as patterns then. A star stays one.

    Raises ConfigurationError for a path with a quotation mark or backslash, which its versions read differently.
    """
    if any(character in path for character in "\"'\\[]?{}"):
        raise ConfigurationError(f"logrotate cannot rotate {path!r}", "choose a name without quotes and brackets")
    return f'"{path}"'
