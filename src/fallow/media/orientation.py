"""How a picture is to be turned and mirrored, from the matrix that its container or stream gives."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

_MATRIX = 36  # bytes: nine numbers, by rows


@dataclass(frozen=True)
class Turn:
    """First mirrored left to right, then turned clockwise: what FFmpeg does of its own accord."""

    rotation: int = 0  # degrees: 0, 90, 180, 270
    mirrored: bool = False
    odd: int = 0  # degrees by which the matrix asks for more than quarter turns; nobody's player does that


def turn_of(matrix: bytes) -> Turn:
    """What a display matrix asks for; nothing when it is none."""
    if len(matrix) < _MATRIX:
        return Turn()
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:_MATRIX])
    if not (a or c) or not (b or d):
        return Turn()
    # FFmpeg's rule: the angle of the first row, each column scaled to length one.
    angle = math.degrees(math.atan2(b / math.hypot(b, d), a / math.hypot(a, c)))
    quarters = round(angle / 90)
    return _mirrored(quarters % 4 * 90, a * d - b * c < 0, round(angle - 90 * quarters))


def _mirrored(rotation: int, mirrored: bool, odd: int) -> Turn:
    """Upside down is mirrored and turned by 180 degrees. The angle is that of the picture's upper edge, which
    mirroring left to right turns around."""
    if not mirrored:
        return Turn(rotation, odd=odd)
    return Turn((rotation + 180) % 360, mirrored=True, odd=odd)
