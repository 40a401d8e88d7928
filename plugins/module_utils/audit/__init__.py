# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whether everything is there: a tree, the state or a manifest against the bucket."""
