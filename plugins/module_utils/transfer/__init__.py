# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Sending what was planned: what every engine needs, and a package for each engine."""
