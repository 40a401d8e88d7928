# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs one command and measures it with all processes that it starts: time, processor, memory.

Needs psutil. The processor time is the kernel's account of the command and of every descendant that was waited for.
Memory is looked at while they run. Nothing of a command is left running, however its run ends.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ...common.errors import ConfigurationError, InstallationError
from ...common.threads import Tick

if TYPE_CHECKING:
    import psutil


#: Seconds between looks at the memory.
LOOK_INTERVAL = 0.05
TICK_INTERVAL = 0.2
#: Share of one processor that the search for new descendants may take: it reads the list of all processes.
_SEARCH_SHARE = 0.02
#: Seconds between two searches where there are thousands.
_LONGEST_PAUSE = 1.0
#: Seconds from SIGTERM to SIGKILL. s5cmd takes 5 s to end, and the pipeline aborts its multipart uploads meanwhile.
TERM_GRACE = 10.0
#: Seconds that a killed process may take to be gone. In the middle of a read from a dead file server it takes for ever.
KILL_GRACE = 10.0
#: Characters of the output's end that are kept.
TAIL = 2000
#: Bytes of ru_maxrss's unit, see getrusage(2).
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Usage:
    """What one run took, and how it ended.

    `cpu_seconds` are user and system time of the command, of the descendants that were waited for, and of those that
    outlived it. Lost is only what a descendant took that nobody waited for and that ended before the command did.

    `peak_memory` in bytes is the greatest sum of the resident memory of all processes at one look, every LOOK_INTERVAL
    seconds. Pages that processes share count once for each. It is at least the kernel's own peak of the largest
    process, as far as that can be told (`_kernel_peak`).

    `exit_code` is 128+n where signal n ended it, as shells have it. `tail` is the end of its output.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory: int
    exit_code: int
    timed_out: bool
    tail: str


def run_measured(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log_path: str,
    *,
    stdin: bytes | None = None,
    timeout: float,
    tick: Tick,
    inherited: tuple[int, ...] = (),
) -> Usage:
    """Run a command to its end, its output in the file `log_path`, and measure it.

    It keeps the descriptors `inherited` open, such as that of a lock, which is held then as long as it lives.

    After `timeout` seconds it gets SIGTERM, and SIGKILL TERM_GRACE seconds later; so it does when `tick` raises, and
    everything of it has ended before that exception leaves. Processes that outlive the command are killed.

    Raises InstallationError if it cannot be started, ConfigurationError if the log cannot be written.
    """
    child = _start(list(arguments), environment, log_path, stdin, inherited)
    tree = _Tree(child.pid)
    try:
        timed_out = _watch(child, tree, timeout, tick)
    except BaseException:
        try:
            _terminate(child, tree)
        finally:
            _kill(child, tree)
        raise
    tree.search()
    survivors_cpu = tree.cpu_seconds()
    _kill(child, tree)
    return _usage(child, tree, survivors_cpu, timed_out=timed_out, tail=_tail(log_path))


class _Outcome(NamedTuple):
    """What the kernel tells of a process that was waited for, and when that was."""

    status: int
    usage: resource.struct_rusage
    when: float


class _Child:
    """The command. A thread waits for it, so that its end is noticed at once."""

    def __init__(self, process: subprocess.Popen[bytes], began: float) -> None:
        self._process = process
        self.pid = process.pid
        self.began = began
        self.outcome: _Outcome | None = None
        self._reaper = threading.Thread(target=self._reap, name="reaper", daemon=True)
        self._reaper.start()

    def ended(self, seconds: float) -> bool:
        """Wait so long for its end; whether it has ended."""
        self._reaper.join(seconds)
        return not self._reaper.is_alive()

    def _reap(self) -> None:
        # Fails if SIGCHLD is ignored here: then the kernel keeps no account, and `_usage` says so.
        with suppress(ChildProcessError):
            status, usage = os.wait4(self.pid, 0)[1:]
            self.outcome = _Outcome(status, usage, time.monotonic())
        # Else Popen would wait for it once more.
        self._process.returncode = 0

    def send(self, number: signal.Signals) -> None:
        """Send a signal to its process group, which outlives it while there are others in it."""
        # macOS answers EPERM for processes that are just ending.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class _Tree:
    """The command and its descendants, remembered by process id and start time: one that lost its parent stays known.

    s5cmd runs in a session of its own below our pipeline, so that a signal to the process group misses it.
    """

    def __init__(self, pid: int) -> None:
        import psutil

        self._errors = psutil.Error
        self._zombie = psutil.STATUS_ZOMBIE
        self._all_processes = psutil.process_iter
        self._session = pid
        self._members: set[psutil.Process] = set()
        self._next_search = 0.0
        self.peak = 0
        # Our own peak: see `_kernel_peak`.
        self.own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
        with suppress(psutil.Error):
            self._members.add(psutil.Process(pid))
        self.look()

    def look(self) -> None:
        """Add up the memory, and from time to time search for new descendants."""
        if time.monotonic() >= self._next_search:
            before = time.thread_time()
            self.search()
            pause = (time.thread_time() - before) / _SEARCH_SHARE
            self._next_search = time.monotonic() + min(pause, _LONGEST_PAUSE)
        self.peak = max(self.peak, sum(self._memory(member) for member in tuple(self._members)))

    def search(self) -> None:
        """Find the descendants of all that are known, and all of the command's session: some may be orphans already."""
        children: dict[int, list[psutil.Process]] = {}
        for process in self._all_processes():
            with suppress(self._errors, OSError):
                children.setdefault(process.ppid(), []).append(process)
                if os.getsid(process.pid) == self._session:
                    self._members.add(process)
        parents = [member for member in self._members if member.is_running()]
        while parents:
            new = [child for child in children.get(parents.pop().pid, ()) if child not in self._members]
            self._members.update(new)
            parents += new

    def cpu_seconds(self) -> float:
        """Seconds of processor that those who are still there, or that nobody waited for, have taken."""
        total = 0.0
        for member in self._members:
            with suppress(self._errors):
                if member.is_running():
                    # The last two are of children that it waited for; macOS does not tell them.
                    total += sum(member.cpu_times()[:4])
        return total

    def kill(self) -> None:
        """Kill all that are known."""
        for member in self._members:
            # psutil looks first whether it is still the same process.
            with suppress(self._errors):
                member.kill()

    def wait(self, seconds: float) -> None:
        """Wait until all are gone, at most so long."""
        until = time.monotonic() + seconds
        while any(self._is_alive(member) for member in self._members) and time.monotonic() < until:
            time.sleep(0.01)

    def _memory(self, member: psutil.Process) -> int:
        try:
            return int(member.memory_info().rss)
        except self._errors:
            self._members.discard(member)
            return 0

    def _is_alive(self, member: psutil.Process) -> bool:
        try:
            return bool(member.is_running() and member.status() != self._zombie)
        except self._errors:
            return False


def _start(
    arguments: list[str],
    environment: Mapping[str, str],
    log_path: str,
    stdin: bytes | None,
    inherited: tuple[int, ...],
) -> _Child:
    with ExitStack() as files:
        try:
            log = files.enter_context(open(log_path, "wb"))
            # From a file and not through a pipe: a command that does not read cannot block us.
            source = files.enter_context(tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(log_path))))
            source.write(stdin or b"")
            source.seek(0)
        except OSError as error:
            raise ConfigurationError(
                f"{log_path!r}: the output of {arguments[0]!r} cannot be kept there: {error.strerror}",
                "choose a folder that can be written to",
            ) from error
        began = time.monotonic()
        try:
            process = subprocess.Popen(
                arguments,
                stdin=source,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                pass_fds=inherited,
            )
        except OSError as error:
            raise InstallationError(
                f"{arguments[0]!r} cannot be started: {error.strerror}", "check the program and this host's memory"
            ) from error
        return _Child(process, began)


def _watch(child: _Child, tree: _Tree, timeout: float, tick: Tick) -> bool:
    """Look and tick until the command has ended or was killed; returns whether its time was up."""
    deadline = child.began + timeout
    next_tick = 0.0
    timed_out = False
    while not child.ended(LOOK_INTERVAL):
        tree.look()
        now = time.monotonic()
        if now >= next_tick:
            tick()
            next_tick = now + TICK_INTERVAL
        if now < deadline:
            continue
        if timed_out:
            break
        timed_out = True
        deadline = now + TERM_GRACE
        tree.search()
        child.send(signal.SIGTERM)
    return timed_out


def _terminate(child: _Child, tree: _Tree) -> None:
    """Ask it to end, and give it TERM_GRACE seconds."""
    tree.search()
    child.send(signal.SIGTERM)
    until = time.monotonic() + TERM_GRACE
    while not child.ended(LOOK_INTERVAL) and time.monotonic() < until:
        tree.look()


def _kill(child: _Child, tree: _Tree) -> None:
    """Leave nothing of it, not even what it starts right now: so all are stopped before they are counted."""
    child.send(signal.SIGSTOP)
    tree.search()
    child.send(signal.SIGKILL)
    tree.kill()
    child.ended(KILL_GRACE)
    tree.wait(KILL_GRACE)


def _usage(child: _Child, tree: _Tree, survivors_cpu: float, *, timed_out: bool, tail: str) -> Usage:
    outcome = child.outcome
    if outcome is None:
        if not timed_out:
            raise InstallationError(
                "the kernel keeps no account of processes that end: SIGCHLD is ignored", "start us without that"
            )
        # Not even SIGKILL ends it now; what it has taken so far is among the survivors.
        wall = time.monotonic() - child.began
        return Usage(wall, survivors_cpu, tree.peak, 128 + signal.SIGKILL, True, tail)
    code = os.waitstatus_to_exitcode(outcome.status)
    return Usage(
        wall_seconds=outcome.when - child.began,
        cpu_seconds=outcome.usage.ru_utime + outcome.usage.ru_stime + survivors_cpu,
        peak_memory=max(tree.peak, _kernel_peak(outcome.usage, tree)),
        exit_code=code if code >= 0 else 128 - code,
        timed_out=timed_out,
        tail=tail,
    )


def _kernel_peak(usage: resource.struct_rusage, tree: _Tree) -> int:
    """The peak of the largest process by ru_maxrss, in bytes; 0 if that may be our own.

    A process inherits the peak of the one that started it, even beyond exec(2): here ours. So a smaller value says
    nothing of the command.
    """
    peak = usage.ru_maxrss * _MAXRSS_UNIT
    return peak if peak > tree.own_peak or not tree.peak else 0


def _tail(path: str) -> str:
    """The last TAIL characters, of which each may take four bytes."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4 * TAIL))
        return file.read().decode("utf-8", "replace").strip()[-TAIL:]
