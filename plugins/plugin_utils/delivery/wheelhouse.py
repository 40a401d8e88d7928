# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The wheels of the private environment, chosen on the controller for a host's Python: from a folder or an index.

Which wheel fits is for the library `packaging`, which ansible-core depends on; what an index has is for pip.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...module_utils.common import commands
from ...module_utils.common.commands import CommandError, last_words
from ...module_utils.common.errors import InstallationError
from ...module_utils.fleet.environment import HostPython
from .cache import make_private

# ansible-test imports each plugin without what ansible-core depends on.
with contextlib.suppress(ImportError):
    from packaging import tags
    from packaging.requirements import Requirement
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
    from packaging.version import Version

#: Seconds for pip to fetch some 25 MB.
PIP_TIMEOUT = 1800
#: Machine names as `uname -m` prints them and as wheels have them.
_MACHINES = {"amd64": "x86_64", "armv8l": "armv7l"}
#: The oldest glibc that wheels are still named after, see PEP 600; the older names of PEP 513 and 571 come beside it.
_OLDEST_GLIBC = 5
_LEGACY_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def requirements_for(text: str, python: HostPython) -> list[Requirement]:
    """The pinned packages that a host's Python wants: the lines whose markers hold there."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    environment = {
        "python_version": python.minor,
        "python_full_version": python.version,
        "sys_platform": python.system.lower(),
        "platform_system": python.system,
        "platform_machine": python.machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
    }
    wanted = (Requirement(line) for line in lines if line)
    return [one for one in wanted if one.marker is None or one.marker.evaluate(environment)]


def platforms(python: HostPython) -> list[str]:
    """The platform tags of wheels that run on a host, the most fitting first; see PEP 600 and PEP 656."""
    machine = _MACHINES.get(python.machine, python.machine)
    if python.pointer_bits == 32:
        machine = {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
    if python.system == "Darwin":
        major, minor = (int(part) for part in f"{python.macos}.0".split(".")[:2])
        return list(tags.mac_platforms((major, minor), machine))
    family, version = python.libc
    if family != "glibc":
        # Python cannot tell musl's version; 1.1 and 1.2 are all there are.
        return [f"musllinux_1_{minor}_{machine}" for minor in (2, 1)] + [f"linux_{machine}"]
    minor = int(version.split(".")[1])
    found = []
    for each in range(minor, _OLDEST_GLIBC - 1, -1):
        found.append(f"manylinux_2_{each}_{machine}")
        if each in _LEGACY_MANYLINUX:
            found.append(f"{_LEGACY_MANYLINUX[each]}_{machine}")
    return [*found, f"linux_{machine}"]


def supported_tags(python: HostPython) -> dict[tags.Tag, int]:
    """The tags of all wheels that run on a host's Python, each with its place, the most fitting first."""
    major, minor = (int(part) for part in python.minor.split("."))
    names = platforms(python)
    cpython = tags.cpython_tags((major, minor), [f"cp{major}{minor}"], names)
    ordered = [*cpython, *tags.compatible_tags((major, minor), f"cp{major}{minor}", names)]
    return {tag: place for place, tag in reversed(list(enumerate(ordered)))}


class Wheelhouse:
    """Finds the wheels in a folder of the operator's, or in a cache that pip fills from an index."""

    def __init__(self, cache_dir: Path, wheel_dir: Path | None = None, pip_arguments: Sequence[str] = ()) -> None:
        self._folder = wheel_dir or cache_dir / "wheels"
        self._fetches = wheel_dir is None
        self._pip_arguments = pip_arguments

    def wheels(self, requirements: str, python: HostPython) -> list[Path]:
        """The wheel of each package. Raises InstallationError that names those that are missing."""
        wanted = requirements_for(requirements, python)
        found, missing = self._look(wanted, python)
        if missing and self._fetches:
            self._fetch(missing, python)
            found, missing = self._look(wanted, python)
        if missing:
            raise InstallationError(
                f"{self._folder} has no wheel for Python {python.minor} on {python.system} {python.machine} of"
                f" {', '.join(str(one.name) + str(one.specifier) for one in missing)}",
                f"fetch them where there is a network: pip download --no-deps --only-binary=:all:"
                f" --python-version {python.minor} --platform {platforms(python)[0]} --dest FOLDER,"
                " and set uploader_wheel_dir to the folder on the controller",
            )
        return found

    def _look(self, wanted: Iterable[Requirement], python: HostPython) -> tuple[list[Path], list[Requirement]]:
        supported = supported_tags(python)
        stored = self._stored(supported)
        found: list[Path] = []
        missing: list[Requirement] = []
        for requirement in wanted:
            versions = stored.get(canonicalize_name(requirement.name), {})
            fitting = [version for version in versions if requirement.specifier.contains(version, prereleases=True)]
            if fitting:
                found.append(versions[max(fitting)])
            else:
                missing.append(requirement)
        return found, missing

    def _stored(self, supported: dict[tags.Tag, int]) -> dict[str, dict[Version, Path]]:
        """The wheels in the folder that run on the host, by name and version, of each version the most fitting."""
        stored: dict[str, dict[Version, Path]] = {}
        places: dict[tuple[str, Version], int] = {}
        for path in sorted(self._folder.glob("*.whl")):
            try:
                name, version, _build, wheel_tags = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            place = min((supported[tag] for tag in wheel_tags if tag in supported), default=None)
            if place is not None and place < places.get((name, version), place + 1):
                stored.setdefault(name, {})[version] = path
                places[name, version] = place
        return stored

    def _fetch(self, missing: Sequence[Requirement], python: HostPython) -> None:
        make_private(self._folder, "uploader_cache_dir")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", str(self._folder), "--implementation", "cp"]
        command += ["--python-version", python.minor]
        command += [argument for name in platforms(python) for argument in ("--platform", name)]
        # Without their markers, which pip would judge by the controller.
        names = [f"{requirement.name}{requirement.specifier}" for requirement in missing]
        try:
            done = commands.run([*command, *self._pip_arguments, *names], PIP_TIMEOUT)
        except CommandError as error:
            raise InstallationError(f"pip does not work on the controller: {error.reason}", error.hint) from error
        if done.returncode:
            raise InstallationError(
                f"the controller could not fetch the packages: {last_words(done)}",
                "give an index by uploader_pip_args, or set uploader_wheel_dir to a folder of wheels on the controller",
            )
