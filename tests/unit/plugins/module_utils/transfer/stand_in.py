# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the tests of a transfer by a stand-in for s5cmd share: behaviours of it, and how they look at what it did."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Deferred, Failed, Sent

SLOW_DOWN = "SlowDown: Please reduce your request rate. status code: 503, request id: 1, host id: 2"
ACCESS_DENIED = "AccessDenied: Access Denied status code: 403, request id: 1, host id: 2"
#: A stand-in that fails each file the first time.
FAIL_FIRST = f"""
for arguments in commands():
    if tries(arguments) == 1:
        failed(*arguments[-2:], {SLOW_DOWN!r})
    else:
        stored(*arguments[-2:])
"""
#: A stand-in that does what a script says, as ScriptedEngine. It keeps its process ids and what it stored in files.
SCRIPTED = f"""
def note(path, text):
    with open(path, "a") as file:
        file.write(text + chr(10))

note(PIDS, str(os.getpid()))
for arguments in commands():
    name = arguments[-1].partition("/p/")[2]
    acts = SCRIPT.get(name, ["store"])
    act = acts[min(tries(arguments), len(acts)) - 1]
    if act == "store":
        note(STORED, json.dumps(name))
        stored(*arguments[-2:])
    elif act == "trouble":
        failed(*arguments[-2:], {SLOW_DOWN!r})
    elif act == "refuse":
        failed(*arguments[-2:], {ACCESS_DENIED!r})
    elif act == "break":
        os.kill(os.getpid(), 9)
    elif act == "linger":
        time.sleep(1)
"""


class Stopped(Exception):
    """What a tick raises to stop everything."""


def metadata(command):
    pairs = [command[at + 1] for at, argument in enumerate(command) if argument == "--metadata"]
    return dict(pair.split("=", 1) for pair in pairs)


def kinds(outcomes):
    """The fate of each file: stored, deferred, or the kind of its problem."""
    fates = {Sent: lambda outcome: "stored", Deferred: lambda outcome: "deferred", Failed: lambda failed: failed.kind}
    return {outcome.file.relative: fates[type(outcome)](outcome) for outcome in outcomes}


def names_of(commands):
    """The objects of commands, below the prefix, in order."""
    return [command[-1].rpartition("/p/")[2] for command in commands]


def running(pid):
    """Whether a process still runs; one that ended and waits to be noticed by its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
