# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The options of module uploader_host as what is asked of a deployment."""

from __future__ import annotations

from ansible_collections.datasync.turbo.plugins.module_utils.fleet.request import DeployRequest

OPTIONS = {
    "dir": "/opt/datasync-turbo",
    "state_dir": "/var/lib/datasync-turbo",
    "user": "datasync-turbo",
    "python": "python3",
    "delivery": "controller",
    "wheel_dir": None,
    "pip_args": [],
    "groups": [],
    "create_user": True,
    "s5cmd_bin_dir": "/usr/local/bin",
    "s5cmd_versions_dir": "/usr/local/lib/datasync-turbo/s5cmd",
    "wanted": None,
    "requirements": "",
    "program_sha256": "",
    "collection_version": "",
    "payload": None,
    "wait": 0,
}


def test_wheels_of_the_host_are_all_that_pip_may_use_with_delivery_direct():
    direct = {**OPTIONS, "delivery": "direct", "wheel_dir": "/srv/wheels", "pip_args": ["--quiet"]}
    expected = ("--no-index", "--find-links", "/srv/wheels", "--quiet")
    assert DeployRequest.from_options(direct).pip_arguments == expected


def test_wheels_of_the_controller_are_no_business_of_the_host():
    assert DeployRequest.from_options({**OPTIONS, "wheel_dir": "/srv/wheels"}).pip_arguments == ()
