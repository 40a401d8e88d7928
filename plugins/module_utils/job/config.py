# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Turns a job's env file into the options of module s5cmd_sync: both dialects of the sites, and our own names.

`docs/configuration.md` lists the same names for operators.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Callable, NamedTuple

from ..common.errors import ConfigurationError
from ..common.units import parse_bool, parse_count, parse_duration, parse_part_size, parse_rate
from .envfile import EnvFile, decode_env_file, parse_env_file
from .job import AFTER_UPLOAD_CHOICES, COMPARE_CHOICES, VERIFY_CHOICES

#: Bytes. An env file is some kilobytes; anything beyond this is the wrong file.
MAX_FILE_SIZE = 1024 * 1024

_SHARD = re.compile(r"([0-9]{1,9}) */ *([0-9]{1,9})")


@dataclass
class Config:
    """What a config file asks for.

    `options` are options of module s5cmd_sync, only those that the file sets. `environment` is for boto3 and s5cmd.
    `origins` tells for each option where it was written (`file:line: NAME`), for messages.
    """

    options: dict[str, Any] = field(default_factory=dict, repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    warnings: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)

    def set_default(self, option: str, value: Any, origin: str) -> None:
        """Set an option that nothing has set before."""
        if option not in self.options:
            self.options[option] = value
            self.origins[option] = origin

    def located(self, error: ConfigurationError) -> ConfigurationError:
        """The same error with the line that set the option, if its message begins with an option of this file."""
        origin = self.origins.get(re.split("[ =]", error.message, maxsplit=1)[0])
        return ConfigurationError(f"{origin}: {error.message}", error.hint) if origin else error


class Setting(NamedTuple):
    """An option and the names that set it, the first of which wins.

    With `same`, the names mean the same thing, and different values are a contradiction. `convert` takes the value
    and the origin for its messages.
    """

    option: str
    names: tuple[str, ...]
    convert: Callable[[str, str], Any]
    same: bool = False


def _text(value: str, _origin: str) -> str:
    return value


def _upper(value: str, _origin: str) -> str:
    return value.upper()


def _patterns(value: str, _origin: str) -> list[str]:
    return [pattern for pattern in re.split(r"[\s,]+", value) if pattern]


def _positive(value: str, origin: str) -> int:
    return parse_count(value, origin, minimum=1)


def _timeout(value: str, origin: str) -> int | None:
    """Seconds, or None for no limit, which 0 stands for as in timeout(1)."""
    return parse_duration(value, origin) or None


def _metadata(value: str, origin: str) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for pair in filter(None, (piece.strip() for piece in value.split(","))):
        key, equals, content = pair.partition("=")
        if not key or not equals:
            raise ConfigurationError(f"{origin} holds {pair!r} without a key", "write key=value,key2=value2")
        if key in metadata:
            raise ConfigurationError(f"{origin} sets {key!r} twice", "set it once")
        metadata[key] = content
    return metadata


def _choice(value: str, origin: str, choices: Mapping[str, str]) -> str:
    chosen = choices.get(value.lower())
    if chosen is None:
        raise ConfigurationError(f"{origin} {value!r} is not known", f"write one of {', '.join(choices)}")
    return chosen


def _one_of(choices: Iterable[str]) -> Callable[[str, str], str]:
    """Takes these words in any case."""
    known = {choice: choice for choice in choices}
    return lambda value, origin: _choice(value, origin, known)


def _log_level(value: str, origin: str) -> str:
    # `warn` is at the sites although s5cmd refuses it; `trace` is s5cmd's, and our log has nothing finer than debug.
    levels = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error"}
    return _choice(value, origin, levels)


def _shard(value: str, origin: str) -> dict[str, int]:
    """`0/4` is the first of four parts; whether the index fits is for shard.Shard to say."""
    match = _SHARD.fullmatch(value.strip())
    if match is None:
        raise ConfigurationError(
            f"{origin} {value!r} is no part of a whole", "write index/count, such as 0/4 for the first of four hosts"
        )
    return {"index": int(match[1]), "count": int(match[2])}


SETTINGS = (
    Setting("src", ("SOURCE_DIR",), _text),
    Setting("bucket", ("BUCKET_NAME", "S3_BUCKET"), _text, same=True),
    Setting("prefix", ("S3_SUBDIRECTORY",), _text),
    Setting("profile", ("AWS_PROFILE",), _text),
    Setting("region", ("AWS_REGION",), _text),
    Setting("endpoint_url", ("S3_ENDPOINT_URL",), _text),
    Setting("access_key", ("AWS_ACCESS_KEY_ID",), _text),
    Setting("secret_key", ("AWS_SECRET_ACCESS_KEY",), _text),
    Setting("session_token", ("AWS_SESSION_TOKEN",), _text),
    Setting("s5cmd_path", ("S5CMD_PATH",), _text),
    Setting("include", ("INCLUDE_PATTERNS",), _patterns),
    Setting("exclude", ("EXCLUDE_PATTERNS",), _patterns),
    Setting("follow_symlinks", ("FOLLOW_SYMLINKS",), parse_bool),
    Setting("storage_class", ("S3_STORAGE_CLASS",), _text),
    Setting("acl", ("S3_ACL",), _text),
    Setting("sse", ("S3_SERVER_SIDE_ENCRYPTION",), _text),
    Setting("sse_kms_key_id", ("S3_KMS_KEY_ID",), _text),
    Setting("metadata", ("S3_METADATA",), _metadata),
    Setting(
        "numworkers",
        ("S5CMD_NUM_WORKERS", "AWS_CLI_S3_MAX_CONCURRENT_REQUESTS", "S3_MAX_CONCURRENT_REQUESTS"),
        _positive,
    ),
    Setting("concurrency", ("S5CMD_CONCURRENCY",), _positive),
    Setting("part_size", ("S5CMD_PART_SIZE", "AWS_CLI_S3_MULTIPART_CHUNKSIZE"), parse_part_size),
    Setting("retry_count", ("S5CMD_RETRY_COUNT",), parse_count),
    Setting("retry_rounds", ("MAX_RETRY_ATTEMPTS",), parse_count),
    Setting("retry_delay", ("RETRY_DELAY",), parse_duration),
    Setting("verify", ("VERIFY",), _one_of(VERIFY_CHOICES)),
    Setting(
        "checksum_algorithm", ("S5CMD_CHECKSUM_ALGORITHM", "S5CMD_CHECKSUM", "CHECKSUM_ALGORITHM"), _upper, same=True
    ),
    Setting("timeout", ("MAX_SYNC_TIME",), _timeout),
    Setting("log_path", ("LOG_FILE",), _text),
    Setting("log_level", ("S5CMD_LOG_LEVEL",), _log_level),
    Setting("lock_path", ("LOCK_FILE",), _text),
    Setting("state_path", ("STATE_FILE",), _text),
    Setting("compare", ("COMPARE",), _one_of(COMPARE_CHOICES)),
    Setting("reconcile_days", ("RECONCILE_DAYS",), parse_count),
    Setting("delete", ("DELETE",), parse_bool),
    Setting("max_delete", ("MAX_DELETE",), _text),
    Setting("delete_excluded", ("DELETE_EXCLUDED",), parse_bool),
    Setting("allow_empty_source", ("ALLOW_EMPTY_SOURCE",), parse_bool),
    Setting("require_mount", ("REQUIRE_MOUNT",), _text),
    Setting("settle_seconds", ("SETTLE_SECONDS",), parse_duration),
    Setting("ignore_temporary", ("IGNORE_TEMPORARY",), parse_bool),
    Setting("temporary_patterns", ("TEMPORARY_PATTERNS",), _patterns),
    Setting("shard", ("SHARD",), _shard),
    Setting("after_upload", ("AFTER_UPLOAD",), _one_of(AFTER_UPLOAD_CHOICES)),
    Setting("move_to", ("MOVE_TO",), _text),
    Setting("manifest_path", ("MANIFEST_FILE",), _text),
    Setting("history_path", ("HISTORY_FILE",), _text),
    Setting("history_runs", ("HISTORY_RUNS",), _positive),
    Setting("progress_path", ("PROGRESS_FILE",), _text),
    Setting("bandwidth_limit", ("BANDWIDTH_LIMIT", "AWS_CLI_S3_MAX_BANDWIDTH"), parse_rate, same=True),
    Setting("tuning_path", ("TUNING_FILE",), _text),
)

#: Names that need more than a conversion; see `_apply_verification_switches` and `_apply_folders`.
VERIFICATION_SWITCHES = ("ENABLE_CHECKSUM_VERIFICATION", "VERIFY_AFTER_UPLOAD")
LOG_FOLDER = Setting("log_path", ("LOGS_DIR", "LOG_DIR"), _text, same=True)
RESULT_FILE = "RESULT_FILE"
RESULT_FOLDER = "JSON_OUTPUT_DIR"

CREDENTIALS_VARIABLE = "AWS_SHARED_CREDENTIALS_FILE"

#: Variables that boto3 and s5cmd (the AWS SDK, the Go runtime) read themselves. Credentials, profile and region are
#: options above. https://docs.aws.amazon.com/boto3/latest/guide/configuration.html, https://pkg.go.dev/runtime
ENVIRONMENT_NAMES = frozenset(
    {
        CREDENTIALS_VARIABLE,
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_CA_BUNDLE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_STS",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_METADATA_SERVICE_TIMEOUT",
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "GOGC",
        "GOMEMLIMIT",
        "GOMAXPROCS",
        "TMPDIR",
    }
)

#: The name under which a unit of systemd loads the job's credentials: `LoadCredential=aws-credentials:PATH`. It finds
#: them in the folder that CREDENTIALS_DIRECTORY names: systemd.exec(5).
SYSTEMD_CREDENTIAL = "aws-credentials"

#: Values that nobody but the file's owner may read.
SECRET_NAMES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")


def load_config(path: str, environment: Mapping[str, str], today: date | None = None) -> Config:
    """Read the env file at `path`; its lines may refer to variables of `environment`.

    `today` (local time, default now) names the log file in LOGS_DIR. An empty value counts as not set. Credentials that
    systemd loaded for the unit win over a file of credentials that the env file names.
    Raises ConfigurationError that names the file, and the line and name where there is one; never a secret.
    """
    text, mode = _read(path)
    env_file = parse_env_file(text, path, environment)
    config = config_of(env_file, today or date.today())
    config.environment.update(_systemd_credentials(environment))
    config.warnings = [*_warn_of_mode(env_file, mode), *_warn_of_names(env_file)]
    return config


def config_of(env_file: EnvFile, today: date) -> Config:
    """What the assignments ask for, wherever they come from. Raises as `load_config`."""
    config = Config()
    for setting in SETTINGS:
        chosen = _chosen(setting, env_file)
        if chosen is not None:
            config.set_default(setting.option, *chosen)
    _apply_verification_switches(env_file, config)
    _apply_folders(env_file, config, today)
    config.environment = {name: env_file.get(name) for name in env_file.assignments if name in ENVIRONMENT_NAMES}
    return config


def _read(path: str) -> tuple[str, int]:
    """The text and the mode of the file, both of the same open file."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise ConfigurationError(
            f"config file {path}: {error.strerror or error}", "give the path of an env file that this user may read"
        ) from error
    if len(data) > MAX_FILE_SIZE:
        raise ConfigurationError(f"config file {path} is larger than 1 MiB", "give the path of an env file")
    return decode_env_file(data, path), stat.S_IMODE(mode)


def _chosen(setting: Setting, env_file: EnvFile) -> tuple[Any, str] | None:
    """The value of the setting's first name that is in the file, and its origin."""
    given = [name for name in setting.names if env_file.get(name)]
    if not given:
        return None
    values = [setting.convert(env_file.get(name), env_file.where(name)) for name in given]
    for name, value in zip(given[1:], values[1:]):
        if setting.same and value != values[0]:
            line = env_file.assignments[name].line
            raise ConfigurationError(
                f"{env_file.where(given[0])} and {name} (line {line}) mean the same but differ", "keep one of them"
            )
    return values[0], env_file.where(given[0])


def _apply_verification_switches(env_file: EnvFile, config: Config) -> None:
    """The kit's switches turn verification off; VERIFY, which says more, wins over them."""
    for name in VERIFICATION_SWITCHES:
        if env_file.get(name) and not parse_bool(env_file.get(name), env_file.where(name)):
            config.set_default("verify", "none", env_file.where(name))


def _apply_folders(env_file: EnvFile, config: Config, today: date) -> None:
    """Log and results where the sites' monitors look for them; LOG_FILE and RESULT_FILE win over LOGS_DIR."""
    results: list[str] = []
    written = [name for name in (*LOG_FOLDER.names, RESULT_FILE, RESULT_FOLDER) if env_file.get(name)]
    if written:
        config.origins["result_path"] = env_file.where(written[-1])
    logs = _chosen(LOG_FOLDER, env_file)
    if logs is not None:
        folder, origin = logs
        config.set_default("log_path", os.path.join(folder, f"sync-{today:%Y%m%d}.log"), origin)
        results = [os.path.join(folder, "last-sync.json")]
    if env_file.get(RESULT_FILE):
        results = [env_file.get(RESULT_FILE)]
    if env_file.get(RESULT_FOLDER):
        results.append(os.path.join(env_file.get(RESULT_FOLDER), "latest.json"))
    if results:
        config.options["result_paths"] = results


def _systemd_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The credentials that systemd hands to a unit: a copy that the service user can read, also of root's file."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    path = os.path.join(folder, SYSTEMD_CREDENTIAL) if folder else ""
    return {CREDENTIALS_VARIABLE: path} if path and os.path.lexists(path) else {}


def _warn_of_mode(env_file: EnvFile, mode: int) -> list[str]:
    warnings = []
    secrets = [name for name in SECRET_NAMES if env_file.get(name)]
    if secrets and mode & (stat.S_IRGRP | stat.S_IROTH):
        warnings.append(
            f"{env_file.source_name} holds {' and '.join(secrets)} but others may read it (mode {mode:04o}):"
            f" run chmod 0600 {shlex.quote(env_file.source_name)}"
        )
    if mode & stat.S_IWOTH:
        warnings.append(
            f"{env_file.source_name} may be changed by everybody (mode {mode:04o}):"
            f" run chmod 0600 {shlex.quote(env_file.source_name)}"
        )
    return warnings


def _warn_of_names(env_file: EnvFile) -> list[str]:
    """One line for all names that ask for something we do not do."""
    acted_on = {name for setting in (*SETTINGS, LOG_FOLDER) for name in setting.names}
    acted_on.update(VERIFICATION_SWITCHES, (RESULT_FILE, RESULT_FOLDER), ENVIRONMENT_NAMES, env_file.referenced)
    asked = [name for name in env_file.assignments if env_file.get(name)]
    ignored = [name for name in asked if name not in acted_on]
    return [f"{env_file.source_name}: not acted on: {', '.join(ignored)}"] if ignored else []
