# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Which packages requirement files give to another Python than ours.

    python -m dev.pinned_packages VERSION FILE...        prints `boto3==1.42.97` and so on, a line each

pip evaluates the conditions of a requirement file with the Python that runs it, also when it downloads for another one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement


def pinned_packages(text: str, python: str) -> list[str]:
    """The requirements of files' `text` that hold for a Python such as `3.9`, each once, without their conditions."""
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    facts = {"python_version": python, "python_full_version": f"{python}.0"}
    return list(
        dict.fromkeys(
            f"{requirement.name}{requirement.specifier}"
            for requirement in requirements
            if requirement.marker is None or requirement.marker.evaluate(facts)
        )
    )


if __name__ == "__main__":
    text = "\n".join(Path(name).read_text("utf-8") for name in sys.argv[2:])
    print("\n".join(pinned_packages(text, sys.argv[1])))
