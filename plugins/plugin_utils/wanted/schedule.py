# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""When a job runs: its `schedule`, checked as far as that is possible without the host's systemd."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import ConfigurationError
from ...module_utils.common.units import parse_bool
from .cron import CronExpression, parse_cron
from .suggestion import refuse_unknown

#: What a host can have as its `uploader_scheduler`.
SCHEDULERS = ("systemd", "cron", "launchd")
KINDS = (*SCHEDULERS, "path", "manual")

_CALENDAR_OPTIONS = ("on_calendar", "randomized_delay", "persistent")
#: The options of each kind besides `kind`.
_OPTIONS: dict[str, tuple[str, ...]] = {
    "systemd": _CALENDAR_OPTIONS,
    "path": _CALENDAR_OPTIONS,
    "cron": ("cron",),
    "launchd": ("cron",),
    "manual": (),
}
_NAMES = ("kind", "cron", *_CALENDAR_OPTIONS)
#: systemd watches the folder itself and nothing in its subfolders, so a job that waits for files also runs this often.
PATH_ON_CALENDAR = ("hourly",)

#: The characters of systemd.time(7); the rest is for `systemd-analyze calendar` on the host.
_CALENDAR = re.compile(r"[A-Za-z0-9*,.:/~+_ -]+")
_TIME_SPAN = re.compile(
    r"(?:[0-9]+(?:\.[0-9]+)? *"
    r"(?:us|usec|ms|msec|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?|M|months?|y|years?)? *)+"
)


@dataclass(frozen=True)
class Schedule:
    """`kind` is one of KINDS. `cron` is set for cron and launchd alone, `on_calendar` for systemd and path."""

    kind: str = "manual"
    on_calendar: tuple[str, ...] = ()
    randomized_delay: str = ""
    persistent: bool = True
    cron: CronExpression | None = None

    @property
    def by_systemd(self) -> bool:
        """Whether units of systemd start the job."""
        return self.kind in ("systemd", "path")


def parse_schedule(value: Any, scheduler: str) -> Schedule:
    """Check a job's `schedule`; a job without one is started by hand. `scheduler` is the kind if none is named.

    Where the kind is the host's, options of other kinds are passed over: so a fleet can give both on_calendar and cron,
    and each host takes its own. Raises ConfigurationError that names the variable.
    """
    if value in (None, "", {}):
        return Schedule()
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"schedule {value!r} is no dictionary", "write schedule: {on_calendar: hourly}")
    refuse_unknown(value, _NAMES, "schedule.")
    given = {name: value[name] for name in _NAMES if value.get(name) not in (None, "", [])}
    kind = given.pop("kind", None)
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(f"schedule.kind {kind!r} is not known", f"one of {', '.join(KINDS)}")
    if kind is not None:
        _refuse_foreign(given, kind)
        _refuse_other_system(kind, scheduler)
    return _of_kind(str(kind or scheduler), given, chosen=kind is not None)


def _refuse_foreign(given: Mapping[str, Any], kind: str) -> None:
    for name in given:
        if name not in _OPTIONS[kind]:
            fitting = [other for other in KINDS if name in _OPTIONS[other]]
            raise ConfigurationError(
                f"schedule.{name} does not go with schedule.kind {kind}",
                f"remove it, or use the kind {' or '.join(fitting)}",
            )


def _refuse_other_system(kind: str, scheduler: str) -> None:
    if kind != "manual" and (kind == "launchd") != (scheduler == "launchd"):
        raise ConfigurationError(
            f"schedule.kind {kind} does not go with uploader_scheduler {scheduler}",
            "macOS has launchd alone, and no other system has it",
        )


def _of_kind(kind: str, given: Mapping[str, Any], chosen: bool) -> Schedule:
    if kind == "manual":
        return Schedule()
    if kind in ("cron", "launchd"):
        return Schedule(kind, cron=_cron(kind, given, chosen))
    on_calendar = _on_calendar(given["on_calendar"]) if "on_calendar" in given else PATH_ON_CALENDAR
    if kind == "systemd" and "on_calendar" not in given:
        raise ConfigurationError(
            f"schedule.on_calendar is missing for {_origin('systemd', chosen)}",
            "write on_calendar: hourly, or as systemd.time(7) says",
        )
    return Schedule(
        kind,
        on_calendar,
        _time_span(given.get("randomized_delay", "")),
        parse_bool(given.get("persistent", True), "schedule.persistent"),
    )


def _origin(kind: str, chosen: bool) -> str:
    return f"schedule.kind {kind}" if chosen else f"the kind {kind}, which uploader_scheduler says"


def _cron(kind: str, given: Mapping[str, Any], chosen: bool) -> CronExpression:
    if "cron" not in given:
        raise ConfigurationError(
            f"schedule.cron is missing for {_origin(kind, chosen)}", "write cron: '0 * * * *', or cron: '@hourly'"
        )
    expression = parse_cron(str(given["cron"]), "schedule.cron")
    if kind == "launchd" and not expression.is_at_start:
        expression.launchd_intervals("schedule.cron")
    return expression


def _on_calendar(value: Any) -> tuple[str, ...]:
    expressions = [value] if isinstance(value, str) else value
    if not isinstance(expressions, (list, tuple)):
        raise ConfigurationError(f"schedule.on_calendar {value!r} is no text", "write on_calendar: hourly")
    for expression in expressions:
        if not isinstance(expression, str) or not _CALENDAR.fullmatch(expression) or not expression.strip():
            raise ConfigurationError(
                f"schedule.on_calendar {expression!r} is no calendar expression", "write it as systemd.time(7) says"
            )
    return tuple(str(expression).strip() for expression in expressions)


def _time_span(value: Any) -> str:
    text = str(value).strip()
    if text and (isinstance(value, bool) or not _TIME_SPAN.fullmatch(text)):
        raise ConfigurationError(f"schedule.randomized_delay {value!r} is no time span", "write for example 10min")
    return text
