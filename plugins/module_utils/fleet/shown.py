# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a diff may show of a file: the values of env files and credentials may be secrets, their names are not."""

from __future__ import annotations

import re

from .generation import ManagedFile

#: A line of an env file or of an AWS credentials file.
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*) ?=")
_HIDDEN = "(hidden)"


def readable(file: ManagedFile, content: bytes, mode: int = 0o777) -> str:
    """The content for a diff of a file with this mode on the host.

    Values of env files and credentials may be secrets: only their names are shown, and the comments that we wrote.
    """
    text = content.decode("utf-8", "replace")
    if not is_secret(file.mode) and mode & 0o004:
        return text
    return "".join(f"{line}\n" for line in _without_values(text, file.content))


def is_secret(mode: str) -> bool:
    """Whether a file of this mode is not meant for everybody's eyes."""
    return not int(mode, 8) & 0o004


def differing(before: str, file: ManagedFile) -> tuple[str, str]:
    """The lines that differ although they look alike when their values are hidden."""
    after = file.content
    old, new = set(before.splitlines()), set(after.splitlines())
    old_shown = zip(before.splitlines(), _without_values(before, after))
    new_shown = zip(after.splitlines(), _without_values(after, after))
    return (
        "".join(f"{shown} (before)\n" for line, shown in old_shown if line not in new),
        "".join(f"{shown} (after)\n" for line, shown in new_shown if line not in old),
    )


def _without_values(text: str, ours: str) -> list[str]:
    """The lines with their names only. A value may go on over many lines, of which none is shown."""
    known = set(ours.splitlines())
    shown, end = [], ""
    for line in text.splitlines():
        is_inside, end = bool(end), _open_end(line, end)
        match = _ASSIGNMENT.match(line)
        if is_inside:
            shown.append(_HIDDEN)
        elif match:
            shown.append(f"{match[1]}={_HIDDEN}")
        else:
            shown.append(line if not line or (line[0] in "#[" and line in known) else _HIDDEN)
    return shown


def _open_end(line: str, quote: str) -> str:
    """What a value that is still open at the end of this line waits for: a quote, a backslash's next line, or ''."""
    quote = quote.strip("\\")
    escaped = False
    for number, character in enumerate(line):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character == "#" and not line[:number].strip():
            return ""
        elif character in "'\"":
            quote = character
    return quote or ("\\" if escaped else "")
