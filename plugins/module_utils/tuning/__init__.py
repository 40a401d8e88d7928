# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The settings of each class of files, and how those that suit a host are found and kept."""
