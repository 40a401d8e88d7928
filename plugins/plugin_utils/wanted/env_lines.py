# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A job's options as the lines of its env file: the inverse of `job/config.py`, by the same table of options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple

from ...module_utils.common.errors import ConfigurationError
from ...module_utils.common.options import Option
from ...module_utils.job.config import LOG_FOLDER, RESULT_FOLDER, VERIFICATION_SWITCHES
from ...module_utils.job.envfile import Assignment, EnvFile, quote
from ...module_utils.job.options import OPTIONS

#: The options that an env file can say, by name; the first of their names there is written.
ENV_OPTIONS: dict[str, Option] = {option.name: option for option in OPTIONS if option.env_names}
#: `source` is the name that is documented for jobs; a role's specification has no aliases, so there are no others.
ALIASES = {"source": "src"}
#: Paths of folders and files; a scheduler has no current folder that they could be relative to.
PATH_NAMES = (
    *LOG_FOLDER.env_names,
    RESULT_FOLDER,
    *(name for option in OPTIONS if option.values.spec["type"] == "path" for name in option.env_names),
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: In env files, lists of patterns are separated by these.
_SEPARATOR = re.compile(r"[\s,]")


class Written(NamedTuple):
    """The lines of an env file as names and values, and what the operator wrote for each name."""

    values: dict[str, str]
    origins: dict[str, str]

    def env_file(self) -> EnvFile:
        """The same as `parse_env_file` makes of the text, but for its messages, which name what the operator wrote."""
        return _UnwrittenFile(self)


class _UnwrittenFile(EnvFile):
    def __init__(self, written: Written) -> None:
        lines = enumerate(written.values.items(), start=1)
        super().__init__("uploader_jobs", {name: Assignment(value, line) for line, (name, value) in lines})
        self._origins = written.origins

    def where(self, name: str) -> str:
        return self._origins.get(name, name)


def written(options: Mapping[str, Any], settings: Mapping[str, Any]) -> Written:
    """What the env file of a job says. Values that are None or empty are not set.

    `options` are those of ENV_OPTIONS, by these names or ALIASES; `settings` have the names of env files.
    Raises ConfigurationError that names the option or `settings.NAME`; never a secret.
    """
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    chosen: dict[str, str] = {}
    for key, value in options.items():
        option = ALIASES.get(key, key)
        if option in chosen:
            raise ConfigurationError(f"{key} and {chosen[option]} mean the same", "keep one of them")
        chosen[option] = key
        _refuse_both(key, option, settings)
        name = ENV_OPTIONS[option].env_names[0]
        values[name], origins[name] = _text(key, option, value), key
    for name, value in settings.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(f"settings: {name!r} is no name", "use letters, digits and underscores")
        values[name], origins[name] = _setting_text(value, f"settings.{name}"), f"settings.{name}"
    return Written({name: value for name, value in values.items() if value != ""}, origins)


def env_lines(values: Mapping[str, str], origins: Mapping[str, str]) -> list[str]:
    """`NAME="value"`, as sh, systemd and datasync-turbo read it. Raises ConfigurationError by what was written."""
    return [f"{name}={quote(value, origins.get(name, name))}" for name, value in values.items()]


def _refuse_both(key: str, option: str, settings: Mapping[str, Any]) -> None:
    names = [*ENV_OPTIONS[option].env_names, *(VERIFICATION_SWITCHES if option == "verify" else ())]
    for name in names:
        if name in settings:
            raise ConfigurationError(f"{key} and settings.{name} mean the same", "keep one of them")


def _text(key: str, option: str, value: Any) -> str:
    """The value as an env file has it; whether it fits is for `Values.read` and `Values.check`."""
    if value is None:
        return ""
    kind = ENV_OPTIONS[option].values.spec["type"]
    writers: dict[str, Callable[[str, Any], str]] = {"list": _list_text, "bool": _bool_text}
    if option == "metadata":
        return _metadata_text(key, value)
    if option == "shard":
        return _shard_text(key, value)
    return writers.get(kind, _scalar_text)(key, value)


def _scalar_text(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigurationError(f"{key} {value!r} is neither a text nor a number", "write one value, a text in quotes")
    return str(value)


def _bool_text(key: str, value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _scalar_text(key, value)


def _list_text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError(f"{key} {value!r} is no list", "write a list of texts")
    if not value and key == "temporary_patterns":
        raise ConfigurationError(f"{key} is empty, which would mean the usual ones", "write ignore_temporary: false")
    texts = [_scalar_text(key, item) for item in value]
    for text in texts:
        if _SEPARATOR.search(text) or not text:
            raise ConfigurationError(
                f"{key} {text!r} is empty or has a blank or comma, which the config file of a job cannot carry",
                "write ? for the blank or comma, which stands for any one character",
            )
    return " ".join(texts)


def _metadata_text(key: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        return _scalar_text(key, value)
    pairs = []
    for name, item in value.items():
        text = _scalar_text(f"{key}.{name}", item)
        if "," in text or text != text.rstrip() or _SEPARATOR.search(str(name)) or "=" in str(name):
            raise ConfigurationError(
                f"{key}.{name} has a comma or a blank at its end, which the config file of a job cannot carry",
                "write it another way",
            )
        pairs.append(f"{name}={text}")
    return ",".join(pairs)


def _shard_text(key: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        return _scalar_text(key, value)
    if set(value) != {"index", "count"}:
        raise ConfigurationError(f"{key} has {', '.join(map(str, value)) or 'nothing'}", "write index and count")
    return "/".join(_scalar_text(f"{key}.{name}", value[name]) for name in ("index", "count"))


def _setting_text(value: Any, origin: str) -> str:
    """As older jobs have it: a list becomes its elements with blanks in between."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        raise ConfigurationError(f"{origin} is a dictionary", "write one text")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(_bool_text(origin, item) for item in value)
    return _bool_text(origin, value)
