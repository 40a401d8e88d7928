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

from ..common.options import AUDIT, BENCHMARK, Option, option, options_of
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
    src: str = field(metadata=option(SOURCE, "SOURCE_DIR", also=(AUDIT,)))
    bucket: str = field(metadata=option(BUCKET, "BUCKET_NAME", "S3_BUCKET", same=True, also=(AUDIT,)))
    prefix: str = field(default="", metadata=option(PREFIX, "S3_SUBDIRECTORY", also=(AUDIT,)))
    include: tuple[str, ...] = field(default=(), metadata=option(TEXTS, "INCLUDE_PATTERNS", also=(AUDIT,)))
    exclude: tuple[str, ...] = field(default=(), metadata=option(TEXTS, "EXCLUDE_PATTERNS", also=(AUDIT,)))
    follow_symlinks: bool = field(default=True, metadata=option(FLAG, "FOLLOW_SYMLINKS", also=(AUDIT,)))
    shard: Shard | None = field(default=None, metadata=option(SHARD, "SHARD", also=(AUDIT,)))
    require_mount: str | None = field(default=None, metadata=option(PATH, "REQUIRE_MOUNT", also=(AUDIT,)))

    # How
    s5cmd_path: str | None = field(default=None, metadata=option(PATH, "S5CMD_PATH"))
    numworkers: int = field(
        default=32,
        metadata=option(
            whole_number(1),
            "S5CMD_NUM_WORKERS",
            "AWS_CLI_S3_MAX_CONCURRENT_REQUESTS",
            "S3_MAX_CONCURRENT_REQUESTS",
            also=(BENCHMARK,),
        ),
    )
    concurrency: int = field(default=4, metadata=option(whole_number(1), "S5CMD_CONCURRENCY", also=(BENCHMARK,)))
    part_size: int = field(
        default=8 * MIB,
        metadata=option(PART_SIZE, "S5CMD_PART_SIZE", "AWS_CLI_S3_MULTIPART_CHUNKSIZE", also=(BENCHMARK,)),
    )
    retry_count: int = field(default=3, metadata=option(whole_number(0), "S5CMD_RETRY_COUNT", also=(BENCHMARK,)))
    retry_rounds: int = field(default=3, metadata=option(whole_number(0), "MAX_RETRY_ATTEMPTS", also=(BENCHMARK,)))
    retry_delay: int = field(default=2, metadata=option(SECONDS, "RETRY_DELAY", also=(BENCHMARK,)))
    #: Bytes per second that s5cmd may send; 0 is no limit.
    bandwidth_limit: int = field(
        default=0,
        metadata=option(BANDWIDTH, "BANDWIDTH_LIMIT", "AWS_CLI_S3_MAX_BANDWIDTH", same=True, also=(BENCHMARK,)),
    )
    #: The file with what was measured to be best for this host.
    tuning_path: str | None = field(default=None, metadata=option(PATH, "TUNING_FILE", also=(BENCHMARK,)))
    #: Not for benchmarks: the tools that they compare with have none, and some classes bill 30 days and more for what
    #: stays a minute.
    storage_class: str | None = field(default=None, metadata=option(one_of(STORAGE_CLASSES), "S3_STORAGE_CLASS"))
    acl: str | None = field(default=None, metadata=option(one_of(CANNED_ACLS), "S3_ACL", also=(AUDIT, BENCHMARK)))
    sse: str | None = field(
        default=None, metadata=option(one_of(ENCRYPTIONS), "S3_SERVER_SIDE_ENCRYPTION", also=(BENCHMARK,))
    )
    sse_kms_key_id: str | None = field(
        default=None, metadata=option(TEXT, "S3_KMS_KEY_ID", also=(BENCHMARK,), no_log=False)
    )
    metadata: Mapping[str, str] = field(
        default_factory=dict, metadata=option(METADATA, "S3_METADATA", also=(BENCHMARK,))
    )
    timeout: int | None = field(default=None, metadata=option(TIME_LIMIT, "MAX_SYNC_TIME", also=(AUDIT,)))
    lock_path: str | None = field(default=None, metadata=option(PATH, "LOCK_FILE", written=True, also=(AUDIT,)))

    # State
    state_path: str | None = field(default=None, metadata=option(PATH, "STATE_FILE", written=True, also=(AUDIT,)))
    #: Not set: `state` with a state file, else `remote`; see `Job.comparison`.
    compare: str = field(default="", metadata=option(word_of(COMPARE_CHOICES), "COMPARE"))
    #: For a single run, so that no env file has it.
    reconcile: bool = field(default=False, metadata=option(FLAG))
    reconcile_days: int = field(default=7, metadata=option(whole_number(0), "RECONCILE_DAYS"))

    # Deletions
    delete: bool = field(default=False, metadata=option(FLAG, "DELETE"))
    max_delete: str = field(default="10%", metadata=option(MAX_DELETE, "MAX_DELETE"))
    delete_excluded: bool = field(default=False, metadata=option(FLAG, "DELETE_EXCLUDED"))
    allow_empty_source: bool = field(default=False, metadata=option(FLAG, "ALLOW_EMPTY_SOURCE", also=(AUDIT,)))

    # Hot folders
    settle_seconds: int = field(default=0, metadata=option(SECONDS, "SETTLE_SECONDS", also=(AUDIT,)))
    ignore_temporary: bool = field(default=False, metadata=option(FLAG, "IGNORE_TEMPORARY", also=(AUDIT,)))
    temporary_patterns: tuple[str, ...] = field(
        default=TEMPORARY_PATTERNS, metadata=option(TEXTS, "TEMPORARY_PATTERNS", also=(AUDIT,))
    )
    after_upload: str = field(default="keep", metadata=option(word_of(AFTER_UPLOAD_CHOICES), "AFTER_UPLOAD"))
    move_to: str | None = field(default=None, metadata=option(PATH, "MOVE_TO", written=True))

    # Proof
    verify: str = field(default="uploaded", metadata=option(word_of(VERIFY_CHOICES), "VERIFY", also=(BENCHMARK,)))
    checksum_algorithm: str = field(
        default="CRC64NVME",
        metadata=option(
            one_of((*ALGORITHMS, NO_CHECKSUM), upper),
            "S5CMD_CHECKSUM_ALGORITHM",
            "S5CMD_CHECKSUM",
            "CHECKSUM_ALGORITHM",
            same=True,
            also=(AUDIT, BENCHMARK),
        ),
    )
    manifest_path: str | None = field(default=None, metadata=option(PATH, "MANIFEST_FILE", written=True))

    # Logs and results
    log_path: str | None = field(default=None, metadata=option(PATH, "LOG_FILE", written=True))
    history_path: str | None = field(default=None, metadata=option(PATH, "HISTORY_FILE", written=True))
    history_runs: int = field(default=1000, metadata=option(whole_number(1), "HISTORY_RUNS"))
    progress_path: str | None = field(default=None, metadata=option(PATH, "PROGRESS_FILE", written=True))

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
