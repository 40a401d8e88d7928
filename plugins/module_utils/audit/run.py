# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An audit: is every file of a job in the bucket, with the same content, and what else is there? Nothing is uploaded.

What is expected comes from the source folder, the state file, or a manifest. One listing tells what is stored; then
each object is proven by content, many at the same time. Of files and objects that need no word only a count is kept.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..common.crew import Crew
from ..common.errors import ConfigurationError, DatasyncError, Interrupted
from ..common.interrupt import Interrupt
from ..common.patience import answered, attended
from ..common.problems import Problem, printable
from ..common.stopping import Stop
from ..common.units import counted, format_bytes_si, timestamp
from ..job import lock
from ..job.job import Job
from ..job.local_file import LocalFile, require_source
from ..job.lock import HeldLock
from ..job.memory import RunMemory, remembered
from ..job.state import read_state
from ..plan import deletion
from ..plan.walk import Walker
from ..proof import checksums
from ..proof.verify import Outcome, Verifier
from ..report import manifest
from ..report.log import Log
from ..s3 import limits
from ..s3.bucket import Bucket
from ..s3.limits import MAX_COPY_SIZE, MAX_KEY_BYTES
from ..s3.listing import StoredObject
from ..s3.object_index import ObjectIndex
from .attach import COPY_TIMEOUT, Attacher
from .expected import Expected, ExpectedFile, ExpectedLine, ExpectedRow
from .prover import Means, Prover
from .result import DEFAULT_LIMIT, DIFFERS, EXTRA, FINDINGS, MISSING, OK, UNVERIFIABLE, Finding, Result

SOURCES = ("tree", "state", "manifest")

#: Objects that are proven at the same time: mostly they wait for the server's answers.
PROVERS = 24
#: Seconds between log lines.
LINE_INTERVAL = 30.0
#: Seconds that copies under way have to end and to clean up when the audit is stopped.
COPY_DEADLINE = 45.0

_KIND_OF = {Outcome.SAME: OK, Outcome.DIFFERENT: DIFFERS, Outcome.MISSING: MISSING}


@dataclass(frozen=True)
class Request:
    """What an audit compares with the bucket, and what it may do. `manifest` is the path of one, for its source.

    `dry_run`: attach nothing. `limit` is the number of findings of each kind that are listed.
    """

    source: str = "tree"
    manifest: str | None = None
    attach_sha256: bool = False
    allow_download: bool = False
    fail_on_extra: bool = False
    limit: int = DEFAULT_LIMIT
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ConfigurationError(f"source {self.source!r} is not known", f"one of {', '.join(SOURCES)}")
        if (self.source == "manifest") != bool(self.manifest):
            raise ConfigurationError("manifest and source=manifest go together", "give both or neither")
        if self.limit < 0:
            raise ConfigurationError(f"limit {self.limit} is negative", "give the number of findings to list")

    @property
    def copies(self) -> bool:
        """Whether objects may be copied onto themselves."""
        return self.attach_sha256 and not self.dry_run


def run(job: Job, request: Request, log: Log, interrupt: Interrupt) -> Result:
    """Audit a job to its end, whatever that is. Never raises DatasyncError: the result's `exit_code` tells."""
    audit = _Audit(job, request, log)
    try:
        with ExitStack() as stack:
            if request.copies:
                # Copies make objects look newer, so that the next run must not trust their times.
                audit.remember(stack.enter_context(lock.held(job)))
            stack.callback(audit.stop)
            attended(audit.work, lambda: audit.tick(interrupt))
    except DatasyncError as error:
        audit.stopped_by(error)
    return audit.finish()


class _Task(NamedTuple):
    expected: Expected
    entry: StoredObject | None


class _Audit:
    def __init__(self, job: Job, request: Request, log: Log) -> None:
        self._job = job
        self._request = request
        self._log = log
        self._began = time.time()
        self._line_at = time.monotonic() + LINE_INTERVAL
        self._filter = job.filter
        self._bucket = Bucket(job.connection, job.bucket, pool_size=PROVERS)
        self._verifier = Verifier(self._bucket, _algorithm(job))
        self._stop = Stop()
        self._prover: Prover | None = None
        self._crew: Crew[_Task] | None = None
        self._lock = threading.Lock()
        self._expected = 0
        self._methods: Counter[str] = Counter()
        #: Paths of what the walk could not read: whether there are files below them is not known.
        self._unknown: set[str] = set()
        self._result = Result(
            timestamp=timestamp(self._began),
            source=request.manifest or (job.state_path or "" if request.source == "state" else job.src),
            compared=request.source,
            destination=job.destination,
            algorithm=_algorithm(job),
            limit=request.limit,
            fail_on_extra=request.fail_on_extra,
        )

    def remember(self, held: HeldLock) -> None:
        """Let the next run compare what is copied now by its content."""
        if not RunMemory(self._job, held).doubt(self._began):
            raise ConfigurationError(
                f"the lock file {held.path!r} is another user's, and cannot remember what is attached", "set lock_path"
            )

    def work(self) -> None:
        """Compare everything. Runs beside the main thread, which stays open to signals."""
        job = self._job
        self._log.info(f"{self._result.source} ↔ {job.destination}")
        checksums.require_packages()
        if self._request.source == "tree":
            require_source(job)
        answered(lambda: self._bucket.check(job.prefix), self._bucket.no_answer, self._stop.check)
        prover = self._prover = Prover(self._bucket, self._means(), self._stop)
        index = ObjectIndex(filter(self._in_shard, self._bucket.list(job.prefix)), self._stop.check)
        self._result.objects = index.total
        crew = self._crew = Crew(PROVERS, lambda task: self._examine(prover, task), self._stop)
        for expected in self._all_expected(index):
            self._expected += 1
            crew.give(_Task(expected, index.take(expected.key)))
        crew.finish()
        self._find_extra(index)

    def tick(self, interrupt: Interrupt) -> None:
        """Called in the main thread while the work goes on."""
        interrupt.check()
        if time.monotonic() > self._line_at:
            self._line_at = time.monotonic() + LINE_INTERVAL
            found = sum(self._result.counts[kind] for kind in FINDINGS)
            ok = f"{self._result.counts[OK]} ok, {format_bytes_si(self._result.bytes)}"
            self._log.info(f"compared so far: {ok}; {counted(found, 'finding')}")

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
        if self._crew is not None and self._request.copies:
            self._crew.wait(COPY_DEADLINE)

    def finish(self) -> Result:
        """The result. A thread that a silent server keeps changes nothing in it any more."""
        with self._lock:
            result = replace(
                self._result,
                counts=dict(self._result.counts),
                findings={kind: sorted(found) for kind, found in self._result.findings.items()},
                methods=dict(sorted(self._methods.items())),
                duration_seconds=round(time.time() - self._began, 3),
            )
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

    def _all_expected(self, index: ObjectIndex) -> Iterator[Expected]:
        if self._request.source == "state":
            return self._expected_by_state()
        if self._request.source == "manifest":
            return self._expected_by_manifest(str(self._request.manifest))
        return self._expected_by_tree(index)

    def _expected_by_tree(self, index: ObjectIndex) -> Iterator[Expected]:
        job = self._job
        walker = Walker(job.src, job.prefix, self._filter, job.follow_symlinks, self._stop.check, shard=job.shard)
        for file in walker.files():
            if self._waits(file):
                index.take(file.key)
                self._result.deferred += 1
            else:
                yield ExpectedFile(file, self._verifier)
        self._result.skipped, self._result.in_other_shards = walker.skipped, walker.elsewhere
        for problem in walker.problems:
            self._unreadable(problem)

    def _waits(self, file: LocalFile) -> bool:
        """Whether an upload would leave the file to the next run, because it may still be written."""
        settle = self._job.settle_seconds
        return settle > 0 and file.last_change_ns > (time.time() - settle) * 1e9

    def _unreadable(self, problem: Problem) -> None:
        self._unknown.add(problem.path)
        self._find(UNVERIFIABLE, Finding(problem.path, "", "", problem.message))

    def _expected_by_state(self) -> Iterator[Expected]:
        job = self._job
        if not job.state_path:
            raise ConfigurationError("state_path is missing", "give the job's state file (STATE_FILE in an env file)")
        state = read_state(job, self._bucket.endpoint_url or "", remembered(job).state)
        if state is None:
            raise ConfigurationError(
                f"state_path {job.state_path!r} is missing, or not as the last run left it", "run `sync` first"
            )
        try:
            for row in state.rows():
                yield ExpectedRow(row, job.prefix, self._bucket.part_size)
        finally:
            state.close()

    def _expected_by_manifest(self, path: str) -> Iterator[Expected]:
        shard = self._job.shard
        for line in manifest.read(path):
            expected = ExpectedLine(line.name, line.sha256, self._job.prefix)
            unfit = _unfit_key(expected.key)
            if unfit:
                self._find(MISSING, Finding(printable(line.name), "", "", f"{path}:{line.number}: {unfit}"))
            elif shard is None or shard.takes(expected.key):
                yield expected
            else:
                self._result.in_other_shards += 1

    def _examine(self, prover: Prover, task: _Task) -> None:
        """One object, in one of several threads."""
        expected, entry = task
        verdict = prover.verdict(expected, entry)
        kind = _KIND_OF.get(verdict.outcome, UNVERIFIABLE)
        if kind == OK:
            with self._lock:
                self._result.counts[OK] += 1
                self._methods[verdict.method] += 1
                self._result.bytes += expected.size if expected.size is not None else entry.size if entry else 0
        else:
            self._find(kind, Finding(printable(expected.path), expected.key, verdict.method, verdict.message))

    def _find(self, kind: str, finding: Finding) -> None:
        with self._lock:
            self._result.counts[kind] += 1
            if len(self._result.findings[kind]) < self._request.limit:
                self._result.findings[kind].append(finding)

    def _find_extra(self, index: ObjectIndex) -> None:
        job = self._job
        for entry in index.rest():
            self._stop.check()
            key = entry.key
            if not deletion.belongs(job, key) or deletion.is_left_out(job, self._filter, key):
                continue
            relative = key[len(job.prefix) :]
            if not self._is_unknown(relative) and not self._is_new(relative):
                self._find(EXTRA, Finding(relative, key, "", _NOBODY_EXPECTS[self._request.source]))
        if self._request.source == "tree" and self._result.counts[EXTRA] and self._source_is_empty():
            message = f"{job.src} holds no file of the job: is its file system mounted? See allow_empty_source"
            self._find(UNVERIFIABLE, Finding(".", "", "", message))

    def _source_is_empty(self) -> bool:
        """Whether the source holds nothing at all and should, as the job says."""
        result = self._result
        found = self._expected or self._unknown or result.skipped or result.deferred or result.in_other_shards
        return not (found or self._job.allow_empty_source or self._job.after_upload != "keep")

    def _is_new(self, relative: str) -> bool:
        """Whether there is such a file by now: it came, and was uploaded, after the walk was there."""
        return self._request.source == "tree" and os.path.isfile(os.path.join(self._job.src, relative))

    def _is_unknown(self, relative: str) -> bool:
        """Whether the walk could not look at the path, or at a folder above it."""
        if not self._unknown:
            return False
        parts = relative.split("/")
        above = (printable("/".join(parts[: depth + 1])) for depth in range(len(parts)))
        return "." in self._unknown or any(path in self._unknown for path in above)


_NOBODY_EXPECTS = {
    "tree": "no file of the source is stored there",
    "state": "the state file does not know it",
    "manifest": "the manifest does not name it",
}


def _algorithm(job: Job) -> str:
    """An audit proves even where uploads are not verified."""
    return job.checksum_algorithm if job.checksum_algorithm != limits.NO_CHECKSUM else "CRC64NVME"


def _unfit_key(key: str) -> str:
    """Why there can be no object of this key; '' if there can."""
    try:
        length = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        return "the name is not UTF-8, which S3 cannot carry"
    return f"the key has {length} bytes; S3 takes {MAX_KEY_BYTES}" if length > MAX_KEY_BYTES else ""
