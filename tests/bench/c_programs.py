# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The benchmark's own programs in C, compiled when they are needed and kept by the digest of their source."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from dev.ansible_environment import BUILD
from tests.bench.measured import BenchError

PROGRAMS = BUILD / "bench-tools"
FLAGS = ("-O2", "-pthread")


def compiled(name: str) -> Path:
    """The program of tests/bench/NAME.c. Raises BenchError without a compiler, or with what it says."""
    source = Path(__file__).parent / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program = PROGRAMS / f"{name}-{digest}"
    if program.is_file():
        return program
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(compiler[0]) is None:
        raise BenchError(
            f"there is no C compiler ({compiler[0]}), which {source.name} needs: install one "
            "(Debian, Ubuntu: sudo apt-get install gcc libc6-dev; macOS: xcode-select --install), or set CC"
        )
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    partial = program.with_suffix(".partial")
    process = subprocess.run(
        [*compiler, *FLAGS, "-o", str(partial), str(source)], capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise BenchError(f"{source} cannot be compiled:\n{process.stderr.strip()}")
    partial.replace(program)
    return program
