# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Packs the pipeline into one file, the host program `datasync-turbo`: a zip archive that Python >= 3.9 runs.

    python -m dev.build_program [FILE]      default: dist/datasync-turbo

People without the role run the file as it is; the role unpacks it on its hosts, see `fleet/program`.

The same sources give the same bytes on every machine and Python: sorted names, one fixed time, nothing compressed
(zlib's output differs from version to version).
"""

from __future__ import annotations

import ast
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CHECKOUT = Path(__file__).resolve().parent.parent
MODULE_UTILS = CHECKOUT / "plugins" / "module_utils"
PACKAGE = PurePosixPath("datasync_turbo")
#: The modules that the program imports by name.
STARTS = ("program/cli", "common/interrupt")
SHEBANG = b"#!/usr/bin/env python3\n"
#: The earliest time that a zip archive can carry.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
REGULAR_FILE_0644 = 0o100644 << 16
UNIX = 3

LICENCE_HEADER = """\
# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""
MAIN = f"""\
{LICENCE_HEADER}from {PACKAGE}.program.cli import main
from {PACKAGE}.common.interrupt import leave

leave(main())
"""


class ProgramError(Exception):
    """The pipeline cannot be packed; the message names the file."""


def build(target: Path, module_utils: Path = MODULE_UTILS) -> Path:
    """Write the program to `target`, executable. Raises ProgramError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    partial.write_bytes(program(module_utils))
    partial.chmod(0o755)
    partial.replace(target)
    return target


def program(module_utils: Path = MODULE_UTILS) -> bytes:
    """The bytes of the program: what it starts with, and every module that this reaches by relative imports."""
    modules = set().union(*(reachable(module_utils, start) for start in STARTS))
    members = {f"{PACKAGE}/{name}.py": (module_utils / f"{name}.py").read_bytes() for name in modules}
    folders = {parent for name in modules for parent in PurePosixPath(name).parents}
    members.update({str(PACKAGE / folder / "__init__.py"): package_init(module_utils / folder) for folder in folders})
    members["__main__.py"] = MAIN.encode()
    members["LICENSE"] = (CHECKOUT / "LICENSE").read_bytes()
    return SHEBANG + archive(members)


def package_init(folder: Path) -> bytes:
    """The `__init__.py` of a package; the top one has none of its own among Ansible's module_utils."""
    source = folder / "__init__.py"
    return source.read_bytes() if source.is_file() else LICENCE_HEADER.encode()


def archive(members: dict[str, bytes]) -> bytes:
    """A zip archive of `members` (name -> content) that depends on nothing else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, FIXED_TIME)
            info.create_system = UNIX
            info.external_attr = REGULAR_FILE_0644
            packed.writestr(info, members[name])
    return buffer.getvalue()


def reachable(module_utils: Path, start: str) -> set[str]:
    """Modules that `start` imports, directly or not, itself included, as `sync/run`. Raises ProgramError."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += list(imported(module_utils, name))
    return found


def imported(module_utils: Path, name: str) -> Iterator[str]:
    """The modules that one imports relatively. Raises ProgramError if it imports Ansible, or what is not there.

    https://docs.python.org/3/reference/import.html#package-relative-imports
    """
    source = module_utils / f"{name}.py"
    if not source.is_file():
        raise ProgramError(f"{source} is imported by the host program but does not exist")
    for node in ast.walk(ast.parse(source.read_bytes(), str(source))):
        if isinstance(node, ast.Import):
            refuse_ansible(source, [alias.name for alias in node.names])
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            refuse_ansible(source, [node.module or ""])
        elif isinstance(node, ast.ImportFrom):
            packages = name.split("/")
            if node.level > len(packages):
                raise ProgramError(f"{source}, line {node.lineno}: imports from outside of module_utils")
            base = "/".join(packages[: -node.level] + (node.module.split(".") if node.module else []))
            if node.module and not (module_utils / base).is_dir():
                yield base
            else:
                yield from (str(PurePosixPath(base, alias.name)) for alias in node.names)


def refuse_ansible(source: Path, modules: list[str]) -> None:
    """The hosts have no Ansible."""
    for module in modules:
        if module.partition(".")[0] in ("ansible", "ansible_collections"):
            raise ProgramError(f"{source} imports {module}, but the host program must run without Ansible")


def main(argv: list[str] | None = None) -> int:
    """Build to the path given, or to dist/datasync-turbo."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        target = build(Path(arguments[0]) if arguments else CHECKOUT / "dist" / "datasync-turbo")
    except ProgramError as error:
        print(f"build_program: {error}", file=sys.stderr)
        return 1
    print(f"built {target} ({target.stat().st_size} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
