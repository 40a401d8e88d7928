# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Fixtures of the pipeline's tests: a run in this process, a run of the host program, a look into the bucket."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple, NoReturn

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.job.envfile import quote
from ansible_collections.datasync.turbo.plugins.module_utils.job.job import Job
from ansible_collections.datasync.turbo.plugins.module_utils.report.log import Log
from ansible_collections.datasync.turbo.plugins.module_utils.report.progress import Progress
from ansible_collections.datasync.turbo.plugins.module_utils.report.result import Result
from ansible_collections.datasync.turbo.plugins.module_utils.sync import run as sync
from ansible_collections.datasync.turbo.plugins.module_utils.sync.account import Finished

from dev.seaweedfs import SeaweedFS, TlsFiles

MIB = 1024 * 1024

Upload = Callable[..., Result]


@pytest.fixture
def job_options(bucket: str, connection_options: dict[str, str], s5cmd: Path, tmp_path: Path) -> dict[str, Any]:
    """The options every test job has in common; `part_size` is the smallest, so that files need not be large."""
    return {
        "bucket": bucket,
        "prefix": "in/box",
        "s5cmd_path": str(s5cmd),
        "part_size": 5,
        "lock_path": str(tmp_path / "job.lock"),
        **connection_options,
    }


@pytest.fixture
def run_job(job_options: dict[str, Any]) -> Callable[..., Finished]:
    """Run a job in this process: `run_job(folder, exclude=["*.tmp"], dry_run=True)`."""

    def run(src: Path, dry_run: bool = False, **options: Any) -> Finished:
        job = Job.from_options({**job_options, "src": str(src), **options})
        return sync.run(job, Log(io.StringIO()), Progress(), Interrupt(job.timeout), dry_run)

    return run


@pytest.fixture
def upload(run_job: Callable[..., Finished]) -> Upload:
    """Run a job in this process and return its result."""

    def run(src: Path, **options: Any) -> Result:
        return run_job(src, **options).result

    return run


class Logged(NamedTuple):
    """A finished run and what it logged: its warnings, and all its lines."""

    result: Result
    warnings: list[str]
    lines: list[str]


@pytest.fixture
def upload_logged(job_options: dict[str, Any]) -> Callable[..., Logged]:
    """Run a job in this process and return its result and its log: `upload_logged(folder, dry_run=True)`."""

    def run(src: Path, dry_run: bool = False, **options: Any) -> Logged:
        job = Job.from_options({**job_options, "src": str(src), **options})
        stream = io.StringIO()
        log = Log(stream)
        result = sync.run(job, log, Progress(), Interrupt(job.timeout), dry_run).result
        return Logged(result, log.warnings, stream.getvalue().splitlines())

    return run


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A server with a certificate that only those know who are told; it is for both of its addresses."""
    folder = tmp_path_factory.mktemp("tls")
    files = TlsFiles(folder / "certificate.pem", folder / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,IP:0.0.0.0", "-days", "2", "-nodes"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", files.key, "-out", files.certificate, *subject],
        check=True,
        capture_output=True,
    )
    with SeaweedFS(folder / "server", tls=files) as server:
        client = server.client()
        client.create_bucket(Bucket="secure")
        client.put_object(Bucket="secure", Key="a b", Body=b"content")
        yield server


@pytest.fixture
def stored(s3: Any, bucket: str) -> Callable[[], dict[str, bytes]]:
    """All objects under the job's prefix: key without the prefix -> content."""

    def read() -> dict[str, bytes]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="in/box/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key[len("in/box/") :]: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return read


def contents_of(folder: Path) -> dict[str, bytes]:
    """All regular files below a folder, links followed: relative path -> content."""
    found = {}
    for parent, _folders, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(parent, name)
            if path.is_file():
                found[os.path.relpath(path, folder)] = path.read_bytes()
    return found


WAYS_TO_AN_OLDER_FILE = ["rewritten", "moved", "copied with its times"]


def give_content_of_an_older_file(path: Path, content: bytes, way: str) -> None:
    """Put other content at a path, with a modification time of long ago."""
    long_ago = (1_000_000_000, 1_000_000_000)
    older = path.parent.parent / "older"
    older.write_bytes(content)
    os.utime(older, long_ago)
    if way == "moved":
        older.replace(path)
    elif way == "copied with its times":
        shutil.copy2(older, path)
    else:
        path.write_bytes(content)
        os.utime(path, long_ago)


def named(result: Result) -> dict[str, str]:
    """The problems of a result: path -> kind."""
    return {problem.path: problem.kind for problem in result.problems}


@dataclass(frozen=True)
class ProgramRun:
    """A finished run of the host program; `result` is what `--json` printed."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.stdout)
        return values


@pytest.fixture
def env_file(tmp_path: Path, job_options: dict[str, Any], s3_server: SeaweedFS) -> Callable[..., Path]:
    """Write a job's config file: `env_file(SOURCE_DIR=folder, EXCLUDE_PATTERNS="*.tmp")`; None leaves a name out."""

    def write(**names: Any) -> Path:
        values = {
            "BUCKET_NAME": job_options["bucket"],
            "S3_SUBDIRECTORY": "in/box",
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
            "AWS_REGION": s3_server.region,
            "S5CMD_PATH": job_options["s5cmd_path"],
            "S5CMD_PART_SIZE": "5MB",
            "LOCK_FILE": job_options["lock_path"],
            **names,
        }
        path = tmp_path / "datasync-config.env"
        lines = [f"{name}={quote(str(value), name)}\n" for name, value in values.items() if value is not None]
        path.write_text("".join(lines))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture(scope="session")
def program_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host program, built as `make dist` builds it."""
    from dev.build_program import build

    path = tmp_path_factory.mktemp("program") / "datasync-turbo"
    build(path)
    return path


@pytest.fixture
def start_program(program_file: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start the host program in an environment without credentials and without the rights that root has over files.

    `prefix` is a command that runs the rest of its arguments, as `env` does.
    """

    def start(*arguments: str, prefix: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
        command: list[str] = [*prefix, *without_root_rights(), sys.executable, str(program_file), *arguments]
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return subprocess.Popen(
            command,
            env={**environment, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            **options,
        )

    return start


@pytest.fixture
def program(start_program: Callable[..., subprocess.Popen[str]]) -> Callable[..., ProgramRun]:
    """Run the host program to its end."""

    def run(*arguments: str) -> ProgramRun:
        with start_program(*arguments) as process:
            stdout, stderr = process.communicate(timeout=120)
        return ProgramRun(process.returncode, stdout, stderr)

    return run


@pytest.fixture
def with_tmpfs(cannot_run: Callable[[str], NoReturn]) -> Callable[..., list[str]]:
    """The prefix of a command that sees a tmpfs of `size` at `place`, after `then` was done there by sh."""
    unshare = shutil.which("unshare")
    if unshare is None:
        cannot_run("no unshare: install util-linux")
    namespace = [unshare, "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        namespace += ["--map-root-user"]
    try_it = [*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if subprocess.run(try_it, capture_output=True, check=False).returncode != 0:
        cannot_run("no mount namespace may be made: run as root, or allow user namespaces")

    def prefix(place: Path, size: str, then: str = "true") -> list[str]:
        place.mkdir(exist_ok=True)
        script = f'mount -t tmpfs -o "size=$1,mode=777" tmpfs "$2"; place=$2; shift 2; {then}; exec "$@"'
        return [*namespace, "sh", "-c", script, "sh", size, str(place)]

    return prefix


def without_root_rights() -> list[str]:
    """Command prefix that takes from root the right to read what modes forbid, so that modes count in tests."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv, "setpriv is missing: install util-linux"
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]
