# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Checksums of local files in the forms in which S3 shows them, and the arithmetic of ETags.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import re
import threading
import zlib
from typing import Any, BinaryIO, Callable, NamedTuple

from ..common.errors import InstallationError
from ..common.threads import Tick, nothing
from ..common.units import MIB
from .reading import Part, each_block, each_part, is_shared

#: The package, and the compiled module that is its heart.
_AWSCRT = ("awscrt", "_awscrt")
_SINGLE_ETAG = re.compile(r"[0-9a-f]{32}")
_MULTIPART_ETAG = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})")


class _Crc:
    """A CRC with the interface of hashlib; S3 shows a CRC as base64 of its big-endian bytes."""

    def __init__(self, update: Callable[[memoryview, int], int], width: int) -> None:
        self._update = update
        self._width = width
        self.value = 0

    def update(self, data: bytes) -> None:
        # The view costs no copy, and refuses text, over which awscrt would compute something.
        self.value = self._update(memoryview(data), self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self._width, "big")


def _awscrt() -> Any:
    try:
        import awscrt.checksums
    except ImportError as error:
        raise _missing(str(error)) from error
    return awscrt.checksums


def _missing(reason: str) -> InstallationError:
    return InstallationError(
        f"the Python package awscrt is missing ({reason})",
        "use the environment that the role uploader makes, or install awscrt",
    )


def require_packages() -> None:
    """Raise InstallationError unless what verification needs can be imported."""
    _awscrt()


def prepare_packages() -> None:
    """Raise InstallationError unless what verification needs is installed, and import it while others work.

    To load awscrt takes 50 ms, in which s5cmd could send some files already.
    """
    for name in _AWSCRT:
        if importlib.util.find_spec(name) is None:
            raise _missing(f"No module named {name!r}")
    threading.Thread(target=_import, name="import", daemon=True).start()


def _import() -> None:
    # Whoever needs what cannot be imported is told so then.
    with contextlib.suppress(Exception):
        _awscrt()


_HASHERS: dict[str, Callable[[], Any]] = {
    "CRC64NVME": lambda: _Crc(_awscrt().crc64nvme, 8),
    "SHA256": hashlib.sha256,
    "CRC32C": lambda: _Crc(_awscrt().crc32c, 4),
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "SHA1": hashlib.sha1,
}


def hasher(algorithm: str) -> Any:
    """A fresh hash object with `update(bytes)` and `digest() -> bytes` for one of ALGORITHMS."""
    return _HASHERS[algorithm]()


def to_s3(digest: bytes) -> str:
    """A digest as S3 shows it in its checksum headers: base64."""
    return base64.b64encode(digest).decode("ascii")


#: Bytes of each part of a large file whose CRC is computed in parts: so much that to begin with one costs nothing.
_CRC_PART = 16 * MIB

#: The functions in awscrt that give the CRC of two parts from theirs: crc1, crc2, the length of the second part.
_COMBINERS = {"CRC64NVME": "combine_crc64nvme", "CRC32C": "combine_crc32c", "CRC32": "combine_crc32"}


def _combiner(algorithm: str) -> Callable[[int, int, int], int] | None:
    """None for an algorithm that cannot be computed in parts, or that the installed awscrt cannot combine."""
    name = _COMBINERS.get(algorithm)
    return getattr(_awscrt(), name, None) if name else None


def _hashed(algorithm: Any, file: BinaryIO | Part, tick: Tick) -> Any:
    """The hash object, after it has seen the rest of a file or of a part."""
    each_block(file, algorithm.update, tick)
    return algorithm


def _digest(algorithm: Any, file: BinaryIO | Part, tick: Tick) -> bytes:
    result: bytes = _hashed(algorithm, file, tick).digest()
    return result


def full_object(file: BinaryIO, algorithm: str, tick: Tick = nothing) -> str:
    """Checksum over the whole of an open file, as S3 shows a FULL_OBJECT checksum: base64."""
    combine = _combiner(algorithm) if is_shared(file) else None
    if combine is None:
        return to_s3(_digest(hasher(algorithm), file, tick))
    whole = hasher(algorithm)
    for crc, length in each_part(
        file, _CRC_PART, lambda part, tick: _hashed(hasher(algorithm), part, tick).value, tick
    ):
        whole.value = combine(whole.value, crc, length)
    return to_s3(whole.digest())


def sha256_hex(file: BinaryIO, tick: Tick = nothing) -> str:
    """SHA256 of an open file, in hexadecimal as `sha256sum` prints it."""
    return _digest(hashlib.sha256(), file, tick).hex()


def _digest_of_digests(file: BinaryIO, new_hash: Callable[[], Any], part_size: int, tick: Tick) -> tuple[bytes, int]:
    """The digest of the digests of a file's parts, and the number of the parts."""
    digests = [
        digest
        for digest, _length in each_part(file, part_size, lambda part, tick: _digest(new_hash(), part, tick), tick)
    ]
    whole = new_hash()
    whole.update(b"".join(digests))
    return whole.digest(), len(digests)


def composite(file: BinaryIO, algorithm: str, part_size: int, tick: Tick = nothing) -> str:
    """Checksum of the parts' checksums, as S3 shows a COMPOSITE checksum: base64, a dash, the number of parts.

    `part_size` is in bytes.
    """
    digest, count = _digest_of_digests(file, lambda: hasher(algorithm), part_size, tick)
    return f"{to_s3(digest)}-{count}"


def _md5() -> Any:
    # Used for integrity against ETags only, so a host in FIPS mode may still compute it.
    try:
        return hashlib.md5(usedforsecurity=False)
    except TypeError:  # a Python built without the keyword
        return hashlib.md5()  # noqa: S324


def etag_single(file: BinaryIO, tick: Tick = nothing) -> str:
    """The ETag of an object stored by one PUT: its MD5 in hexadecimal."""
    return _digest(_md5(), file, tick).hex()


def etag_multipart(file: BinaryIO, part_size: int, tick: Tick = nothing) -> str:
    """The ETag of a multipart upload: MD5 of the parts' MD5s, a dash, the number of parts. `part_size` in bytes."""
    digest, count = _digest_of_digests(file, _md5, part_size, tick)
    return f"{digest.hex()}-{count}"


class ETag(NamedTuple):
    """What an ETag says about itself. `parts` is 0 for a single PUT."""

    value: str
    parts: int


def parse_etag(text: str) -> ETag | None:
    """Read an ETag in the MD5 forms; None for any other form, which proves nothing.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    value = text.strip('"').lower()
    if _SINGLE_ETAG.fullmatch(value):
        return ETag(value, 0)
    multipart = _MULTIPART_ETAG.fullmatch(value)
    return ETag(value, int(multipart.group(1))) if multipart else None
