# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs the host program against a server that stores no CRC64NVME as if it did, as Amazon S3 does for every upload.

    python with_stored_crc64nvme.py PROGRAM KNOWN.json sync --config FILE

KNOWN.json maps keys to the base64 CRC64NVME that were computed before. Every header is asked for, every file is read
and its checksum computed, as on Amazon S3; only the stored value comes from here instead of from the server.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Patch `Bucket.head` of the packed program, then run it."""
    program, known, *arguments = sys.argv[1:]
    sys.path.insert(0, program)
    stored = json.loads(Path(known).read_text("utf-8"))
    bucket: Any = importlib.import_module("datasync_turbo.bucket")
    cli: Any = importlib.import_module("datasync_turbo.cli")
    ask = bucket.Bucket.head

    def head(self: Any, key: str) -> Any:
        answer = ask(self, key)
        if answer is not None and key in stored:
            answer.checksums["CRC64NVME"] = stored[key]
        return answer

    bucket.Bucket.head = head
    cli.leave(cli.main(arguments))


if __name__ == "__main__":
    main()
