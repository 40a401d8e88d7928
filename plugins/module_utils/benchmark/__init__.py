# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Tools that upload the same data in turns, judged by what the bucket then holds."""
