# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""A relay on loopback that hands connections on, and sends no faster than it may.

All connections share one allowance, so it does not matter how many there are. They take turns in small pieces, because
a server closes a connection on which nothing comes for 20 s. What is read goes on before more is read: whoever sends
notices the limit as that of a slow line.

It is a thread of this process with asyncio. If it ended, or the process, its clients would have no connection.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from contextlib import suppress
from typing import Callable

from ...common.errors import ConfigurationError, DatasyncError
from .greeting import Greeting

#: Seconds of the allowance that may be used later, after nothing was sent or the host was busy.
BURST = 0.05
#: Seconds of the whole allowance that one connection takes at a time: a hundred of them have their turn each second.
TURN = 0.01
#: Bytes that are read at once. With a quarter of the most, 1 Gbit/s takes half as much CPU again.
_MIN_PIECE, _MAX_PIECE = 256, 262144
#: Bytes of a segment and, at least, of the window towards the client. What the kernel keeps of a connection, which for
#: the client is sent, depends on both: with those of loopback 4 MB, with these 1 MB if it is slow, else 3 MB.
_SEGMENT = 1460
_MIN_WINDOW = 16384
_BACKLOG = 1024
#: Connections are one file descriptor each for us and for the server; the usual limit is 1,024 of them.
_FILES = 8192
#: Seconds until connections are accepted again when there are too many files.
_PAUSE = 0.1
#: Seconds that the thread may take to end.
_GRACE = 5.0


class Allowance:
    """Bytes at a rate, for those who ask in the order in which they ask."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        #: When everything that was taken is allowed.
        self._due = clock() - BURST

    def take(self, size: int) -> float:
        """Seconds until these bytes may be sent; nothing or less is now."""
        now = self._clock()
        self._due = max(self._due, now - BURST) + size / self._rate
        return self._due - now


class Relay:
    """A relay that listens on a port of `host`, and sends at most `rate` bytes per second to servers."""

    def __init__(self, rate: int, greeting: Greeting, host: str) -> None:
        """Raises ConfigurationError if there is no port to listen on."""
        self._greeting = greeting
        self._allowance = Allowance(rate)
        self._piece = int(min(max(rate * TURN, _MIN_PIECE), _MAX_PIECE))
        #: Bytes that went to servers, and that came from them.
        self.sent = 0
        self.received = 0
        self._failure: BaseException | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._allow_files()
        self._listener = self._listening(host)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._serving = self._loop.create_task(self._serve())
        self._thread = threading.Thread(target=self._run, name="bandwidth limit", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise DatasyncError if connections are no longer handed on."""
        if not self._thread.is_alive():
            raise DatasyncError(
                f"the relay that limits the bandwidth ended ({self._failure!r})", "this is a fault of ours: report it"
            )

    def close(self) -> None:
        """Break all connections, and listen no more."""
        with suppress(RuntimeError):  # It has ended by itself.
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(_GRACE)

    # --- the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serving)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - `check` tells it
            self._failure = error
        finally:
            self._listener.close()
            self._loop.close()

    async def _serve(self) -> None:
        try:
            while True:
                client = await self._accepted()
                task = self._loop.create_task(self._attend(client))
                self._clients.add(task)
                task.add_done_callback(self._left)
        finally:
            # Of a client that is new, the task has not begun and so never closes its socket; that goes with the task.
            for task in self._clients:
                task.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accepted(self) -> socket.socket:
        while True:
            try:
                client, _address = await self._loop.sock_accept(self._listener)
                return client
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED):
                    raise
            await asyncio.sleep(_PAUSE)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._clients.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, (OSError, asyncio.TimeoutError)):
            self._failure = failure
            self._serving.cancel()

    # --- one connection

    async def _attend(self, client: socket.socket) -> None:
        with client:
            with suppress(OSError):  # It may be gone already.
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = await self._greeting.server_of(client)
            with server:
                await self._hand_on(client, server)

    async def _hand_on(self, client: socket.socket, server: socket.socket) -> None:
        """Until the client is gone. When the server is, the client still reads what it said."""
        answers = self._loop.create_task(self._down(server, client))
        try:
            await self._up(client, server)
        finally:
            answers.cancel()
            with suppress(asyncio.CancelledError):
                await answers

    async def _up(self, client: socket.socket, server: socket.socket) -> None:
        loop = self._loop
        piece = memoryview(bytearray(self._piece))
        heard = True
        while True:
            size = await loop.sock_recv_into(client, piece)
            if not size:
                return
            if not heard:
                continue
            seconds = self._allowance.take(size)
            if seconds > 0:
                await asyncio.sleep(seconds)
            try:
                await loop.sock_sendall(server, piece[:size])
                self.sent += size
            except OSError:
                # The server hears no more. If we closed now, the client would not get the answer that says why.
                heard = False

    async def _down(self, server: socket.socket, client: socket.socket) -> None:
        loop = self._loop
        piece = memoryview(bytearray(_MIN_WINDOW))
        with suppress(OSError):
            while True:
                size = await loop.sock_recv_into(server, piece)
                if not size:
                    break
                await loop.sock_sendall(client, piece[:size])
                self.received += size
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    # --- what it needs of the host

    def _listening(self, host: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Connections inherit both. Where they cannot be set, more is kept in the kernel.
            window = max(self._piece, _MIN_WINDOW)
            with suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
            listener.bind((host, 0))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise ConfigurationError(
                f"bandwidth_limit needs a port on {host}, which cannot be had: {error.strerror}",
                "allow it, or limit the traffic outside of this host",
            ) from error
        listener.setblocking(False)
        return listener

    @staticmethod
    def _allow_files() -> None:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
