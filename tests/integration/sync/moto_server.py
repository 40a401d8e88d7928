# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""moto, an emulator of Amazon S3, for the one answer that no server which can be installed here gives.

Amazon S3 computes a checksum while it copies an object, and stores it. SeaweedFS answers such a copy with success and
stores none, unless the copy is made in parts. moto stores it; but it accepts every key and every body, so that nothing
else is tested with it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from types import TracebackType

#: Seconds.
START = 60


class MotoServer:
    """A running emulator on a port of its own. A context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._heard = threading.Event()
        self.endpoint_url = ""
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def connection_options(self) -> dict[str, str]:
        """The connection options of the modules for it."""
        return {
            "endpoint_url": self.endpoint_url,
            "access_key": "any",
            "secret_key": "any",
            "region": "us-east-1",
        }

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
            if found and not self.endpoint_url:
                self.endpoint_url = found[0]
                self._heard.set()

    def __enter__(self) -> MotoServer:
        if not self._heard.wait(START):
            self._process.kill()
            raise AssertionError("moto did not begin to listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
