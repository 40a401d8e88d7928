# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The one file that a host gets: its environment's packages and the program, made once per platform and kept.

Of botocore, whose descriptions of 400 services make nine tenths of the environment, only those stay that the program
uses; and of rich's own packages none, because rich imports them for code and Markdown alone.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from ...module_utils.common import files, locks
from ...module_utils.common.errors import InstallationError
from ...module_utils.fleet.environment import HostPython, environment_name
from ...module_utils.fleet.payload import PACKAGES_PREFIX, PROGRAM_MEMBER
from .cache import make_private, writing
from .wheelhouse import Wheelhouse

#: S3, and what botocore asks to get credentials: by role, by single sign-on, by `aws login`.
BOTOCORE_SERVICES = frozenset({"s3", "sts", "sso", "sso-oidc", "signin"})
_BOTOCORE_DATA = "botocore/data/"
#: Packages, and the names of their metadata, that rich imports to draw code and Markdown: half of all files.
_UNUSED = frozenset({"pygments", "markdown_it", "markdown_it_py", "mdurl"})
#: Parts of a wheel's `NAME.data` folder that belong to the packages; scripts and headers do not.
_DATA_PARTS = ("purelib", "platlib")
#: Seconds to wait for another process that makes the same.
PATIENCE = 1800.0
#: So that the same parts make the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Payloads:
    """Makes payloads in a cache folder of the controller; many processes may want the same one at the same time."""

    def __init__(self, cache_dir: Path, wheelhouse: Wheelhouse, requirements: str, program: Path) -> None:
        self._folder = cache_dir / "payloads"
        self._wheelhouse = wheelhouse
        self._requirements = requirements
        self._program = program

    def payload(self, python: HostPython, with_packages: bool) -> Path:
        """The file with the program, and with the packages for this Python. Raises DatasyncError."""
        digest = hashlib.sha256(self._program.read_bytes())
        if with_packages:
            digest.update(environment_name(self._requirements, python).encode())
            digest.update(repr([sorted(BOTOCORE_SERVICES), sorted(_UNUSED)]).encode())
        make_private(self._folder, "uploader_cache_dir")
        path = self._folder / f"{digest.hexdigest()[:24]}.zip"
        if path.exists():
            return path
        with writing(self._folder, "uploader_cache_dir"), locks.held(self._folder / ".lock", wait=PATIENCE):
            if not path.exists():
                wheels = self._wheelhouse.wheels(self._requirements, python) if with_packages else []
                self._make(path, wheels)
        return path

    def _make(self, path: Path, wheels: Sequence[Path]) -> None:
        with (
            files.replacing(path) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive,
        ):
            _add(archive, PROGRAM_MEMBER, self._program.read_bytes())
            for wheel in wheels:
                _add_wheel(archive, wheel)


def _add_wheel(archive: zipfile.ZipFile, wheel: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as packages:
            for name in sorted(packages.namelist()):
                target = target_name(name)
                if target is not None:
                    _add(archive, PACKAGES_PREFIX + target, packages.read(name))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InstallationError(f"{wheel} is damaged: {error}", "remove it, and it is fetched again") from error


def target_name(name: str) -> str | None:
    """Where a member of a wheel goes in site-packages, None for what is not needed there.

    See the specification of wheels, "Binary distribution format".
    """
    if name.endswith("/") or not _is_used_by_botocore(name):
        return None
    first, slash, rest = name.partition("/")
    if first.partition("-")[0] in _UNUSED:
        return None
    if not first.endswith(".data") or not slash:
        return name
    part, _slash, inner = rest.partition("/")
    return inner if part in _DATA_PARTS else None


def _is_used_by_botocore(name: str) -> bool:
    if not name.startswith(_BOTOCORE_DATA):
        return True
    parts: list[str] = name[len(_BOTOCORE_DATA) :].split("/")
    return len(parts) == 1 or parts[0] in BOTOCORE_SERVICES


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    archive.writestr(member, content)
