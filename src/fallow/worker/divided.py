"""One object with two files in it, for an FFmpeg that reads both at the same time."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from typing import IO, Protocol


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, data: memoryview, /) -> int: ...


class Divided:
    """The first file is kept until it is whole, then handed over by a thread of its own: FFmpeg may take nothing of
    it before it has seen some of the second one."""

    def __init__(self, first: IO[bytes], size: int, second: Sink) -> None:
        self._first, self._missing, self._second = first, size, second
        self._kept = bytearray()

    def write(self, data: memoryview, /) -> int:
        """Take some of it; how much."""
        if not self._missing:
            return self._second.write(data)
        piece = data[: self._missing]
        self._kept += piece
        self._missing -= len(piece)
        if not self._missing:
            within = contextvars.copy_context()
            threading.Thread(target=within.run, args=(self._hand_over,), name="feeder", daemon=True).start()
        return len(piece)

    def _hand_over(self) -> None:
        # A reader that is gone has seen all it needs, or says itself what is wrong.
        with contextlib.suppress(OSError, ValueError), self._first:
            view = memoryview(self._kept)
            while view:
                view = view[self._first.write(view) :]
