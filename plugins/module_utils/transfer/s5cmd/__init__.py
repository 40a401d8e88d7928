# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The engine that sends by s5cmd: its commands, its events, its process."""
