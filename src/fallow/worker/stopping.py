"""The end of something before its time, which any thread may ask for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from fallow.errors import FallowError

SENT_HOME = 3
"""How an agent exits that the gateway has sent home: it had better not be started again."""
NOT_AGAIN = (2, SENT_HOME)
"""Exits after which another start would end alike."""
FINAL_EXIT = "FALLOW_FINAL_EXIT"
"""The variable that says how to exit instead, for who starts again whatever ends badly."""


class Stop:
    """Of transfers, or of a process: asked for with a reason. What waits for its sockets then ends."""

    def __init__(self) -> None:
        self.asked = threading.Event()  # nobody waits any longer for a server to come back
        self.reason: FallowError | None = None
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def ask(self, reason: FallowError) -> FallowError:
        """What was noticed first is the cause; what follows from it is not worth telling."""
        with self._lock:
            self.reason = known = self.reason or reason
        self.asked.set()
        self.cut_off()
        return known

    def watch(self, one: socket.socket) -> None:
        """Have `ask` end whatever waits for this socket."""
        with self._lock:
            self._sockets.append(one)
            if self.reason:
                raise self.reason

    def check(self) -> None:
        if self.reason is not None:
            raise self.reason

    def cut_off(self) -> None:
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


class Leaving:
    """Of requests that wait for something to be granted. When nobody wants it any more, nothing more goes out by
    their connections: the server sees that and grants nothing; what it had granted arrives, and can go back."""

    def __init__(self) -> None:
        self.asked = False
        self._lock = threading.Lock()
        self._waiting: list[socket.socket] = []

    def ask(self) -> None:
        with self._lock:
            self.asked = True
            for one in self._waiting:
                _half_close(one)

    @contextlib.contextmanager
    def watching(self, one: socket.socket) -> Iterator[None]:
        """While an answer is awaited by this socket."""
        with self._lock:
            self._waiting.append(one)
            if self.asked:
                _half_close(one)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(one)


def _half_close(one: socket.socket) -> None:
    """Of TLS, too, what comes can still be read: its own way to shut down would end that."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(one, socket.SHUT_WR)
