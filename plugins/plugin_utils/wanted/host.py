# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the variables of the role `uploader` say about a host, beside its jobs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import ConfigurationError
from ...module_utils.common.units import parse_bool, parse_count
from .limits import NAMES as LIMITS
from .limits import ServiceLimits, parse_limits
from .schedule import SCHEDULERS
from .suggestion import refuse_unknown

_PATHS = ("dir", "config_dir", "credentials_dir", "state_dir", "log_dir", "s5cmd_path", "tuning_file")
_NAMES = (
    "host",
    "jobs",
    *_PATHS,
    "user",
    "group",
    "groups",
    "scheduler",
    "log_keep",
    "history_runs",
    "apply_tuning",
    *LIMITS,
)
#: These paths stand in units, crontabs and logrotate's configuration, each of which would quote others differently.
_PATH = re.compile(r"(?:/[A-Za-z0-9._+@,:-]+)+")
#: Folders of the system. The role's folders get owners and modes that would lock everybody else out of these.
_SYSTEM = re.compile(
    r"/|/[^/]+|/var/(?:lib|log|cache|spool|tmp|mail|run|opt|local|backups)|/usr/(?:[^/]+|local/[^/]+)"
    r"|/etc/(?:systemd|cron\.d|logrotate\.d|ssh)(?:/.*)?"
)
#: The folders that the role makes its own.
_OWN = ("dir", "config_dir", "credentials_dir", "state_dir", "log_dir")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")


@dataclass(frozen=True)
class HostSpec:
    """Folders are absolute; `log_keep` is in days, 0 for no rotation. For the rest see the role's README."""

    host: str
    dir: str
    config_dir: str
    credentials_dir: str
    state_dir: str
    log_dir: str
    user: str
    group: str
    groups: tuple[str, ...]
    s5cmd_path: str
    scheduler: str
    log_keep: int
    history_runs: int
    tuning_file: str
    apply_tuning: bool
    limits: ServiceLimits

    @property
    def command(self) -> str:
        """The program."""
        return posixpath.join(self.dir, "bin", "datasync-turbo")


def parse_spec(spec: Mapping[str, Any]) -> HostSpec:
    """Check everything but the jobs. Raises ConfigurationError that names the host and the variable."""
    host = str(spec.get("host") or "this host")
    try:
        refuse_unknown(spec, _NAMES)
        missing = [name for name in _NAMES if name not in spec and name not in LIMITS]
        if missing:
            raise ConfigurationError(f"{missing[0]} is missing", "the role passes it; check the role's tasks")
        parsed = HostSpec(
            host=host,
            **{name: _path(spec[name], _variable(name)) for name in _PATHS},
            user=_account(spec["user"], "uploader_user"),
            group=_account(spec["group"], "uploader_group"),
            groups=tuple(_account(group, "uploader_groups") for group in spec["groups"] or ()),
            scheduler=_scheduler(spec["scheduler"]),
            log_keep=parse_count(spec["log_keep"], "uploader_log_keep"),
            history_runs=parse_count(spec["history_runs"], "uploader_history_runs", minimum=1),
            apply_tuning=parse_bool(spec["apply_tuning"], "uploader_apply_tuning"),
            limits=parse_limits(spec, "uploader_service_"),
        )
        _refuse_system_folders(parsed)
        return parsed
    except ConfigurationError as error:
        raise ConfigurationError(f"{host}: {error.message}", error.hint) from error


def _variable(name: str) -> str:
    return f"uploader_{name}"


def _path(value: Any, variable: str) -> str:
    text = str(value)
    if not _PATH.fullmatch(text.rstrip("/")) or {".", ".."} & set(text.split("/")):
        raise ConfigurationError(
            f"{variable} {text!r} is not an absolute path of letters, digits and . _ + @ , : -", "choose another path"
        )
    return posixpath.normpath(text)


def _refuse_system_folders(host: HostSpec) -> None:
    own: dict[str, str] = {name: getattr(host, name) for name in _OWN}
    for name, path in own.items():
        if _SYSTEM.fullmatch(path):
            raise ConfigurationError(
                f"{_variable(name)} {path!r} is a folder of the system, and this one belongs to the role alone",
                f"choose a folder in it, such as {posixpath.join(path, 'datasync-turbo')}",
            )
        for other, inside in own.items():
            if name != other and (inside == path or (name == "state_dir" and inside.startswith(f"{path}/"))):
                raise ConfigurationError(
                    f"{_variable(other)} {inside!r} is in {_variable(name)} {path!r}, which others may write",
                    "give each a folder of its own",
                )


def _account(value: Any, variable: str) -> str:
    text = str(value)
    if not _ACCOUNT.fullmatch(text):
        raise ConfigurationError(f"{variable} {text!r} is not the name of a user or group", "check the spelling")
    return text


def _scheduler(value: Any) -> str:
    if value not in SCHEDULERS:
        raise ConfigurationError(f"uploader_scheduler {value!r} is not known", f"one of {', '.join(SCHEDULERS)}")
    return str(value)
