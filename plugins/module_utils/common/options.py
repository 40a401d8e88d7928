# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An option is declared once, as a field of a dataclass; whatever else knows options takes them from there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, field, fields
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


def required(values: Values, *env_names: str, **more: Any) -> Mapping[str, Option]:
    """The metadata of a field that has no default."""
    return {"option": Option("", values, env_names, required=True, **more)}


def option(values: Values, *env_names: str, default: Any = None, **more: Any) -> Any:
    """A field with a default; `more` are attributes of Option."""
    declared = {"option": Option("", values, env_names, default, **more)}
    shown = not more.get("no_log")
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=declared, repr=shown)
    return field(default=default, metadata=declared, repr=shown)


def options_of(table: Any) -> tuple[Option, ...]:
    """The options that a dataclass declares, in its order; fields of other kinds are left out."""
    declared = ((entry.name, entry.metadata.get("option", MISSING)) for entry in fields(table))
    return tuple(found._replace(name=name) for name, found in declared if isinstance(found, Option))


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
