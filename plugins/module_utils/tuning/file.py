# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The file with the tuning of a host, which jobs read and Ansible gathers as `ansible_local.datasync_tuning`.

JSON without an execute bit, as a local fact has to be:
https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_vars_facts.html#facts-d-or-local-facts
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ..common import files
from ..common.units import MIB
from ..job.job import TUNED
from ..s3.limits import MAX_PART_SIZE, MIN_PART_SIZE
from .classes import FILE_CLASSES, Settings, Tuning

DEFAULT_PATH = "/etc/ansible/facts.d/datasync_tuning.fact"
#: The version of the form of the file, and what tells it from others.
SCHEMA = 1
KIND = "datasync.turbo tuning"

#: Bytes. A tuning is some 3 kB.
_MAX_SIZE = 256 * 1024
#: Workers and parts that a sound file may ask for; more would take all memory and every connection of a host.
_MOST = 1024
#: Part sizes in MiB, as the file has them.
_RANGES = {
    "numworkers": (1, _MOST),
    "concurrency": (1, _MOST),
    "part_size": (MIN_PART_SIZE // MIB, MAX_PART_SIZE // MIB),
}
#: What the file tells of a class; the trials stay in the benchmark's report.
_TOLD = ("settings", "shown", "gain_percent", "ratio", "low", "high", "pairs", "reason")
_ABOUT = ("host", "link_mbps", "cores", "memory_bytes", "round_trip", "measured")


class Applied(NamedTuple):
    """Whether the file is (or would be) another one, whether it has the new tuning, and why it is so.

    `before` and `after` are the text of the file, '' if there is none.
    """

    changed: bool
    applied: bool
    reason: str
    before: str
    after: str


def load(path: str, warn: Callable[[str], None]) -> Tuning | None:
    """What the file says; None if there is none, and after a warning if it cannot be used."""
    try:
        content = _content(path)
        if content is None:
            return None
        classes = {
            name: _settings(name, content["classes"][name]) for name in FILE_CLASSES if name in content["classes"]
        }
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        warn(f"tuning_path {path!r} is not used: {why}; the settings are the job's own and the defaults. Tune again")
        return None
    return Tuning(path, str(content.get("measured") or ""), classes)


def apply(
    path: str, tuning: Mapping[str, Any] | None, frozen: bool | None = None, *, check_mode: bool = False
) -> Applied:
    """Write a tuning, in the form of `TuningResult.as_dict`, to the file; None changes nothing but `frozen`.

    Classes whose search came to no end keep what the file says of them. A file that is frozen keeps all; `frozen`
    None keeps that, too, and False lets it change again. Raises ConfigurationError when the file cannot be written.
    """
    try:
        before = _text(path)
    except (OSError, ValueError):
        before = ""
    old = _usable(before)
    was_frozen = bool(old.get("frozen"))
    keeps = was_frozen and frozen is not False
    new = _frozen(old, frozen) if tuning is None or keeps else _merged(old, tuning, frozen)
    after = _written(new) if new.get("classes") else before
    changed = after != before
    if changed and not check_mode:
        _write(path, after)
    applied = tuning is not None and not keeps and after != "" and _any_complete(tuning)
    return Applied(changed, applied, _reason(path, tuning, keeps=keeps, applied=applied), before, after)


def _reason(path: str, tuning: Mapping[str, Any] | None, *, keeps: bool, applied: bool) -> str:
    if tuning is None:
        return "there is no new tuning"
    if keeps:
        return f"{path} is frozen; frozen: false lets it change again"
    return f"{path} has the new tuning" if applied else "the search came to its end for no class of files"


def _any_complete(tuning: Mapping[str, Any]) -> bool:
    return any(one["complete"] for one in tuning["classes"].values())


def _frozen(old: Mapping[str, Any], frozen: bool | None) -> dict[str, Any]:
    return dict(old) if frozen is None or not old else {**old, "frozen": frozen}


def _merged(old: Mapping[str, Any], tuning: Mapping[str, Any], frozen: bool | None) -> dict[str, Any]:
    found = {
        name: {**{key: one[key] for key in _TOLD}, "measured": tuning["measured"]}
        for name, one in tuning["classes"].items()
        if one["complete"]
    }
    if not found:
        return _frozen(old, frozen)
    about = {key: tuning[key] for key in _ABOUT if key in tuning}
    classes = {**old.get("classes", {}), **found}
    ordered = {name: classes[name] for name in FILE_CLASSES if name in classes}
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "frozen": bool(old.get("frozen") if frozen is None else frozen),
        **about,
        "classes": ordered,
    }


def _usable(text: str) -> dict[str, Any]:
    """The content of the file that is there, if jobs could use it; a damaged one is replaced."""
    try:
        content = _parsed(text)
        for name in FILE_CLASSES:
            if name in content["classes"]:
                _settings(name, content["classes"][name])
    except ValueError:
        return {}
    return content


def _content(path: str) -> dict[str, Any] | None:
    """Raises OSError and ValueError."""
    try:
        return _parsed(_text(path))
    except FileNotFoundError:
        return None


def _text(path: str) -> str:
    with open(path, "rb") as file:
        data = file.read(_MAX_SIZE + 1)
    if len(data) > _MAX_SIZE:
        raise ValueError("it is larger than 256 KiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ValueError("it is no tuning of datasync.turbo")
    if content.get("schema") != SCHEMA:
        raise ValueError(f"its schema is {content.get('schema')!r}, and this program knows {SCHEMA}")
    if not isinstance(content.get("classes"), dict):
        raise ValueError("it has no classes of files")
    return content


def _settings(name: str, one: Any) -> Settings:
    values = one.get("settings") if isinstance(one, dict) else None
    if not isinstance(values, dict):
        raise ValueError(f"class {name} has no settings")
    for key in TUNED:
        low, high = _RANGES[key]
        value = values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{key} of class {name} is {value!r}, and not a whole number from {low} to {high}")
    return Settings.from_dict(values)


def _written(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=True) + "\n"


def _write(path: str, text: str) -> None:
    with files.explained(f"tuning_path {path!r}", "become root, or choose another path"):
        # Jobs, which are another user's, read in the folders that are made.
        files.make_folders(os.path.dirname(os.path.abspath(path)))
        files.write(path, text)
