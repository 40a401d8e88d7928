# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What a host of the role `uploader` shall have: filter `uploader_wanted` answers it, module `uploader_host` takes it.

Everything is plain data of JSON. All paths are absolute and on the managed host; modes are octal text.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List


@dataclass(frozen=True)
class WantedFile:
    """`check` is `config` where the host's program must accept the content before it is put in place, else empty.

    `root` stands for whoever deploys and their group, which macOS calls otherwise.
    The content may hold secrets where the mode is 0600.
    """

    path: str
    content: str = field(repr=False)
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    check: str = ""


@dataclass(frozen=True)
class WantedFolder:
    """A folder that is made, or gets this owner and mode."""

    path: str
    mode: str
    owner: str
    group: str


@dataclass(frozen=True)
class Source:
    """A folder that the service user must be able to read and, with `write`, change; `variable` is for messages."""

    job: str
    variable: str
    path: str
    write: bool


@dataclass(frozen=True)
class Calendar:
    """A calendar expression that systemd on the host must understand."""

    job: str
    variable: str
    expression: str


@dataclass(frozen=True)
class WantedJob:
    """A job as others meet it: its schedule (systemd, cron, launchd, path or manual) and its files.

    `service` is the unit that runs it, empty without systemd. `log` has a `*` where the name changes daily.
    """

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


@dataclass(frozen=True)
class Wanted:
    """The complete wanted state. `units` are enabled and started, `launchd` are paths of plists that are loaded."""

    files: List[WantedFile]
    folders: List[WantedFolder]
    units: List[str]
    launchd: List[str]
    sources: List[Source]
    calendars: List[Calendar]
    jobs: List[WantedJob]

    def as_dict(self) -> Dict[str, Any]:
        """The same as dicts and lists."""
        return asdict(self)
