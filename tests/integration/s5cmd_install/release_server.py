# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A local web server in place of GitHub: release-shaped archives of real binaries, and the API's newest release."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Union

#: A member of an archive besides the usual ones: a name and its content, or a prepared member without content.
Member = Union[tuple[str, bytes], tarfile.TarInfo]


def release_archive(executable: bytes, extra: Sequence[Member] = (), command: str | None = "s5cmd") -> bytes:
    """A gzipped tar archive as s5cmd's releases are: the command and three texts; `extra` members come first."""
    texts = [(name, f"{name} of a test\n".encode()) for name in ("LICENSE", "README.md", "CHANGELOG.md")]
    members: list[Member] = [*extra, *texts]
    if command:
        members.append((command, executable))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size, info.mode = len(member[1]), 0o755
            archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Answer:
    """What a path gives. `promised` is the Content-Length if it is not that of the body; `hold` delays the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    hold: threading.Event | None = None


@dataclass(frozen=True)
class Request:
    """A request that came in; header names in lower case."""

    path: str
    headers: dict[str, str]


class ReleaseServer:
    """Serves `answers` on a free port of loopback, 404 for the rest, and keeps what was asked in `requests`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add_release(
        self, version: str, asset: str, archive: bytes, checksums: str | None = None
    ) -> dict[str, dict[str, str]]:
        """Put an archive where a mirror has it, with the release's own checksum file; returns the checksum table."""
        name = f"s5cmd_{version}_{asset}.tar.gz"
        self.answers[f"/v{version}/{name}"] = Answer(body=archive)
        text = f"{sha256(archive)}  {name}\n" if checksums is None else checksums
        self.answers[f"/v{version}/s5cmd_checksums.txt"] = Answer(body=text.encode())
        return {version: {asset: sha256(archive)}}

    def set_newest(self, version: str) -> None:
        """Let the API answer with this release."""
        body = json.dumps({"tag_name": f"v{version}", "name": f"v{version}"}).encode()
        self.answers["/repos/peak/s5cmd/releases/latest"] = Answer(body=body)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def __enter__(self) -> ReleaseServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for answer in self.answers.values():
            if answer.hold:
                answer.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                served.requests.append(Request(self.path, headers))
                answer = served.answers.get(self.path, Answer(404, b"not found"))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                length = len(answer.body) if answer.promised is None else answer.promised
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(answer.body[: len(answer.body) // 2])
                self.wfile.flush()
                if answer.hold:
                    answer.hold.wait(60)
                self.wfile.write(answer.body[len(answer.body) // 2 :])

            def log_message(self, format: str, *args: object) -> None:
                """Keep the terminal for the tests."""

        return Handler


def for_machine(executable: bytes, elf_machine: int) -> bytes:
    """The same ELF file with another processor in its header: it looks built for that, and cannot run here."""
    return executable[:18] + elf_machine.to_bytes(2, "little") + executable[20:]
