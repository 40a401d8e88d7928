# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An option is declared once, in `common/options.py`'s form; whatever else is said of it agrees with that.

What is derived cannot differ. What is written by hand is walked here: the documentation of the modules, the role's
specification, and the tables of `docs/configuration.md`.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.datasync.turbo.plugins.module_utils.common.options import AUDIT, BENCHMARK, Option
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.common.values import FLAG, one_of, whole_number
from ansible_collections.datasync.turbo.plugins.module_utils.job.config import (
    LOG_FOLDER,
    RESULT_FOLDER,
    VERIFICATION_SWITCHES,
)
from ansible_collections.datasync.turbo.plugins.module_utils.job.options import (
    JOB_OPTIONS,
    LOG_LEVEL_OPTION,
    OPTIONS,
    RESULT_PATH,
)
from ansible_collections.datasync.turbo.plugins.module_utils.job.values import PART_SIZE
from ansible_collections.datasync.turbo.plugins.module_utils.s3.connection import (
    CONNECTION_OPTIONS,
    ENVIRONMENT_FALLBACKS,
)
from ansible_collections.datasync.turbo.plugins.modules import s3_verify, s5cmd_benchmark, s5cmd_sync
from ansible_collections.datasync.turbo.plugins.plugin_utils.wanted import job as uploader_job

from dev.ansible_environment import CHECKOUT

SYNC = "s5cmd_sync"
PLUGINS = CHECKOUT / "plugins"
PAGE = (CHECKOUT / "docs" / "configuration.md").read_text("utf-8")
DOCUMENTATION = {
    SYNC: s5cmd_sync.DOCUMENTATION,
    AUDIT: s3_verify.DOCUMENTATION,
    BENCHMARK: s5cmd_benchmark.DOCUMENTATION,
}
#: Of the benchmark itself: seconds that one tool may take.
OWN_OF_BENCHMARK = {"timeout"}
IN_SPEC = ("type", "elements", "choices", "aliases", "required")


@cache
def documented(module: str) -> dict[str, Any]:
    """The options in a module's documentation, with those of its fragments."""
    documentation = yaml.safe_load(DOCUMENTATION[module])
    options: dict[str, Any] = {}
    for fragment in documentation["extends_documentation_fragment"]:
        name, _dot, part = fragment.removeprefix("datasync.turbo.").partition(".")
        source = runpy.run_path(str(PLUGINS / "doc_fragments" / f"{name}.py"))["ModuleDocFragment"]
        options.update(yaml.safe_load(getattr(source, part.upper() or "DOCUMENTATION")).get("options", {}))
    return {**options, **documentation["options"]}


@cache
def of_role() -> dict[str, Any]:
    """The options of a job in the role's specification."""
    text = (CHECKOUT / "roles" / "uploader" / "meta" / "argument_specs.yml").read_text("utf-8")
    options: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]["uploader_jobs"]["options"]
    return options


class Row(NamedTuple):
    """A row of the tables of names."""

    names: tuple[str, ...]
    options: tuple[str, ...]
    text: str


def rows(page: str) -> list[Row]:
    found = re.findall(r"^\| (`[A-Z].*?) \| (.*?) ?\| (.*?) \|$", page, re.MULTILINE)
    return [
        Row(tuple(re.findall(r"`(\w+)`", names)), tuple(re.findall(r"`(\w+)`", options)), f"{names} {text}")
        for names, options, text in found
    ]


def text_of(description: str | list[str]) -> str:
    return description if isinstance(description, str) else " ".join(description)


def as_written(option: Option) -> str:
    """The default as documentation has it: part sizes in MiB, which is how operators write them."""
    value = option.default // MIB if option.values is PART_SIZE else option.default
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- the places; each yields what is wrong there


def in_documentation(option: Option, module: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Type, choices and default, as the documentation of a module has them."""
    if option.name not in options:
        yield f"{option.name}: not in the documentation of {module}"
        return
    said = options[option.name]
    yield from differences(option, f"the documentation of {module}", said, said.get("suboptions"))
    yield from wrong_default(option, f"the documentation of {module}", text_of(said["description"]))


def differences(option: Option, place: str, said: Mapping[str, Any], nested: Mapping[str, Any] | None) -> Iterator[str]:
    spec = option.argument_spec
    for key in IN_SPEC:
        if said.get(key) != spec.get(key):
            yield f"{option.name}: {key} is {said.get(key)!r} in {place}, and {spec.get(key)!r} in the table"
    inner = {name: {key: entry[key] for key in IN_SPEC if key in entry} for name, entry in (nested or {}).items()}
    if inner != spec.get("options", {}):
        yield f"{option.name}: its own options differ in {place}"


def wrong_default(option: Option, place: str, text: str) -> Iterator[str]:
    """A default is told as `Not set, V(x)`, as `V(x) (the default)`, or as `V(x) ..., which is the default`."""
    forms = (r"Not set, V\(([^)]*)\)", r"V\(([^)]*)\) \(the default\)", r"V\(([^)]*)\)[^(.]*, which is the default")
    told = {value for form in forms for value in re.findall(form, text)}
    if isinstance(option.default, tuple) and option.default:
        missing = [value for value in option.default if f"V({value})" not in text]
        if missing:
            yield f"{option.name}: the default {missing[0]!r} is not in {place}"
    elif told != ({as_written(option)} if option.default not in (None, "", (), {}) else set()):
        yield f"{option.name}: the default is {sorted(told)} in {place}, and {option.default!r} in the table"


def in_role(option: Option, options: Mapping[str, Any]) -> Iterator[str]:
    """Type and choices, as the specification of the role has them; it calls `src` `source`, too."""
    if option.name not in options:
        yield f"{option.name}: not in the role's specification"
        return
    said = {key: value for key, value in options[option.name].items() if key != "aliases"}
    without_aliases = option._replace(aliases=())
    yield from differences(without_aliases, "the role's specification", said, said.get("options"))


def in_configuration(option: Option, page: list[Row]) -> Iterator[str]:
    """All names, beside the option, with the right default."""
    first, *others = option.env_names
    found = [row for row in page if first in row.names]
    if not found:
        yield f"{option.name}: {first} has no row in docs/configuration.md"
        return
    (row,) = found
    if option is not LOG_LEVEL_OPTION and option.name not in row.options:
        yield f"{option.name}: the row of {first} in docs/configuration.md says {', '.join(row.options)}"
    for name in others:
        if f"`{name}`" not in row.text:
            yield f"{option.name}: {name} is not in the row of {first} in docs/configuration.md"
    told = re.search(r"[Dd]efault `?([0-9]+%?|true|false)\b", row.text)
    if told and told[1] != as_written(option).rstrip("%") and told[1] != as_written(option):
        yield f"{option.name}: the default is {told[1]} in docs/configuration.md, and {option.default!r} in the table"


# --- the walk


def test_modules_document_the_options_as_they_are_declared() -> None:
    used = {
        SYNC: (*CONNECTION_OPTIONS, *JOB_OPTIONS),
        AUDIT: (*CONNECTION_OPTIONS, *(option for option in JOB_OPTIONS if AUDIT in option.also)),
        BENCHMARK: CONNECTION_OPTIONS,
    }
    wrong = [
        text
        for module, options in used.items()
        for option in options
        for text in in_documentation(option, module, documented(module))
    ]
    assert wrong == []


def test_modules_document_no_other_options() -> None:
    assert set(documented(SYNC)) == {option.name for option in (*CONNECTION_OPTIONS, *JOB_OPTIONS, RESULT_PATH)} | {
        "config"
    }
    assert set(documented(AUDIT)) == set(s3_verify.argument_spec())


def test_an_option_of_the_benchmark_is_what_its_name_means_in_a_job() -> None:
    options = documented(BENCHMARK)
    shared = [option for option in JOB_OPTIONS if option.name in options and option.name not in OWN_OF_BENCHMARK]
    assert {option.name for option in shared} == {"bucket", "prefix", "s5cmd_path", "tuning_path"}
    assert [option.name for option in shared if options[option.name]["type"] != option.argument_spec["type"]] == []


def test_the_role_takes_the_options_as_they_are_declared() -> None:
    taken = [option for option in OPTIONS if option.name in uploader_job.TRANSFER_OPTIONS]
    assert [text for option in taken for text in in_role(option, of_role())] == []


def test_the_page_of_names_says_what_each_means() -> None:
    page = rows(PAGE)
    assert [text for option in OPTIONS if option.env_names for text in in_configuration(option, page)] == []


def test_the_page_of_names_has_no_row_of_something_else() -> None:
    names = {name: option.name for option in OPTIONS for name in option.env_names}
    of_several = {*LOG_FOLDER.env_names, RESULT_FOLDER, *VERIFICATION_SWITCHES}
    listed = [(name, row.options) for row in rows(PAGE) for name in row.names if name not in of_several]
    assert {name for name, _options in listed} <= set(names)
    assert [name for name, options in listed if options and names[name] not in options] == []


def test_an_option_has_one_name_and_a_name_one_option() -> None:
    names = [name for option in OPTIONS for name in option.env_names]
    assert len(set(names)) == len(names)
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)


def test_the_environment_has_the_names_of_the_env_file_and_the_documentation_tells_them() -> None:
    by_name = {option.name: option for option in CONNECTION_OPTIONS}
    for name, variables in ENVIRONMENT_FALLBACKS.items():
        assert variables[0] == by_name[name].env_names[0]
        text = text_of(documented(SYNC)[name]["description"])
        assert [variable for variable in variables if f"E({variable})" not in text] == []


# --- the walk finds what it is for


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"values": one_of(("private", "public"))}, "acl: choices is"),
        ({"values": FLAG}, "acl: type is 'str' in the documentation of s5cmd_sync, and 'bool' in the table"),
        (
            {"default": "private"},
            "acl: the default is [] in the documentation of s5cmd_sync, and 'private' in the table",
        ),
        ({"aliases": ("canned_acl",)}, "acl: aliases is None in the documentation of s5cmd_sync"),
        ({"name": "colour"}, "colour: not in the documentation of s5cmd_sync"),
    ],
)
def test_documentation_that_differs_is_named_with_its_option(changed: dict[str, Any], place: str) -> None:
    option = next(option for option in JOB_OPTIONS if option.name == "acl")._replace(**changed)
    assert any(text.startswith(place) for text in in_documentation(option, SYNC, documented(SYNC)))


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"env_names": ("COLOUR",)}, "retry_rounds: COLOUR has no row in docs/configuration.md"),
        (
            {"env_names": ("MAX_RETRY_ATTEMPTS", "COLOUR")},
            "retry_rounds: COLOUR is not in the row of MAX_RETRY_ATTEMPTS",
        ),
        ({"default": 4}, "retry_rounds: the default is 3 in docs/configuration.md, and 4 in the table"),
        ({"name": "colour"}, "colour: the row of MAX_RETRY_ATTEMPTS in docs/configuration.md says retry_rounds"),
    ],
)
def test_a_page_that_differs_is_named_with_its_option(changed: dict[str, Any], place: str) -> None:
    option = next(option for option in JOB_OPTIONS if option.name == "retry_rounds")._replace(**changed)
    assert any(text.startswith(place) for text in in_configuration(option, rows(PAGE)))


def test_a_role_that_differs_is_named_with_its_option() -> None:
    option = next(option for option in JOB_OPTIONS if option.name == "acl")._replace(values=whole_number(1))
    assert "acl: type is 'str' in the role's specification, and 'int' in the table" in list(in_role(option, of_role()))
