# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An audit: is every file of a job in the bucket, with the same content, and what else is there? Nothing is uploaded.

What is expected comes from the source folder, the state file, or a manifest. One listing tells what is stored; then
each object is proven by content, many at the same time. Of files and objects that need no word only a count is kept.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from ..common.errors import ConfigurationError, DatasyncError, Interrupted
from ..common.interrupt import Interrupt
from ..common.problems import printable
from ..common.threads import Pool, Stop, answered, attended
from ..common.units import timestamp
from ..job import lock
from ..job.job import Job
from ..job.lock import HeldLock
from ..job.memory import RunMemory
from ..plan import deletion
from ..proof import checksums
from ..proof.verify import VerdictKind, Verifier
from ..report.log import Log
from ..s3 import limits
from ..s3.bucket import Bucket
from ..s3.limits import MAX_COPY_SIZE
from ..s3.listing import StoredObject
from ..s3.object_index import ObjectIndex
from .attach import COPY_TIMEOUT, Attacher
from .expected import Expected
from .findings import Findings
from .prover import Means, Prover
from .request import AuditRequest
from .result import DIFFERS, EXTRA, MISSING, OK, UNVERIFIABLE, Finding, Result
from .sources import ManifestSource, Source, StateSource, TreeSource

#: Objects that are proven at the same time: mostly they wait for the server's answers.
PROVERS = 24
#: Objects that may wait for their turn, so that few of millions are in memory.
TASKS_AHEAD = 5 * PROVERS
#: Seconds between log lines.
LINE_INTERVAL = 30.0
#: Seconds that copies under way have to end and to clean up when the audit is stopped.
COPY_DEADLINE = 45.0

_KIND_OF = {VerdictKind.SAME: OK, VerdictKind.DIFFERENT: DIFFERS, VerdictKind.MISSING: MISSING}


def run(job: Job, request: AuditRequest, log: Log, interrupt: Interrupt) -> Result:
    """Audit a job to its end, whatever that is. Never raises DatasyncError: the result's `exit_code` tells."""
    audit = _Audit(job, request, log)
    try:
        with ExitStack() as stack:
            if request.copies:
                _remember_copies(job, request, stack.enter_context(lock.held(job)))
            stack.callback(audit.stop)
            attended(audit.work, lambda: audit.tick(interrupt))
    except DatasyncError as error:
        audit.stopped_by(error)
    return audit.finish()


class _Task(NamedTuple):
    expected: Expected
    entry: StoredObject | None


class _Audit:
    def __init__(self, job: Job, request: AuditRequest, log: Log) -> None:
        self._job = job
        self._request = request
        self._log = log
        self._began = time.time()
        self._line_at = time.monotonic() + LINE_INTERVAL
        self._bucket = Bucket(job.connection, job.bucket, pool_size=PROVERS)
        self._verifier = Verifier(self._bucket, _algorithm(job))
        self._stop = Stop()
        self._prover: Prover | None = None
        self._pool: Pool[_Task, None] = Pool(PROVERS, TASKS_AHEAD, tick=self._stop.check)
        self._result = Result(
            timestamp=timestamp(self._began),
            source="",
            compared=request.source,
            destination=job.destination,
            algorithm=_algorithm(job),
            limit=request.limit,
            fail_on_extra=request.fail_on_extra,
        )
        self._findings = Findings(self._result)
        self._source = self._asked_source()
        self._result.source = self._source.name

    def _asked_source(self) -> Source:
        if self._request.source == "state":
            return StateSource(self._job, self._bucket)
        if self._request.source == "manifest":
            return ManifestSource(str(self._request.manifest), self._job, self._findings)
        return TreeSource(self._job, self._verifier, self._findings, self._stop.check)

    def work(self) -> None:
        """Compare everything. Runs beside the main thread, which stays open to signals."""
        job = self._job
        self._log.info(f"{self._result.source} ↔ {job.destination}")
        checksums.require_packages()
        self._source.prepare()
        answered(lambda: self._bucket.check(job.prefix), self._bucket.no_answer, self._stop.check)
        prover = self._prover = Prover(self._bucket, self._means(), self._stop)
        index = ObjectIndex(filter(self._in_shard, self._bucket.list(job.prefix)), self._stop.check)
        self._result.objects = index.total
        for expected in self._source.expected(index):
            task = _Task(expected, index.take(expected.key))
            self._pool.give(task, partial(self._examine, prover, task))
        self._pool.finish()
        self._find_extra(index)

    def tick(self, interrupt: Interrupt) -> None:
        """Called in the main thread while the work goes on."""
        interrupt.check()
        if time.monotonic() > self._line_at:
            self._line_at = time.monotonic() + LINE_INTERVAL
            self._log.info(f"compared so far: {self._findings}")

    def stopped_by(self, error: DatasyncError) -> None:
        """The audit ends early."""
        self._log.error(str(error))
        self._result.error = str(error)
        self._result.exit_code = int(error.exit_code)
        self._result.status = "interrupted" if isinstance(error, Interrupted) else "failed"

    def stop(self) -> None:
        """Let the threads end, and let copies under way clean up."""
        self._stop.set()
        self._verifier.stop()
        self._pool.stop()
        if self._request.copies:
            self._pool.join(COPY_DEADLINE)

    def finish(self) -> Result:
        """The result."""
        result = self._findings.as_result()
        result.duration_seconds = round(time.time() - self._began, 3)
        if self._prover is not None:
            result.attached, result.bytes_downloaded = self._prover.attached, self._prover.downloaded
        if not result.error:
            result.exit_code = result.code_of_findings()
            result.status = "failed" if result.exit_code else "success"
        return result

    def _in_shard(self, entry: StoredObject) -> bool:
        return self._job.shard is None or self._job.shard.takes(entry.key)

    def _means(self) -> Means:
        request, job = self._request, self._job
        attacher = None
        if request.attach_sha256:
            client = job.connection.client("s3", PROVERS, read_timeout=COPY_TIMEOUT)
            attacher = Attacher(client, job.bucket, job.acl, MAX_COPY_SIZE)
        return Means(_algorithm(job) == "SHA256", attacher, request.dry_run, request.allow_download)

    def _examine(self, prover: Prover, task: _Task) -> None:
        """One object, in one of several threads."""
        expected, entry = task
        verdict = prover.verdict(expected, entry)
        kind = _KIND_OF.get(verdict.kind, UNVERIFIABLE)
        if kind == OK:
            size = expected.size if expected.size is not None else entry.size if entry else 0
            self._findings.ok(verdict.method, size)
        else:
            finding = Finding(printable(expected.path), expected.key, verdict.method, verdict.message)
            self._findings.add(kind, finding)

    def _find_extra(self, index: ObjectIndex) -> None:
        job, files, source = self._job, self._job.filter, self._source
        for entry in index.rest():
            self._stop.check()
            key = entry.key
            if not deletion.belongs(job, key) or deletion.is_left_out(job, files, key):
                continue
            relative = key[len(job.prefix) :]
            if not source.excuses(relative):
                self._findings.add(EXTRA, Finding(relative, key, "", source.unexpected))
        if self._result.counts[EXTRA] and source.is_empty_by_mistake():
            message = f"{job.src} holds no file of the job: is its file system mounted? See allow_empty_source"
            self._findings.add(UNVERIFIABLE, Finding(".", "", "", message))


def _remember_copies(job: Job, request: AuditRequest, held: HeldLock) -> None:
    """Let the next run compare what is copied from now on by its content: copies make objects look newer."""
    if not RunMemory(job, held).doubt(time.time(), all_files=request.source != "tree"):
        raise ConfigurationError(
            f"the lock file {held.path!r} {held.failure}, and cannot remember what is attached", "set lock_path"
        )


def _algorithm(job: Job) -> str:
    """An audit proves even where uploads are not verified."""
    return job.checksum_algorithm if job.checksum_algorithm != limits.NO_CHECKSUM else "CRC64NVME"
