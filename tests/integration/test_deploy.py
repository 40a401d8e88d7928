# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""From bare hosts to proven uploads: deploy.yml and sync.yml on localhost and on a host behind a real sshd."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from dev import build_collection, build_program
from dev.seaweedfs import SeaweedFS, free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
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
    def inventory_variables(self) -> Dict[str, str]:
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
    variables: Dict[str, Dict[str, Any]]
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
    variables: Dict[str, Dict[str, Any]] = {}
    for host, connection in (("near", {"ansible_connection": "local"}), ("far", sshd.inventory_variables)):
        source = tmp_path / "source of" / host
        source.mkdir(parents=True)
        (source / "it's [1] *.txt").write_text(f"from {host}")
        (source / "large.bin").write_bytes(host.encode() * 2_000_000)
        home = root / host
        variables[host] = {
            **connection,
            "ansible_python_interpreter": sys.executable,
            "s5cmd_bin_dir": str(home / "bin"),
            "s5cmd_versions_dir": str(home / "versions"),
            "s5cmd_sources": ["file"],
            "s5cmd_url": str(s5cmd),
            "s5cmd_checksum": hashlib.sha256(s5cmd.read_bytes()).hexdigest(),
            "uploader_dir": str(home / "opt"),
            "uploader_config_dir": str(home / "etc" / "jobs"),
            "uploader_python": sys.executable,
            "uploader_wheel_dir": str(wheel_dir),
            "uploader_jobs": [
                {
                    "name": "outbox",
                    "settings": {
                        "SOURCE_DIR": str(source),
                        "BUCKET_NAME": bucket,
                        "S3_SUBDIRECTORY": host,
                        **s3_server.environment,
                        "S3_METADATA": {"near": f"note={AWKWARD_NOTE}", "far": "note=plain"}[host],
                        "S5CMD_PART_SIZE": "5MB",
                        "S5CMD_NUM_WORKERS": 4,
                        "FOLLOW_SYMLINKS": False,
                        "EXCLUDE_PATTERNS": ["*.tmp", "*.part"],
                        "LOGS_DIR": str(home / "logs"),
                    },
                }
            ],
        }
    inventory = json.dumps({"all": {"hosts": variables}})

    def run(playbook: str, *arguments: str, **options: Any) -> Any:
        environment = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_SHOW_CUSTOM_STATS": "1"}
        return ansible_playbook(playbook, *arguments, inventory=inventory, environment=environment, **options)

    return Site(root, variables, run)


def changed_tasks(run: Any) -> List[str]:
    return [f"{row['host']}: {row['task']}" for row in run.results if row["result"].get("changed")]


def sync_results(run: Any) -> Dict[str, Dict[str, Any]]:
    """Host to what module s5cmd_sync returned for its one job."""
    rows = [row for row in run.results if row["action"] == "datasync.turbo.s5cmd_sync"]
    return {row["host"]: row["result"]["results"][0] for row in rows}


def test_from_bare_hosts_to_proven_uploads(site: Site, s3: Any, bucket: str, s3_server: SeaweedFS) -> None:
    preview = site.run("datasync.turbo.deploy", *CHECK_MODE)
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert {row.split(":")[0] for row in changed_tasks(preview)} == {"near", "far"}
    assert not site.root.exists(), "check mode leaves a bare host bare"

    deployed = site.run("datasync.turbo.deploy", "--diff", "-vvv")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    # Hosts work side by side, and whoever is done first is first.
    assert sorted(changed_tasks(deployed)) == sorted(changed_tasks(preview)), "check mode told the truth"
    for secret in (s3_server.secret_key, AWKWARD_NOTE):
        assert secret not in deployed.stdout + deployed.stderr
    for host in ("near", "far"):
        jobs_file = site.jobs_file(host)
        assert stat.S_IMODE(jobs_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(jobs_file.parent.stat().st_mode) == 0o700

    again = site.run("datasync.turbo.deploy")
    assert again.returncode == 0, again.stdout + again.stderr
    assert changed_tasks(again) == []

    planned = site.run("datasync.turbo.sync", *CHECK_MODE)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert [len(result["uploads"]) for result in sync_results(planned).values()] == [2, 2]
    assert "outbox: success, 2 to upload" in planned.stdout
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)

    try:
        uploaded = site.run("datasync.turbo.sync")
        assert uploaded.returncode == 0, uploaded.stdout + uploaded.stderr
        for host, result in sync_results(uploaded).items():
            assert result["changed"] is True
            assert result["result"]["files_synced"] == 2
            assert result["result"]["checksum_verification"]["verified"] is True
            stored = s3.get_object(Bucket=bucket, Key=f"{host}/it's [1] *.txt")
            assert stored["Body"].read() == f"from {host}".encode()
            assert stored["Metadata"]["note"] == (AWKWARD_NOTE if host == "near" else "plain")
            assert s3.head_object(Bucket=bucket, Key=f"{host}/large.bin")["ETag"].endswith('-2"'), "5 MiB parts"
            report = json.loads((site.root / host / "logs" / "last-sync.json").read_text("utf-8"))
            assert report["status"] == "success"
        assert "outbox: success, 2 uploaded" in uploaded.stdout
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
    jobs = site.variables["near"]["uploader_jobs"]
    broken = {"name": "broken", "settings": {**jobs[0]["settings"], "BUCKET_NAME": "no-such-bucket"}}
    variables = {"uploader_jobs": [broken, *jobs]}
    deployed = site.run("datasync.turbo.deploy", "--limit", "near", variables=variables)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    try:
        run = site.run("datasync.turbo.sync", "--limit", "near", variables=variables)
        assert run.returncode != 0
        results = run.result_of("datasync.turbo.s5cmd_sync")["results"]
        assert [(result["item"], result["exit_code"]) for result in results] == [("broken", 3), ("outbox", 0)]
        assert "broken: failed" in run.stdout
        assert "outbox: success, 2 uploaded" in run.stdout
    finally:
        empty(s3, bucket)

    # Settings that do not fit are refused, and the files stay as they are.
    before = site.jobs_file("near").read_bytes()
    settings = jobs[0]["settings"]
    for bad, reasons in (
        ({"S5CMD_PART_SIZE": "1MB"}, ["Job outbox of near was not written", "S5CMD_PART_SIZE '1MB' is 1 MiB"]),
        ({"NOT A NAME": "x", "S3_ACL": "a\nS5CMD_PATH=/x"}, ["NOT A NAME", "S3_ACL cannot be written to an env file"]),
    ):
        variables = {"uploader_jobs": [{"name": "outbox", "settings": {**settings, **bad}}]}
        run = site.run("datasync.turbo.deploy", "--limit", "near", "--tags", "uploader_jobs", variables=variables)
        assert run.returncode != 0
        assert all(reason in run.stdout + run.stderr for reason in reasons), run.stdout + run.stderr
        assert site.jobs_file("near").read_bytes() == before


def test_a_damaged_environment_is_repaired(site: Site) -> None:
    def deploy(*arguments: str) -> List[str]:
        run = site.run("datasync.turbo.deploy", "--limit", "near", "--tags", "uploader_environment", *arguments)
        assert run.returncode == 0, run.stdout + run.stderr
        return changed_tasks(run)

    make, install = (
        f"near: datasync.turbo.uploader : {task}" for task in ("Make the environment", "Install the pinned packages")
    )
    assert deploy() == [make, install]

    python = site.root / "near" / "opt" / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "boto3"], check=True)
    assert deploy(*CHECK_MODE) == [install]
    assert deploy() == [install]
    subprocess.run([str(python), "-c", "import boto3, awscrt"], check=True)

    for name in ("python", "python3"):
        (python.parent / name).unlink()
        (python.parent / name).symlink_to("/nonexistent")
    assert deploy() == [make, install]
    subprocess.run([str(python), "-c", "import boto3, awscrt"], check=True)
    assert deploy() == []


def test_a_host_without_a_fitting_python_is_told_what_to_install(site: Site) -> None:
    variables = {"uploader_python": "/nonexistent/python3"}
    run = site.run("datasync.turbo.deploy", "--limit", "near", "--tags", "uploader_environment", variables=variables)
    assert run.returncode != 0
    assert "install the package python3-venv" in run.stdout + run.stderr


def test_sync_without_jobs_is_an_error_that_names_the_variable(site: Site) -> None:
    run = site.run("datasync.turbo.sync", "--limit", "near", variables={"uploader_jobs": []})
    assert run.returncode != 0
    assert "list its jobs in uploader_jobs" in run.stdout + run.stderr


def empty(s3: Any, bucket: str) -> None:
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=entry["Key"])
