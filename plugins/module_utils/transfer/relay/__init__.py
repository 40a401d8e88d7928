# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The bandwidth limit: a relay on loopback, and how an engine is led to it."""
