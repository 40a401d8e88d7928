# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs the collection's demo playbook against an S3 server on this machine; `make demo` calls it after the set-up."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from dev import build_collection, build_program, sample_data
from dev.ansible_environment import BUILD, CHECKOUT, VENV_BIN, ansible_environment
from dev.seaweedfs import SeaweedFS, SeaweedFSError

DEMO = BUILD / "demo"
BUCKET = "demo"
#: Seconds that Ansible gets to finish after Ctrl-C.
STOP_TIMEOUT = 20


def main() -> int:
    """Build and install the collection, make data, run the playbook against a server; stop it in any case."""
    signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        return run()
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything that it started is stopped", file=sys.stderr)
        return 130
    except (SeaweedFSError, build_collection.BuildError, build_program.ProgramError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def run() -> int:
    """The demo; returns the exit code of ansible-playbook."""
    start = time.monotonic()
    if build_collection.install_if_changed():
        say(f"built the collection and installed it into {shown(build_collection.COLLECTIONS)}")
    source = DEMO / "data"
    sizes = sample_data.make(source)
    say(f"sample data: {len(sizes)} files, {sum(sizes.values()) / 1e6:.0f} MB in {shown(source)}")
    server_data = DEMO / "s3"
    shutil.rmtree(server_data, ignore_errors=True)
    with SeaweedFS(server_data) as server:
        server.client().create_bucket(Bucket=BUCKET)
        say(f"S3 server (SeaweedFS) on {server.endpoint_url}, keys made for this run")
        code = play(source, server.environment)
    shutil.rmtree(server_data, ignore_errors=True)
    if code == 0:
        say(
            f"done in {time.monotonic() - start:.0f} s. The result as JSON: {shown(DEMO / 'last-sync.json')}, "
            f"the log: {shown(DEMO / 'sync.log')}"
        )
    else:
        say(f"ansible-playbook failed with exit code {code}; the reason is above")
    return code


def play(source: Path, connection: dict[str, str]) -> int:
    """Run the playbook as a user would, and return its exit code."""
    variables = {"demo_source": str(source), "demo_bucket": BUCKET, "demo_home": str(DEMO)}
    command = [str(VENV_BIN / "ansible-playbook"), "datasync.turbo.demo", "--extra-vars", json.dumps(variables)]
    environment = ansible_environment(DEMO)
    environment.update(
        connection,
        ANSIBLE_CONFIG=str(CHECKOUT / "dev" / "demo-ansible.cfg"),
        ANSIBLE_COLLECTIONS_PATH=str(build_collection.COLLECTIONS),
    )
    say("$ ansible-playbook datasync.turbo.demo")
    process = subprocess.Popen(command, cwd=DEMO, env=environment, stdin=subprocess.DEVNULL)
    try:
        return process.wait()
    except BaseException:
        # Ctrl-C reaches Ansible too; a signal to us alone does not.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def _exit_on_signal(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def say(message: str) -> None:
    """One line about the progress."""
    print(f"demo: {message}", flush=True)


def shown(path: Path) -> str:
    """The path as a reader in the checkout would type it."""
    return str(path.relative_to(CHECKOUT))


if __name__ == "__main__":
    sys.exit(main())
