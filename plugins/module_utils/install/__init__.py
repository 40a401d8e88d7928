# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The s5cmd binary: which one, from where, proven, and switched to as a whole."""
