# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A field of a dataclass is the one declaration of an option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.options import (
    AUDIT,
    Option,
    given_values,
    option,
    options_of,
)
from ansible_collections.datasync.turbo.plugins.module_utils.common.values import (
    FLAG,
    PATH,
    TEXT,
    TEXTS,
    Values,
    as_it_is,
    one_of,
    whole_number,
)


def _named(value: str | None, name: str) -> str:
    if not value:
        raise ConfigurationError(f"{name} is missing")
    return value


@dataclass(frozen=True)
class Table:
    """Some of each kind."""

    bucket: str = field(metadata=option(Values({"type": "str"}, as_it_is, _named), "BUCKET", "S3_BUCKET", same=True))
    workers: int = field(default=32, metadata=option(whole_number(1), "WORKERS"))
    colour: str | None = field(default=None, metadata=option(one_of(("red", "blue")), "COLOUR", also=(AUDIT,)))
    log_path: str | None = field(default=None, metadata=option(PATH, "LOG_FILE", written=True))
    key: str | None = field(default=None, repr=False, metadata=option(TEXT, "KEY", aliases=("aws_key",), no_log=True))
    key_id: str | None = field(default=None, metadata=option(TEXT, no_log=False))
    names: tuple[str, ...] = field(default=(), metadata=option(TEXTS, "NAMES"))
    labels: Mapping[str, str] = field(
        default_factory=dict, metadata=option(Values({"type": "dict"}, as_it_is, as_it_is), "LABELS")
    )
    fast: bool = field(default=False, metadata=option(FLAG, "FAST"))
    #: Nobody's to set.
    derived: int = 0


OPTIONS: dict[str, Option] = {entry.name: entry for entry in options_of(Table)}


def test_each_declared_field_is_an_option_in_its_order_and_no_other() -> None:
    assert list(OPTIONS) == ["bucket", "workers", "colour", "log_path", "key", "key_id", "names", "labels", "fast"]


def test_an_option_knows_where_it_is_set_and_used() -> None:
    bucket, colour = OPTIONS["bucket"], OPTIONS["colour"]
    assert (bucket.env_names, bucket.same, bucket.required, bucket.default) == (
        ("BUCKET", "S3_BUCKET"),
        True,
        True,
        None,
    )
    assert (colour.env_names, colour.same, colour.required, colour.also) == (("COLOUR",), False, False, (AUDIT,))
    assert OPTIONS["workers"].default == 32
    assert [name for name, entry in OPTIONS.items() if entry.written] == ["log_path"]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("bucket", {"type": "str"}),
        ("workers", {"type": "int"}),
        ("colour", {"type": "str", "choices": ["red", "blue"]}),
        ("log_path", {"type": "path"}),
        ("key", {"type": "str", "aliases": ["aws_key"], "no_log": True}),
        ("key_id", {"type": "str", "no_log": False}),
        ("names", {"type": "list", "elements": "str"}),
        ("fast", {"type": "bool"}),
    ],
)
def test_ansible_is_told_the_type_and_no_default_because_an_env_file_may_set_it(name: str, spec: object) -> None:
    assert OPTIONS[name].argument_spec == spec


def test_fields_have_their_defaults_and_none_shares_a_dictionary() -> None:
    one, two = Table("archive"), Table("archive")
    assert (one.workers, one.colour, one.names, one.labels) == (32, None, (), {})
    assert one.labels is not two.labels


def test_a_secret_is_not_in_the_repr() -> None:
    assert "hidden" not in repr(Table("archive", key="hidden"))
    assert "shown" in repr(Table("archive", key_id="shown"))


def test_values_are_checked_and_what_is_not_set_is_left_to_the_default() -> None:
    given = {"bucket": "archive", "workers": "4", "colour": "", "fast": None, "unknown": 1}
    assert given_values(OPTIONS.values(), given) == {"bucket": "archive", "workers": 4}


def test_what_is_required_and_missing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="bucket is missing"):
        given_values(OPTIONS.values(), {})
