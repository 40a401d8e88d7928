# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Test beds by hand: real systemd hosts and an S3 server in a private network, on this machine.

    python -m tests.fleet up [BED] [--hosts N] [--release R,…] [--bucket NAME] [--lifetime SECONDS]
    python -m tests.fleet exec BED COMMAND …        run a command as the controller, for example ansible-playbook
    python -m tests.fleet ssh BED HOST [COMMAND …]  run a command, or a shell, on a host
    python -m tests.fleet host BED NAME RELEASE     boot one more host
    python -m tests.fleet list
    python -m tests.fleet down BED
    python -m tests.fleet molecule [ARGUMENT …]     run molecule in a bed of its own, for example `test -s default`

Hosts are named upload1, upload2, … and run the releases in turn (bullseye, bookworm, trixie). `exec` brings the bed's
copy of the collection up to the checkout first, and knows the inventory: no -i is needed. The bed is gone with `down`,
or when its lifetime is over (two hours).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.fleet.bed import BEDS, Bed, attach, open_bed
from tests.fleet.images import RELEASES, BedError
from tests.fleet.molecule import run_molecule

LIFETIME = 7200


def up(arguments: argparse.Namespace) -> int:
    """Start a process that keeps the bed, and return when everything in it runs."""
    ready, report = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        os.setsid()
        keep(arguments, report)
    os.close(report)
    with open(ready) as pipe:
        text = pipe.read()
    print(text, end="", file=sys.stdout if text.startswith("bed ") else sys.stderr)
    return 0 if text.startswith("bed ") else 1


def keep(arguments: argparse.Namespace, report: int) -> None:
    """Keep a bed open until SIGTERM or the end of its lifetime; the first words go to `report`."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    null = os.open(os.devnull, os.O_RDWR)
    try:
        with open_bed(arguments.bed) as bed, open(report, "w") as pipe:
            try:
                pipe.write(describe(bed, arguments))
            except (BedError, OSError, subprocess.SubprocessError) as error:
                pipe.write(f"{error}\n")
                raise
            pipe.close()
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            time.sleep(arguments.lifetime)
    except BedError as error:
        print(f"fleet: {error}", file=sys.stderr)
    finally:
        os._exit(0)


def describe(bed: Bed, arguments: argparse.Namespace) -> str:
    """Boot what was asked for; returns what the user has to know."""
    (bed.directory / "keeper").write_text(str(os.getpid()))
    releases = arguments.release.split(",")
    hosts = bed.hosts({f"upload{index + 1}": releases[index % len(releases)] for index in range(arguments.hosts)})
    s3 = bed.start_s3(arguments.bucket)
    lines = [f"bed {bed.name} in {bed.directory}", f"inventory {bed.inventory}"]
    lines += [f"host {host.name} {host.release} {host.address}" for host in hosts]
    lines += [f"S3 {s3.endpoint_url} bucket {arguments.bucket}; keys in {bed.directory}/s3.json"]
    return "\n".join(lines) + "\n"


def execute(arguments: argparse.Namespace) -> int:
    """Become the command, in the bed."""
    bed = attach(BEDS / arguments.bed)
    bed.refresh_collection()
    return replace_by(bed, arguments.command)


def ssh(arguments: argparse.Namespace) -> int:
    """Become ssh to a host."""
    bed = attach(BEDS / arguments.bed)
    hosts = bed.booted()
    if arguments.host not in hosts:
        raise BedError(f"bed {bed.name} has no host {arguments.host}; it has {', '.join(hosts)}")
    variables = bed.variables(hosts[arguments.host])
    options = [*variables["ansible_ssh_common_args"].split(), "-i", str(bed.key)]
    return replace_by(bed, ["ssh", *options, f"root@{hosts[arguments.host].address}", *arguments.command])


def replace_by(bed: Bed, command: list[str]) -> int:
    """Run a command in the bed with our terminal; returns its exit code."""
    return subprocess.run(bed.command(command, Path.cwd()), env=bed.environment, check=False).returncode


def boot(arguments: argparse.Namespace) -> int:
    """Boot one more host."""
    host = attach(BEDS / arguments.bed).host(arguments.name, arguments.release)
    print(f"host {host.name} {host.release} {host.address}")
    return 0


def show(_arguments: argparse.Namespace) -> int:
    """Print the beds and their hosts."""
    for directory in sorted(BEDS.glob("*")):
        if (directory / "pid").exists():
            hosts = attach(directory).booted().values()
            print(f"{directory.name}: {', '.join(f'{host.name} ({host.release})' for host in hosts)}")
    return 0


def down(arguments: argparse.Namespace) -> int:
    """Close a bed that `up` made; returns when it is gone."""
    directory = BEDS / arguments.bed
    try:
        keeper = int((directory / "keeper").read_text())
        os.kill(keeper, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise BedError(f"no bed {arguments.bed} was made by `up`") from error
    deadline = time.monotonic() + 60
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return 0 if not directory.exists() else 1


def molecule(arguments: argparse.Namespace) -> int:
    """Run molecule in a bed of its own."""
    return run_molecule(arguments.arguments)


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("up", help="make a bed")
    command.add_argument("bed", nargs="?", default=f"bed-{os.getpid()}")
    command.add_argument("--hosts", type=int, default=3)
    command.add_argument("--release", default=",".join(RELEASES), help="one release, or several separated by commas")
    command.add_argument("--bucket", default="uploads")
    command.add_argument("--lifetime", type=float, default=LIFETIME, help="seconds after which the bed is taken away")
    command.set_defaults(run=up)
    for name, function, extra in (("exec", execute, None), ("ssh", ssh, "host")):
        command = commands.add_parser(name)
        command.add_argument("bed")
        if extra:
            command.add_argument(extra)
        command.add_argument("command", nargs=argparse.REMAINDER)
        command.set_defaults(run=function)
    command = commands.add_parser("host", help="boot one more host")
    for argument in ("bed", "name", "release"):
        command.add_argument(argument)
    command.set_defaults(run=boot)
    commands.add_parser("list", help="show the beds").set_defaults(run=show)
    command = commands.add_parser("down", help="take a bed away")
    command.add_argument("bed")
    command.set_defaults(run=down)
    command = commands.add_parser("molecule", help="run molecule in a bed of its own")
    command.add_argument("arguments", nargs=argparse.REMAINDER)
    command.set_defaults(run=molecule)
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except BedError as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
