# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Names that nobody knows, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from ...module_utils.common.errors import ConfigurationError


def refuse_unknown(given: Iterable[object], known: Sequence[str], prefix: str = "") -> None:
    """Raise ConfigurationError for the first name of `given` that is not in `known`; `prefix` goes before the names."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(sorted(known))}"
            raise ConfigurationError(f"{prefix}{name} is not known", hint)
