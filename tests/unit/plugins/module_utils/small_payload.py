# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A payload as the controller makes it, with a tiny program and a tiny package in the place of 25 MB."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.datasync.turbo.plugins.module_utils.fleet.environment import PACKAGES_PREFIX, PROGRAM_MEMBER

PACKAGES = {
    "awscrt/__init__.py": b"",
    "awscrt/checksums.py": b"def crc64nvme(data):\n    return 0\n",
    "awscrt/_native.abi3.so": b"\x7fELF" + bytes(4096),
    "awscrt-0.1.dist-info/METADATA": b"Name: awscrt\n",
}

#: Accepts every config without the word "wrong", and says of the others what the real program would.
PROGRAM = b"""\
import sys
import awscrt.checksums
if sys.argv[1] == "config":
    path = sys.argv[sys.argv.index("--config") + 1]
    with open(path, encoding="utf-8") as file:
        if "wrong" in file.read():
            print("[INFO] [outbox] looking", file=sys.stderr)
            sys.exit(f"[ERROR] [outbox] {path}: line 1: UPLOAD_WORKERS: 'wrong' is no number")
else:
    print("ran", *sys.argv[1:])
"""


def make_payload(path: Path, program: bytes = PROGRAM, packages: Mapping[str, bytes] | None = None) -> str:
    """Write a payload; returns the SHA256 of its program."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(PROGRAM_MEMBER, program)
        for name, content in (PACKAGES if packages is None else packages).items():
            archive.writestr(PACKAGES_PREFIX + name, content)
    return hashlib.sha256(program).hexdigest()
