# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A job: what goes where and how. Built from module parameters or from an env file, validated here and only here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Callable

from ..common.errors import ConfigurationError
from ..common.options import given_values
from ..common.values import absolute_path, texts
from ..s3.connection import Connection
from ..s3.limits import MAX_OBJECT_SIZE, MAX_PART_SIZE, NO_CHECKSUM
from .options import JOB_OPTIONS, JobOptions
from .patterns import LEAVING_PATTERN, Filter

#: The options that a tuning file has better values for.
TUNED = ("numworkers", "concurrency", "part_size")
_KMS_KEY_ID = re.compile(r"[\x21-\x7e]+")


class Job(JobOptions):
    """The options of `JobOptions`, and what they mean together."""

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

    @property
    def sends_whole_files(self) -> bool:
        """Whether each file goes in one request: s5cmd says who pays for a file, but not for a part of one."""
        return bool(self.connection.request_payer)

    @property
    def max_file_size(self) -> int:
        """Bytes of the largest file that can be stored."""
        return MAX_PART_SIZE if self.sends_whole_files else MAX_OBJECT_SIZE

    @classmethod
    def from_options(cls, options: Mapping[str, Any], elsewhere: bool = False) -> Job:
        """Build from the option names of module s5cmd_sync; unset and None options take the defaults above.

        `elsewhere`: the job is of another host, so that its paths are compared as they are written.
        Raises ConfigurationError that names the option and says what to write.
        """
        values = given_values(JOB_OPTIONS, options)
        values["connection"] = Connection.from_options(options)
        values["given_settings"] = tuple(name for name in TUNED if options.get(name) is not None)
        results = texts(options.get("result_paths") or (), "result_paths")
        values["result_paths"] = tuple(filter(None, (absolute_path(path, "result_path") for path in results)))
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
        written = [(option.name, getattr(self, option.name)) for option in JOB_OPTIONS if option.written]
        for name, path in [*written, *(("result_path", path) for path in self.result_paths)]:
            if path and is_inside(path, self.src, resolved):
                raise ConfigurationError(
                    f"{name} {path!r} is inside src {self.src!r}", "it would upload itself; put it elsewhere"
                )


def is_inside(path: str, folder: str, resolved: Callable[[str], str] = os.path.realpath) -> bool:
    """Whether a path leads into a folder, links followed."""
    inner, outer = (os.path.join(resolved(name), "") for name in (path, folder))
    return inner.startswith(outer)
