# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The commands of the host program, one a file: its options, and its run from these to the exit code."""
