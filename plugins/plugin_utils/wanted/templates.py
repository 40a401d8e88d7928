# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The templates of the role `uploader`, rendered by Jinja2 alone: values are put in as they are, never templated again.

A template is compiled once in a process, so that a fleet costs its rendering only.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .quoting import logrotate_path, path_line, path_word

FOLDER = Path(__file__).parents[3] / "roles" / "uploader" / "templates"


@cache
def _environment() -> Environment:
    # No HTML: units and env files; the plist's template escapes by itself.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(logrotate_path=logrotate_path, path_line=path_line, path_word=path_word)
    return environment


def render(template: str, /, **values: Any) -> str:
    """The text of a template, such as `job.env.j2`. A variable that is missing is an error."""
    return _environment().get_template(template).render(values)
