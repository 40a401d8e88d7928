# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One element of `uploader_jobs`, checked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ...module_utils.common.errors import ConfigurationError
from ...module_utils.job.config import LOG_FOLDER, Config, config_of
from ...module_utils.job.job import Job
from ...module_utils.s3.connection import CONNECTION_OPTIONS, with_environment
from .env_lines import ALIASES, ENV_OPTIONS, PATH_NAMES, Written, env_lines, written
from .host import HostSpec
from .limits import NAMES as LIMITS
from .limits import SYSTEMD_NAMES, ServiceLimits, parse_limits
from .quoting import logrotate_path
from .schedule import Schedule, parse_schedule
from .suggestion import refuse_unknown

_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SECRETS = tuple(option for option in CONNECTION_OPTIONS if option.no_log)
_KEYS = tuple(option.name for option in _SECRETS)
_OWN_OPTIONS = ("name", "settings", "credentials", "schedule", *LIMITS)
#: Options that an env file has names for. Keys belong in `credentials`, which has a file of its own.
TRANSFER_OPTIONS = tuple(name for name in ENV_OPTIONS if name not in _KEYS)
#: All that a job may say.
OPTIONS = (*_OWN_OPTIONS, *TRANSFER_OPTIONS, *ALIASES)
#: What of AWS's configuration names keys, or another place of them.
_KEY_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
CREDENTIALS_FILE = "AWS_SHARED_CREDENTIALS_FILE"
#: Variables with the path of a file that boto3 or s5cmd reads.
_READ_NAMES = ("AWS_CONFIG_FILE", CREDENTIALS_FILE, "AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE")
#: The day in the name of a log in LOGS_DIR stands for every day.
_ANY_DAY = date(2000, 1, 1)
#: In a file of AWS's, a blank, a quotation mark or a comment sign would not be read back by every SDK.
_KEY = re.compile(r"[!$-&(-:<-~]+")


@dataclass(frozen=True)
class Credentials:
    """Keys for one job."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class UploaderJob:
    """`env` are names and values of the env file, which `job` is built from; `origins` tell what set them."""

    name: str
    env: dict[str, str] = field(repr=False)
    origins: dict[str, str]
    lines: list[str] = field(repr=False)
    job: Job
    environment: dict[str, str] = field(repr=False)
    schedule: Schedule
    limits: ServiceLimits
    credentials: Credentials | None

    @property
    def takes_away(self) -> bool:
        """Whether files leave the source."""
        return self.job.after_upload != "keep"

    @property
    def endpoint(self) -> str:
        """The server of the bucket; empty for Amazon S3."""
        return (self.job.connection.endpoint_url or "").rstrip("/")

    @property
    def log(self) -> str:
        """The log; with a star where the day stands."""
        if "LOG_FILE" in self.env or not self.job.log_path:
            return self.job.log_path or ""
        return posixpath.join(posixpath.dirname(self.job.log_path), "sync-*.log")

    @property
    def own_files(self) -> list[tuple[str, str]]:
        """Files that no other job may use, and what set each."""
        job = self.job
        named = [
            ("STATE_FILE", job.state_path),
            ("LOCK_FILE", job.lock_path),
            ("HISTORY_FILE", job.history_path),
            ("PROGRESS_FILE", job.progress_path),
            ("MANIFEST_FILE", job.manifest_path),
            *((self._result_name, path) for path in job.result_paths),
        ]
        return [(self.origin(name), path) for name, path in named if path]

    @property
    def written_folders(self) -> list[str]:
        """Folders of all files that a run writes."""
        paths = [path for _origin, path in self.own_files] + ([self.job.log_path] if self.job.log_path else [])
        return sorted({posixpath.dirname(path) for path in paths})

    @property
    def used_paths(self) -> list[str]:
        """Everything that a run reads or writes and that does not belong to the role."""
        job = self.job
        read = [job.src, job.move_to, job.s5cmd_path, job.tuning_path, *map(self.environment.get, _READ_NAMES)]
        return [path for path in read if path] + self.written_folders

    @property
    def _result_name(self) -> str:
        return next(
            (name for name in ("RESULT_FILE", "JSON_OUTPUT_DIR", *LOG_FOLDER.env_names) if name in self.origins), ""
        )

    def origin(self, name: str) -> str:
        """What the operator wrote to set a name of the env file."""
        return self.origins.get(name, name)


def job_name(element: Any, number: int) -> str:
    """The name of a job that is also one of files and units. Raises ConfigurationError; `number` counts from 1."""
    if not isinstance(element, Mapping):
        raise ConfigurationError(f"uploader_jobs: element {number} is no dictionary", "write name, source and bucket")
    name = element.get("name")
    if not isinstance(name, str) or not _JOB_NAME.fullmatch(name):
        what = "name is missing" if name in (None, "") else f"name {name!r} is not fit for a file"
        raise ConfigurationError(
            f"uploader_jobs: element {number}: {what}",
            "use up to 128 letters, digits, dots, underscores and hyphens, and begin with a letter or digit",
        )
    return str(name)


def check_job(element: Mapping[str, Any], name: str, host: HostSpec) -> UploaderJob:
    """Check one element of `uploader_jobs`. Raises ConfigurationError that begins with the variable."""
    _refuse_keys(element)
    refuse_unknown(element, OPTIONS)
    settings = element.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise ConfigurationError("settings is no dictionary", "write settings: {SOURCE_DIR: /data}")
    credentials = _credentials(element.get("credentials"))
    options = {key: value for key, value in element.items() if key not in _OWN_OPTIONS}
    env = written(options, settings)
    if credentials:
        _refuse_other_keys(env)
    schedule = parse_schedule(element.get("schedule"), host.scheduler)
    env.values.update(_missing(env, name, host, credentials))
    lines = env_lines(env.values, env.origins)
    _refuse_relative_paths(env)
    config, job = _interpreted(env)
    checked = UploaderJob(
        name=name,
        env=env.values,
        origins=env.origins,
        lines=lines,
        job=job,
        environment=config.environment,
        schedule=schedule,
        limits=_limits(element, schedule, host),
        credentials=credentials,
    )
    if checked.log and host.log_keep:
        _refuse_unrotatable(checked)
    return checked


def _refuse_unrotatable(job: UploaderJob) -> None:
    try:
        logrotate_path(job.log)
    except ConfigurationError as error:
        raise ConfigurationError(f"{job.origin('LOG_FILE')}: {error.message}", error.hint) from error


def _refuse_keys(element: Mapping[str, Any]) -> None:
    for name in (name for secret in _SECRETS for name in (secret.name, *secret.aliases)):
        if name in element:
            raise ConfigurationError(
                f"{name} belongs under credentials", "write credentials: {access_key: …, secret_key: …}"
            )


def _credentials(value: Any) -> Credentials | None:
    if value in (None, {}):
        return None
    if not isinstance(value, Mapping):
        raise ConfigurationError("credentials is no dictionary", "write access_key and secret_key under it")
    refuse_unknown(value, _KEYS, "credentials.")
    given = {name: value[name] for name in _KEYS if value.get(name) not in (None, "")}
    for name in ("access_key", "secret_key"):
        if name not in given:
            raise ConfigurationError(f"credentials.{name} is missing", "access_key and secret_key go together")
    for name, text in given.items():
        if not isinstance(text, str) or not _KEY.fullmatch(text):
            raise ConfigurationError(
                f"credentials.{name} is no text, or has a blank, a quotation mark, # or ;", "check where it comes from"
            )
    return Credentials(**{name: str(text) for name, text in given.items()})


def _refuse_other_keys(env: Written) -> None:
    for name in (*_KEY_NAMES, CREDENTIALS_FILE):
        if name in env.values:
            raise ConfigurationError(
                f"credentials and {env.origins[name]} are two answers to one question", "keep one of them"
            )


def _missing(env: Written, name: str, host: HostSpec, credentials: Credentials | None) -> dict[str, str]:
    """What the role says where the job says nothing. A job with LOGS_DIR has its log and result there."""
    results = posixpath.join(host.state_dir, "results")
    defaults = {
        "S5CMD_PATH": host.s5cmd_path,
        "STATE_FILE": posixpath.join(host.state_dir, "state", f"{name}.sqlite"),
        "LOCK_FILE": posixpath.join(host.state_dir, "lock", f"{name}.lock"),
        "HISTORY_FILE": posixpath.join(results, f"{name}.history.jsonl"),
        "HISTORY_RUNS": str(host.history_runs),
        "PROGRESS_FILE": posixpath.join(host.state_dir, "progress", f"{name}.json"),
    }
    if host.apply_tuning:
        defaults["TUNING_FILE"] = host.tuning_file
    if not any(folder in env.values for folder in LOG_FOLDER.env_names):
        defaults["LOG_FILE"] = posixpath.join(host.log_dir, f"{name}.log")
        defaults["RESULT_FILE"] = posixpath.join(results, f"{name}.json")
        checksums = ENV_OPTIONS["checksum_algorithm"].env_names
        if any(env.values.get(checksum, "").upper() == "SHA256" for checksum in checksums):
            # Beside the result, where it is without this line, jobs would share one.
            defaults["MANIFEST_FILE"] = posixpath.join(results, f"{name}.sha256")
    if credentials:
        defaults[CREDENTIALS_FILE] = posixpath.join(host.credentials_dir, name)
    return {name: value for name, value in defaults.items() if name not in env.values}


def _refuse_relative_paths(env: Written) -> None:
    for name in PATH_NAMES:
        if name in env.values and not env.values[name].startswith("/"):
            raise ConfigurationError(
                f"{env.origins[name]} {env.values[name]!r} is not an absolute path", "write it from the / on"
            )


def _interpreted(env: Written) -> tuple[Config, Job]:
    for name, option in (("SOURCE_DIR", "source"), ("BUCKET_NAME", "bucket")):
        if not any(alias in env.values for alias in ENV_OPTIONS[ALIASES.get(option, option)].env_names):
            raise ConfigurationError(f"{option} is missing", f"write {option} (settings.{name} in older jobs)")
    config = config_of(env.env_file(), _ANY_DAY)
    try:
        return config, Job.from_options(with_environment(config.options, config.environment), elsewhere=True)
    except ConfigurationError as error:
        raise _by_what_was_written(error, config) from error


def _by_what_was_written(error: ConfigurationError, config: Config) -> ConfigurationError:
    """The same error, beginning with what the operator wrote in place of the option."""
    option = re.split("[ =]", error.message, maxsplit=1)[0]
    origin = config.origins.get(option)
    return ConfigurationError(origin + error.message[len(option) :], error.hint) if origin else error


def _limits(element: Mapping[str, Any], schedule: Schedule, host: HostSpec) -> ServiceLimits:
    own = parse_limits(element)
    if schedule.kind in ("cron", "launchd"):
        for name in SYSTEMD_NAMES:
            if getattr(own, name):
                raise ConfigurationError(
                    f"{name} needs systemd, and the job is started by {schedule.kind}", "remove it, or use nice"
                )
    given = {name: getattr(own, name) for name in LIMITS if element.get(name) is not None}
    limits = replace(host.limits, **given)
    if schedule.kind == "cron" and (limits.io_class == "realtime" or (limits.nice or 0) < 0):
        wrong = "io_class realtime" if limits.io_class == "realtime" else f"nice {limits.nice}"
        raise ConfigurationError(
            f"{wrong} is root's to give, and cron starts the job as {host.user}", "remove it, or schedule it by systemd"
        )
    return limits
