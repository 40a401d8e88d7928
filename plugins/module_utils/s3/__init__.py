# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The server: how it is reached, what is asked of it, and what its answers and refusals mean."""
