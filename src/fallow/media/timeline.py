"""Times that rise although a recording restarts its clock, corrected as one FFmpeg process corrects them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from av.packet import Packet

_JUMP = 10  # seconds: FFmpeg's -dts_delta_threshold
_STEP_BACK = Fraction(1, 10)


class Timeline:
    """Removes jumps of the clock in formats that allow them (MPEG-TS, MPEG-PS): all streams move together."""

    def __init__(self) -> None:
        self._offset = Fraction(0)
        self._next: dict[int, Fraction] = {}
        self._latest: dict[int, Fraction] = {}
        self._last: Fraction | None = None

    def correct(self, packet: Packet[Any]) -> None:
        """Move a packet's times in place."""
        if self._offset:
            _move(packet, self._offset)
        if packet.dts is None or packet.stream.type not in ("video", "audio"):
            return
        time_base = packet.time_base
        here = packet.dts * time_base
        jump = self._jump(packet.stream_index, here)
        if jump:
            self._offset -= jump
            _move(packet, -jump)
            here = packet.dts * time_base
        self._last = self._latest[packet.stream_index] = here
        self._next[packet.stream_index] = here + (packet.duration or 0) * time_base

    def _jump(self, stream: int, here: Fraction) -> Fraction:
        expected = self._next.get(stream)
        if expected is None:
            delta = here - self._last if self._last is not None else Fraction(0)
            return delta if abs(delta) > _JUMP else Fraction(0)
        delta = here - expected
        if abs(delta) > _JUMP or here + _STEP_BACK < self._latest[stream]:
            return delta
        return Fraction(0)


def _move(packet: Packet[Any], seconds: Fraction) -> None:
    ticks = round(seconds / packet.time_base)
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
