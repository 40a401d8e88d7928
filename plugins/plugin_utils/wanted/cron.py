# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Cron expressions as crontab(5) of Vixie cron and cronie both read them, and the same for launchd."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import NamedTuple

from ...module_utils.common.errors import ConfigurationError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MOST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

AT_START = "@reboot"
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EXAMPLE = "write five fields such as '15 */2 * * mon-fri', or @hourly, @daily, @weekly, @monthly"
#: More entries than this in one plist are a mistake, and slow launchd down.
_MAX_INTERVALS = 2000


class _Field(NamedTuple):
    """`key` is launchd's name."""

    name: str
    key: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", "Minute", 0, 59),
    _Field("hour", "Hour", 0, 23),
    _Field("day of month", "Day", 1, 31),
    _Field("month", "Month", 1, 12, _MONTHS),
    _Field("day of week", "Weekday", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:(\*)|([0-9]+|[a-z]{3})(?:-([0-9]+|[a-z]{3}))?)(?:/([0-9]+))?")


@dataclass(frozen=True)
class CronExpression:
    """A checked expression. `text` is what a crontab gets; `values` are those of each field, Sunday as 0."""

    text: str
    values: tuple[frozenset[int], ...] = ()

    @property
    def is_at_start(self) -> bool:
        """Whether it stands for the start of the host and for no time."""
        return self.text == AT_START

    def launchd_intervals(self, variable: str) -> list[dict[str, int]]:
        """The dicts of launchd's StartCalendarInterval, launchd.plist(5). A key that is missing stands for any value.

        Raises ConfigurationError for `variable` where launchd cannot tell it.
        """
        fields = self.text.split()
        restricted: list[list[dict[str, int]]] = [
            [{field.key: value} for value in sorted(values)] if text != "*" else [{}]
            for field, text, values in zip(_FIELDS, fields, self.values)
        ]
        minute, hour, day, month, weekday = restricted
        # Of day and weekday either is enough, in cron (unless one begins with a star) as in launchd.
        days = [day, weekday] if day != [{}] and weekday != [{}] else [[{**a, **b} for a in day for b in weekday]]
        if len(days) == 2 and any(fields[index].startswith("*") for index in (2, 4)):
            raise ConfigurationError(
                f"{variable} {self.text!r} needs a day of month and a day of week at once, which launchd cannot do",
                "give one of them",
            )
        combinations = [pieces for either in days for pieces in itertools.product(month, either, hour, minute)]
        if len(combinations) > _MAX_INTERVALS:
            raise ConfigurationError(
                f"{variable} {self.text!r} means {len(combinations)} moments, too many for launchd", "simplify it"
            )
        return [{key: value for piece in pieces for key, value in piece.items()} for pieces in combinations]


def parse_cron(text: str, variable: str) -> CronExpression:
    """Check an expression. Raises ConfigurationError that names `variable` and the field that is wrong."""
    written = " ".join(text.split()).lower()
    if written == AT_START:
        return CronExpression(written)
    if written.startswith("@") and written not in _NICKNAMES:
        raise ConfigurationError(f"{variable} {text!r} is not known to cron", _EXAMPLE)
    fields = _NICKNAMES.get(written, written).split(" ")
    if len(fields) != len(_FIELDS):
        raise ConfigurationError(f"{variable} {text!r} has {len(fields)} fields and not 5", _EXAMPLE)
    values = tuple(_values(field, part, f"{variable} {text!r}") for field, part in zip(_FIELDS, fields))
    expression = CronExpression(" ".join(fields), values)
    _refuse_never(expression, f"{variable} {text!r}")
    return expression


def _values(field: _Field, text: str, what: str) -> frozenset[int]:
    values: list[int] = []
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ConfigurationError(f"{what}: {field.name} {text!r} is not understood", _EXAMPLE)
        star, first, last, step = match.groups()
        if step and not star and not last:
            raise ConfigurationError(
                f"{what}: {field.name} {part!r} has a step and no range", f"write {first}-{field.last}/{step}"
            )
        low = field.first if star else _number(field, first, what)
        high = field.last if star else _number(field, last or first, what)
        if low > high or (step and int(step) == 0):
            raise ConfigurationError(f"{what}: {field.name} {part!r} is empty", _EXAMPLE)
        values.extend(range(low, high + 1, int(step or 1)))
    # Sunday is 0 and 7.
    return frozenset(value % 7 if field.key == "Weekday" else value for value in values)


def _number(field: _Field, text: str, what: str) -> int:
    if text in field.words:
        return field.words.index(text) + field.first
    if not text.isdecimal() or not field.first <= int(text) <= field.last:
        raise ConfigurationError(
            f"{what}: {field.name} {text!r} is not within {field.first} to {field.last}",
            _EXAMPLE,
        )
    return int(text)


def _refuse_never(expression: CronExpression, what: str) -> None:
    _minute, _hour, days, months, _weekdays = expression.values
    if expression.text.endswith(" *") and min(days) > max(_MOST_DAYS[month - 1] for month in months):
        raise ConfigurationError(f"{what}: no such day in these months, it would never run", _EXAMPLE)
