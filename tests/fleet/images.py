# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The images of the test bed's hosts: bare Debian systems with systemd and sshd, made by mmdebstrap from a mirror.

Each release is built once, into a store inside the checkout that all beds share and only read.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dev.ansible_environment import BUILD

#: Where all that the test bed keeps is.
FLEET = BUILD / "fleet"
STORE = FLEET / "store"
#: Debian releases, with the Python that each one brings.
RELEASES = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13"}
#: What a bare server has; without python3-venv and pip, because many servers lack them.
PACKAGES = [
    "ca-certificates",
    "cron",
    "dbus",
    "iproute2",
    "logrotate",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "util-linux",
]
#: What a bed needs of the machine, and the Debian packages that bring it; see tests/system-packages.txt.
PROGRAMS = ("mmdebstrap", "podman", "runc", "netavark", "iptables", "ip", "ssh", "ssh-keygen", "unshare", "nsenter")
DEBIAN_PACKAGES = ("mmdebstrap", "podman", "runc", "netavark", "iptables", "iproute2", "openssh-client", "util-linux")
#: Where programs are that not every PATH has, and those that podman starts.
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/lib/podman", "/usr/libexec/podman")
#: What podman stores with the image: what a host starts, and how it is told to shut down.
SETTINGS = ["--change", 'CMD ["/sbin/init"]', "--change", "STOPSIGNAL SIGRTMIN+3"]
#: Podman's files are the caller's own: nothing of the machine's storage is touched. Run in namespaces of its own.
IN_OWN_MOUNTS = [
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && exec "$@"',
    "sh",
]


class BedError(Exception):
    """The test bed cannot do what it should; the message says why."""


def image_name(release: str) -> str:
    """Name of a release's image; its tag changes with the recipe."""
    recipe = json.dumps([release, PACKAGES, SETTINGS])
    return f"localhost/datasync-bed-{release}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def build_images(releases: Sequence[str]) -> None:
    """Build those of the images that are not there yet. Raises BedError."""
    for release in releases:
        if release not in RELEASES:
            raise BedError(f"there is no release {release!r}; there are {', '.join(RELEASES)}")
    if all(stamp(release).exists() for release in releases):
        return
    FLEET.mkdir(parents=True, exist_ok=True)
    with locked(FLEET / "images.lock"):
        configure_podman(FLEET / "podman", STORE)
        missing = [release for release in dict.fromkeys(releases) if not stamp(release).exists()]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(build, missing))


def build(release: str) -> None:
    """Build one image and put it into the store."""
    print(f"fleet: building a Debian {release} (once; about a minute)", file=sys.stderr, flush=True)
    archive = FLEET / f"{release}.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", f"--include={','.join(PACKAGES)}"]
    try:
        run([*command, release, str(archive)])
        with locked(FLEET / "store.lock"):
            run([*IN_OWN_MOUNTS, "podman", "import", "--quiet", *SETTINGS, str(archive), image_name(release)])
    finally:
        archive.unlink(missing_ok=True)
    stamp(release).write_text(time.strftime("built on %Y-%m-%d\n"))


def stamp(release: str) -> Path:
    """A file that is there if the image of the present recipe is in the store."""
    return FLEET / f"{image_name(release).rpartition('/')[2].replace(':', '-')}.built"


def run(command: list[str]) -> None:
    """Run a command that says nothing unless it fails. Raises BedError."""
    environment = {**os.environ, **podman_environment(FLEET / "podman")}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        raise BedError(f"{' '.join(command)} failed:\n{process.stdout}{process.stderr}")


def configure_podman(directory: Path, graph_root: Path, *, image_stores: Sequence[Path] = ()) -> None:
    """Write podman's configuration into `directory`. `image_stores`: further stores, to be read only."""
    directory.mkdir(parents=True, exist_ok=True)
    stores = ", ".join(json.dumps(str(path)) for path in image_stores)
    (directory / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "/run/datasync-bed"\ngraphroot = {json.dumps(str(graph_root))}\n'
        f"[storage.options]\nadditionalimagestores = [{stores}]\n"
    )
    # crun wants rights over limits that a container's root may lack, and knows no hybrid control groups.
    (directory / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]\npids_limit = 0\n'
        'log_driver = "k8s-file"\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = {json.dumps(str(directory / "networks"))}\n'
    )


def podman_environment(directory: Path) -> dict[str, str]:
    """The variables that lead podman to its configuration in `directory`."""
    return {
        "CONTAINERS_CONF": str(directory / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
    }


def missing_programs() -> list[str]:
    """What this machine lacks for a test bed; empty if one can be made here."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    return [name for name in PROGRAMS if shutil.which(name, path=search) is None]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
