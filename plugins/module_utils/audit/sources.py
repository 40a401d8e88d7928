# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where an audit learns what must be in the bucket: the source folder, the state file, or a manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from ..common.errors import ConfigurationError
from ..common.problems import printable
from ..common.threads import Tick
from ..job.job import Job
from ..job.local_file import LocalFile, require_source
from ..job.memory import remembered
from ..job.state import StateUnusable
from ..job.state_file import read_state
from ..plan.walk import Walker
from ..proof.verify import Verifier
from ..report import manifest
from ..s3.bucket import Bucket
from ..s3.limits import MAX_KEY_BYTES
from ..s3.object_index import ObjectIndex
from .expected import Expected, ExpectedFile, ExpectedLine, ExpectedRow
from .findings import Findings
from .result import MISSING, UNVERIFIABLE, Finding


class Source:
    """One of them. `name` is for the result; what cannot be read or used is added to the findings."""

    #: Why an object that is not expected is EXTRA.
    unexpected = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def prepare(self) -> None:
        """Before the bucket is asked: raise ConfigurationError if there is nothing to compare with."""

    def expected(self, index: ObjectIndex) -> Iterator[Expected]:
        """All that must be there. What waits for a later look is taken from the index. Raises ConfigurationError."""
        raise NotImplementedError

    def excuses(self, relative: str) -> bool:  # noqa: ARG002 - for those that do not know all
        """Whether an object that was not expected at this path is none too many, or may be none."""
        return False

    def is_empty_by_mistake(self) -> bool:
        """Whether nothing at all was expected, and the job says that there must be something."""
        return False


class TreeSource(Source):
    """The files of the job in its source folder."""

    unexpected = "no file of the source is stored there"

    def __init__(self, job: Job, verifier: Verifier, findings: Findings, tick: Tick) -> None:
        super().__init__(job.src)
        self._job = job
        self._verifier = verifier
        self._findings = findings
        self._tick = tick
        self._has_files = False
        #: Paths of what the walk could not read: whether there are files below them is not known.
        self._unknown: set[str] = set()

    def prepare(self) -> None:
        """Raise ConfigurationError if the folder is missing or not mounted."""
        require_source(self._job)

    def expected(self, index: ObjectIndex) -> Iterator[Expected]:
        """The files; those that may still be written wait for the next upload."""
        job, result = self._job, self._findings.result
        walker = Walker(job.src, job.prefix, job.filter, job.follow_symlinks, self._tick, shard=job.shard)
        for file in walker.files():
            self._has_files = True
            if self._waits(file):
                index.take(file.key)
                result.deferred += 1
            else:
                yield ExpectedFile(file, self._verifier)
        result.skipped, result.in_other_shards = walker.skipped, walker.elsewhere
        for problem in walker.problems:
            self._unknown.add(problem.path)
            self._findings.add(UNVERIFIABLE, Finding(problem.path, "", "", problem.message))

    def excuses(self, relative: str) -> bool:
        """What the walk could not look at may have a file; and one may have come, and been uploaded, since."""
        return self._is_unknown(relative) or os.path.isfile(os.path.join(self._job.src, relative))

    def is_empty_by_mistake(self) -> bool:
        """A folder whose file system is not mounted holds nothing at all."""
        result = self._findings.result
        found = self._has_files or self._unknown or result.skipped or result.in_other_shards
        return not (found or self._job.allow_empty_source or self._job.after_upload != "keep")

    def _waits(self, file: LocalFile) -> bool:
        """Whether an upload would leave the file to the next run, because it may still be written."""
        settle = self._job.settle_seconds
        return settle > 0 and file.last_change_ns > (time.time() - settle) * 1e9

    def _is_unknown(self, relative: str) -> bool:
        """Whether the walk could not look at the path, or at a folder above it."""
        if not self._unknown:
            return False
        parts = relative.split("/")
        above = (printable("/".join(parts[: depth + 1])) for depth in range(len(parts)))
        return "." in self._unknown or any(path in self._unknown for path in above)


class StateSource(Source):
    """The rows of the job's state file."""

    unexpected = "the state file does not know it"

    def __init__(self, job: Job, bucket: Bucket) -> None:
        super().__init__(job.state_path or "")
        self._job = job
        self._bucket = bucket

    def expected(self, index: ObjectIndex) -> Iterator[Expected]:  # noqa: ARG002 - it leaves nothing to later
        """What was proven to be stored, or was taken for stored."""
        job = self._job
        if not job.state_path:
            raise ConfigurationError("state_path is missing", "give the job's state file (STATE_FILE in an env file)")
        state = read_state(job, self._bucket.endpoint_url or "", remembered(job).state)
        if state is None:
            message = f"state_path {job.state_path!r} is missing, or not as the last run left it"
            raise ConfigurationError(message, "run `sync` first")
        try:
            for row in state.rows():
                yield ExpectedRow(row, job.prefix, self._bucket.part_size)
        except StateUnusable as error:
            raise ConfigurationError(f"state_path {job.state_path!r} {error}", "run `sync` first") from error
        finally:
            state.close()


class ManifestSource(Source):
    """The lines of a manifest as `sha256sum` writes it."""

    unexpected = "the manifest does not name it"

    def __init__(self, path: str, job: Job, findings: Findings) -> None:
        super().__init__(path)
        self._job = job
        self._findings = findings

    def expected(self, index: ObjectIndex) -> Iterator[Expected]:  # noqa: ARG002 - it leaves nothing to later
        """The lines of this shard; a name that no object can have is missing."""
        shard = self._job.shard
        for line in manifest.read(self.name):
            expected = ExpectedLine(line.name, line.sha256, self._job.prefix)
            unfit = _unfit_key(expected.key)
            if unfit:
                where = f"{self.name}:{line.number}: {unfit}"
                self._findings.add(MISSING, Finding(printable(line.name), "", "", where))
            elif shard is None or shard.takes(expected.key):
                yield expected
            else:
                self._findings.result.in_other_shards += 1


def _unfit_key(key: str) -> str:
    """Why there can be no object of this key; '' if there can."""
    try:
        length = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        return "the name is not UTF-8, which S3 cannot carry"
    return f"the key has {length} bytes; S3 takes {MAX_KEY_BYTES}" if length > MAX_KEY_BYTES else ""
