# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A generation: the complete wanted state of one upload server, as data that can be stored and applied again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from ..common.errors import ConfigurationError

#: Of the stored form. A host that was deployed by a newer collection is not touched by an older one.
SCHEMA = 1


class ManagedFile(NamedTuple):
    """A file with exactly this content. `mode` is octal text such as 0644; `check` is `config` for a job's env file."""

    path: str
    content: str
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    check: str = ""

    def __repr__(self) -> str:
        """Without the content, which may hold secrets."""
        return f"ManagedFile({self.path!r}, mode={self.mode}, owner={self.owner}, group={self.group})"


class ManagedFolder(NamedTuple):
    """A folder that is there; what is in it is left alone."""

    path: str
    mode: str = "0755"
    owner: str = "root"
    group: str = "root"


class SourceCheck(NamedTuple):
    """A folder that the service user must be able to read, and with `write` to change. `variable` led to it."""

    job: str
    variable: str
    path: str
    write: bool = False


class CalendarCheck(NamedTuple):
    """A systemd calendar expression, see systemd.time(7). `variable` led to it."""

    job: str
    variable: str
    expression: str


class JobOnHost(NamedTuple):
    """Where everything of a job lies. `schedule` is systemd, cron, launchd, path or manual; `service` may be ''."""

    name: str
    config: str
    schedule: str
    service: str
    lock: str
    result: str
    history: str
    progress: str
    log: str
    source: str
    destination: str


class S5cmdLink(NamedTuple):
    """Which version of s5cmd the command leads to; see `install_layout`."""

    bin_dir: str
    versions_dir: str
    version: str


@dataclass(frozen=True)
class Wanted:
    """What the role wants of a host, made by the filter `uploader_wanted`.

    `units` are systemd timers and paths that shall be enabled and running, `launchd` the property lists to load.
    """

    files: tuple[ManagedFile, ...] = ()
    folders: tuple[ManagedFolder, ...] = ()
    units: tuple[str, ...] = ()
    launchd: tuple[str, ...] = ()
    sources: tuple[SourceCheck, ...] = ()
    calendars: tuple[CalendarCheck, ...] = ()
    jobs: tuple[JobOnHost, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Wanted:
        """Build from plain JSON types. Raises ConfigurationError that names what does not fit."""
        rows: dict[str, Any] = {
            "files": ManagedFile,
            "folders": ManagedFolder,
            "sources": SourceCheck,
            "calendars": CalendarCheck,
            "jobs": JobOnHost,
        }
        try:
            built: dict[str, Any] = {
                name: tuple(row(**entry) for entry in values.get(name) or ()) for name, row in rows.items()
            }
        except TypeError as error:
            raise ConfigurationError(
                f"wanted does not fit: {error}", "give what the filter datasync.turbo.uploader_wanted makes"
            ) from error
        for entry in (*built["files"], *built["folders"]):
            if not entry.path.startswith("/"):
                raise ConfigurationError(f"wanted: {entry.path!r} is no absolute path", "write it from / on")
        return cls(**built, units=tuple(values.get("units") or ()), launchd=tuple(values.get("launchd") or ()))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        rows = ("files", "folders", "sources", "calendars", "jobs")
        values: dict[str, Any] = {name: [entry._asdict() for entry in getattr(self, name)] for name in rows}
        return {**values, "units": list(self.units), "launchd": list(self.launchd)}


@dataclass(frozen=True)
class Generation:
    """A state of a host that can be gone back to.

    `user` runs the jobs, `state_dir` is the folder that is its own. `environment` and `program` are the names of their
    folders; `parent` is the generation that was in use before.
    `created_at` is local time with offset, ISO 8601. `versions` says in words what it consists of.
    """

    wanted: Wanted
    user: str
    state_dir: str
    environment: str
    program: str
    s5cmd: S5cmdLink | None = None
    versions: dict[str, str | None] = field(default_factory=dict)
    number: int = 0
    parent: int | None = None
    created_at: str = ""

    @property
    def digest(self) -> str:
        """SHA256 of everything that makes a difference on the host."""
        values = self.as_dict()
        for name in ("number", "parent", "created_at"):
            del values[name]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()

    def numbered(self, number: int, parent: int | None, created_at: str) -> Generation:
        """The same state under a number."""
        return replace(self, number=number, parent=parent, created_at=created_at)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types; `jobs` stands at the top for those who only look."""
        values = asdict(replace(self, wanted=Wanted(), s5cmd=None))
        values["s5cmd"] = self.s5cmd._asdict() if self.s5cmd else None
        values["wanted"] = self.wanted.as_dict()
        values["jobs"] = values["wanted"].pop("jobs")
        return {"schema": SCHEMA, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Generation:
        """Build from plain JSON types. Raises ConfigurationError for what a newer collection wrote."""
        if values.get("schema") != SCHEMA:
            raise ConfigurationError(
                f"this host was deployed by a newer datasync.turbo (schema {values.get('schema')})",
                "deploy with that version or a newer one",
            )
        names = [name for name in cls.__dataclass_fields__ if name not in ("wanted", "s5cmd")]
        link = values.get("s5cmd")
        return cls(
            wanted=Wanted.from_dict({**values["wanted"], "jobs": values.get("jobs")}),
            s5cmd=S5cmdLink(**link) if link else None,
            **{name: values[name] for name in names},
        )
