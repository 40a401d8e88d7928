# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A job: what goes where and how. Built from module parameters or from an env file, validated here and only here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Callable

from ..common.errors import ConfigurationError
from ..common.units import parse_part_size, parse_rate
from ..s3.connection import Connection
from ..s3.limits import ALGORITHMS, NO_CHECKSUM
from .patterns import LEAVING_PATTERN, TEMPORARY_PATTERNS, Filter
from .shard import Shard

#: Runs that are kept unless the job says otherwise.
DEFAULT_RUNS = 1000
VERIFY_CHOICES = ("none", "uploaded", "all")
COMPARE_CHOICES = ("state", "remote", "checksum")
AFTER_UPLOAD_CHOICES = ("keep", "move", "remove")
#: The options that a tuning file has better values for.
TUNED = ("numworkers", "concurrency", "part_size")

#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, x-amz-storage-class
STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
)
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
)
ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")

#: Metadata that the uploader writes itself and reads back: `timestamp` tells when we began to read the file,
#: `source-identity` which file it was.
RESERVED_METADATA = ("synced-by", "timestamp", "source-identity", "sha256")
#: S3 limits user metadata to 2 KB, names and values counted in bytes.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
MAX_METADATA_BYTES = 2048

# Matched in full: `$` would let a newline at the end pass, and a newline begins another command of `s5cmd run`.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_METADATA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*")
#: A number of objects, or a percentage of those that are stored.
_MAX_DELETE = re.compile(r"[0-9]+|(?:[0-9]|[1-9][0-9]|100)%")
_KMS_KEY_ID = re.compile(r"[\x21-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: Bytes per second. A hundred connections that share less than this look dead to servers, and who writes `100` mostly
#: means something else.
MIN_BANDWIDTH_LIMIT = 16_000


@dataclass(frozen=True)
class Job:
    """One source folder, one destination and the settings of the transfer. Sizes of parts are in MiB.

    `src` is absolute; `prefix` is empty or ends with a slash.
    """

    src: str
    bucket: str
    prefix: str = ""
    connection: Connection = field(default_factory=Connection)
    s5cmd_path: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_symlinks: bool = True
    storage_class: str | None = None
    acl: str | None = None
    sse: str | None = None
    sse_kms_key_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    numworkers: int = 32
    concurrency: int = 4
    part_size: int = 8
    retry_count: int = 3
    verify: str = "uploaded"
    checksum_algorithm: str = "CRC64NVME"
    log_path: str | None = None
    result_paths: tuple[str, ...] = ()
    history_path: str | None = None
    history_runs: int = DEFAULT_RUNS
    progress_path: str | None = None
    timeout: int | None = None
    lock_path: str | None = None
    state_path: str | None = None
    #: Empty: `state` with a state file, else `remote`; see `comparison`.
    compare: str = ""
    reconcile: bool = False
    reconcile_days: int = 7
    delete: bool = False
    max_delete: str = "10%"
    delete_excluded: bool = False
    allow_empty_source: bool = False
    require_mount: str | None = None
    settle_seconds: int = 0
    ignore_temporary: bool = False
    temporary_patterns: tuple[str, ...] = TEMPORARY_PATTERNS
    shard: Shard | None = None
    after_upload: str = "keep"
    move_to: str | None = None
    manifest_path: str | None = None
    retry_rounds: int = 3
    retry_delay: int = 2
    #: Bytes per second that s5cmd may send; 0 is no limit.
    bandwidth_limit: int = 0
    #: The file with what was measured to be best for this host.
    tuning_path: str | None = None
    #: Which of TUNED were asked for: those win over the tuning file.
    given_settings: tuple[str, ...] = ()

    @property
    def comparison(self) -> str:
        """What a file is compared with to know whether it is stored: one of COMPARE_CHOICES."""
        return self.compare or ("state" if self.state_path else "remote")

    @property
    def filter(self) -> Filter:
        """Which files belong to the job, as far as their names tell."""
        temporary = self.temporary_patterns if self.ignore_temporary else ()
        if self.after_upload != "keep":
            # Proven files on their way out, when a run was killed just then; see after_upload.py.
            temporary = (*temporary, LEAVING_PATTERN)
        return Filter(self.include, self.exclude, temporary)

    @property
    def destination(self) -> str:
        """The destination as people and s5cmd write it."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def verification_wanted(self) -> bool:
        """Whether anything is to be proven. CHECKSUM_ALGORITHM=NONE is how the sites switch verification off."""
        return self.verify != "none" and self.checksum_algorithm != NO_CHECKSUM

    @classmethod
    def from_options(cls, options: Mapping[str, Any], elsewhere: bool = False) -> Job:
        """Build from the option names of module s5cmd_sync; unset and None options take the defaults above.

        `elsewhere`: the job is of another host, so that its paths are compared as they are written.
        Raises ConfigurationError that names the option and says what to write.
        """
        given = {name: value for name, value in options.items() if value is not None}
        names = {f.name for f in fields(cls)} - {"connection"}
        values: dict[str, Any] = {name: given[name] for name in names if name in given}
        values["connection"] = Connection.from_options(given)
        values["given_settings"] = tuple(name for name in TUNED if name in given)
        values["src"] = _source(values.get("src"))
        values["bucket"] = bucket_name(values.get("bucket"))
        values["prefix"] = key_prefix(values.get("prefix", ""))
        values["metadata"] = _metadata(values.get("metadata", {}))
        for name in ("include", "exclude", "result_paths"):
            values[name] = _texts(values.get(name, ()), name)
        values["temporary_patterns"] = _texts(
            values.get("temporary_patterns", TEMPORARY_PATTERNS), "temporary_patterns"
        )
        if "shard" in values:
            values["shard"] = Shard.from_options(values["shard"])
        for name in ("require_mount", "move_to", "state_path", "manifest_path", "tuning_path"):
            if values.get(name):
                values[name] = os.path.abspath(os.path.expanduser(values[name]))
        for name in ("numworkers", "concurrency", "timeout", "history_runs"):
            _whole_number(values, name, minimum=1)
        for name in ("retry_count", "retry_rounds", "retry_delay", "reconcile_days", "settle_seconds"):
            _whole_number(values, name, minimum=0)
        values["max_delete"] = _max_delete(values.get("max_delete", cls.max_delete))
        if "part_size" in values:
            values["part_size"] = parse_part_size(values["part_size"], "part_size")
        if "bandwidth_limit" in values:
            values["bandwidth_limit"] = _bandwidth_limit(values["bandwidth_limit"])
        _choices(values)
        job = cls(**values)
        job._validate_combinations()
        job._validate_places(os.path.normpath if elsewhere else os.path.realpath)
        return job

    def _validate_combinations(self) -> None:
        if self.sse_kms_key_id and self.sse not in ("aws:kms", "aws:kms:dsse"):
            raise ConfigurationError("sse_kms_key_id needs sse=aws:kms", "set sse, or leave sse_kms_key_id out")
        if self.sse_kms_key_id and not _KMS_KEY_ID.fullmatch(self.sse_kms_key_id):
            raise ConfigurationError(
                f"sse_kms_key_id {self.sse_kms_key_id!r} is no key", "give the key's id, its ARN, or alias/name"
            )
        if self.verify == "all" and self.checksum_algorithm == NO_CHECKSUM:
            raise ConfigurationError(
                "verify=all and checksum_algorithm=NONE contradict each other", "choose an algorithm, or verify=none"
            )
        if self.comparison == "state" and not self.state_path:
            raise ConfigurationError("compare=state needs state_path", "give the file that remembers what is stored")
        if self.delete and self.after_upload != "keep":
            raise ConfigurationError(
                f"delete and after_upload={self.after_upload} contradict each other",
                "what leaves the folder after its upload would be deleted from the bucket; choose one",
            )

    def _validate_places(self, resolved: Callable[[str], str]) -> None:
        if self.after_upload == "move" and not self.move_to:
            raise ConfigurationError("after_upload=move needs move_to", "give the folder for the files that are proven")
        if self.move_to and self.after_upload != "move":
            raise ConfigurationError("move_to needs after_upload=move", "give both or neither")
        if self.after_upload != "keep" and not self.verification_wanted:
            raise ConfigurationError(
                f"after_upload={self.after_upload} needs verification", "only files that are proven leave the folder"
            )
        mount = self.require_mount
        if mount and not is_inside(self.src, mount, resolved) and not is_inside(mount, self.src, resolved):
            raise ConfigurationError(
                f"require_mount {mount!r} neither holds src {self.src!r} nor lies in it", "give the mount point of src"
            )
        named = [
            ("log_path", self.log_path),
            ("history_path", self.history_path),
            ("progress_path", self.progress_path),
            ("lock_path", self.lock_path),
            ("state_path", self.state_path),
            ("manifest_path", self.manifest_path),
            ("move_to", self.move_to and os.path.join(self.move_to, "")),
        ]
        for name, path in [*named, *(("result_path", path) for path in self.result_paths)]:
            if path and is_inside(path, self.src, resolved):
                raise ConfigurationError(
                    f"{name} {path!r} is inside src {self.src!r}", "it would upload itself; put it elsewhere"
                )


def is_inside(path: str, folder: str, resolved: Callable[[str], str] = os.path.realpath) -> bool:
    """Whether a path leads into a folder, links followed."""
    inner, outer = (os.path.join(resolved(name), "") for name in (path, folder))
    return inner.startswith(outer)


def _source(value: str | None) -> str:
    if not value:
        raise ConfigurationError("src is missing", "give the folder to upload (SOURCE_DIR in an env file)")
    path = os.path.abspath(os.path.expanduser(value))
    if not is_utf_8(path):
        raise ConfigurationError(
            f"src {path!r} is not UTF-8, which s5cmd cannot report", "rename the folder, or give a link to it"
        )
    return path


def bucket_name(value: str | None) -> str:
    """A bucket's name, checked. Raises ConfigurationError."""
    if not value:
        raise ConfigurationError("bucket is missing", "give the bucket's name (BUCKET_NAME in an env file)")
    if not _BUCKET_NAME.fullmatch(value):
        hint = "give the name alone, without s3:// and without a path" if "/" in value else "check the spelling"
        raise ConfigurationError(f"bucket {value!r} is not a bucket name", hint)
    return value


def key_prefix(value: str) -> str:
    """A prefix as objects' keys begin with it: empty, or ending with a slash. Raises ConfigurationError."""
    prefix = value.strip("/")
    if not prefix:
        return ""
    if any(part in ("", ".", "..") for part in prefix.split("/")):
        raise ConfigurationError(f"prefix {value!r} has an empty, '.' or '..' part", "write it as folder/subfolder")
    if _CONTROL.search(prefix):
        raise ConfigurationError(f"prefix {value!r} has a control character", "remove it")
    if not is_utf_8(prefix):
        raise ConfigurationError(f"prefix {value!r} is not UTF-8, which keys are", "write it in UTF-8")
    return prefix + "/"


def is_utf_8(text: str) -> bool:
    """Whether a name of the file system can be written in UTF-8, as keys are."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ConfigurationError(f"{name} {value!r} is one text", "give a list")
    return tuple(str(text) for text in value)


def _metadata(value: Mapping[str, Any]) -> dict[str, str]:
    unfit = [name for name, text in value.items() if not isinstance(text, (str, int, float)) or isinstance(text, bool)]
    if unfit:
        raise ConfigurationError(f"metadata {unfit[0]!r} is {value[unfit[0]]!r}", "write its value as text, in quotes")
    metadata = {str(name): str(text) for name, text in value.items()}
    if len({name.lower() for name in metadata}) < len(metadata):
        names = ", ".join(metadata)
        raise ConfigurationError(f"metadata {names}: two names differ in case alone", "S3 keeps them in lower case")
    for name, text in metadata.items():
        if name.lower() in RESERVED_METADATA:
            raise ConfigurationError(f"metadata {name!r} is written by the uploader itself", "choose another name")
        if not _METADATA_NAME.fullmatch(name):
            raise ConfigurationError(f"metadata name {name!r} cannot be sent as a header", "use letters, digits, - _ .")
        if not _PRINTABLE_ASCII.fullmatch(text):
            raise ConfigurationError(f"metadata {name!r} has a value outside printable ASCII", "encode it first")
    if sum(len(name) + len(text) for name, text in metadata.items()) > MAX_METADATA_BYTES - 200:
        raise ConfigurationError("metadata is too long", "S3 takes 2 KB in all, and the uploader needs 200 bytes of it")
    return metadata


def _whole_number(values: dict[str, Any], name: str, minimum: int) -> None:
    if name not in values:
        return
    text = str(values[name]).strip()
    if not re.fullmatch(r"[0-9]+", text) or int(text) < minimum:
        raise ConfigurationError(f"{name} {values[name]!r} is not a whole number of at least {minimum}")
    values[name] = int(text)


def _bandwidth_limit(value: Any) -> int:
    limit = parse_rate(value, "bandwidth_limit")
    if 0 < limit < MIN_BANDWIDTH_LIMIT:
        raise ConfigurationError(
            f"bandwidth_limit of {limit} bytes per second is less than the {MIN_BANDWIDTH_LIMIT} that uploads need",
            "write the unit, such as 100MB/s or 100Mbit/s, or 0 for no limit",
        )
    return limit


def _max_delete(value: Any) -> str:
    text = str(value).strip()
    if not _MAX_DELETE.fullmatch(text):
        raise ConfigurationError(f"max_delete {value!r} is no limit", "write a number of objects, or 10%")
    return text


def _choices(values: dict[str, Any]) -> None:
    allowed: list[tuple[str, tuple[str, ...]]] = [
        ("verify", VERIFY_CHOICES),
        ("compare", COMPARE_CHOICES),
        ("after_upload", AFTER_UPLOAD_CHOICES),
        ("checksum_algorithm", (*ALGORITHMS, NO_CHECKSUM)),
        ("storage_class", STORAGE_CLASSES),
        ("acl", CANNED_ACLS),
        ("sse", ENCRYPTIONS),
    ]
    for name, choices in allowed:
        if not values.get(name):
            values.pop(name, None)
        elif values[name] not in choices:
            raise ConfigurationError(f"{name} {values[name]!r} is not known", f"one of {', '.join(choices)}")
