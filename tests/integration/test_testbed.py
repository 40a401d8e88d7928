# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The test bed itself: the S3 server refuses what Amazon S3 refuses, the binaries are the real ones, Ansible runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import botocore.exceptions
import pytest

from dev.ansible_environment import CHECKOUT
from dev.s3_client import s3_client
from dev.seaweedfs import SeaweedFS


@pytest.mark.parametrize(
    ("access_key", "secret_key", "code"),
    [("right", "wrong", "SignatureDoesNotMatch"), ("AKUNKNOWN", "wrong", "InvalidAccessKeyId")],
)
def test_server_refuses_wrong_credentials(s3_server: SeaweedFS, access_key: str, secret_key: str, code: str) -> None:
    key = s3_server.access_key if access_key == "right" else access_key
    client = s3_client(s3_server.endpoint_url, key, secret_key, s3_server.region)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.list_buckets()
    assert caught.value.response["Error"]["Code"] == code


def test_server_refuses_wrong_digest_and_stores_nothing(s3: Any, bucket: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="x", Body=b"123456789", ChecksumCRC64NVME="AAAAAAAAAAA=")
    assert caught.value.response["Error"]["Code"] == "BadDigest"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_server_makes_no_bucket_by_itself(s3: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        s3.put_object(Bucket="never-made", Key="x", Body=b"1")
    assert caught.value.response["Error"]["Code"] == "NoSuchBucket"


def test_server_listens_on_loopback_only(s3_server: SeaweedFS) -> None:
    process = Path("/proc") / str(s3_server.pid)
    its_sockets = {str(fd.readlink()) for fd in (process / "fd").iterdir()}
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in (process / "net" / table).read_text().splitlines()[1:]
    ]
    # Columns of proc(5): 1 is the local address, 3 the state (0A: listening), 9 the inode.
    listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in its_sockets]
    assert len(listening) >= 9
    assert all(address.startswith("0100007F:") for address in listening), listening  # 127.0.0.1, little-endian


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_server_dies_with_its_starter_even_by_sigkill(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from dev.seaweedfs import SeaweedFS\n"
        "server = SeaweedFS(pathlib.Path(sys.argv[1])).start()\n"
        "print(server.pid, *server.grpc_sockets, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        pid, *leftovers = starter.stdout.readline().split()
        server_pid = int(pid)
        assert _alive(server_pid)
        starter.kill()
    deadline = time.monotonic() + 30
    while _alive(server_pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    for leftover in leftovers:
        Path(leftover).unlink(missing_ok=True)
    assert not _alive(server_pid)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_binaries_are_the_versions_they_are_taken_for(s5cmd: Path, s5cmd_222: Path) -> None:
    for binary, version in ((s5cmd, "v2.3.0"), (s5cmd_222, "v2.2.2")):
        assert subprocess.check_output([str(binary), "version"], text=True).startswith(version)


def test_tree_stores_awkward_names_and_exact_sizes(tree: Callable[..., Path]) -> None:
    root = tree({"a\nb/c'\"d": b"x", "big.bin": 6_000_001, "empty": 0})
    assert (root / "a\nb" / "c'\"d").read_bytes() == b"x"
    assert (root / "big.bin").stat().st_size == 6_000_001
    assert (root / "empty").stat().st_size == 0


def test_playbooks_run_and_their_results_come_back(ansible_playbook: Callable[..., Any]) -> None:
    play = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: {argv: [echo, hello]}\n"
    run = ansible_playbook(play)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.result_of("ansible.builtin.command")["stdout"] == "hello"


def test_cannot_run_is_a_failure_in_ci(cannot_run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no sshd"):
        cannot_run("no sshd: install openssh-server")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no sshd"):
        cannot_run("no sshd: install openssh-server")


def test_environment_names_the_running_server(s3_server: SeaweedFS) -> None:
    assert s3_server.environment["S3_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert Path(f"/proc/{s3_server.pid}").exists()
