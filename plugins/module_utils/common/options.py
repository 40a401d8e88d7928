# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An option is declared once, as a field of a dataclass; whatever else knows options takes them from there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, NamedTuple

from .values import Values

#: What uses options of a job beside module s5cmd_sync, which takes all of them.
AUDIT = "s3_verify"
BENCHMARK = "s5cmd_benchmark"


class Option(NamedTuple):
    """One option.

    `env_names` set it in the env file of a job, the first of them wins; with `same` they mean the same thing, and
    different values are a contradiction. `also` says what uses it beside s5cmd_sync. `written` is a path where a run
    writes, so that it must not lie in the source. `no_log` is as in Ansible: true for secrets.
    """

    name: str
    values: Values
    env_names: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    also: tuple[str, ...] = ()
    same: bool = False
    written: bool = False
    aliases: tuple[str, ...] = ()
    no_log: bool | None = None

    @property
    def argument_spec(self) -> dict[str, Any]:
        """The option in an `argument_spec` of AnsibleModule.

        It has no default and is never required there, because a config file may set it.
        """
        spec = dict(self.values.spec)
        if self.aliases:
            spec["aliases"] = list(self.aliases)
        if self.no_log is not None:
            spec["no_log"] = self.no_log
        return spec


def option(values: Values, *env_names: str, **more: Any) -> Mapping[str, Option]:
    """The metadata of a field that is an option; `more` are attributes of Option. Name and default are the field's."""
    return {"option": Option("", values, env_names, **more)}


def options_of(table: Any) -> tuple[Option, ...]:
    """The options that a dataclass declares, in its order; fields of other kinds are left out."""
    return tuple(_of_field(entry) for entry in fields(table) if "option" in entry.metadata)


def _of_field(entry: Field[Any]) -> Option:
    declared: Option = entry.metadata["option"]
    if entry.default is not MISSING:
        return declared._replace(name=entry.name, default=entry.default)
    if entry.default_factory is not MISSING:
        return declared._replace(name=entry.name, default=entry.default_factory())
    return declared._replace(name=entry.name, required=True)


def given_values(table: Iterable[Option], options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of those options that are set, checked. Raises ConfigurationError that names the option."""
    values = {}
    for declared in table:
        value = options.get(declared.name)
        if value is not None or declared.required:
            checked = declared.values.check(value, declared.name)
            if checked is not None:
                values[declared.name] = checked
    return values
