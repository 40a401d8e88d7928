# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A test bed: real systemd hosts in a private network with a real S3 server, all gone when the bed is closed.

    with open_bed() as bed:
        host = bed.host("upload1", "bookworm")
        bed.start_s3()
        bed.run(["ansible-playbook", "datasync.turbo.deploy"])

No packet leaves the bed: what hosts need must be on the controller, which is whatever `bed.run` runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dev import build_collection, build_program
from dev.ansible_environment import BUILD, CHECKOUT, ansible_environment
from dev.s3_client import s3_client
from tests.fleet.holder import CONTROLLER_ADDRESS, NAMESPACES
from tests.fleet.images import (
    DEBIAN_PACKAGES,
    FLEET,
    STORE,
    BedError,
    build_images,
    configure_podman,
    image_name,
    locked,
    missing_programs,
    podman_environment,
)

BEDS = FLEET / "beds"
#: What hosts get instead of what a package index has; see dev/set_up.py.
WHEELS = BUILD / "wheels"
#: Set for what runs inside a bed: its directory.
INSIDE = "DATASYNC_BED"
#: Seconds within which a host must have booted; 1 on an idle machine, 20 for 50 at once.
BOOT_TIMEOUT = 180.0
#: Seconds after which a command in the bed is taken for hung.
COMMAND_TIMEOUT = 900.0
#: Where systemd and cron look for programs, and where podman's helpers are.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SSH_PORT = 22
AUTHORIZED_KEYS = PurePosixPath("/root", ".ssh", "authorized_keys")
#: What podman's default network gives to the bed; the addresses after it are the hosts'.
BRIDGE_ADDRESS = "10.88.0.1"
#: What a host runs that has no systemd.
WITHOUT_SYSTEMD = ["sh", "-c", "mkdir -p /run/sshd && cron && exec /usr/sbin/sshd -D"]
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    command: Sequence[str]
    returncode: int
    stdout: str
    stderr: str

    def checked(self) -> Answer:
        """Itself, if the command succeeded. Raises BedError."""
        if self.returncode:
            command = " ".join(self.command)
            raise BedError(f"{command} failed with {self.returncode}:\n{self.stdout}{self.stderr}")
        return self


@dataclass(frozen=True)
class Host:
    """A booted host."""

    name: str
    release: str
    address: str
    bed: Bed = field(repr=False)

    def run(self, *command: str, text: str | None = None, check: bool = True) -> Answer:
        """Run a command on the host as root, without ssh. `text`: its standard input."""
        answer = self.bed.run(["podman", "exec", "--interactive", self.name, *command], text=text)
        return answer.checked() if check else answer

    def shell(self, script: str, *, check: bool = True) -> str:
        """Run a script with the host's sh; returns what it printed."""
        return self.run("sh", "-euc", script, check=check).stdout

    def write(self, path: str, content: str, *, mode: str = "0644", owner: str = "root:root") -> None:
        """Write a file, with the folders that it needs."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1" && chown "$3" "$1"'
        self.run("sh", "-euc", script, "sh", path, mode, owner, text=content)

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.run("cat", path).stdout

    def exists(self, path: str) -> bool:
        """Whether there is a file, a folder or a link, even a broken one."""
        return self.run("sh", "-c", '[ -e "$1" ] || [ -L "$1" ]', "sh", path, check=False).returncode == 0

    def kill(self) -> None:
        """Let the host lose power."""
        self.bed.podman("kill", "--signal", "KILL", self.name).checked()
        # Its network is taken down afterwards, which must not meet the next boot.
        self.bed.wait_for_state(self.name, "exited")

    def start(self) -> None:
        """Boot the host after `kill`, with its disk as it is; returns once it is up."""
        self.bed.podman("start", self.name).checked()
        self.bed.wait_for_boot(self.name)
        self.bed.wait_for_ssh(self)

    def remove(self) -> None:
        """Take the host and its disk away."""
        self.bed.podman("rm", "--force", "--time", "0", self.name).checked()
        self.bed.forget(self.name)


@dataclass(frozen=True)
class S3:
    """The bed's S3 server: its endpoint, as hosts and controller reach it, and its keys."""

    endpoint_url: str
    access_key: str
    secret_key: str
    region: str

    def client(self) -> Any:
        """A boto3 client; it reaches the server from inside the bed only (see `Bed.inside`)."""
        return s3_client(self.endpoint_url, self.access_key, self.secret_key, self.region)


@dataclass(frozen=True)
class Bed:
    """An open test bed. `pid`: a process in its namespaces; None: we are in them."""

    directory: Path
    pid: int | None

    @property
    def name(self) -> str:
        """Name of the bed, unique on this machine."""
        return self.directory.name

    # --- processes -----------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """Variables for what runs in the bed: Ansible finds the inventory, the collection and its own folders."""
        environment = ansible_environment(self.directory)
        # The hosts have folders of their own for this.
        del environment["ANSIBLE_REMOTE_TEMP"]
        environment["PATH"] = os.pathsep.join([environment["PATH"], SYSTEM_PATH])
        environment.update({INSIDE: str(self.directory), "DATASYNC_WHEELS": str(WHEELS), "PYTHONPATH": str(CHECKOUT)})
        environment.update(
            ANSIBLE_COLLECTIONS_PATH=str(self.collections),
            ANSIBLE_INVENTORY=str(self.inventory),
            # A socket's path may have 107 bytes, and a checkout can lie deeper than that; /run is the bed's own.
            ANSIBLE_SSH_CONTROL_PATH_DIR="/run/ssh-control",
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_RETRY_FILES_ENABLED="0",
        )
        environment.update(podman_environment(self.directory / "podman"))
        return environment

    def command(self, command: Sequence[str], directory: Path = CHECKOUT) -> list[str]:
        """The command line that runs `command` in the bed."""
        if self.pid is None:
            return list(command)
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--uts", "--ipc", "--pid", "--cgroup"]
        # To enter mounts is to lose the working directory.
        return [*enter, "env", f"--chdir={directory}", *command]

    def run(
        self,
        command: Sequence[str],
        *,
        directory: Path = CHECKOUT,
        environment: Mapping[str, str] | None = None,
        text: str | None = None,
        timeout: float = COMMAND_TIMEOUT,
    ) -> Answer:
        """Run a command in the bed, as its controller. `text`: its standard input."""
        process = subprocess.run(
            self.command(command, directory),
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            errors="backslashreplace",
            input=text or "",
            timeout=timeout,
            check=False,
        )
        return Answer(command, process.returncode, process.stdout, process.stderr)

    def podman(self, *arguments: str, text: str | None = None) -> Answer:
        """Run podman, which knows the hosts of this bed only."""
        return self.run(["podman", *arguments], text=text, timeout=BOOT_TIMEOUT)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Let the calling thread's new connections start in the bed's network."""
        if self.pid is None:
            yield
            return
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{threading.get_native_id()}/ns/net") as ours, open(f"/proc/{self.pid}/ns/net") as theirs:
            _enter(libc, theirs.fileno())
            try:
                yield
            finally:
                _enter(libc, ours.fileno())

    # --- hosts ---------------------------------------------------------------------------------------------------

    def host(self, name: str, release: str = "bookworm", *options: str, systemd: bool = True) -> Host:
        """Boot a host; returns once it is up.

        `options`: for `podman run`, such as `--tmpfs=/opt:size=8m`. Without `systemd` it runs only cron and sshd.
        """
        build_images([release])
        start = ["run", "--detach", "--name", name, "--hostname", name, *options]
        address = self._next_address()
        # Podman would give a host another address when it boots again.
        start += [f"--ip={address}", f"--volume={self.key}.pub:{AUTHORIZED_KEYS}:ro"]
        start += ["--systemd=always", image_name(release)] if systemd else [image_name(release), *WITHOUT_SYSTEMD]
        self.podman(*start).checked()
        if systemd:
            self.wait_for_boot(name)
        host = Host(name, release, address, self)
        self.wait_for_ssh(host)
        self._remember(host)
        return host

    def hosts(self, releases: Mapping[str, str]) -> list[Host]:
        """Boot several hosts at once: name to release."""
        build_images(list(releases.values()))
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda item: self.host(*item), releases.items()))

    def booted(self) -> dict[str, Host]:
        """The hosts that there are, by name."""
        try:
            known = json.loads((self.directory / "hosts.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {name: Host(name, release, address, self) for name, (release, address) in known.items()}

    def wait_for_boot(self, name: str) -> None:
        """Wait until systemd says that the host is up. Raises BedError."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while True:
            # Right after the start systemd does not answer yet.
            state = self.podman("exec", name, "systemctl", "is-system-running", "--wait").stdout.strip()
            if state == "running":
                return
            if state == "degraded" or time.monotonic() > deadline:
                failed = self.podman("exec", name, "systemctl", "--failed", "--no-legend", "--plain").stdout
                logs = self.podman("logs", "--tail", "20", name)
                raise BedError(f"host {name} did not boot ({state}): {failed}{logs.stdout}{logs.stderr}")
            time.sleep(0.1)

    def wait_for_state(self, name: str, wanted: str) -> None:
        """Wait until podman says so of a host. Raises BedError."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while (state := self.podman("inspect", "--format", "{{.State.Status}}", name).stdout.strip()) != wanted:
            if time.monotonic() > deadline:
                raise BedError(f"host {name} is {state}, not {wanted}")
            time.sleep(0.1)

    def wait_for_ssh(self, host: Host) -> None:
        """Wait until sshd of a host answers. Raises BedError."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        with self.inside():
            while True:
                try:
                    socket.create_connection((host.address, SSH_PORT), timeout=1).close()
                    return
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise BedError(f"sshd of host {host.name} does not answer: {error}") from error
                    time.sleep(0.1)

    def _next_address(self) -> str:
        """An address that no host of this bed has had."""
        with locked(self.directory / "hosts.lock"):
            last = self.directory / "last-address"
            address = ipaddress.ip_address(last.read_text("utf-8") if last.exists() else BRIDGE_ADDRESS) + 1
            _write(last, str(address))
        return str(address)

    def forget(self, name: str) -> None:
        """Take a removed host out of the inventory."""
        with locked(self.directory / "hosts.lock"):
            known = self.booted()
            known.pop(name, None)
            self._write_hosts(known)

    def _remember(self, host: Host) -> None:
        with locked(self.directory / "hosts.lock"):
            self._write_hosts({**self.booted(), host.name: host})

    def _write_hosts(self, hosts: Mapping[str, Host]) -> None:
        rows = {name: (host.release, host.address) for name, host in sorted(hosts.items())}
        _write(self.directory / "hosts.json", json.dumps(rows))
        inventory = {"all": {"hosts": {name: self.variables(host) for name, host in sorted(hosts.items())}}}
        _write(self.inventory, json.dumps(inventory, indent=2))

    # --- what Ansible needs --------------------------------------------------------------------------------------

    @property
    def key(self) -> Path:
        """The private ssh key that every host's root accepts."""
        return self.directory / "id_ed25519"

    @property
    def inventory(self) -> Path:
        """An inventory with all hosts, kept up to date. JSON is YAML, and sorts before other files."""
        return self.directory / "inventory.yml"

    @property
    def collections(self) -> Path:
        """Where Ansible finds the collection; see `refresh_collection`."""
        return self.directory / "collections"

    @property
    def collection(self) -> Path:
        """The collection as its archive has it, the generated host program included."""
        return self.collections / "ansible_collections" / "datasync" / "turbo"

    def variables(self, host: Host) -> dict[str, Any]:
        """The connection variables of a host."""
        options = "-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes"
        return {
            "ansible_host": host.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": f"{options} -o LogLevel=ERROR",
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def refresh_collection(self) -> None:
        """Bring the bed's copy of the collection up to the checkout's files; nothing is touched if it is."""
        stamp = self.directory / "collection.sha256"
        state = build_collection.sources_digest()
        if stamp.exists() and stamp.read_text("utf-8") == state:
            return
        build_collection.copy_sources(self.collection)
        build_program.build(self.collection / build_collection.PROGRAM_IN_ROLE)
        _write(stamp, state)

    # --- S3 ------------------------------------------------------------------------------------------------------

    def start_s3(self, *buckets: str) -> S3:
        """Start a real S3 server in the bed, if there is none yet, and make buckets."""
        connection = self.directory / "s3.json"
        if not connection.exists():
            data = self.directory / "seaweedfs"
            command = [sys.executable, "-m", "tests.fleet.s3_server", str(data), CONTROLLER_ADDRESS, str(connection)]
            with open(self.directory / "seaweedfs.log", "wb") as log:
                subprocess.Popen(
                    self.command(command),
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            deadline = time.monotonic() + BOOT_TIMEOUT
            while not connection.exists():
                if time.monotonic() > deadline:
                    raise BedError(f"no S3 server: {(self.directory / 'seaweedfs.log').read_text('utf-8')}")
                time.sleep(0.1)
        s3 = S3(**json.loads(connection.read_text("utf-8")))
        with self.inside():
            for bucket in buckets:
                s3.client().create_bucket(Bucket=bucket)
        return s3


@contextlib.contextmanager
def open_bed(name: str = "") -> Iterator[Bed]:
    """Make a bed, and take it away at the end, whatever is in it. Raises BedError."""
    bed, holder = _start(name or f"bed-{os.getpid()}-{uuid.uuid4().hex[:6]}")
    try:
        yield bed
    finally:
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(timeout=60)


def attach(directory: Path) -> Bed:
    """A bed that another process holds open. Raises BedError."""
    if os.environ.get(INSIDE) == str(directory):
        return Bed(directory, None)
    try:
        pid = int((directory / "pid").read_text("utf-8"))
    except FileNotFoundError as error:
        raise BedError(f"there is no bed {directory.name}") from error
    return Bed(directory, pid)


def obstacle() -> str:
    """Why no bed can be made on this machine, and what to do; empty if one can."""
    if sys.platform != "linux":
        return "a test bed needs Linux: run `make test` on a Debian machine, as root"
    if os.geteuid() != 0:
        return "a test bed of real hosts needs root (namespaces, mounts): run `sudo make fleet`"
    missing = missing_programs()
    if missing:
        return f"no {', '.join(missing)}: apt-get install --no-install-recommends {' '.join(DEBIAN_PACKAGES)}"
    probe = ["unshare", *NAMESPACES, "--fork", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    answer = subprocess.run(probe, capture_output=True, text=True, check=False)
    if answer.returncode:
        return f"this machine lets root make no namespaces ({answer.stderr.strip()}): use a virtual or a real machine"
    return ""


def _start(name: str) -> tuple[Bed, subprocess.Popen[bytes]]:
    reason = obstacle()
    if reason:
        raise BedError(reason)
    directory = BEDS / name
    if directory.exists():
        shutil.rmtree(directory) if _is_dead(directory) else _refuse(name)
    directory.mkdir(parents=True)
    configure_podman(directory / "podman", directory / "graph", image_stores=[STORE])
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(directory / "id_ed25519")]
    subprocess.run(keygen, check=True)
    supervise = [sys.executable, "-m", "tests.fleet.holder", "supervise", str(directory)]
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", *supervise],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PATH}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for us: we close the bed.
        start_new_session=True,
    )
    assert holder.stdout is not None
    line = holder.stdout.readline()
    if not line:
        raise BedError(f"the namespaces of bed {name} could not be made; see above")
    bed = Bed(directory, json.loads(line)["pid"])
    _write(directory / "pid", str(bed.pid))
    bed._write_hosts({})
    return bed, holder


def _is_dead(directory: Path) -> bool:
    try:
        return not Path(f"/proc/{(directory / 'pid').read_text('utf-8')}").exists()
    except FileNotFoundError:
        return True


def _refuse(name: str) -> None:
    raise BedError(f"bed {name} is in use: choose another name, or close it with  python -m tests.fleet down {name}")


def _enter(libc: ctypes.CDLL, namespace: int) -> None:
    if libc.setns(namespace, CLONE_NEWNET):
        raise BedError(f"the bed's network cannot be entered: {os.strerror(ctypes.get_errno())}")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)
