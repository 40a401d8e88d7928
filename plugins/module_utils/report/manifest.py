# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Manifests: lists of files with their SHA256, as `sha256sum` of GNU coreutils writes and `sha256sum -c` reads them.

A line is 64 hexadecimal digits, a space, a space or `*` (which mean the same here), and the name. A name with a
backslash, newline or carriage return has these as `\\\\`, `\\n` and `\\r`, and then the line begins with a backslash.
Source: https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, NamedTuple

from ..common import files
from ..common.errors import ConfigurationError

#: Bytes. Linux takes paths of 4,096 bytes, escaped at most twice that; what is longer is no manifest.
MAX_LINE = 16 * 1024

_GNU = re.compile(rb"(?P<escaped>\\?)(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<name>.+)", re.DOTALL)
#: As `sha256sum --tag` and the tools of the BSDs and macOS write it.
_BSD = re.compile(rb"(?P<escaped>\\?)SHA256 \((?P<name>.+)\) = (?P<sha256>[0-9a-fA-F]{64})", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)
_UNESCAPED = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}
_LINE_END = re.compile(rb"\r?\n?\Z")
_TO_ESCAPE = re.compile(rb"[\\\n\r]")
_ESCAPED = {plain: b"\\" + letter for letter, plain in _UNESCAPED.items()}


class ManifestLine(NamedTuple):
    """A line of a manifest: its number from 1, the SHA256 in lower-case hexadecimal, the name.

    Bytes of the name that are not UTF-8 are surrogate escapes, as in all paths of Python.
    """

    number: int
    sha256: str
    name: str


def read(path: str, relative: bool = True) -> Iterator[ManifestLine]:
    """The lines of a manifest, one by one. Blank lines and lines that begin with `#` are passed over.

    With `relative`, names must stay below the folder that they are relative to, and come without `./`.
    Raises ConfigurationError that names file and line.
    """
    try:
        with open(path, "rb") as file:
            yield from _lines(file, path, relative)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the manifest {path!r}: {error.strerror}", "check its path and its mode"
        ) from error


def _lines(file: IO[bytes], path: str, relative: bool) -> Iterator[ManifestLine]:
    number = 0
    while True:
        raw = file.readline(MAX_LINE)
        if not raw:
            return
        number += 1
        where = f"{path}:{number}"
        if len(raw) == MAX_LINE:
            raise _unfit(where, "is too long")
        text = _LINE_END.sub(b"", raw)
        if not text.strip() or text.startswith(b"#"):
            continue
        yield _line(number, text, where, relative)


def _line(number: int, text: bytes, where: str, relative: bool) -> ManifestLine:
    match = _GNU.fullmatch(text) or _BSD.fullmatch(text)
    if match is None:
        raise _unfit(where, "is no line of sha256sum")
    name = _unescaped(match["name"], where) if match["escaped"] else match["name"]
    if b"\0" in name:
        raise _unfit(where, "names a file with a NUL byte, which there cannot be")
    decoded = os.fsdecode(name)
    return ManifestLine(
        number, match["sha256"].decode("ascii").lower(), _below(decoded, where) if relative else decoded
    )


def _unescaped(name: bytes, where: str) -> bytes:
    def plain(escape: re.Match[bytes]) -> bytes:
        if escape[1] not in _UNESCAPED:
            raise _unfit(where, f"has the unknown escape {os.fsdecode(escape[0])!r}")
        return _UNESCAPED[escape[1]]

    return _ESCAPE.sub(plain, name)


def _below(name: str, where: str) -> str:
    """The name without `./` and doubled slashes, as `find . -exec sha256sum` writes them."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise _unfit(where, f"has the absolute name {name!r}", "make it with names relative to the source folder")
    if ".." in parts or not parts:
        raise _unfit(where, f"has the name {name!r}, which is outside", "make it with names below the source folder")
    return "/".join(parts)


def _unfit(where: str, message: str, hint: str = "make the manifest with `sha256sum`") -> ConfigurationError:
    return ConfigurationError(f"{where}: {message}", hint)


def format_line(sha256: str, name: str) -> bytes:
    """A line as `sha256sum` prints it, with its newline. `sha256` in hexadecimal."""
    raw = os.fsencode(name)
    escaped = _TO_ESCAPE.sub(lambda match: _ESCAPED[match[0]], raw)
    return b"%s%s  %s\n" % (b"" if escaped == raw else b"\\", sha256.encode("ascii"), escaped)


class Writer:
    """Adds the lines of a manifest to an open file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, sha256: str, name: str) -> None:
        """Add a file by its SHA256 in hexadecimal and its name. Raises OSError."""
        self._file.write(format_line(sha256, name))


@contextmanager
def writing(path: str) -> Iterator[Writer]:
    """Write a manifest line by line; it takes its place as a whole at the end of the `with` block.

    If the block raises, the old manifest stays. Raises ConfigurationError that names the file, for a full disk too.
    """
    with (
        files.explained(f"the manifest {path!r}", "check manifest_path and its folder"),
        # Others check their files with it, and it holds no secret.
        files.replacing(path, files.READABLE_BY_ALL) as file,
    ):
        yield Writer(file)
