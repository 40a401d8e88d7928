# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""From bare hosts to proven uploads without root and without systemd: on localhost and on a host behind a real sshd.

What needs root, systemd and several hosts is in tests/fleet.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest

from dev import build_collection, build_program
from dev.ansible_environment import CHECKOUT
from dev.seaweedfs import SeaweedFS, free_ports

REQUIREMENTS = CHECKOUT / "roles" / "uploader" / "files" / "requirements.txt"
#: Values that a shell, systemd or a careless template would change.
AWKWARD_NOTE = 'it\'s "so" \\ $HOME `id` #1 *'
CHECK_MODE = ("--check", "--diff")
#: Each run of a playbook takes seconds, each new environment ten; on a busy machine several times that.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as its archive has it, the generated host program included."""
    root = tmp_path_factory.mktemp("collections")
    collection = root / "ansible_collections" / "datasync" / "turbo"
    build_collection.copy_sources(collection)
    build_program.build(collection / build_collection.PROGRAM_IN_ROLE)
    return root


@pytest.fixture(scope="module")
def wheel_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of the pinned packages, as an operator carries them to hosts without a package index."""
    directory = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*command, "--dest", str(directory), "-r", str(REQUIREMENTS)], check=True, timeout=240)
    return directory


@dataclass(frozen=True)
class Sshd:
    """A running sshd on loopback, and how to reach it."""

    port: int
    client_key: Path
    known_hosts: Path

    @property
    def inventory_variables(self) -> dict[str, str]:
        options = f"-F /dev/null -o UserKnownHostsFile={self.known_hosts} -o StrictHostKeyChecking=yes"
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": str(self.port),
            "ansible_user": getpass.getuser(),
            "ansible_ssh_private_key_file": str(self.client_key),
            "ansible_ssh_common_args": f"{options} -o IdentitiesOnly=yes",
            # No connection may outlive the test.
            "ansible_ssh_args": "-o ControlMaster=no",
            "ansible_pipelining": "true",
        }


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory, cannot_run: Callable[[str], None]) -> Iterator[Sshd]:
    """A real sshd with keys of its own, which runs as this user."""
    program = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    if program is None or shutil.which("ssh") is None:
        cannot_run("no sshd or no ssh: install openssh-server and openssh-client")
    assert program is not None
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host_key", "client_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "authorized_keys").write_bytes((folder / "client_key.pub").read_bytes())
    (port,) = free_ports(1)
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        # A system's own service makes this folder when it starts.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with open(folder / "sshd.log", "wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    try:
        wait_for_port(port, process, folder / "sshd.log")
        yield Sshd(port, folder / "client_key", folder / "known_hosts")
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"sshd did not start: {log.read_text()}")


@dataclass(frozen=True)
class Site:
    """Two hosts with folders of their own, their jobs, and how to run our playbooks on them."""

    root: Path
    variables: dict[str, dict[str, Any]]
    run: Callable[..., Any]

    def jobs_file(self, host: str) -> Path:
        return self.root / host / "etc" / "jobs" / "outbox.env"

    def run_program(self, host: str, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the deployed program with the short PATH of cron."""
        program = self.root / host / "opt" / "bin" / "datasync-turbo"
        return subprocess.run(
            [str(program), command, "--config", str(self.jobs_file(host)), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.root)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def site(
    tmp_path: Path,
    collections: Path,
    wheel_dir: Path,
    sshd: Sshd,
    s3_server: SeaweedFS,
    bucket: str,
    s5cmd: Path,
    ansible_playbook: Callable[..., Any],
) -> Site:
    """`near` is this machine, `far` the same machine through ssh; nothing is installed yet."""
    root = tmp_path / "hosts"
    variables: dict[str, dict[str, Any]] = {}
    sources = {host: tmp_path / "source of" / host for host in ("near", "far")}
    jobs: dict[str, dict[str, Any]] = {
        # As the sites' env files have it.
        "near": {
            "settings": {
                "SOURCE_DIR": str(sources["near"]),
                "BUCKET_NAME": bucket,
                "S3_SUBDIRECTORY": "near",
                **s3_server.environment,
                "S3_METADATA": f"note={AWKWARD_NOTE}",
                "S5CMD_PART_SIZE": "5MB",
                "FOLLOW_SYMLINKS": False,
                "EXCLUDE_PATTERNS": ["*.tmp", "*.part"],
            },
        },
        "far": {
            "source": str(sources["far"]),
            "bucket": bucket,
            "prefix": "far",
            "endpoint_url": s3_server.endpoint_url,
            "credentials": {"access_key": s3_server.access_key, "secret_key": s3_server.secret_key},
            "metadata": {"note": "plain"},
            "part_size": "5MB",
            "follow_symlinks": False,
            "exclude": ["*.tmp", "*.part"],
        },
    }
    for host, connection in (("near", {"ansible_connection": "local"}), ("far", sshd.inventory_variables)):
        source = sources[host]
        source.mkdir(parents=True)
        (source / "it's [1] *.txt").write_text(f"from {host}")
        (source / "large.bin").write_bytes(host.encode() * 2_000_000)
        home = root / host
        variables[host] = {
            **connection,
            "ansible_python_interpreter": sys.executable,
            "s5cmd_bin_dir": str(home / "bin"),
            "s5cmd_versions_dir": str(home / "versions"),
            "s5cmd_cache_dir": str(tmp_path / "cache"),
            "s5cmd_sources": ["file"],
            "s5cmd_url": str(s5cmd),
            "s5cmd_checksum": hashlib.sha256(s5cmd.read_bytes()).hexdigest(),
            "uploader_dir": str(home / "opt"),
            "uploader_config_dir": str(home / "etc" / "jobs"),
            "uploader_credentials_dir": str(home / "etc" / "credentials"),
            "uploader_state_dir": str(home / "state"),
            "uploader_log_dir": str(home / "logs"),
            "uploader_log_keep": 0,
            "uploader_user": getpass.getuser(),
            "uploader_group": grp.getgrgid(os.getgid()).gr_name,
            "uploader_create_user": False,
            "uploader_scheduler": "cron",
            "uploader_python": sys.executable,
            "uploader_wheel_dir": str(wheel_dir),
            "uploader_cache_dir": str(tmp_path / "cache"),
            "uploader_jobs": [{"name": "outbox", "schedule": {"kind": "manual"}, **jobs[host]}],
        }
    inventory = json.dumps({"all": {"hosts": variables}})

    def run(playbook: str, *arguments: str, **options: Any) -> Any:
        environment = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_SHOW_CUSTOM_STATS": "1"}
        return ansible_playbook(playbook, *arguments, inventory=inventory, environment=environment, **options)

    return Site(root, variables, run)


def changed_tasks(run: Any) -> list[str]:
    return [f"{row['host']}: {row['task']}" for row in run.results if row["result"].get("changed")]


def job_runs(run: Any) -> dict[str, list[dict[str, Any]]]:
    """Host to what module uploader_run returned for its jobs."""
    rows = [row for row in run.results if row["action"] == "datasync.turbo.uploader_run"]
    return {row["host"]: row["result"]["jobs"] for row in rows}


def test_from_bare_hosts_to_proven_uploads(site: Site, s3: Any, bucket: str, s3_server: SeaweedFS) -> None:
    preview = site.run("datasync.turbo.deploy", *CHECK_MODE)
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert {row.split(":")[0] for row in changed_tasks(preview)} == {"near", "far"}
    assert not site.root.exists(), "check mode leaves a bare host bare"

    deployed = site.run("datasync.turbo.deploy", "--diff", "-vvv", variables={"deploy_canary": "never"})
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    # Hosts work side by side, and whoever is done first is first.
    assert sorted(changed_tasks(deployed)) == sorted(changed_tasks(preview)), "check mode told the truth"
    for secret in (s3_server.secret_key, AWKWARD_NOTE):
        assert secret not in deployed.stdout + deployed.stderr
    for host in ("near", "far"):
        jobs_file = site.jobs_file(host)
        assert stat.S_IMODE(jobs_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(jobs_file.parent.stat().st_mode) == 0o750
    credentials = site.root / "far" / "etc" / "credentials" / "outbox"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert s3_server.secret_key not in site.jobs_file("far").read_text("utf-8")

    again = site.run("datasync.turbo.deploy", variables={"deploy_canary": "always"})
    assert again.returncode == 0, again.stdout + again.stderr
    assert changed_tasks(again) == []

    planned = site.run("datasync.turbo.sync", *CHECK_MODE)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert [len(job["uploads"]) for jobs in job_runs(planned).values() for job in jobs] == [2, 2]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    try:
        uploaded = site.run("datasync.turbo.sync")
        assert uploaded.returncode == 0, uploaded.stdout + uploaded.stderr
        for host, (job,) in job_runs(uploaded).items():
            assert job["changed"] is True
            assert job["result"]["files_synced"] == 2
            assert job["result"]["checksum_verification"]["verified"] is True
            stored = s3.get_object(Bucket=bucket, Key=f"{host}/it's [1] *.txt")
            assert stored["Body"].read() == f"from {host}".encode()
            assert stored["Metadata"]["note"] == (AWKWARD_NOTE if host == "near" else "plain")
            assert s3.head_object(Bucket=bucket, Key=f"{host}/large.bin")["ETag"].endswith('-2"'), "5 MiB parts"
            report = json.loads((site.root / host / "state" / "results" / "outbox.json").read_text("utf-8"))
            assert report["status"] == "success"
        assert '"near"' in uploaded.stdout.partition("CUSTOM STATS")[2]

        second = site.run("datasync.turbo.sync")
        assert second.returncode == 0, second.stdout + second.stderr
        assert changed_tasks(second) == []

        by_hand = site.run_program("near", "sync", "--json")
        assert by_hand.returncode == 0, by_hand.stderr
        report = json.loads(by_hand.stdout)
        assert (report["files_synced"], report["status"]) == (0, "success"), "the same job, without a controller"
    finally:
        empty(s3, bucket)


def test_a_job_that_fails_is_named_and_the_others_run(site: Site, s3: Any, bucket: str) -> None:
    (job,) = site.variables["near"]["uploader_jobs"]
    broken = {**job, "name": "broken", "settings": {**job["settings"], "BUCKET_NAME": "no-such-bucket"}}
    variables = {"uploader_jobs": [broken, job], "deploy_canary": "never"}
    deployed = site.run("datasync.turbo.deploy", "--limit", "near", variables=variables)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    try:
        run = site.run("datasync.turbo.sync", "--limit", "near", variables=variables)
        assert run.returncode != 0
        codes = {job["job"]: job["exit_code"] for job in job_runs(run)["near"]}
        assert codes == {"broken": 3, "outbox": 0}
        assert "no-such-bucket" in run.stdout
    finally:
        empty(s3, bucket)

    # Settings that do not fit are refused, and the files stay as they are.
    before = site.jobs_file("near").read_bytes()
    for bad, reasons in (
        ({"S5CMD_PART_SIZE": "1MB"}, ["near: job 'outbox'", "S5CMD_PART_SIZE '1MB' is 1 MiB"]),
        ({"NOT A NAME": "x"}, ["near: job 'outbox'", "NOT A NAME"]),
        ({"S3_ACL": "a\nS5CMD_PATH=/x"}, ["near: job 'outbox'", "S3_ACL"]),
    ):
        variables = {"uploader_jobs": [{**job, "settings": {**job["settings"], **bad}}]}
        run = site.run("datasync.turbo.deploy", "--limit", "near", "--tags", "uploader", variables=variables)
        assert run.returncode != 0
        assert all(reason in run.stdout + run.stderr for reason in reasons), run.stdout + run.stderr
        assert site.jobs_file("near").read_bytes() == before


def test_a_damaged_environment_is_repaired(site: Site) -> None:
    def deploy(*arguments: str) -> list[str]:
        run = site.run("datasync.turbo.deploy", "--limit", "near", *arguments, variables={"deploy_canary": "never"})
        assert run.returncode == 0, run.stdout + run.stderr
        return [
            change
            for row in run.results
            if row["action"] == "datasync.turbo.uploader_host"
            for change in row["result"]["changes"]
        ]

    deploy()
    venv = site.root / "near" / "opt" / "venv"
    made = f"make environment {venv.resolve()}"
    (package,) = venv.resolve().glob("lib/python*/site-packages/boto3/session.py")
    package.unlink()
    assert deploy(*CHECK_MODE) == [made]
    assert not package.exists(), "check mode changes nothing"
    assert deploy() == [made]
    subprocess.run([str(venv / "bin" / "python"), "-c", "import boto3, awscrt, psutil, rich"], check=True)

    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nonexistent/python")
    assert deploy() == [made]
    assert deploy() == []


@pytest.mark.parametrize("delivery", ["controller", "direct"])
def test_the_environment_comes_from_the_controller_or_from_pip_on_the_host(site: Site, delivery: str) -> None:
    run = site.run(
        "datasync.turbo.deploy",
        "--limit",
        "far",
        variables={"uploader_delivery": delivery, "deploy_canary": "never"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    python = site.root / "far" / "opt" / "venv" / "bin" / "python"
    has_pip = subprocess.run(
        [str(python), "-c", "import boto3, awscrt, psutil, rich, pip"], capture_output=True, check=False
    )
    assert (has_pip.returncode == 0) == (delivery == "direct")
    assert site.run_program("far", "check").returncode == 0


def test_a_host_without_a_fitting_python_is_told_what_to_do(site: Site) -> None:
    variables = {"uploader_python": "/nonexistent/python3"}
    run = site.run("datasync.turbo.deploy", "--limit", "near", variables=variables)
    assert run.returncode != 0
    assert "near: uploader_python: there is no /nonexistent/python3 on this host" in run.stdout + run.stderr


def test_sync_without_jobs_is_an_error_that_names_the_variable(site: Site) -> None:
    deployed = site.run("datasync.turbo.deploy", "--limit", "near", variables={"uploader_jobs": []})
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    run = site.run("datasync.turbo.sync", "--limit", "near")
    assert run.returncode != 0
    assert "uploader_jobs" in run.stdout + run.stderr


def empty(s3: Any, bucket: str) -> None:
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=entry["Key"])
