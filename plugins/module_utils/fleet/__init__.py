# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The host as one generation: what it consists of, how it is brought to it, and what runs on it."""
