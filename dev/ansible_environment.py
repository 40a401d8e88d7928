# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The environment in which the demo and the gates run Ansible: everything it writes stays inside the checkout."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BUILD = CHECKOUT / "build"
VENV_BIN = CHECKOUT / ".venv" / "bin"
#: What is taken over from the caller; nothing of Ansible, Python or AWS, which would change what runs.
KEPT = ("LANG", "LC_ALL", "TERM", "CI", "COLUMNS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")


def ansible_environment(state: Path) -> dict[str, str]:
    """Variables for a child process that finds `.venv` first and keeps its home and its temporary files in `state`."""
    home, temporary = state / "home", state / "tmp"
    for directory in (home, temporary):
        directory.mkdir(parents=True, exist_ok=True)
    link_pip_configuration(home)
    environment = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("PIP_")}
    environment.update({name: os.environ[name.lower()] for name in KEPT if name.lower() in os.environ})
    # Ansible refuses to start in a locale that is not UTF-8.
    if "utf" not in environment.get("LC_ALL", environment.get("LANG", "")).lower():
        environment["LC_ALL"] = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
    environment.update(
        PATH=os.pathsep.join([str(VENV_BIN), os.environ.get("PATH", os.defpath)]),
        VIRTUAL_ENV=str(VENV_BIN.parent),
        HOME=str(home),
        TMPDIR=str(temporary),
        ANSIBLE_HOME=str(home / "ansible"),
        ANSIBLE_LOCAL_TEMP=str(temporary / "ansible-local"),
        ANSIBLE_REMOTE_TEMP=str(temporary / "ansible-remote"),
        PIP_CACHE_DIR=str(BUILD / "pip-cache"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PYTHONNOUSERSITE="1",
    )
    return environment


def link_pip_configuration(home: Path) -> None:
    """Let the user's own pip.conf, which names the package index on some machines, be found from another home too."""
    configuration_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for candidate in (configuration_home / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf"):
        if candidate.is_file():
            link = home / ".config" / "pip" / "pip.conf"
            link.parent.mkdir(parents=True, exist_ok=True)
            # Several threads and processes may ask for the same environment at once.
            partial = link.with_name(f".{os.getpid()}-{threading.get_ident()}")
            partial.unlink(missing_ok=True)
            partial.symlink_to(candidate)
            partial.replace(link)
            return
