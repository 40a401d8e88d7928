# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Boots and removes the hosts of a molecule scenario, for molecule/create.yml and molecule/destroy.yml.

    python -m tests.fleet.instances create BUCKET PLATFORMS     prints what molecule has to know about each
    python -m tests.fleet.instances destroy NAME …

PLATFORMS is the list of a molecule.yml as JSON. Each has `name` and `release`. It may have `init: cron`, for a host
that runs no systemd, and `volume: NAME`, a folder of the bed that the host has as /srv/NAME, read only.

Runs inside a test bed: `python -m tests.fleet molecule test -s default` makes one and runs molecule in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fleet.bed import INSIDE, SSH_PORT, Bed, Host, attach
from tests.fleet.images import BedError


def create(bed: Bed, bucket: str, platforms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Boot the hosts and give them an empty bucket; returns molecule's instance configuration."""
    empty_bucket(bed, bucket)
    with ThreadPoolExecutor(4) as pool:
        return [instance(host) for host in pool.map(lambda platform: boot(bed, platform), platforms)]


def boot(bed: Bed, platform: dict[str, Any]) -> Host:
    """Boot one host of a molecule.yml."""
    options = []
    if "volume" in platform:
        folder = bed.directory / platform["volume"]
        folder.mkdir(exist_ok=True)
        options = [f"--volume={folder}:/srv/{folder.name}:ro"]
    return bed.host(platform["name"], platform["release"], *options, systemd=platform.get("init") != "cron")


def instance(host: Host) -> dict[str, Any]:
    """How molecule reaches a host."""
    identity = {"user": "root", "identity_file": str(host.bed.key)}
    return {"instance": host.name, "address": host.address, "port": SSH_PORT, **identity}


def empty_bucket(bed: Bed, bucket: str) -> None:
    """Make the bucket anew."""
    client = bed.start_s3().client()
    with contextlib.suppress(client.exceptions.NoSuchBucket):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                client.delete_object(Bucket=bucket, Key=entry["Key"])
        return
    client.create_bucket(Bucket=bucket)


def main(argv: list[str]) -> int:
    """Do what the first argument says."""
    directory = os.environ.get(INSIDE)
    if not directory:
        print("this runs in a test bed only:  python -m tests.fleet molecule test -s SCENARIO", file=sys.stderr)
        return 1
    bed = attach(Path(directory))
    try:
        if argv[0] == "create":
            print(json.dumps(create(bed, argv[1], json.loads(argv[2]))))
        else:
            for name in argv[1:]:
                if name in bed.booted():
                    bed.booted()[name].remove()
    except BedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
