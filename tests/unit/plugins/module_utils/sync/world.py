# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the tests of a run share: an engine that stands in, ways to kill a run, and looks at what it left."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import wait
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.problems import Kind
from ansible_collections.datasync.turbo.plugins.module_utils.job.local_file import identity_of
from ansible_collections.datasync.turbo.plugins.module_utils.plan.lookup import FINGERPRINT, SYNCED_BY
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.engine import Failed, Sent

MIB = 2**20
DAY = 86400


class Uploader:
    """Stands in for an engine: stores each file in the bucket and says so, unless the test gave another step for it.

    A step is called with the file and its identity and returns an outcome, or raises what ends the transfer.
    """

    def __init__(self, bucket):
        self.bucket = bucket
        self.steps = {}
        #: Whether the job wants a SHA256 of each file.
        self.sha256 = ""
        self.started = False
        self.closed = False
        self.tick = None
        self.inherited = ()
        self.settings = None
        self.bytes_written = None
        self.left_open = False
        #: What was handed over, in this order.
        self.seen = []

    name, version = "s5cmd", "v2.3.0-991c9fb"

    def require_usable(self):
        """It always is."""

    def sender(self, assignment, liveness):
        self.tick = assignment.voice.tick
        self.settings = assignment.settings
        self.inherited = assignment.inherited
        self.left_open = False
        return self

    def __enter__(self):
        self.started = True
        return self

    def __exit__(self, *error):
        self.closed = True

    def goes_alone(self, upload):
        return False

    def send(self, queue):
        while queue.has_more:
            self.tick()
            upload = queue.next_ready
            if upload is None:
                time.sleep(0.001)
                continue
            queue.take()
            self.seen.append(upload.file.relative)
            path = Path(upload.file.path)
            step = self.steps.get(upload.file.relative, self.store)
            before, self.left_open = self.left_open, True
            outcome = step(upload.file, identity_of(path.stat()))
            self.left_open = before or isinstance(outcome, Failed)
            yield outcome

    def store(self, file, identity, content=None):
        metadata = {"synced-by": SYNCED_BY, "timestamp": str(int(time.time())), FINGERPRINT: identity.fingerprint}
        stored = Path(file.path).read_bytes()
        self.bucket.put(file.key, stored if content is None else content, metadata=metadata)
        return Sent(file, identity, 8 * MIB, self.sha256 and hashlib.sha256(stored).hexdigest())

    def store_as(self, content):
        return lambda file, identity: self.store(file, identity, content)

    @staticmethod
    def fail(kind=Kind.UPLOAD, exit_code=None):
        return lambda file, identity: Failed(file, kind, "s5cmd: because", exit_code)

    @staticmethod
    def stop(error):
        def step(file, identity):
            raise error

        return step


def problems(result):
    return {problem.path: problem.kind for problem in result.problems}


def stop_when_proven(proofs):
    def step(file, identity):
        wait(proofs)
        raise Interrupted(15)

    return step


class Killed(BaseException):
    """SIGKILL: nothing of ours gets to say anything."""


def kill_after_storing(uploader, content):
    """s5cmd stores something else, and we are killed before we can prove anything."""

    def step(file, identity):
        uploader.store(file, identity, content)
        raise Killed

    return step


def killed_run(run, uploader, name, content, **options):
    uploader.steps[name] = kill_after_storing(uploader, content)
    with pytest.raises(Killed):
        run(**options)
    uploader.steps.clear()


def refusing_listdir(name):
    real = os.listdir

    def listdir(path="."):
        if str(path).rstrip("/").endswith(name):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    return listdir


def on_disk(folder):
    """All files there, but for the source."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def wait_for_the_clock(path):
    """The times of a file system move in steps of some milliseconds; within one, a change leaves no trace."""
    probe = path.parent.parent / "probe"
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > path.stat().st_ctime_ns:
            return
