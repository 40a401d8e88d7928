# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Kinds of values that only options of a job have: a bucket, a prefix, metadata, a shard, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..common.errors import ConfigurationError
from ..common.units import parse_duration, parse_rate
from ..common.values import Values, absolute_path, as_it_is, chosen, one_of, whole_number
from ..s3.limits import MAX_METADATA_BYTES, parse_part_size
from .shard import Shard

#: Metadata that the uploader writes itself and reads back: `timestamp` tells when we began to read the file,
#: `source-identity` which file it was.
RESERVED_METADATA = ("synced-by", "timestamp", "source-identity", "sha256")

# Matched in full: `$` would let a newline at the end pass, and a newline begins another command of `s5cmd run`.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_METADATA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*")
#: A number of objects, or a percentage of those that are stored.
_MAX_DELETE = re.compile(r"[0-9]+|(?:[0-9]|[1-9][0-9]|100)%")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHARD = re.compile(r"([0-9]{1,9}) */ *([0-9]{1,9})")
#: Bytes per second. A hundred connections that share less than this look dead to servers, and who writes `100` mostly
#: means something else.
MIN_BANDWIDTH_LIMIT = 16_000


def bucket_name(value: str | None, _name: str = "bucket") -> str:
    """A bucket's name, checked. Raises ConfigurationError."""
    if not value:
        raise ConfigurationError("bucket is missing", "give the bucket's name (BUCKET_NAME in an env file)")
    if not _BUCKET_NAME.fullmatch(value):
        hint = "give the name alone, without s3:// and without a path" if "/" in value else "check the spelling"
        raise ConfigurationError(f"bucket {value!r} is not a bucket name", hint)
    return value


def key_prefix(value: str, _name: str = "prefix") -> str:
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


def _source(value: str | None, name: str) -> str:
    path = absolute_path(value or "", name)
    if path is None:
        raise ConfigurationError("src is missing", "give the folder to upload (SOURCE_DIR in an env file)")
    if not is_utf_8(path):
        raise ConfigurationError(
            f"src {path!r} is not UTF-8, which s5cmd cannot report", "rename the folder, or give a link to it"
        )
    return path


def _read_metadata(value: str, origin: str) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for pair in filter(None, (piece.strip() for piece in value.split(","))):
        key, equals, content = pair.partition("=")
        if not key or not equals:
            raise ConfigurationError(f"{origin} holds {pair!r} without a key", "write key=value,key2=value2")
        if key in metadata:
            raise ConfigurationError(f"{origin} sets {key!r} twice", "set it once")
        metadata[key] = content
    return metadata


def _metadata(value: Mapping[str, Any], _name: str) -> dict[str, str]:
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


def _read_shard(value: str, origin: str) -> dict[str, int]:
    """`0/4` is the first of four parts; whether the index fits is for shard.Shard to say."""
    match = _SHARD.fullmatch(value.strip())
    if match is None:
        raise ConfigurationError(
            f"{origin} {value!r} is no part of a whole", "write index/count, such as 0/4 for the first of four hosts"
        )
    return {"index": int(match[1]), "count": int(match[2])}


def _bandwidth_limit(value: Any, name: str) -> int:
    limit = parse_rate(value, name)
    if 0 < limit < MIN_BANDWIDTH_LIMIT:
        raise ConfigurationError(
            f"{name} of {limit} bytes per second is less than the {MIN_BANDWIDTH_LIMIT} that uploads need",
            "write the unit, such as 100MB/s or 100Mbit/s, or 0 for no limit",
        )
    return limit


def _max_delete(value: Any, name: str) -> str:
    text = str(value).strip()
    if not _MAX_DELETE.fullmatch(text):
        raise ConfigurationError(f"{name} {value!r} is no limit", "write a number of objects, or 10%")
    return text


def _time_limit(value: str, origin: str) -> int | None:
    """Seconds, or None for no limit, which 0 stands for as in timeout(1)."""
    return parse_duration(value, origin) or None


def upper(value: str, _origin: str) -> str:
    """The text in upper case."""
    return value.upper()


def _log_level(value: str, origin: str) -> str:
    # `warn` is at the sites although s5cmd refuses it; `trace` is s5cmd's, and our log has nothing finer than debug.
    levels = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error"}
    return chosen(value, origin, levels)


SOURCE = Values({"type": "path"}, as_it_is, _source)
BUCKET = Values({"type": "str"}, as_it_is, bucket_name)
PREFIX = Values({"type": "str"}, as_it_is, key_prefix)
METADATA = Values({"type": "dict"}, _read_metadata, _metadata)
#: Bytes.
PART_SIZE = Values({"type": "str"}, parse_part_size, parse_part_size)
#: Bytes per second.
BANDWIDTH = Values({"type": "str"}, parse_rate, _bandwidth_limit)
MAX_DELETE = Values({"type": "str"}, as_it_is, _max_delete)
TIME_LIMIT = whole_number(1, _time_limit)
LOG_LEVEL = one_of(("debug", "info", "warn", "error"), _log_level)
SHARD = Values(
    {
        "type": "dict",
        "options": {"index": {"type": "int", "required": True}, "count": {"type": "int", "required": True}},
    },
    _read_shard,
    lambda value, _name: Shard.from_options(value),
)
