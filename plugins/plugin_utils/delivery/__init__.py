# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What the controller fetches, proves, packs and pushes to hosts."""
