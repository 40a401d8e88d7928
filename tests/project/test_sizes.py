# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Classes and functions are small enough to be read at once, or say why they are not.

Lines are counted from `class` or `def` to the last one. A larger one has a comment `# long because ...` directly above
it, or as its first lines after the docstring.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.ansible_environment import CHECKOUT

LIMITS: dict[type[ast.AST], int] = {ast.ClassDef: 250, ast.FunctionDef: 45, ast.AsyncFunctionDef: 45}
REASON = "# long because "
FOLDERS = sorted(path for path in (CHECKOUT / "plugins").iterdir() if path.is_dir())


def too_long(path: Path, root: Path) -> Iterator[str]:
    """The classes and functions above their limit that do not say why, as `file: name has N lines`."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text, str(path))):
        limit = LIMITS.get(type(node))
        if limit is None or not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > limit and not says_why(node, lines):
            yield f"{path.relative_to(root)}: {node.name} has {length} lines"


def says_why(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> bool:
    """Whether a comment says why it is long: in the block of comments above it, or before its first statement."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    above = first
    while above and lines[above - 1].strip().startswith("#"):
        above -= 1
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    inside = body[0].lineno - 1 if body else node.lineno
    comments = [*lines[above:first], *lines[node.lineno : inside]]
    return any(line.strip().startswith(REASON) for line in comments)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_class_and_no_function_is_longer_than_can_be_read_at_once(folder: Path) -> None:
    assert [found for path in sorted(folder.rglob("*.py")) for found in too_long(path, CHECKOUT)] == []


# --- the rule finds what it is for


def function(lines: int, above: str = "", first: str = "") -> str:
    """A function of so many lines."""
    body = [f"    {first}"] if first else []
    body += ["    pass"] * (lines - 1 - len(body))
    return "\n".join([*([above] if above else []), "def lengthy():", *body]) + "\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (function(45), []),
        (function(46), ["a.py: lengthy has 46 lines"]),
        (function(46, above="# long because each case is one line"), []),
        (function(46, above="# it was like that before"), ["a.py: lengthy has 46 lines"]),
        (function(46, first="# long because each case is one line"), []),
        ("class Lengthy:\n" + "    a = 1\n" * 249, []),
        ("class Lengthy:\n" + "    a = 1\n" * 250, ["a.py: Lengthy has 251 lines"]),
        ("# long because it is a table\n@decorated\nclass Lengthy:\n" + "    a = 1\n" * 250, []),
        ("x = 1  # long because of something else\n" + function(46), ["a.py: lengthy has 46 lines"]),
    ],
)
def test_what_is_too_long_is_named_with_its_file_and_its_lines(tmp_path: Path, source: str, found: list[str]) -> None:
    (tmp_path / "a.py").write_text(source)
    assert list(too_long(tmp_path / "a.py", tmp_path)) == found


def test_a_function_inside_of_a_class_is_counted_too(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class Small:\n    def lengthy(self):\n" + "        pass\n" * 45)
    assert list(too_long(tmp_path / "a.py", tmp_path)) == ["a.py: lengthy has 46 lines"]
