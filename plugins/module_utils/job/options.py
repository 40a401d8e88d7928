# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The options of a job, each declared once.

The modules' argument specifications, the names in env files, a job's fields, defaults and checks, and what the role
`uploader` takes all come from this table. Documentation is written by hand, in `plugins/doc_fragments` and
`docs/configuration.md`, and `tests/project/test_options.py` holds it to the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..common.options import AUDIT, BENCHMARK, Option, option, options_of, required
from ..common.units import MIB
from ..common.values import FLAG, PATH, SECONDS, TEXT, TEXTS, one_of, whole_number, word_of
from ..s3.connection import CONNECTION_OPTIONS, Connection
from ..s3.limits import ALGORITHMS, CANNED_ACLS, ENCRYPTIONS, NO_CHECKSUM, STORAGE_CLASSES
from .patterns import TEMPORARY_PATTERNS
from .shard import Shard
from .values import (
    BANDWIDTH,
    BUCKET,
    LOG_LEVEL,
    MAX_DELETE,
    METADATA,
    PART_SIZE,
    PREFIX,
    SHARD,
    SOURCE,
    TIME_LIMIT,
    upper,
)

VERIFY_CHOICES = ("none", "uploaded", "all")
COMPARE_CHOICES = ("state", "remote", "checksum")
AFTER_UPLOAD_CHOICES = ("keep", "move", "remove")


@dataclass(frozen=True)
class JobOptions:
    """One source folder, one destination and the settings of the transfer. Sizes are in bytes.

    `src` and all other paths are absolute; `prefix` is empty or ends with a slash. What all of it means together is for
    `job.Job`, which these are the fields of.
    """

    # What and where
    src: str = field(metadata=required(SOURCE, "SOURCE_DIR", also=(AUDIT,)))
    bucket: str = field(metadata=required(BUCKET, "BUCKET_NAME", "S3_BUCKET", same=True, also=(AUDIT,)))
    prefix: str = option(PREFIX, "S3_SUBDIRECTORY", default="", also=(AUDIT,))
    include: tuple[str, ...] = option(TEXTS, "INCLUDE_PATTERNS", default=(), also=(AUDIT,))
    exclude: tuple[str, ...] = option(TEXTS, "EXCLUDE_PATTERNS", default=(), also=(AUDIT,))
    follow_symlinks: bool = option(FLAG, "FOLLOW_SYMLINKS", default=True, also=(AUDIT,))
    shard: Shard | None = option(SHARD, "SHARD", also=(AUDIT,))  # noqa: RUF009 - it makes a field
    require_mount: str | None = option(PATH, "REQUIRE_MOUNT", also=(AUDIT,))

    # How
    s5cmd_path: str | None = option(PATH, "S5CMD_PATH")
    numworkers: int = option(
        whole_number(1),
        "S5CMD_NUM_WORKERS",
        "AWS_CLI_S3_MAX_CONCURRENT_REQUESTS",
        "S3_MAX_CONCURRENT_REQUESTS",
        default=32,
        also=(BENCHMARK,),
    )
    concurrency: int = option(whole_number(1), "S5CMD_CONCURRENCY", default=4, also=(BENCHMARK,))
    part_size: int = option(
        PART_SIZE, "S5CMD_PART_SIZE", "AWS_CLI_S3_MULTIPART_CHUNKSIZE", default=8 * MIB, also=(BENCHMARK,)
    )
    retry_count: int = option(whole_number(0), "S5CMD_RETRY_COUNT", default=3, also=(BENCHMARK,))
    retry_rounds: int = option(whole_number(0), "MAX_RETRY_ATTEMPTS", default=3, also=(BENCHMARK,))
    retry_delay: int = option(SECONDS, "RETRY_DELAY", default=2, also=(BENCHMARK,))
    #: Bytes per second that s5cmd may send; 0 is no limit.
    bandwidth_limit: int = option(
        BANDWIDTH, "BANDWIDTH_LIMIT", "AWS_CLI_S3_MAX_BANDWIDTH", same=True, default=0, also=(BENCHMARK,)
    )
    #: The file with what was measured to be best for this host.
    tuning_path: str | None = option(PATH, "TUNING_FILE", also=(BENCHMARK,))
    #: Not for benchmarks: the tools that they compare with have none, and some classes bill 30 days and more for what
    #: stays a minute.
    storage_class: str | None = option(one_of(STORAGE_CLASSES), "S3_STORAGE_CLASS")
    acl: str | None = option(one_of(CANNED_ACLS), "S3_ACL", also=(AUDIT, BENCHMARK))
    sse: str | None = option(one_of(ENCRYPTIONS), "S3_SERVER_SIDE_ENCRYPTION", also=(BENCHMARK,))
    sse_kms_key_id: str | None = option(TEXT, "S3_KMS_KEY_ID", also=(BENCHMARK,), no_log=False)
    metadata: Mapping[str, str] = option(METADATA, "S3_METADATA", default={}, also=(BENCHMARK,))
    timeout: int | None = option(TIME_LIMIT, "MAX_SYNC_TIME", also=(AUDIT,))
    lock_path: str | None = option(PATH, "LOCK_FILE", written=True, also=(AUDIT,))

    # State
    state_path: str | None = option(PATH, "STATE_FILE", written=True, also=(AUDIT,))
    #: Not set: `state` with a state file, else `remote`; see `Job.comparison`.
    compare: str = option(word_of(COMPARE_CHOICES), "COMPARE", default="")
    #: For a single run, so that no env file has it.
    reconcile: bool = option(FLAG, default=False)
    reconcile_days: int = option(whole_number(0), "RECONCILE_DAYS", default=7)

    # Deletions
    delete: bool = option(FLAG, "DELETE", default=False)
    max_delete: str = option(MAX_DELETE, "MAX_DELETE", default="10%")
    delete_excluded: bool = option(FLAG, "DELETE_EXCLUDED", default=False)
    allow_empty_source: bool = option(FLAG, "ALLOW_EMPTY_SOURCE", default=False, also=(AUDIT,))

    # Hot folders
    settle_seconds: int = option(SECONDS, "SETTLE_SECONDS", default=0, also=(AUDIT,))
    ignore_temporary: bool = option(FLAG, "IGNORE_TEMPORARY", default=False, also=(AUDIT,))
    temporary_patterns: tuple[str, ...] = option(TEXTS, "TEMPORARY_PATTERNS", default=TEMPORARY_PATTERNS, also=(AUDIT,))
    after_upload: str = option(word_of(AFTER_UPLOAD_CHOICES), "AFTER_UPLOAD", default="keep")
    move_to: str | None = option(PATH, "MOVE_TO", written=True)

    # Proof
    verify: str = option(word_of(VERIFY_CHOICES), "VERIFY", default="uploaded", also=(BENCHMARK,))
    checksum_algorithm: str = option(
        one_of((*ALGORITHMS, NO_CHECKSUM), upper),
        "S5CMD_CHECKSUM_ALGORITHM",
        "S5CMD_CHECKSUM",
        "CHECKSUM_ALGORITHM",
        same=True,
        default="CRC64NVME",
        also=(AUDIT, BENCHMARK),
    )
    manifest_path: str | None = option(PATH, "MANIFEST_FILE", written=True)

    # Logs and results
    log_path: str | None = option(PATH, "LOG_FILE", written=True)
    history_path: str | None = option(PATH, "HISTORY_FILE", written=True)
    history_runs: int = option(whole_number(1), "HISTORY_RUNS", default=1000)
    progress_path: str | None = option(PATH, "PROGRESS_FILE", written=True)

    # What comes from several options
    connection: Connection = field(default_factory=Connection)
    result_paths: tuple[str, ...] = ()
    #: Which of TUNED were asked for: those win over the tuning file.
    given_settings: tuple[str, ...] = ()


JOB_OPTIONS = options_of(JobOptions)
#: A job has several result files, `Job.result_paths`; this is the one that a task or RESULT_FILE names.
RESULT_PATH = Option("result_path", PATH, ("RESULT_FILE",), written=True)
#: Of the host program, which has a log where a task has none.
LOG_LEVEL_OPTION = Option("log_level", LOG_LEVEL, ("S5CMD_LOG_LEVEL",))
#: All that the env file of a job may say, and `reconcile`.
OPTIONS = (*CONNECTION_OPTIONS, *JOB_OPTIONS, RESULT_PATH, LOG_LEVEL_OPTION)
