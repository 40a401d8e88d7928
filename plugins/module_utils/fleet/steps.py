# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Changes to a host that are made together: when one fails, those before it are taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ..common.errors import ConfigurationError, DatasyncError


class Step:
    """One change. `run` makes it; `undo` takes it back, or what was made of it before `run` failed."""

    def run(self) -> None:
        """Make the change."""
        raise NotImplementedError

    def undo(self) -> None:
        """Put back what was there before."""
        raise NotImplementedError


class Action(Step):
    """A step made of two functions."""

    def __init__(self, run: Callable[[], object], undo: Callable[[], object]) -> None:
        self._run, self._undo = run, undo

    def run(self) -> None:
        self._run()

    def undo(self) -> None:
        self._undo()


def run_all(steps: Sequence[Step]) -> None:
    """Make all changes in order, or none: the error that stopped it comes out after everything was put back.

    What could not be put back is added to the error's message.
    """
    done: list[Step] = []
    try:
        for step in steps:
            # Before it runs: what stopped half way is taken back too.
            done.append(step)
            step.run()
    except BaseException as error:
        failures = "; ".join(_undo(done))
        if failures and isinstance(error, DatasyncError):
            error.message += f"; and taking it back failed: {failures}"
        elif failures:
            raise ConfigurationError(f"{error}; and taking it back failed: {failures}") from error
        raise


def _undo(done: list[Step]) -> list[str]:
    failures = []
    for step in reversed(done):
        try:
            step.undo()
        except Exception as error:  # noqa: BLE001 - the other steps must be taken back, whatever this one fails of
            failures.append(str(error))
    return failures
