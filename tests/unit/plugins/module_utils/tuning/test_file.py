# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The file with the tuning of a host: read by jobs without fail, written whole, and left alone when it is frozen."""

from __future__ import annotations

import copy
import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.common.units import MIB
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.classes import DEFAULTS, Settings
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.file import KIND, apply, load
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.search import (
    Budget,
    ClassTuning,
    Trial,
    TuningResult,
)
from ansible_collections.datasync.turbo.plugins.module_utils.tuning.statistics import Ratio
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

FOUND = Settings(8, 4, 64 * MIB)


def found(settings=FOUND):
    """A class whose search came to its end."""
    shown = settings != DEFAULTS
    ratio = Ratio(0.7, 0.68, 0.72, 8, "faster") if shown else None
    one = ClassTuning(1000, settings, settings, shown, True, ratio, "because")
    one.trials.append(Trial(settings, "1", 2.0))
    return one


def tuning(measured="2026-11-23T04:00:00+00:00", **classes):
    about = {"host": "upload-1", "link_mbps": 1000.0, "cores": 2, "memory_bytes": 1, "round_trip": 0.02}
    return TuningResult(classes, Budget(10, 10), measured, about).as_dict()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "facts.d" / "datasync_tuning.fact")


def content(path):
    return json.loads(Path(path).read_text("utf-8"))


def test_what_is_applied_is_what_jobs_load(path):
    applied = apply(path, tuning(small=found(), large=found(Settings(4, 16, 32 * MIB))))
    assert (applied.changed, applied.applied, applied.reason) == (True, True, f"{path} has the new tuning")
    loaded = load(path, pytest.fail)
    assert loaded.path == path
    assert loaded.measured == "2026-11-23T04:00:00+00:00"
    assert loaded.classes == {"small": FOUND, "large": Settings(4, 16, 32 * MIB)}


def test_the_file_is_a_local_fact_that_every_user_can_read(path):
    umask = os.umask(0o077)
    try:
        apply(path, tuning(small=found()))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o644  # An execute bit would make Ansible run it.
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o755
    assert list(Path(path).parent.iterdir()) == [Path(path)]


def test_the_file_tells_the_evidence_without_the_trials(path):
    apply(path, tuning(small=found()))
    told = content(path)
    assert (told["host"], told["link_mbps"], told["frozen"]) == ("upload-1", 1000.0, False)
    assert told["classes"]["small"] == {
        "settings": {"numworkers": 8, "concurrency": 4, "part_size": 64},
        "shown": True,
        "gain_percent": 30.0,
        "ratio": 0.7,
        "low": 0.68,
        "high": 0.72,
        "pairs": 8,
        "reason": "because",
        "measured": "2026-11-23T04:00:00+00:00",
    }


def test_the_same_again_changes_nothing(path):
    apply(path, tuning(small=found()))
    again = apply(path, tuning(small=found()))
    assert (again.changed, again.applied) == (False, True)


def test_check_mode_tells_what_would_be_and_writes_nothing(path):
    would = apply(path, tuning(small=found()), check_mode=True)
    assert (would.changed, would.applied, would.before) == (True, True, "")
    assert json.loads(would.after)["classes"]["small"]["settings"]["numworkers"] == 8
    assert not Path(path).parent.exists()


def test_classes_that_were_not_looked_at_keep_what_the_file_says(path):
    apply(path, tuning(small=found(), large=found()))
    apply(path, tuning("2026-11-24T04:00:00+00:00", small=found(DEFAULTS), large=ClassTuning(1000)))
    loaded = load(path, pytest.fail)
    assert loaded.classes == {"small": DEFAULTS, "large": FOUND}
    assert content(path)["classes"]["large"]["measured"] == "2026-11-23T04:00:00+00:00"


def test_a_tuning_that_came_to_no_end_writes_no_file(path):
    applied = apply(path, tuning(small=ClassTuning(1000)))
    assert (applied.changed, applied.applied) == (False, False)
    assert applied.reason == "the search came to its end for no class of files"
    assert not Path(path).exists()


class TestFrozen:
    def test_settings_stay(self, path):
        apply(path, tuning(small=found()), frozen=True)
        before = content(path)
        applied = apply(path, tuning(small=found(DEFAULTS)))
        assert (applied.changed, applied.applied) == (False, False)
        assert applied.reason == f"{path} is frozen; frozen: false lets it change again"
        assert content(path) == before
        assert before["frozen"] is True

    def test_settings_can_change_again(self, path):
        apply(path, tuning(small=found()), frozen=True)
        assert apply(path, tuning(small=found(DEFAULTS)), frozen=False).applied
        assert content(path)["frozen"] is False
        assert load(path, pytest.fail).classes == {"small": DEFAULTS}

    def test_a_new_tuning_is_written_and_frozen(self, path):
        apply(path, tuning(small=found(DEFAULTS)))
        assert apply(path, tuning(small=found()), frozen=True).applied
        assert content(path)["frozen"] is True
        assert load(path, pytest.fail).classes == {"small": FOUND}

    def test_without_a_tuning_only_that_is_changed(self, path):
        apply(path, tuning(small=found()))
        frozen = apply(path, None, frozen=True)
        assert (frozen.changed, frozen.applied) == (True, False)
        assert (content(path)["frozen"], load(path, pytest.fail).classes) == (True, {"small": FOUND})
        assert not apply(path, None, frozen=True).changed
        assert not apply(path, None).changed

    def test_nothing_is_frozen_where_nothing_is(self, path):
        assert not apply(path, None, frozen=True).changed
        assert not Path(path).exists()


def test_a_damaged_file_is_replaced(path):
    Path(path).parent.mkdir()
    Path(path).write_text('{"frozen": true, ')
    assert apply(path, tuning(small=found())).applied
    assert load(path, pytest.fail).classes == {"small": FOUND}


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "tuning.fact")
    with pytest.raises(ConfigurationError, match="cannot write tuning_path ") as refused:
        apply(path, tuning(small=found()))
    assert path in str(refused.value)


# --- reading


def test_a_host_that_was_not_tuned_is_no_reason_for_a_warning(path):
    assert load(path, pytest.fail) is None


def whole():
    settings = {"numworkers": 8, "concurrency": 4, "part_size": 64}
    return {"kind": KIND, "schema": 1, "classes": {"small": {"settings": settings}}}


def changed(*keys, value):
    changed = copy.deepcopy(whole())
    place = changed
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(changed)


SMALL = ("classes", "small", "settings")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it is no tuning of datasync.turbo"),
        ('{"classes": {}}', "it is no tuning of datasync.turbo"),
        (changed("schema", value=2), "its schema is 2, and this program knows 1"),
        (changed("classes", value=[]), "it has no classes of files"),
        (changed("classes", "small", value=None), "class small has no settings"),
        (changed("classes", "small", value={}), "class small has no settings"),
        (
            changed(*SMALL, "numworkers", value=0),
            "numworkers of class small is 0, and not a whole number from 1 to 1024",
        ),
        (changed(*SMALL, "numworkers", value=True), "numworkers of class small is True"),
        (changed(*SMALL, "concurrency", value="4"), "concurrency of class small is '4'"),
        (changed(*SMALL, "concurrency", value=100_000), "concurrency of class small is 100000"),
        (changed(*SMALL, "part_size", value=4), "part_size of class small is 4, and not a whole number from 5 to 5120"),
        ("\udcff", "it is not UTF-8"),
        (" " * 300_000, "it is larger than 256 KiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_warning(tmp_path, text, why):
    path = tmp_path / "tuning.fact"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    heard = []
    assert load(str(path), heard.append) is None
    (warning,) = heard
    assert warning.startswith(f"tuning_path '{path}' is not used: {why}")


def test_a_folder_in_its_place_is_one_warning(tmp_path):
    heard = []
    assert load(str(tmp_path), heard.append) is None
    assert heard == [
        f"tuning_path '{tmp_path}' is not used: Is a directory; the settings are the job's own and the defaults. "
        "Tune again"
    ]


def test_what_this_program_does_not_know_is_passed_over(tmp_path):
    path = tmp_path / "tuning.fact"
    path.write_text(changed("classes", "gigantic", value={"settings": None}))
    assert load(str(path), pytest.fail).classes == {"small": FOUND}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["settings", "small", "numworkers", "x"]), inner),
    max_leaves=8,
)


@given(JSON)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_ends_a_run(tmp_path, classes):
    path = tmp_path / "tuning.fact"
    path.write_text(json.dumps({"kind": KIND, "schema": 1, "classes": classes}), "utf-8")
    loaded = load(str(path), lambda text: None)
    assert loaded is None or all(isinstance(one, Settings) for one in loaded.classes.values())
