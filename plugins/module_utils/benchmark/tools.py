# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The tools that a benchmark compares: where they are, how they are called, and what their output tells.

Each is called as an operator calls it with nothing set, or with what its name says. None reads the user's own
configuration, so that the result does not depend on who measures.
"""

from __future__ import annotations

import json
import os
import re
import site
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

from ..common import commands
from ..common.commands import CommandError, last_words
from ..common.errors import DatasyncError
from ..common.threads import nothing
from ..common.units import MIB, counted, format_bytes_si
from ..install import binary as s5cmd_binary
from ..job.job import Job
from ..s3.connection import DEFAULT_REGION
from ..s3.refusals import explained
from ..transfer.settings import settings_of
from . import child as benchmark_child
from .request import AWSCLI, AWSCLI_OPTIMIZED, DATASYNC, RCLONE, S5CMD, BenchmarkRequest

#: Seconds that a tool may take to print its version; the AWS CLI is slow to start on a cold disk.
VERSION_TIMEOUT = 60
#: Characters of a tool's message that are kept.
MESSAGE_LENGTH = 500

#: Variables of ours that tools get too: how the network is reached, and who vouches for servers.
_PASSED_ON = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
#: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html
_OPTIMIZED = {"max_concurrent_requests": "20", "multipart_chunksize": "64MB"}
_MB = 1_000_000


@dataclass(frozen=True)
class Tool:
    """A tool on this host. `reason` says why it cannot be measured, '' if it can."""

    name: str
    path: str = ""
    version: str = ""
    settings: str = ""
    reason: str = ""

    @property
    def available(self) -> bool:
        """Whether it can be measured."""
        return not self.reason

    def as_dict(self) -> dict[str, Any]:
        """In the form of the result."""
        return {"name": self.name, "available": self.available, **{key: getattr(self, key) for key in _TOOL_TEXTS}}


_TOOL_TEXTS = ("reason", "path", "version", "settings")


class Command(NamedTuple):
    """One call of a tool."""

    arguments: list[str]
    environment: dict[str, str]
    stdin: bytes | None = None


class ToolUpload(NamedTuple):
    """What a call uploads: a folder to a prefix, which ends with a slash. `directory` is for its log and its files."""

    folder: str
    prefix: str
    directory: str

    @property
    def log_path(self) -> str:
        """What the tool printed."""
        return os.path.join(self.directory, "output.log")


class ToolReport(NamedTuple):
    """What a tool told about a run. `retries` is None where it does not tell."""

    retries: int | None
    errors: int
    message: str


class Toolbox:
    """Finds the tools of a request and makes their command lines. `endpoint_url` is None for Amazon S3."""

    def __init__(self, request: BenchmarkRequest, endpoint_url: str | None) -> None:
        self._request = request
        self._endpoint_url = endpoint_url
        self._home = ""
        self._python_path = ""

    def find(self) -> dict[str, Tool]:
        """The tools of the request by name; those that are missing have a reason."""
        return {name: self.find_one(name) for name in self._request.tools}

    def find_one(self, name: str) -> Tool:
        """The tool of this name, with a reason if it is missing."""
        finders: Mapping[str, Callable[[str], Tool]] = {
            AWSCLI: self._find_aws,
            AWSCLI_OPTIMIZED: self._find_aws,
            S5CMD: self._find_s5cmd,
            DATASYNC: self._find_s5cmd,
            RCLONE: self._find_rclone,
        }
        return finders[name](name)

    def begin(self, home: str) -> None:
        """Make what the tools need in a new folder, which is their home. Raises OSError."""
        os.makedirs(home, mode=0o700)
        self._home = home
        own = benchmark_child.unpacked(os.path.join(home, "pipeline"))
        self._python_path = os.pathsep.join(filter(None, [own, os.environ.get("PYTHONPATH")]))

    def command(self, tool: Tool, upload: ToolUpload, transfer: Mapping[str, Any] | None = None) -> Command:
        """The call that uploads with this tool. `transfer` replaces options of `datasync`.

        Credentials are asked for anew, so that those that expire last for this call. Raises CredentialsError.
        """
        makers: Mapping[str, Callable[[Tool, ToolUpload], Command]] = {
            AWSCLI: self._aws,
            AWSCLI_OPTIMIZED: self._aws,
            S5CMD: self._s5cmd,
            RCLONE: self._rclone,
        }
        if tool.name == DATASYNC:
            return self._datasync(tool, upload, self._request.transfer if transfer is None else transfer)
        return makers[tool.name](tool, upload)

    def url(self, upload: ToolUpload) -> str:
        """The destination as s5cmd and aws write it."""
        return f"s3://{self._request.bucket}/{upload.prefix}"

    # --- the AWS CLI

    def _find_aws(self, name: str) -> Tool:
        settings = "defaults: 10 requests at once, parts of 8 MiB"
        if name == AWSCLI_OPTIMIZED:
            settings = ", ".join(f"{key} {value}" for key, value in _OPTIMIZED.items())
        return _found(name, self._request.aws_path, "aws", "--version", settings)

    def _aws(self, tool: Tool, upload: ToolUpload) -> Command:
        config = os.path.join(self._home, f"{tool.name}.ini")
        lines = ["[default]", "s3 ="]
        if self._endpoint_url:
            # As all others address a server of one's own; the AWS CLI would put the bucket in front of the host.
            lines.append("  addressing_style = path")
        if tool.name == AWSCLI_OPTIMIZED:
            lines += [f"  {key} = {value}" for key, value in _OPTIMIZED.items()]
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines if len(lines) > 2 else lines[:1]) + "\n")
        server = ["--endpoint-url", self._endpoint_url] if self._endpoint_url else []
        arguments = [tool.path, *server, "s3", "sync", upload.folder, self.url(upload), "--only-show-errors"]
        arguments += self._payer
        return Command(arguments, {**self._environment(), "AWS_CONFIG_FILE": config})

    # --- s5cmd alone and in our pipeline

    def _find_s5cmd(self, name: str) -> Tool:
        try:
            path = s5cmd_binary.find_binary(self._request.s5cmd_path)
            version = s5cmd_binary.read_version(path)
            if name == S5CMD:
                return Tool(name, path, version.text, "default flags: 256 workers, 5 parts of 50 MiB a file")
            s5cmd_binary.require_usable(version)
            job = self._job({"src": "/"}, self._request.transfer)
        except DatasyncError as error:
            return Tool(name, reason=str(error))
        return Tool(name, path, f"s5cmd {version.text}", _settings_of(job))

    def _s5cmd(self, tool: Tool, upload: ToolUpload) -> Command:
        server = ["--endpoint-url", self._endpoint_url] if self._endpoint_url else []
        # `debug` is what shows retries; it changes nothing else.
        arguments = [tool.path, *server, *self._payer, "--log", "debug", "sync", f"{upload.folder}/", self.url(upload)]
        return Command(arguments, self._environment())

    def _datasync(self, tool: Tool, upload: ToolUpload, transfer: Mapping[str, Any]) -> Command:
        files = {
            "src": upload.folder,
            "s5cmd_path": tool.path,
            "state_path": os.path.join(upload.directory, "state.sqlite"),
            "lock_path": os.path.join(upload.directory, "lock"),
            "result_paths": [os.path.join(upload.directory, "result.json")],
            "prefix": upload.prefix,
        }
        options = json.dumps({**self._destination_options(), **transfer, **files})
        environment = {**self._environment(), "PYTHONPATH": self._python_path}
        return Command(benchmark_child.command(), environment, options.encode())

    def _destination_options(self) -> dict[str, Any]:
        connection = self._request.connection
        return {
            "bucket": self._request.bucket,
            "region": connection.region_name,
            "endpoint_url": self._endpoint_url,
            "request_payer": connection.request_payer,
        }

    def _job(self, files: Mapping[str, Any], transfer: Mapping[str, Any]) -> Job:
        return Job.from_options({**self._destination_options(), **transfer, **files})

    # --- rclone

    def _find_rclone(self, name: str) -> Tool:
        settings = "defaults: 4 transfers, 4 parts of 5 MiB a file"
        return _found(name, self._request.rclone_path, "rclone", "version", settings)

    def _rclone(self, tool: Tool, upload: ToolUpload) -> Command:
        remote = {
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_S3_PROVIDER": "Other" if self._endpoint_url else "AWS",
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_REGION": self._region,
            # It would ask for, or make, the bucket, which nobody else does.
            "RCLONE_S3_NO_CHECK_BUCKET": "true",
        }
        if self._payer:
            remote["RCLONE_S3_REQUESTER_PAYS"] = "true"
        if self._endpoint_url:
            remote["RCLONE_S3_ENDPOINT"] = self._endpoint_url
        if os.environ.get("AWS_CA_BUNDLE"):
            remote["RCLONE_CA_CERT"] = os.environ["AWS_CA_BUNDLE"]
        destination = f":s3:{self._request.bucket}/{upload.prefix.rstrip('/')}"
        return Command([tool.path, "copy", upload.folder, destination], {**self._environment(), **remote})

    # --- what all of them get

    @property
    def _region(self) -> str:
        return self._request.connection.region_name or DEFAULT_REGION

    @property
    def _payer(self) -> list[str]:
        """Who pays, as s5cmd and the AWS CLI are told."""
        payer = self._request.connection.request_payer
        return ["--request-payer", payer] if payer else []

    def _environment(self) -> dict[str, str]:
        with explained("find credentials", self._request.destination):
            keys = self._request.connection.credentials().get_frozen_credentials()
        environment = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
        environment.update(
            {
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": self._home,
                "TMPDIR": self._home,
                "LANG": "C.UTF-8",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_REGION": self._region,
                "AWS_DEFAULT_REGION": self._region,
                "AWS_ACCESS_KEY_ID": keys.access_key,
                "AWS_SECRET_ACCESS_KEY": keys.secret_key,
                # Where `pip install --user` puts packages, which Python would look for below the new home.
                "PYTHONUSERBASE": site.getuserbase(),
            }
        )
        if keys.token:
            environment["AWS_SESSION_TOKEN"] = keys.token
        return environment


def _settings_of(job: Job) -> str:
    """What decides about the speed of our pipeline."""
    parts = (
        "each file whole" if job.sends_whole_files else f"{job.concurrency} parts of {job.part_size // MIB} MiB a file"
    )
    told = [
        f"{job.numworkers} workers, {parts}",
        f"proven by {job.checksum_algorithm}" if job.verification_wanted else "not proven",
    ]
    if job.bandwidth_limit:
        told.append(f"limited to {format_bytes_si(job.bandwidth_limit)} per second")
    tuned = settings_of(job, nothing)
    if tuned.tuning:
        told.append(f"tuned by {job.tuning_path}: {tuned}")
    return ", ".join(told)


def _found(name: str, given: str | None, program: str, version_argument: str, settings: str) -> Tool:
    """A program that prints its version."""
    path = given or commands.find(program)
    if not path:
        return Tool(name, reason=f"{program} is neither on PATH nor in /usr/local/bin")
    try:
        done = commands.run([path, version_argument], VERSION_TIMEOUT)
    except CommandError as error:
        return Tool(name, path, reason=str(error))
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if done.returncode != 0:
        return Tool(name, path, reason=f"{path} {version_argument} failed: {last_words(done, lines=1)}")
    if not lines:
        return Tool(name, path, reason=f"{path} {version_argument} prints no version")
    return Tool(name, path, lines[0].strip(), settings)


#: Lines of the tools' output, as the tools of 2026 write them.
_RETRIES = {S5CMD: re.compile(r"retryable error"), RCLONE: re.compile(r"Attempt [2-9]|low level retry")}
_ERRORS = {
    AWSCLI: re.compile(r"^(?:upload failed|fatal error|warning: Skipping)", re.MULTILINE),
    S5CMD: re.compile(r"^ERROR ", re.MULTILINE),
    RCLONE: re.compile(r"ERROR : (?!Attempt)"),
}
_TRIED_AGAIN = re.compile(r"\b([0-9]+) files? failed .*: trying again")


def account(tool: Tool, upload: ToolUpload) -> ToolReport:
    """What the tool's output says about the run that just ended."""
    text = _read(upload.log_path)
    if tool.name == DATASYNC:
        return _account_of_ours(text, os.path.join(upload.directory, "result.json"))
    kind = AWSCLI if tool.name == AWSCLI_OPTIMIZED else tool.name
    retries = len(_RETRIES[kind].findall(text)) if kind in _RETRIES else None
    failures = [line for line in text.splitlines() if _ERRORS[kind].search(line)]
    return ToolReport(retries, len(failures), failures[0][:MESSAGE_LENGTH] if failures else "")


def _account_of_ours(text: str, result_path: str) -> ToolReport:
    retries = sum(int(number) for number in _TRIED_AGAIN.findall(text))
    try:
        result = json.loads(_read(result_path))
    except ValueError:
        return ToolReport(retries, 0, "")
    problems = result.get("problems") or []
    message = ""
    if problems:
        first = problems[0]
        message = f"{first['path']}: {first['message']}" if first["path"] else str(first["message"])
    return ToolReport(retries, int(result.get("problems_total", len(problems))), message[:MESSAGE_LENGTH])


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


#: Of each tool, from which size on it sends parts, and the size of a part, in bytes, with its defaults.
#: s5cmd's uploader begins parts beyond one part; https://rclone.org/s3/#s3-upload-cutoff; AWS CLI as above.
_PARTS: dict[str, tuple[int, int]] = {
    AWSCLI: (8 * MIB, 8 * MIB),
    AWSCLI_OPTIMIZED: (8 * MIB, 64 * MIB),
    S5CMD: (50 * MIB, 50 * MIB),
    RCLONE: (200 * MIB, 5 * MIB),
}


def requests_of(tool: Tool, sizes: Iterable[tuple[int, int]], part_size: int) -> int:
    """About how many requests an upload of files of these sizes (bytes, number) takes with this tool.

    Uploads and what proves them; listings, which are some for each thousand files, and repetitions are left out.
    `part_size` is that of our own pipeline, in bytes.
    """
    cutoff, part = _PARTS.get(tool.name, (part_size, part_size))
    total = 0
    for size, number in sizes:
        total += number * (1 if size <= cutoff else -(-size // part) + 2)
        if tool.name == DATASYNC and size > MIB:
            total += number
    return total


def described(requests: int, size: int) -> str:
    """An estimate for people."""
    return f"about {counted(requests, 'request')} and {size / _MB:,.0f} MB"
