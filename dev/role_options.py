# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Writes the options of s5cmd_sync into the argument specification of the role `uploader`, as options of a job.

    python -m dev.role_options

What `plugins/doc_fragments` says about them is the only text; a test holds the specification against it.
"""

from __future__ import annotations

import re
import runpy
import sys
from typing import Any

import yaml

from dev.ansible_environment import CHECKOUT

SPECIFICATION = CHECKOUT / "roles" / "uploader" / "meta" / "argument_specs.yml"
BEGIN = "          # What follows comes from plugins/doc_fragments: python -m dev.role_options\n"
END = "          # End of what comes from plugins/doc_fragments.\n"
INDENT = " " * 10

#: The version in which jobs got options; younger options have their own.
JOB_OPTIONS_SINCE = "0.3.0"
#: Options of which the role's specification tells by hand, because jobs differ from tasks there; `reconcile` is for a
#: single run, keys belong under `credentials`, and `config` is what a job becomes.
OTHERWISE = (
    "config",
    "src",
    "bucket",
    "profile",
    "region",
    "endpoint_url",
    "access_key",
    "secret_key",
    "session_token",
    "s5cmd_path",
    "lock_path",
    "state_path",
    "manifest_path",
    "history_path",
    "history_runs",
    "progress_path",
    "tuning_path",
    "reconcile",
)
#: Keys of an option that an argument specification has, too.
_KEYS = ("description", "type", "elements", "choices", "required")


class _Dumper(yaml.SafeDumper):
    """Indents lists as the files here do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def options() -> dict[str, dict[str, Any]]:
    """The options in the form of an argument specification."""
    return {
        name: {**_converted(option), "version_added": _since(option)}
        for name, option in _documented().items()
        if name not in OTHERWISE
    }


def _since(option: dict[str, Any]) -> str:
    def numbers(version: str) -> list[int]:
        return [int(number) for number in version.split(".")]

    return max(JOB_OPTIONS_SINCE, str(option.get("version_added", JOB_OPTIONS_SINCE)), key=numbers)


def _documented() -> dict[str, dict[str, Any]]:
    documented: dict[str, dict[str, Any]] = {}
    for fragment in ("aws", "job", "transfer"):
        path = CHECKOUT / "plugins" / "doc_fragments" / f"{fragment}.py"
        documentation = runpy.run_path(str(path))["ModuleDocFragment"].DOCUMENTATION
        documented.update(yaml.safe_load(documentation)["options"])
    return documented


def _converted(option: dict[str, Any]) -> dict[str, Any]:
    converted = {key: option[key] for key in _KEYS if key in option}
    texts = option["description"]
    converted["description"] = [_referring_to_jobs(text) for text in ([texts] if isinstance(texts, str) else texts)]
    if "suboptions" in option:
        converted["options"] = {name: _converted(suboption) for name, suboption in option["suboptions"].items()}
    return converted


def _referring_to_jobs(text: str) -> str:
    """What is an option of a module is one of a job, and `src` is called `source` there."""
    text = re.sub(r"O\(src\b", "O(source", text)
    return re.sub(r"O\(", "O(uploader_jobs[].", text)


def block() -> str:
    """The lines of the specification between BEGIN and END."""
    lines: list[str] = yaml.dump(
        options(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=116 - len(INDENT)
    ).splitlines(keepends=True)
    return "".join(INDENT + line for line in lines)


def updated(text: str) -> str:
    """The text of the specification with the block as it has to be. Raises ValueError if a mark is missing."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{SPECIFICATION} has lost the marks that the generated part stands between")
    return before + begin + block() + end + after


def main() -> int:
    """Bring the specification up to date."""
    text = SPECIFICATION.read_text("utf-8")
    SPECIFICATION.write_text(updated(text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
