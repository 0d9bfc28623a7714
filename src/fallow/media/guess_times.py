"""Display times of decoded frames as FFmpeg guesses them, where a container's times cannot be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

Stamp = int | None


def guessed(stamps: Iterable[tuple[Stamp, Stamp]], begin: int, step: Fraction) -> list[int]:
    """The time of each frame, in display order, in ticks.

    `stamps` are the display time of the packet that a frame comes from, and the decode time of the packet with
    which it came out. The one that went back less often is believed (avcodec's guess_correct_pts). A frame without
    any is shown `step` ticks after the frame before it, the first one at `begin`.
    """
    display, decode = _Line(), _Line()
    times: list[int] = []
    last: Fraction | None = None
    for pts, dts in stamps:
        decode.add(dts, pts)
        display.add(pts, dts)
        trusted = dts is None or display.faults <= decode.faults
        chosen = pts if pts is not None and trusted else dts
        if chosen is None:
            time = Fraction(begin) if last is None else last + step
        else:
            time = Fraction(chosen)
        last = time
        times.append(round(time))
    return times


class _Line:
    """Times that ought to rise."""

    def __init__(self) -> None:
        self.faults = 0
        self._last: Stamp = None

    def add(self, time: Stamp, instead: Stamp) -> None:
        """`instead` is not held against this line when `time` is missing."""
        if time is not None and self._last is not None and time <= self._last:
            self.faults += 1
        known = instead if time is None else time
        self._last = self._last if known is None else known
