"""How far an upload is, on stderr: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from fallow.commands.progress import Pace, clock
from fallow.tus import Watch

_OFTEN, _SELDOM = 0.25, 5.0  # seconds between two tellings on a terminal, and elsewhere
_AGAIN = 30.0  # seconds after which the same trouble is told once more
_CLEAR = "\r\x1b[K"


class Meter:
    """Shows one upload."""

    def __init__(self, name: str, stream: TextIO | None = None) -> None:
        self._name, self._stream = name, stream or sys.stderr
        self._bar = self._stream.isatty()
        self._pace = Pace()
        self._shown = time.monotonic() if not self._bar else 0.0
        self._trouble, self._told = "", 0.0

    @property
    def watch(self) -> Watch:
        return Watch(self.sent, self.lost, self.ended)

    def sent(self, done: int, size: int) -> None:
        now = time.monotonic()
        speed = self._pace.fps(now, done)
        if now - self._shown >= (_OFTEN if self._bar else _SELDOM):
            self._shown = now
            self._write(line(self._name, done, size, speed), "" if self._bar else "\n")

    def lost(self, sentence: str) -> None:
        """What keeps it; the same is not told all the time."""
        now = time.monotonic()
        if sentence != self._trouble or now - self._told >= _AGAIN:
            self._trouble, self._told = sentence, now
            self._write(f"{sentence} The upload goes on as soon as it can.", "\n")

    def ended(self) -> None:
        if self._bar:
            self._write("", "")

    def _write(self, text: str, end: str) -> None:
        self._stream.write((_CLEAR if self._bar else "") + text + end)
        self._stream.flush()


def meter(name: str, *flags: object) -> Watch:
    """For a person: nothing when a program reads the output (a flag says so) and nobody the errors."""
    return Watch() if any(flags) and not sys.stderr.isatty() else Meter(name).watch


def line(name: str, done: int, size: int, speed: float) -> str:
    """As talk.mov  12 %  1.2 of 10.0 MB  0.4 MB/s  ETA 0:22."""
    left = f"  ETA {clock((size - done) / speed)}" if speed else ""
    share = 100 * done // size if size else 100
    return f"{name}  {share} %  {done / 1e6:.1f} of {size / 1e6:.1f} MB  {speed / 1e6:.1f} MB/s{left}"
