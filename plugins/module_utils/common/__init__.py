# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What every package stands on: errors, problems, units, files, locks, commands, threads."""
