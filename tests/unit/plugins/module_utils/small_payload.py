# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A payload as the controller makes it, with a tiny program and a tiny package in the place of 25 MB."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.datasync.turbo.plugins.module_utils.fleet.payload import PACKAGES_PREFIX, PROGRAM_MEMBER

PACKAGES = {
    "awscrt/__init__.py": b"",
    "awscrt/checksums.py": b"def crc64nvme(data):\n    return 0\n",
    "awscrt/_native.abi3.so": b"\x7fELF" + bytes(4096),
    "awscrt-0.1.dist-info/METADATA": b"Name: awscrt\n",
}

#: The `__main__.py` of a program that accepts every config without the word "wrong", and says of the others what the
#: real one would.
PROGRAM = b"""\
import json, sys
import awscrt.checksums
from datasync_turbo.said import RAN
if sys.argv[1] == "config":
    path = sys.argv[sys.argv.index("--config") + 1]
    with open(path, encoding="utf-8") as file:
        if "wrong" in file.read():
            reason = f"{path}: line 1: UPLOAD_WORKERS: 'wrong' is no number"
            print(json.dumps({"problems": [{"message": reason}]}))
            sys.exit(f"[ERROR] [2026-11-30 18:00:00] {reason}")
else:
    print(RAN, *sys.argv[1:])
"""


def program_archive(main: bytes = PROGRAM) -> bytes:
    """The one file that the program is for the controller, with this `__main__.py`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (
            ("__main__.py", main),
            ("datasync_turbo/__init__.py", b""),
            ("datasync_turbo/said.py", b"RAN = 'ran'\n"),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return b"#!/usr/bin/env python3\n" + buffer.getvalue()


def make_payload(path: Path, program: bytes = PROGRAM, packages: Mapping[str, bytes] | None = None) -> str:
    """Write a payload with this `__main__.py` of the program; returns the SHA256 of the program."""
    archived = program_archive(program)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(PROGRAM_MEMBER, archived)
        for name, content in (PACKAGES if packages is None else packages).items():
            archive.writestr(PACKAGES_PREFIX + name, content)
    return hashlib.sha256(archived).hexdigest()
