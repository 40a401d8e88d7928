# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What only an Ansible task needs: specifications, options, respawn, HTTP."""
