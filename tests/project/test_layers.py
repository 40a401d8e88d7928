# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The house stands: packages import only what stands below them, in no circle, no file lies flat, and only those who
must know s5cmd do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

from dev.ansible_environment import CHECKOUT

PLUGINS = CHECKOUT / "plugins"
#: From the ground up; what stands beside each other knows nothing of each other. See docs/architecture.md.
STOREYS = {
    "module_utils": (
        ("common",),
        ("s3", "install"),
        ("job", "fleet"),
        ("proof", "report", "tuning", "checks", "task"),
        ("plan",),
        ("transfer", "audit"),
        ("sync",),
        ("benchmark", "program"),
    ),
    "plugin_utils": (("wanted", "reports"), ("delivery",)),
}
#: Where s5cmd may be known: its engine, its installer, its checks, what measures it, and who chooses an engine.
KNOWS_S5CMD = ("transfer/s5cmd", "install", "checks", "benchmark", "transfer/engines")
S5CMD = ("transfer/s5cmd", "install/binary")


def floors(storeys: tuple[tuple[str, ...], ...]) -> dict[str, int]:
    return {name: floor for floor, names in enumerate(storeys) for name in names}


def modules(root: Path) -> dict[str, Path]:
    """`sync/run` -> its file; a package is named by its folder."""
    paths = sorted(root.rglob("*.py"))
    return {str(path.relative_to(root).with_suffix("")).removesuffix("/__init__"): path for path in paths}


def imported(root: Path, name: str, known: dict[str, Path]) -> Iterator[str]:
    """The modules below `root` that one imports, wherever in the file it does.

    https://docs.python.org/3/reference/import.html#package-relative-imports
    """
    package = PurePosixPath(name) if known[name].name == "__init__.py" else PurePosixPath(name).parent
    own = ["plugins", root.name, *package.parts]
    for node in ast.walk(ast.parse(known[name].read_bytes(), str(known[name]))):
        if not isinstance(node, ast.ImportFrom):
            continue
        parts = (node.module or "").split(".") if node.module else []
        if node.level:
            parts = own[: len(own) + 1 - node.level] + parts
        elif "plugins" in parts:
            parts = parts[parts.index("plugins") :]
        if parts[:2] != ["plugins", root.name]:
            continue
        base = "/".join(parts[2:])
        yield from (target if (target := f"{base}/{alias.name}".lstrip("/")) in known else base for alias in node.names)


def graph(root: Path) -> dict[str, set[str]]:
    """Each module with what it imports."""
    known = modules(root)
    return {name: set(imported(root, name, known)) - {name} for name in known}


def upward(imports: dict[str, set[str]], storeys: tuple[tuple[str, ...], ...]) -> list[str]:
    """Imports of a package on the same storey or above, as `file -> file`."""
    floor = floors(storeys)
    return [
        f"{name} -> {target}"
        for name, targets in sorted(imports.items())
        for target in sorted(targets)
        if top(name) != top(target) and floor[top(target)] >= floor[top(name)]
    ]


def top(name: str) -> str:
    return name.split("/", maxsplit=1)[0]


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The files of one circle of imports, in their order; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def knowers(imports: dict[str, set[str]]) -> list[str]:
    """Who imports s5cmd's parts without being one of those who may, as `file -> file`."""
    return [
        f"{name} -> {target}"
        for name, targets in sorted(imports.items())
        for target in sorted(targets)
        if below(target, S5CMD) and not below(name, KNOWS_S5CMD)
    ]


def below(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}/") for package in packages)


@pytest.fixture(scope="module", params=sorted(STOREYS))
def house(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_every_package_has_its_storey(house: str) -> None:
    assert {path.name for path in (PLUGINS / house).iterdir() if path.name != "__pycache__"} == set(
        floors(STOREYS[house])
    )


def test_a_package_imports_only_what_stands_below_it(house: str) -> None:
    assert upward(graph(PLUGINS / house), STOREYS[house]) == []


def test_no_imports_run_in_a_circle(house: str) -> None:
    assert circle(graph(PLUGINS / house)) == []


def test_no_file_lies_flat(house: str) -> None:
    assert [path.name for path in (PLUGINS / house).glob("*.py")] == []


def test_every_package_says_what_it_is_for(house: str) -> None:
    for folder in {path.parent for path in (PLUGINS / house).rglob("*.py")}:
        tree = ast.parse((folder / "__init__.py").read_text("utf-8"))
        assert ast.get_docstring(tree), f"{folder} has no sentence"
        assert len(tree.body) == 1, f"{folder}/__init__.py runs code"


def test_unit_tests_stand_where_their_modules_do(house: str) -> None:
    tests = CHECKOUT / "tests" / "unit" / "plugins" / house
    known = modules(PLUGINS / house)
    homeless = []
    for path in sorted(tests.rglob("test_*.py")):
        folder = path.parent.relative_to(tests)
        names = [PurePosixPath(name).name for name in known if PurePosixPath(name).parent == PurePosixPath(folder)]
        if not path.stem.removeprefix("test_").startswith(tuple(names)):
            homeless.append(str(folder / path.name))
    assert homeless == []


def test_only_those_who_must_know_s5cmd() -> None:
    assert knowers(graph(PLUGINS / "module_utils")) == []


# --- the rules find what they are for


def tree(folder: Path, files: dict[str, str]) -> dict[str, set[str]]:
    """The imports of a small house of these files."""
    root = folder / "plugins" / "module_utils"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return graph(root)


SMALL_HOUSE = (("ground",), ("left", "right"), ("roof",))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from ..ground import stone", []),
        ("from ..ground.stone import HARD", []),
        ("from ..roof.tile import RED", ["left/room -> roof/tile"]),
        ("from ..roof import tile", ["left/room -> roof/tile"]),
        ("def late():\n    from ..roof import tile", ["left/room -> roof/tile"]),
        ("from ..right.door import OPEN", ["left/room -> right/door"]),
        ("from ansible_collections.datasync.turbo.plugins.module_utils.roof import tile", ["left/room -> roof/tile"]),
        ("from .closet import SHELF", []),
        ("import os", []),
    ],
)
def test_an_import_upward_or_beside_is_named_with_both_files(tmp_path: Path, source: str, found: list[str]) -> None:
    others = dict.fromkeys(["ground/stone.py", "right/door.py", "roof/tile.py", "left/closet.py"], "")
    assert upward(tree(tmp_path, {**others, "left/room.py": source}), SMALL_HOUSE) == found


def test_a_circle_is_named(tmp_path: Path) -> None:
    files = {
        "left/a.py": "from .b import x",
        "left/b.py": "def f():\n    from . import c",
        "left/c.py": "from . import a",
    }
    assert set(circle(tree(tmp_path, files))) == {"left/a", "left/b", "left/c"}


def test_one_who_need_not_know_s5cmd_is_named(tmp_path: Path) -> None:
    files = {
        "transfer/s5cmd/events.py": "",
        "install/binary.py": "",
        "checks/run.py": "from ..install import binary",
        "plan/walk.py": "from ..transfer.s5cmd.events import Event",
        "sync/lookout.py": "from ..install.binary import find_binary",
    }
    assert knowers(tree(tmp_path, files)) == [
        "plan/walk -> transfer/s5cmd/events",
        "sync/lookout -> install/binary",
    ]
