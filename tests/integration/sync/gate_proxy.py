# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A TCP proxy that stops in the middle of an upload until the test lets it go on.

It makes "while the file is being uploaded" a moment that a test can hold, instead of a race it may win or lose.

For the uploader too, who counts as sent what the kernel took from it: with loopback's own segments of 64 KiB the kernel
takes some 3 MiB for each connection, at times all that is left of a held file; with a network card's it is about 1 MiB.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

BLOCK = 65536
#: Bytes that the kernel keeps for us of a connection, and those of a segment, by which the sender sizes its own buffer.
RECEIVE_BUFFER, SEGMENT = 16 * 1024, 1460
#: Seconds after which a held proxy gives up, so that a failed test ends.
PATIENCE = 60.0


class GateProxy:
    """Forwards to the server at `endpoint_url`; after `hold_after` bytes to the server it holds all further ones."""

    def __init__(self, endpoint_url: str, hold_after: int) -> None:
        target = urlsplit(endpoint_url)
        assert target.hostname and target.port
        self._target = (target.hostname, target.port)
        self._hold_after = hold_after
        self._passed = 0
        self._lock = threading.Lock()
        self._reached = threading.Event()
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Connections inherit both.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self._sockets: list[socket.socket] = [self._listener]
        self.endpoint_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_until_held(self) -> None:
        """Return when the upload is in the middle."""
        assert self._reached.wait(PATIENCE), "the upload never reached the gate"

    def release(self) -> None:
        """Let everything pass from now on."""
        self._released.set()

    def cut(self) -> None:
        """Close all connections and accept no more, as a server that died."""
        for opened in self._sockets:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        self._released.set()

    def __enter__(self) -> GateProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [client, server]
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while True:
                data = source.recv(BLOCK)
                if not data:
                    break
                if counted:
                    self._count(len(data))
                sink.sendall(data)
        except OSError:
            return
        finally:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def _count(self, length: int) -> None:
        with self._lock:
            self._passed += length
            held = self._passed > self._hold_after
        if held:
            self._reached.set()
            self._released.wait(PATIENCE)
