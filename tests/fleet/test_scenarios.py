# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Every molecule scenario, from bare hosts to the second run that changes nothing."""

from __future__ import annotations

import pytest

from dev.ansible_environment import CHECKOUT
from tests.fleet.bed import Bed
from tests.fleet.molecule import molecule_command

SCENARIOS = sorted(path.parent.name for path in CHECKOUT.glob("molecule/*/molecule.yml"))
#: A scenario takes one to three minutes, on a busy machine several times that.
pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, bed: Bed) -> None:
    run = bed.run(molecule_command(["test", "--scenario-name", scenario]), directory=bed.collection)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Missing playbook" not in run.stdout + run.stderr, "every step of the sequence was taken"
