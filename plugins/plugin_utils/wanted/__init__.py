# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""From a role's variables to what a host shall be; nothing here asks the host."""
