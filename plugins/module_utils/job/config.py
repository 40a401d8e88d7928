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
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..common.errors import ConfigurationError, DatasyncError
from ..common.options import Option
from ..common.units import parse_bool
from ..common.values import PATH
from .envfile import EnvFile, decode_env_file, parse_env_file
from .options import OPTIONS, RESULT_PATH

#: Bytes. An env file is some kilobytes; anything beyond this is the wrong file.
MAX_FILE_SIZE = 1024 * 1024


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

    def located(self, error: DatasyncError) -> DatasyncError:
        """The same error; if it begins with an option of this file, with the line that set it."""
        if not isinstance(error, ConfigurationError):
            return error
        origin = self.origins.get(re.split("[ =]", error.message, maxsplit=1)[0])
        return ConfigurationError(f"{origin}: {error.message}", error.hint) if origin else error


#: Names that need more than a conversion; see `_apply_verification_switches` and `_apply_folders`.
VERIFICATION_SWITCHES = ("ENABLE_CHECKSUM_VERIFICATION", "VERIFY_AFTER_UPLOAD")
LOG_FOLDER = Option("log_path", PATH, ("LOGS_DIR", "LOG_DIR"), same=True)
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
    for option in OPTIONS:
        chosen = _chosen(option, env_file)
        if chosen is not None:
            config.set_default(option.name, *chosen)
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


def _chosen(option: Option, env_file: EnvFile) -> tuple[Any, str] | None:
    """The value of the option's first name that is in the file, and its origin."""
    given = [name for name in option.env_names if env_file.get(name)]
    if not given:
        return None
    values = [option.values.read(env_file.get(name), env_file.where(name)) for name in given]
    for name, value in zip(given[1:], values[1:]):
        if option.same and value != values[0]:
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
    written = [name for name in (*LOG_FOLDER.env_names, *RESULT_PATH.env_names, RESULT_FOLDER) if env_file.get(name)]
    if written:
        config.origins["result_path"] = env_file.where(written[-1])
    logs = _chosen(LOG_FOLDER, env_file)
    if logs is not None:
        folder, origin = logs
        config.set_default("log_path", os.path.join(folder, f"sync-{today:%Y%m%d}.log"), origin)
        results = [os.path.join(folder, "last-sync.json")]
    if RESULT_PATH.name in config.options:
        results = [config.options.pop(RESULT_PATH.name)]
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
    acted_on = {name for option in (*OPTIONS, LOG_FOLDER) for name in option.env_names}
    acted_on.update(VERIFICATION_SWITCHES, (RESULT_FOLDER,), ENVIRONMENT_NAMES, env_file.referenced)
    asked = [name for name in env_file.assignments if env_file.get(name)]
    ignored = [name for name in asked if name not in acted_on]
    return [f"{env_file.source_name}: not acted on: {', '.join(ignored)}"] if ignored else []
