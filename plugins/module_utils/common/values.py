# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Kinds of values that options take: how Ansible calls each, how an env file writes it, and which values are right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Callable, NamedTuple

from .errors import ConfigurationError
from .units import parse_bool, parse_count, parse_duration


class Values(NamedTuple):
    """The values of one kind.

    `spec` is the type in an `argument_spec` of AnsibleModule. `read` takes the text of an env file and the origin for
    its messages. `check` takes the value of a task, or what `read` made, and the name of the option; it returns what a
    job holds, None for a value that counts as not set. Both raise ConfigurationError.
    """

    spec: Mapping[str, Any]
    read: Callable[[str, str], Any]
    check: Callable[[Any, str], Any]


def as_it_is(value: Any, _name: str) -> Any:
    """The value, whatever it is."""
    return value


def absolute_path(value: str, name: str) -> str | None:
    """The path from the / on; `~` and `~user` stand for the home of the user that runs, and of that user."""
    if not value:
        return None
    if "\0" in value:
        raise ConfigurationError(f"{name} {value!r} holds a NUL, which no path can", "check where the value is from")
    path = os.path.expanduser(value)
    if path.startswith("~"):
        raise ConfigurationError(
            f"{name} {value!r} begins with a home folder that this host does not know", "write the path from the / on"
        )
    return os.path.abspath(path)


def texts(value: Any, name: str) -> tuple[str, ...]:
    """A list of texts. Raises ConfigurationError for one text, which would be taken apart letter by letter."""
    if isinstance(value, str):
        raise ConfigurationError(f"{name} {value!r} is one text", "give a list")
    return tuple(str(text) for text in value)


def chosen(value: str, name: str, choices: Mapping[str, str]) -> str:
    """What `choices` has for the value in lower case. Raises ConfigurationError with the choices."""
    choice = choices.get(value.lower())
    if choice is None:
        raise ConfigurationError(f"{name} {value!r} is not known", f"write one of {', '.join(choices)}")
    return choice


def one_of(choices: Iterable[str], read: Callable[[str, str], Any] = as_it_is) -> Values:
    """One of these texts; an empty one counts as not set. `read` is for env files that write it in other ways."""
    allowed = tuple(choices)

    def check(value: Any, name: str) -> str | None:
        if value and value not in allowed:
            raise ConfigurationError(f"{name} {value!r} is not known", f"one of {', '.join(allowed)}")
        return value or None

    return Values({"type": "str", "choices": list(allowed)}, read, check)


def word_of(choices: Iterable[str]) -> Values:
    """One of these words, which env files write in any case."""
    known = {choice: choice for choice in choices}
    return one_of(known, partial(chosen, choices=known))


def whole_number(minimum: int, read: Callable[[str, str], Any] | None = None) -> Values:
    """A whole number from `minimum` up; `read` is for env files that write it with a unit."""

    def check(value: Any, name: str) -> int:
        text = str(value).strip()
        if not re.fullmatch(r"[0-9]+", text) or int(text) < minimum:
            raise ConfigurationError(f"{name} {value!r} is not a whole number of at least {minimum}")
        return int(text)

    return Values({"type": "int"}, read or partial(parse_count, minimum=minimum), check)


def _separated(value: str, _origin: str) -> list[str]:
    return [text for text in re.split(r"[\s,]+", value) if text]


TEXT = Values({"type": "str"}, as_it_is, as_it_is)
#: In env files with blanks or commas in between.
TEXTS = Values({"type": "list", "elements": "str"}, _separated, texts)
FLAG = Values({"type": "bool"}, parse_bool, as_it_is)
PATH = Values({"type": "path"}, as_it_is, absolute_path)
#: In env files also with a unit, as 15m.
SECONDS = whole_number(0, parse_duration)
