# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A module whose controller is gone stops as if its terminal had hung up."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import Interrupted
from ansible_collections.datasync.turbo.plugins.module_utils.common.interrupt import Interrupt
from ansible_collections.datasync.turbo.plugins.module_utils.task.reader import Attended, reader_is_gone


def test_a_pipe_whose_reader_closed_it_is_lost():
    reader, writer = os.pipe()
    try:
        assert not reader_is_gone(writer)
        os.close(reader)
        assert reader_is_gone(writer)
    finally:
        os.close(writer)


def test_a_socket_whose_peer_closed_it_is_lost():
    ours, theirs = socket.socketpair()
    with ours:
        assert not reader_is_gone(ours.fileno())
        theirs.close()
        assert reader_is_gone(ours.fileno())


def test_a_file_is_never_lost(tmp_path):
    with open(tmp_path / "output", "w", encoding="utf-8") as file, open(os.devnull, "w", encoding="utf-8") as null:
        assert not reader_is_gone(file.fileno())
        assert not reader_is_gone(null.fileno())


def test_a_lost_connection_stops_like_sighup():
    reader, writer = os.pipe()
    attended = Attended(Interrupt(), writer)
    try:
        attended.check()
        os.close(reader)
        with pytest.raises(Interrupted) as error:
            attended.check()
    finally:
        os.close(writer)

    assert error.value.exit_code == 128 + signal.SIGHUP


def test_a_signal_stops_too():
    reader, writer = os.pipe()
    interrupt = Interrupt()
    interrupt.signal_number = signal.SIGINT
    try:
        with pytest.raises(Interrupted, match="SIGINT"):
            Attended(interrupt, writer).check()
    finally:
        os.close(reader)
        os.close(writer)
