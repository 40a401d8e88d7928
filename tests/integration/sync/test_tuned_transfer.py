# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The tuning of a host, with the real s5cmd: its settings reach the command lines, and what they store is proven."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd import sender
from ansible_collections.datasync.turbo.plugins.module_utils.transfer.s5cmd.process import S5cmdProcess
from ansible_collections.datasync.turbo.plugins.module_utils.tuning import file as tuning_file

from .conftest import MIB, Logged, Upload

Tree = Callable[..., Path]
SETTINGS = {
    "small": {"numworkers": 6, "concurrency": 1, "part_size": 5},
    "medium": {"numworkers": 3, "concurrency": 2, "part_size": 6},
    "large": {"numworkers": 2, "concurrency": 3, "part_size": 16},
    "single": {"numworkers": 1, "concurrency": 5, "part_size": 24},
}
FILES = {"medium.mov": 13 * MIB, **{f"{number:02}.bin": 20_000 for number in range(20)}}


@pytest.fixture
def tuning(tmp_path: Path) -> str:
    """The file of a host that was tuned."""
    path = str(tmp_path / "facts.d" / "datasync_tuning.fact")
    found = {"shown": True, "gain_percent": 9.0, "ratio": 0.91, "low": 0.9, "high": 0.92, "pairs": 8, "reason": ""}
    classes = {name: {"settings": settings, **found, "complete": True} for name, settings in SETTINGS.items()}
    tuning_file.apply(path, {"measured": "2026-11-23T04:00:00+00:00", "classes": classes})
    return path


@dataclass
class Told:
    """What the real s5cmd is told: its command lines, and the command of each file by its name."""

    arguments: list[list[str]] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    @property
    def numworkers(self) -> str:
        """Of the only s5cmd."""
        (arguments,) = self.arguments
        return arguments[arguments.index("--numworkers") + 1]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What s5cmd is told in this test."""
    heard = Told()

    class Overheard(S5cmdProcess):  # type: ignore[misc]
        def __init__(self, arguments: list[str], *others: Any) -> None:
            heard.arguments.append(arguments)
            super().__init__(arguments, *others)

        def hand_over(self, line: bytes) -> None:
            words = shlex.split(line.decode())
            heard.lines[Path(words[-2]).name] = words
            super().hand_over(line)

    monkeypatch.setattr(sender, "S5cmdProcess", Overheard)
    return heard


def parts_of(s3: Any, bucket: str, key: str) -> list[int]:
    """The ETag of an object tells in how many parts it came, and the first of them how large they are."""
    count = int(s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"').partition("-")[2] or 1)
    return [count, s3.head_object(Bucket=bucket, Key=key, PartNumber=1)["ContentLength"]]


def test_each_class_is_sent_with_its_settings_and_proven(
    upload_logged: Callable[..., Logged], tree: Tree, tuning: str, told: Told, s3: Any, bucket: str
) -> None:
    result, warnings, lines = upload_logged(tree(FILES), tuning_path=tuning, part_size=None)
    assert (result.exit_code, warnings) == (0, [])
    assert result.checksum_verification.verified
    assert sum(result.checksum_verification.methods.values()) == len(FILES)
    assert parts_of(s3, bucket, "in/box/medium.mov") == [3, 6 * MIB]
    assert told.numworkers == "6"
    assert told.lines["medium.mov"][2:6] == ["--part-size", "6", "--concurrency", "2"]
    assert told.lines["07.bin"][2:6] == ["--part-size", "5", "--concurrency", "1"]
    assert result.tuning == {"path": tuning, "measured": "2026-11-23T04:00:00+00:00", "classes": SETTINGS}
    assert any(f"tuned by {tuning}: small 6 × 1 × 5 MiB, medium 3 × 2 × 6 MiB" in line for line in lines)


def test_a_large_file_alone_is_sent_as_a_single_one(
    upload: Upload, tree: Tree, tuning: str, told: Told, s3: Any, bucket: str
) -> None:
    result = upload(tree({"image.raw": 65 * MIB}), tuning_path=tuning, part_size=None)
    assert (result.exit_code, result.checksum_verification.verified) == (0, True)
    assert parts_of(s3, bucket, "in/box/image.raw") == [3, 24 * MIB]
    assert told.numworkers == "1"


def test_what_the_job_says_wins(upload: Upload, tree: Tree, tuning: str, told: Told, s3: Any, bucket: str) -> None:
    result = upload(tree(FILES), tuning_path=tuning, part_size=5, numworkers=9)
    assert (result.exit_code, result.checksum_verification.verified) == (0, True)
    assert parts_of(s3, bucket, "in/box/medium.mov") == [3, 5 * MIB]
    assert told.lines["medium.mov"][2:6] == ["--part-size", "5", "--concurrency", "2"]
    assert told.numworkers == "9"


def test_a_dry_run_tells_the_settings_too(upload_logged: Callable[..., Logged], tree: Tree, tuning: str) -> None:
    logged = upload_logged(tree(FILES), tuning_path=tuning, part_size=None, dry_run=True)
    assert logged.result.tuning is not None
    assert logged.result.tuning["classes"] == SETTINGS
    assert any("tuned by" in line for line in logged.lines)


def test_a_damaged_file_costs_a_warning_and_nothing_else(
    upload_logged: Callable[..., Logged], tree: Tree, tuning: str
) -> None:
    Path(tuning).write_text('{"classes": ')
    result, warnings, _lines = upload_logged(tree({"a": b"a"}), tuning_path=tuning)
    assert (result.exit_code, result.files_synced, result.tuning) == (0, 1, None)
    (warning,) = warnings
    assert f"tuning_path '{tuning}' is not used: it is no JSON" in warning


def test_the_program_shows_the_settings_in_force(
    program: Callable[..., Any], env_file: Callable[..., Path], tree: Tree, tuning: str
) -> None:
    config = str(env_file(SOURCE_DIR=tree({"a": b"a"}), TUNING_FILE=tuning, S5CMD_PART_SIZE=None, S5CMD_CONCURRENCY=7))
    answer = json.loads(program("config", "--json", "--config", config).stdout)
    assert answer["transfer_settings"]["large"] == {"numworkers": 2, "concurrency": 7, "part_size": 16}
    assert answer["tuning"]["path"] == tuning
    text = program("config", "--config", config).stdout
    assert f"tuned by {tuning}: small 6 × 7 × 5 MiB" in text
    ran = program("sync", "--json", "--config", config)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["tuning"]["classes"]["small"]["numworkers"] == 6
