# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Runs module uploader_host, and brings the host what it lacks: the user, and one file with environment and program."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils.common.errors import DatasyncError
from ..module_utils.common.version import __version__
from ..module_utils.fleet.environment import HostPython
from ..plugin_utils.delivery.cache import controller_cache
from ..plugin_utils.delivery.payload import Payloads
from ..plugin_utils.delivery.wheelhouse import Wheelhouse

MODULE = "datasync.turbo.uploader_host"
ROLE_FILES = Path(__file__).parent.parent.parent / "roles" / "uploader" / "files"


class ActionModule(ActionBase):
    """One call of the module where nothing is missing; one more after what is missing was brought."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if arguments.get("state", "present") == "present":
            result = self._deploy(arguments, variables)
        else:
            result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        return _naming(result, variables["inventory_hostname"])

    def _deploy(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        program, requirements = _program(), (ROLE_FILES / "requirements.txt").read_text("utf-8")
        arguments.update(
            requirements=requirements,
            program_sha256=hashlib.sha256(program.read_bytes()).hexdigest(),
            collection_version=__version__,
        )
        result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        needs: list[str] = result.get("needs") or []
        if result.get("failed") or not needs or self._task.check_mode:
            return result
        if "user" in needs or "groups" in needs:
            failure = self._make_user(arguments, variables, is_new="user" in needs)
            if failure:
                return failure
            return _with_user(self._bring(arguments, variables, result), result)
        return self._bring(arguments, variables, result)

    def _bring(self, arguments: dict[str, Any], variables: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        """Push what the first answer of the module says is missing, and call it again."""
        try:
            payload = self._payload(arguments, result)
        except DatasyncError as error:
            raise AnsibleActionFail(f"{variables['inventory_hostname']}: {error}") from error
        return self._deploy_payload(payload, arguments, variables)

    def _make_user(self, arguments: dict[str, Any], variables: dict[str, Any], is_new: bool) -> dict[str, Any] | None:
        """Create the service user as ansible-core does it on each system, or add it to groups; returns what failed.

        Of a user that was there before, nothing but its groups is changed.
        """
        user = arguments.get("user") or "datasync-turbo"
        options: dict[str, Any] = {"name": user}
        calls = [("ansible.builtin.user", options)]
        if is_new:
            if not boolean(arguments.get("create_user", True), strict=False):
                message = f"there is no user {user}: create it, or set uploader_create_user to true"
                return {"failed": True, "msg": message, "exit_code": 1}
            group = arguments.get("group") or user
            home = arguments.get("state_dir") or "/var/lib/datasync-turbo"
            options.update(group=group, system=True, home=home, create_home=False)
            options["shell"] = "/usr/sbin/nologin"
            calls.insert(0, ("ansible.builtin.group", {"name": group, "system": True}))
        if arguments.get("groups"):
            options.update(groups=arguments["groups"], append=True)
        for module, module_arguments in calls:
            done = self._execute_module(module_name=module, module_args=module_arguments, task_vars=variables)
            if done.get("failed"):
                return {**done, "msg": f"cannot set up user {user}: {done.get('msg')}", "exit_code": 1}
        return None

    def _payload(self, arguments: dict[str, Any], result: dict[str, Any]) -> Path:
        """The file to push. Raises DatasyncError."""
        cache = controller_cache(arguments.get("cache_dir"))
        is_direct = arguments.get("delivery") == "direct"
        wheel_dir = None if is_direct or not arguments.get("wheel_dir") else Path(arguments["wheel_dir"]).expanduser()
        wheelhouse = Wheelhouse(cache, wheel_dir, arguments.get("pip_args") or [])
        python = HostPython(**result["python"])
        with_packages = "packages" in result["needs"] and not is_direct
        return Payloads(cache, wheelhouse, arguments["requirements"], _program()).payload(python, with_packages)

    def _deploy_payload(self, payload: Path, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        folder = self._make_tmp_path()
        try:
            remote = self._connection._shell.join_path(folder, "payload.zip")
            self._transfer_file(str(payload), remote)
            self._fixup_perms2((folder, remote), execute=False)
            return self._execute_module(
                module_name=MODULE, module_args={**arguments, "payload": remote}, task_vars=variables
            )
        finally:
            self._remove_tmp_path(folder)


def _program() -> Path:
    program = ROLE_FILES / "datasync-turbo"
    if not program.exists():
        raise AnsibleActionFail(
            f"{program} is missing: it is in the collection's archive. In a checkout make one with: make dist"
        )
    return program


def _with_user(result: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """The second answer, with the creation of the user, which the first one told first."""
    if not result.get("failed"):
        for name in ("changes", "diff"):
            if name in result:
                result[name] = [*first[name][:1], *result[name]]
        result["changed"] = True
    return result


def _naming(result: dict[str, Any], host: str) -> dict[str, Any]:
    """Let a failure begin with the host's name: in AWX and in logs a message is read far from its host."""
    if result.get("failed") and result.get("msg") and "exit_code" in result:
        result["msg"] = f"{host}: {result['msg']}"
    return result
