# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What systemd says of units, all of them asked at once. See systemctl(1) and org.freedesktop.systemd1(5)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Callable, NamedTuple

from ..common.errors import ConfigurationError

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "Result",
    "ExecMainStatus",
    "InvocationID",
    "Job",
    "NextElapseUSecRealtime",
)
#: Seconds. systemd answers in milliseconds; a host under load may need longer.
TIMEOUT = 60

RunSystemctl = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class Unit(NamedTuple):
    """A service, timer or path unit.

    `result` is `success` or why it failed, `exit_status` that of the last run of a service. `invocation` names that
    run. `queued`: it is about to start or stop. `next_elapse` is when a timer starts its service the next time, in
    seconds since the epoch.
    """

    loaded: bool = False
    active_state: str = "inactive"
    result: str = "success"
    exit_status: int = 0
    invocation: str = ""
    queued: bool = False
    next_elapse: float | None = None

    @property
    def over(self) -> bool:
        """Whether a service neither runs nor is about to."""
        return not self.queued and self.active_state in ("inactive", "failed")


def run_systemctl(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run systemctl to its end; it shows times in UTC. Raises ConfigurationError when it does not work at all."""
    try:
        return subprocess.run(
            ["systemctl", "--no-ask-password", *arguments],  # noqa: S607 - /bin or /usr/bin, as the distribution has it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"systemctl does not work: {error}") from error


def units(names: Sequence[str], run: RunSystemctl = run_systemctl) -> dict[str, Unit]:
    """The units by name, in one call. A unit that systemd does not know is not `loaded`."""
    if not names:
        return {}
    done = run(["show", f"--property={','.join(PROPERTIES)}", "--", *names])
    if done.returncode:
        raise ConfigurationError(f"systemctl show failed: {(done.stderr or done.stdout).strip()}")
    found = {}
    for block in done.stdout.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if "Id" in values:
            found[values["Id"]] = _unit(values)
    return {name: found.get(name, Unit()) for name in names}


def start(names: Sequence[str], run: RunSystemctl = run_systemctl) -> None:
    """Start services and do not wait for them. Raises ConfigurationError."""
    if not names:
        return
    done = run(["start", "--no-block", "--", *names])
    if done.returncode:
        raise ConfigurationError(
            f"systemctl start {' '.join(names)} failed: {(done.stderr or done.stdout).strip()}",
            "use become: true, and deploy again if a unit is missing",
        )


def _unit(values: dict[str, str]) -> Unit:
    return Unit(
        loaded=values.get("LoadState") == "loaded",
        active_state=values.get("ActiveState", "inactive"),
        result=values.get("Result", "success"),
        exit_status=int(values.get("ExecMainStatus") or 0),
        invocation=values.get("InvocationID", ""),
        # systemd shows the number of the job, 0 or nothing if there is none.
        queued=values.get("Job", "") not in ("", "0"),
        next_elapse=_moment(values.get("NextElapseUSecRealtime", "")),
    )


def _moment(text: str) -> float | None:
    """Seconds since the epoch of `Mon 2026-11-23 01:00:00 UTC`; None of '' and `n/a`."""
    try:
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
