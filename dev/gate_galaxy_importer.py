# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The gate galaxy-importer: what Galaxy's server does with an upload, which reports most findings without failing.

python -m dev.gate_galaxy_importer DIRECTORY      the folder of the archive
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from dev.build_collection import archive_name

#: Beginnings of lines that are findings.
FINDINGS = ("ERROR", "WARNING")


def findings(output: str) -> list[str]:
    """The lines of the importer's output that tell of something wrong."""
    return [line for line in output.splitlines() if line.lstrip().startswith(FINDINGS)]


def main(argv: list[str] | None = None) -> int:
    """Import the archive in the folder given; 1 if anything was found."""
    arguments = sys.argv[1:] if argv is None else argv
    archive = Path(arguments[0]).resolve() / archive_name()
    with tempfile.TemporaryDirectory() as scratch:
        process = subprocess.run(
            [sys.executable, "-m", "galaxy_importer.main", str(archive)],
            cwd=scratch,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    print(process.stdout)
    found = findings(process.stdout)
    if found:
        print(f"{len(found)} finding(s):", *found, sep="\n")
    return 1 if process.returncode or found else 0


if __name__ == "__main__":
    sys.exit(main())
