# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Where s5cmd can be obtained from, and the checksums that prove it."""
