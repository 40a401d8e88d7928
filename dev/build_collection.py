# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Builds the collection's archive, with the host program in the role `uploader`, and installs it.

python -m dev.build_collection [DIRECTORY]      default: dist
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dev import build_program
from dev.ansible_environment import BUILD, CHECKOUT, VENV_BIN, ansible_environment

#: Where the role finds the program; generated, so it is in the archive but not in git.
PROGRAM_IN_ROLE = Path("roles/uploader/files/datasync-turbo")
#: Where `make demo` installs the collection.
COLLECTIONS = CHECKOUT / ".venv" / "collections"


class BuildError(Exception):
    """The archive could not be built or installed; the message says why."""


def galaxy_metadata() -> dict[str, Any]:
    """What galaxy.yml says."""
    metadata: dict[str, Any] = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text("utf-8"))
    return metadata


def source_files() -> list[Path]:
    """The files of the checkout that git has or would take, relative to it and sorted; deleted ones are left out.

    Raises BuildError if this is no git checkout.
    """
    command = ["git", "-C", str(CHECKOUT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listing = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise BuildError("git is missing:  sudo apt-get install git") from error
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"{CHECKOUT} must be a git checkout: {error.stderr.decode(errors='replace').strip()}"
        ) from error
    names = sorted(Path(os.fsdecode(name)) for name in set(listing.split(b"\0")) if name)
    return [name for name in names if os.path.lexists(CHECKOUT / name)]


def copy_sources(target: Path, keep: Sequence[str] = ()) -> None:
    """Make `target` hold the source files and nothing else; files that are alike stay untouched.

    `keep`: folders of `target` that are left alone, besides `.git`.
    """
    wanted = set(source_files())
    for source in wanted:
        copy_if_different(CHECKOUT / source, target / source)
    kept = {target / name for name in (".git", *keep)}
    visited = []
    for directory, folders, names in os.walk(target):
        here = Path(directory)
        visited.append(here)
        folders[:] = [name for name in folders if here / name not in kept]
        for leftover in (here / name for name in names):
            if leftover.relative_to(target) not in wanted:
                leftover.unlink()
    # The archive would carry empty folders along.
    for here in reversed(visited):
        if not any(here.iterdir()):
            here.rmdir()


def copy_if_different(source: Path, copy: Path) -> None:
    """Copy a file or a link, with its mode, unless the copy has the same content."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        copy.unlink(missing_ok=True)
        copy.symlink_to(source.readlink())
    elif copy.is_symlink() or not copy.is_file() or copy.read_bytes() != source.read_bytes():
        copy.unlink(missing_ok=True)
        shutil.copy2(source, copy)
    else:
        copy.chmod(source.stat().st_mode & 0o777)


def build_archive(directory: Path) -> Path:
    """Build the archive into `directory` and return its path. Raises BuildError or ProgramError."""
    staging = BUILD / "collection"
    copy_sources(staging)
    build_program.build(staging / PROGRAM_IN_ROLE)
    directory.mkdir(parents=True, exist_ok=True)
    _ansible_galaxy("collection", "build", "--force", "--output-path", str(directory), str(staging))
    return directory / archive_name()


def archive_name() -> str:
    """File name of the archive, as ansible-galaxy makes it."""
    metadata = galaxy_metadata()
    return f"{metadata['namespace']}-{metadata['name']}-{metadata['version']}.tar.gz"


def install_if_changed(collections: Path = COLLECTIONS) -> bool:
    """Build and install below `collections`, unless the sources are those of the last time; True if it was done."""
    stamp = collections / "sources.sha256"
    state = sources_digest()
    if stamp.exists() and stamp.read_text("utf-8") == state:
        return False
    stamp.unlink(missing_ok=True)
    archive = build_archive(BUILD / "archive")
    _ansible_galaxy("collection", "install", "--force", "--offline", "-p", str(collections), str(archive))
    stamp.write_text(state, "utf-8")
    return True


def sources_digest() -> str:
    """A digest over the names and contents of all source files."""
    digest = hashlib.sha256()
    for name in source_files():
        content = (CHECKOUT / name).read_bytes() if (CHECKOUT / name).is_file() else b""
        digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def _ansible_galaxy(*arguments: str) -> None:
    environment = ansible_environment(BUILD / "galaxy")
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
    command = [str(VENV_BIN / "ansible-galaxy"), *arguments]
    process = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if process.returncode:
        raise BuildError(f"{' '.join(command)} failed:\n{process.stdout}{process.stderr}")


def main(argv: list[str] | None = None) -> int:
    """Build into the directory given, or into dist."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        archive = build_archive(Path(arguments[0]).resolve() if arguments else CHECKOUT / "dist")
    except (BuildError, build_program.ProgramError) as error:
        print(f"build_collection: {error}", file=sys.stderr)
        return 1
    print(f"built {archive} ({archive.stat().st_size} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
