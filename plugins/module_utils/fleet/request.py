# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What is asked of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .generation import Wanted


@dataclass(frozen=True)
class DeployRequest:
    """The options of module uploader_host. `payload` is the file with what the host lacked, see `environment`."""

    root: Path
    state_dir: str
    user: str
    python: str
    delivery: str
    s5cmd: tuple[str, str]
    wanted: Wanted
    requirements: str
    program_sha256: str
    collection_version: str
    payload: Path | None = None
    pip_arguments: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    wait: int = 0

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> DeployRequest:
        """Build from the module's options."""
        pip_arguments = list(options["pip_args"])
        if options["wheel_dir"] and options["delivery"] == "direct":
            pip_arguments = ["--no-index", "--find-links", options["wheel_dir"], *pip_arguments]
        return cls(
            root=Path(options["dir"]),
            state_dir=options["state_dir"],
            user=options["user"],
            python=options["python"],
            delivery=options["delivery"],
            s5cmd=(options["s5cmd_bin_dir"], options["s5cmd_versions_dir"]),
            wanted=Wanted.from_dict(options["wanted"] or {}),
            requirements=options["requirements"],
            program_sha256=options["program_sha256"],
            collection_version=options["collection_version"],
            payload=Path(options["payload"]) if options["payload"] else None,
            pip_arguments=tuple(pip_arguments),
            groups=tuple(options["groups"]) if options["create_user"] else (),
            wait=options["wait"],
        )
