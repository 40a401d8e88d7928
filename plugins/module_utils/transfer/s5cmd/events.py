# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What s5cmd says: its events, and what its messages tell of the causes of failures.

Everything here was observed on s5cmd 2.2.2 and 2.3.0 and read in its source, https://github.com/peak/s5cmd.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from ...s3.refusals import CREDENTIAL_CODES
from ..hand_over import Refusal

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


class Event(NamedTuple):
    """One line of s5cmd. A success has `source` and `destination`; a failure has `command` and `error`."""

    success: bool
    source: str
    destination: str
    command: str
    error: str


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


def refusal_of(message: str) -> Refusal:
    """Why an upload failed, from one of s5cmd's messages."""
    code, about_credentials = error_code(message)
    told = f"s5cmd: {without_request(message)}"
    return Refusal(told, code, about_credentials, is_unreadable(message), transient_cause(message))


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
