"""The file object a muxer writes into: holds the first bytes, passes everything after them on in order."""

from __future__ import annotations

import os
from typing import Protocol


class Sink(Protocol):
    """Where the body of a result goes, in order; its held head is handed over at the end."""

    def write(self, data: bytes) -> None: ...


class HeldHead:
    """Lets a muxer return to the first `held` bytes (an MP4's index, a Matroska's duration) and nowhere else.

    Object stores take bytes in order and never give them back, so only the head is kept in memory.
    """

    def __init__(self, sink: Sink, held: int) -> None:
        self._sink = sink
        self._held = held
        self._head = bytearray()
        self._position = 0
        self.size = 0  # bytes of the whole file so far, the head included

    @property
    def head(self) -> bytes:
        """The first bytes as they stand; shorter than `held` only when the whole file is."""
        return bytes(self._head)

    def write(self, data: bytes) -> int:
        count = len(data)
        inside = min(count, max(0, self._held - self._position))
        if inside:
            self._fill(data[:inside])
        if inside < count:
            self._pass(data[inside:])
        self._position += count
        self.size = max(self.size, self._position)
        return count

    def _fill(self, data: bytes) -> None:
        gap = self._position - len(self._head)
        if gap > 0:
            self._head += bytes(gap)
        self._head[self._position : self._position + len(data)] = data

    def _pass(self, data: bytes) -> None:
        at = max(self._position, self._held)
        if at != max(self.size, self._held):
            raise OSError(f"The muxer went back to byte {at}, outside the {self._held} bytes held for it.")
        if len(self._head) < self._held:
            self._head += bytes(self._held - len(self._head))
        self._sink.write(bytes(data))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position


class Pipe:
    """A file object that cannot seek, for containers that need no held head (MPEG-TS)."""

    head = b""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.size = 0

    def write(self, data: bytes) -> int:
        self._sink.write(bytes(data))
        self.size += len(data)
        return len(data)
