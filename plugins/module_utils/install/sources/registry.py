# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The places that s5cmd can be had from, by the names that the option `sources` takes."""

from __future__ import annotations

from .artifacts import FileSource, ReleaseSource, WheelSource
from .builders import GoSource, PackageSource
from .source import ArtifactSource, Source

#: The sources whose file can be fetched on one machine and be delivered to others.
ARTIFACT_SOURCES: dict[str, ArtifactSource] = {
    "release": ReleaseSource(),
    "wheel": WheelSource(),
    "file": FileSource(),
}
SOURCES: dict[str, Source] = {**ARTIFACT_SOURCES, "go": GoSource(), "package": PackageSource()}
