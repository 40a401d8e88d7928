# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The S3 server of a test bed, started by tests/fleet/bed.py inside the bed: it ends with the bed.

python -m tests.fleet.s3_server DIRECTORY ADDRESS CONNECTION       CONNECTION is written once the server answers
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from dev.seaweedfs import SeaweedFS


def main(directory: str, address: str, connection: str) -> None:
    """Serve for ever."""
    with SeaweedFS(Path(directory), address=address) as server:
        facts = {
            "endpoint_url": server.endpoint_url,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            "region": server.region,
        }
        partial = Path(f"{connection}.partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(facts), "utf-8")
        partial.replace(connection)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
