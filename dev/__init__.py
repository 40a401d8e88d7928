# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""What contributors run: set-up, gates, the demo, the embedded S3 server. None of it is in the archive."""
