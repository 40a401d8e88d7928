# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The s5cmd binary: where it is, which version, its command lines and what its events say.

Everything here was observed on s5cmd 2.2.2 and 2.3.0 and read in its source, https://github.com/peak/s5cmd.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...job.job import Job
from ...s3.bucket import CREDENTIAL_CODES, explained

#: The code before its own status, as in `MultipartUpload: ... caused by: AccessDenied: ... status code: 403`.
_ERROR_CODE = re.compile(r"\b([A-Z][A-Za-z]+): (?:(?!caused by: ).)*?status code: ([0-9]{3})", re.DOTALL)
#: Codes with a status below 500 that say nothing against the file: the same upload may succeed later.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_TRANSIENT_CODES = frozenset(
    {
        "BadDigest",
        "IncompleteBody",
        "InvalidPart",
        "NoSuchUpload",
        "OperationAborted",
        "RequestTimeout",
        "XAmzContentSHA256Mismatch",
    }
)
_TRANSIENT_STATUSES = ("408", "429")
#: The server has not got what was asked for, and will not have it later.
_NOT_IMPLEMENTED = "501"
#: What Go says when the network or the server ended a conversation.
_NETWORK_TROUBLE = re.compile(
    r"connection refused|connection reset|connection timed out|broken pipe|\bEOF\b|timeout|deadline exceeded|canceled|"
    r"no route to host|network (?:is )?unreachable|host unreachable|no such host|server misbehaving|"
    r"closed network connection|closed idle connection|connection broken|malformed HTTP response"
)
#: What Go says about a local file begins so; a path may hold any of the words above.
_LOCAL_TROUBLE = re.compile(r"(?:^|caused by: )(?:open|read|stat|lstat|seek) /")
_QUOTED_URL = re.compile(r'"https?://[^"]*"')
#: Credentials that botocore renews by itself and that s5cmd can find and renew too.
_RENEWED_BY_S5CMD = frozenset(
    {"iam-role", "container-role", "assume-role", "assume-role-with-web-identity", "custom-process"}
)
#: How s5cmd's Go runtime collects garbage, unless the caller's environment says otherwise.
#: Its own default of 100 is for a live heap of a few MB: it takes a quarter of s5cmd's CPU time on small files. With
#: 800 s5cmd has 90 MB of memory instead of 35 there, and no more than before on large files.
#: https://pkg.go.dev/runtime#hdr-Environment_Variables
GO_RUNTIME = {"GOGC": "800", "GOMEMLIMIT": "512MiB"}


class Parts(NamedTuple):
    """How a file is sent: MiB of a part, and how many parts are in flight."""

    size: int
    concurrency: int


class Event(NamedTuple):
    """One line of s5cmd. A success has `source` and `destination`; a failure has `command` and `error`."""

    success: bool
    source: str
    destination: str
    command: str
    error: str


def environment_for(job: Job, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the s5cmd child: the caller's, with the job's credentials as boto3 finds them.

    Secrets go here and never into arguments. Raises CredentialsError when there are none or they cannot be renewed.
    """
    with explained("find credentials", job.destination):
        credentials = job.connection.credentials()
        frozen = credentials.get_frozen_credentials()
    environment = {**GO_RUNTIME, **inherited}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "S3_ENDPOINT_URL"):
        environment.pop(name, None)
    region = job.connection.region_name
    if region:
        # Without a region s5cmd asks Amazon S3 where the bucket is.
        environment["AWS_REGION"] = region
    if credentials.method in _RENEWED_BY_S5CMD:
        environment["AWS_SDK_LOAD_CONFIG"] = "1"
        # In botocore's order, so that both take the same one.
        profile = job.connection.profile or inherited.get("AWS_DEFAULT_PROFILE") or inherited.get("AWS_PROFILE")
        if profile:
            environment["AWS_PROFILE"] = profile
        return environment
    environment["AWS_ACCESS_KEY_ID"] = frozen.access_key
    environment["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
    if frozen.token:
        environment["AWS_SESSION_TOKEN"] = frozen.token
    return environment


def global_arguments(binary: str, job: Job, endpoint_url: str | None, numworkers: int) -> list[str]:
    """The command line up to the sub-command. `endpoint_url` is that of a server other than Amazon's."""
    arguments = [binary, "--json", "--log", "info"]
    arguments += ["--numworkers", str(numworkers), "--retry-count", str(job.retry_count)]
    if endpoint_url:
        arguments += ["--endpoint-url", endpoint_url]
    return arguments


class CopyCommands:
    """The uploads of a job as commands for s5cmd, from `cp` on. What they have in common is made and quoted once.

    `metadata` is what all objects get. `--raw` because names are not patterns.
    """

    def __init__(self, job: Job, metadata: Mapping[str, str]) -> None:
        self._job = job
        self._metadata = metadata
        self._lines: dict[Parts, str] = {}

    def arguments(self, source: str, key: str, parts: Parts, metadata: Mapping[str, str]) -> list[str]:
        """One upload as an argument list. `metadata` is what this object gets beside the rest."""
        own = [argument for name, value in metadata.items() for argument in ("--metadata", f"{name}={value}")]
        return [*self._common(parts), *own, source, destination(self._job, key)]

    def line(self, source: str, key: str, parts: Parts, metadata: Mapping[str, str]) -> bytes:
        """The same as a line for `s5cmd run`, quoted as its shell-like reader expects, with the newline."""
        common = self._lines.get(parts)
        if common is None:
            common = self._lines[parts] = " ".join(_quoted(argument) for argument in self._common(parts))
        own = "".join(f" '--metadata' {_quoted(f'{name}={value}')}" for name, value in metadata.items())
        return f"{common}{own} {_quoted(source)} {_quoted(destination(self._job, key))}\n".encode()

    def _common(self, parts: Parts) -> list[str]:
        job = self._job
        arguments = ["cp", "--raw", "--part-size", str(parts.size), "--concurrency", str(parts.concurrency)]
        optional = {
            "--storage-class": job.storage_class,
            "--acl": job.acl,
            "--sse": job.sse,
            "--sse-kms-key-id": job.sse_kms_key_id,
        }
        for flag, value in optional.items():
            if value:
                arguments += [flag, value]
        for name, value in self._metadata.items():
            arguments += ["--metadata", f"{name}={value}"]
        return arguments


def _quoted(argument: str) -> str:
    return "'" + argument.replace("'", "'\\''") + "'"


def destination(job: Job, key: str) -> str:
    """An object as s5cmd names it on its command line and in its events."""
    return f"s3://{job.bucket}/{key}"


def fits_on_a_line(source: str, key: str) -> bool:
    """Whether `s5cmd run` can read the command from a line. A name with a newline needs a call of its own."""
    return "\n" not in source and "\n" not in key


def parse_event(line: bytes) -> Event | None:
    """Read one line of `--json` output; None for a line that is no event, such as a part of a Go panic."""
    try:
        # Decoded here, because json would first guess among UTF-8, -16 and -32.
        fields: Any = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or "operation" not in fields:
        return None
    texts = [fields.get(name) for name in ("source", "destination", "command", "error")]
    if not all(text is None or isinstance(text, str) for text in texts):
        return None
    source, destination, command, error = (text or "" for text in texts)
    return Event(fields.get("success") is True and not error, source, destination, command, error)


def without_request(message: str) -> str:
    """One of s5cmd's messages without the status and the ids of the request, which differ each time."""
    return re.sub(r",? *status code: [0-9]{3}, request id: .*$", "", message, flags=re.DOTALL)


def error_code(message: str) -> tuple[str, bool]:
    """The S3 error code in one of s5cmd's messages ('' if none), and whether it is about credentials."""
    match = _ERROR_CODE.search(message)
    code = match.group(1) if match else ""
    if not code and "NoCredentialProviders" in message:
        code = "NoCredentialProviders"
    return code, code in CREDENTIAL_CODES


def is_unreadable(message: str) -> bool:
    """Whether one of s5cmd's messages says that the local file cannot be read."""
    return bool(_LOCAL_TROUBLE.search(message))


def transient_cause(message: str) -> str:
    """In a word or two, why an upload failed that may succeed later, from one of s5cmd's messages; else ''.

    That is a server in trouble, or the network. What is about the file, the credentials or a permission is not, and
    what is not known is not: to repeat that would only take time.
    """
    match = _ERROR_CODE.search(message)
    if match:
        code, status = match.groups()
        if code in CREDENTIAL_CODES:
            return ""
        if code == "SerializationError":  # An answer that is not S3's, such as a proxy's page.
            return f"HTTP {status}" if status.startswith("5") else ""
        in_trouble = status.startswith("5") and status != _NOT_IMPLEMENTED
        return code if in_trouble or status in _TRANSIENT_STATUSES or code in _TRANSIENT_CODES else ""
    if _LOCAL_TROUBLE.search(message):
        return ""
    trouble = _NETWORK_TROUBLE.search(_QUOTED_URL.sub("", message))
    return trouble.group(0) if trouble else ""
