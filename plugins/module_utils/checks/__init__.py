# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whether this host could upload: the checks of s5cmd_info and of `datasync-turbo check`."""
