# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""One question for all hosts of a run: one answer, one failure, and a new try for whoever repeats its task."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError, InstallationError
from ansible_collections.datasync.turbo.plugins.plugin_utils.delivery.once_per_run import (
    FAILURE_LIFETIME,
    OncePerRun,
    SharedFailure,
)


class Asked:
    """A question that counts how often it was asked, and fails as long as it has failures left."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        if self.failures:
            raise self.failures.pop(0)
        return {"number": self.times}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def failure(attempts: list[dict[str, str]]) -> InstallationError:
    error = InstallationError("no answer", "check the network")
    error.attempts = attempts  # type: ignore[attr-defined]
    return error


def test_hosts_share_an_answer(tmp_path: Path) -> None:
    ask = Asked()
    answers = [OncePerRun(tmp_path, host).answer("newest", ask) for host in ("web1", "web2", "web1")]
    assert answers == [{"number": 1}] * 3
    assert OncePerRun(tmp_path, "web1").answer("another question", ask) == {"number": 2}


def test_another_run_asks_again(tmp_path: Path) -> None:
    ask = Asked()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        OncePerRun(tmp_path / name, "web1").answer("newest", ask)
    assert ask.times == 2


def test_hosts_share_a_failure(tmp_path: Path) -> None:
    attempts = [{"source": "release", "message": "no answer"}]
    ask = Asked(failure(attempts))
    with pytest.raises(InstallationError) as first:
        OncePerRun(tmp_path, "web1").answer("file", ask)
    with pytest.raises(SharedFailure) as second:
        OncePerRun(tmp_path, "web2").answer("file", ask)
    assert ask.times == 1
    assert str(second.value) == str(first.value) == "no answer (check the network)"
    assert (second.value.exit_code, second.value.attempts) == (first.value.exit_code, attempts)


def test_a_repeated_task_gets_a_new_try(tmp_path: Path) -> None:
    ask = Asked(ConfigurationError("once"), ConfigurationError("twice"))
    web1, web2 = OncePerRun(tmp_path, "web1"), OncePerRun(tmp_path, "web2")
    for run, message in ((web1, "once"), (web2, "once"), (web2, "twice"), (web1, "twice")):
        with pytest.raises(Exception, match=message):
            run.answer("file", ask)
    assert web1.answer("file", ask) == web2.answer("file", ask) == {"number": 3}


def test_a_failure_is_forgotten(tmp_path: Path) -> None:
    clock, ask = Clock(), Asked(ConfigurationError("once"))
    with pytest.raises(ConfigurationError):
        OncePerRun(tmp_path, "web1", clock).answer("file", ask)
    clock.now += FAILURE_LIFETIME + 1
    assert OncePerRun(tmp_path, "web2", clock).answer("file", ask) == {"number": 2}


def test_an_error_of_ours_is_no_answer(tmp_path: Path) -> None:
    """What is not an answer about the world, such as a bug, is not told to others."""
    ask = Asked(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        OncePerRun(tmp_path, "web1").answer("file", ask)
    assert OncePerRun(tmp_path, "web2").answer("file", ask) == {"number": 2}


def ask_slowly(folder: Path, host: str) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        with (folder / "asked").open("a") as log:
            log.write(f"{host}\n")
        time.sleep(0.3)
        return {"by": host}

    return OncePerRun(folder, host).answer("file", ask)


def test_processes_at_once_ask_once(tmp_path: Path) -> None:
    # No multiprocessing.Pool: it ends its workers by SIGTERM, for which they have the handler of the integration tests.
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        answers = list(pool.map(ask_slowly, [tmp_path] * 4, [f"web{number}" for number in range(4)]))
    assert len((tmp_path / "asked").read_text().splitlines()) == 1
    assert len({answer["by"] for answer in answers}) == 1
